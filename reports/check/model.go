package check

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"

	"github.com/anishathalye/porcupine"

	"holdfast/reports/history"
)

// hashSeed serves porcupine's cache of visited states; it decides nothing about
// the order of the search, so that its randomness cannot reach a verdict.
var hashSeed = maphash.MakeSeed()

// modelFor returns the sequential specification of the history's object. Inputs
// are *history.Operation, outputs are not used: an operation carries both.
//
// An operation with unknown outcome may be ordered at the very end, where its
// effect meets nobody. A step therefore never refuses one.
func modelFor(h *history.History) porcupine.Model {
	var m porcupine.Model
	switch {
	case h.Model == history.Mutex:
		m = mutexModel()
	case h.Model == history.Bank:
		m = bankModel(h.Balances)
	case h.Text:
		m = textModel()
	default:
		m = registerModel(h.Initial)
	}
	m.DescribeOperation = func(input, _ any) string { return h.Action(input.(*history.Operation)) }
	return m
}

// registerModel specifies a register with read, write and compare-and-set, and a
// key of a key-value store of integers: the state is the value.
func registerModel(initial int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return initial },
		Step: func(state, input, _ any) (bool, any) {
			value, o := state.(int64), input.(*history.Operation)
			switch o.Func {
			case history.Write, history.Put:
				return true, o.Arg
			case history.CAS:
				matches := value == o.Arg
				switch {
				case o.Status == history.Refused:
					return !matches, state
				case matches:
					return true, o.Arg2
				default:
					return o.Status == history.Unknown, state
				}
			default:
				return o.Result == value, state
			}
		},
		Hash:          func(state any) uint64 { return uint64(state.(int64)) * 0x9E3779B97F4A7C15 },
		DescribeState: func(state any) string { return history.FormatValue(state.(int64)) },
	}
}

// textModel specifies a key of a key-value store of texts; no value reads as "".
func textModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, _ any) (bool, any) {
			value, o := state.(string), input.(*history.Operation)
			switch o.Func {
			case history.Put:
				return true, o.Input
			case history.Append:
				return true, value + o.Input
			default:
				return o.Output == value, state
			}
		},
		Hash:          func(state any) uint64 { return maphash.String(hashSeed, state.(string)) },
		DescribeState: func(state any) string { return strconv.Quote(state.(string)) },
	}
}

// mutexModel specifies a lock without an owner: what matters is that it is never
// acquired twice without a release between.
func mutexModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return false },
		Step: func(state, input, _ any) (bool, any) {
			held, o := state.(bool), input.(*history.Operation)
			switch {
			case o.Status == history.Refused:
				return held, state
			case o.Func == history.Acquire:
				return !held || o.Status == history.Unknown, true
			default:
				return held || o.Status == history.Unknown, false
			}
		},
		DescribeState: func(state any) string {
			if state.(bool) {
				return "held"
			}
			return "free"
		},
	}
}

// bankModel specifies accounts that never go below zero. Without known balances
// the state is nil, and every operation is possible, until the first read.
func bankModel(balances []int64) porcupine.Model {
	return porcupine.Model{
		Init:  func() any { return slices.Clip(balances) },
		Step:  func(state, input, _ any) (bool, any) { return bankStep(state, input.(*history.Operation)) },
		Equal: func(a, b any) bool { return slices.Equal(a.([]int64), b.([]int64)) },
		Hash: func(state any) uint64 {
			var sum maphash.Hash
			sum.SetSeed(hashSeed)
			for _, balance := range state.([]int64) {
				maphash.WriteComparable(&sum, balance)
			}
			return sum.Sum64()
		},
		DescribeState: func(state any) string { return fmt.Sprint(state) },
	}
}

func bankStep(state any, o *history.Operation) (bool, any) {
	accounts := state.([]int64)
	if o.Func == history.ReadAll {
		if len(accounts) == 0 {
			return true, o.Values
		}
		return slices.Equal(accounts, o.Values), state
	}
	if len(accounts) == 0 {
		return true, state
	}
	if max(o.Arg, o.Arg2) >= int64(len(accounts)) {
		return o.Status != history.OK, state // an account that no read has ever shown
	}
	enough := accounts[o.Arg] >= o.Arg3
	switch {
	case o.Status == history.Refused:
		return !enough, state
	case !enough:
		return o.Status == history.Unknown, state
	}
	next := slices.Clone(accounts)
	next[o.Arg] -= o.Arg3
	next[o.Arg2] += o.Arg3
	return true, next
}
