package check

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"holdfast/reports/history"
)

// stateOverhead is what porcupine keeps for each visited state besides the set of
// ordered operations: map entry, slice headers, the boxed state. An allowance for
// states of a few words, rounded up; long texts and many accounts take more.
const stateOverhead = 200

// searcher runs porcupine on one partition after another within bounds.
type searcher struct {
	model  porcupine.Model
	memory int64 // bytes per search
}

// found is the outcome of one search with the reason when there is none.
type found struct {
	result Result
	reason string
}

func (s searcher) run(ops []*history.Operation, limit time.Duration) found {
	perState := int64(len(ops)/8 + stateOverhead)
	if need := perState * int64(len(ops)); need > s.memory {
		return found{Unknown, fmt.Sprintf("%d operations on one key need at least %d MiB for the search; the bound is %d MiB "+
			"(use more keys, shorter runs, or raise the memory limit)", len(ops), need>>20, s.memory>>20)}
	}
	model, full := bounded(s.model, s.memory/perState)
	result := porcupine.CheckOperationsTimeout(model, operations(ops), limit)
	switch {
	case full.Load():
		return found{Unknown, fmt.Sprintf("the search reached its memory bound of %d MiB (fewer clients on one key make it easier)", s.memory>>20)}
	case result == porcupine.Unknown:
		return found{Unknown, fmt.Sprintf("the search reached its time limit of %v (fewer clients on one key make it easier)", limit)}
	case result == porcupine.Illegal:
		return found{Illegal, ""}
	default:
		return found{Linearizable, ""}
	}
}

// bounded counts the states that the search may have to remember. Past the bound
// it refuses every step, so that the search winds up at once; the flag tells that
// its outcome means nothing.
func bounded(m porcupine.Model, states int64) (porcupine.Model, *atomic.Bool) {
	var full atomic.Bool
	step, equal := m.Step, m.Equal
	if equal == nil {
		equal = func(a, b any) bool { return a == b }
	}
	// Porcupine compares states only to find one that it remembers already; a hit
	// means that the step before cost nothing.
	m.Equal = func(a, b any) bool {
		hit := equal(a, b)
		if hit {
			states++
		}
		return hit
	}
	m.Step = func(state, input, output any) (bool, any) {
		if full.Load() {
			return false, state
		}
		ok, next := step(state, input, output)
		if ok {
			if states--; states < 0 {
				full.Store(true)
				return false, state
			}
		}
		return ok, next
	}
	return m, &full
}

// operations converts to porcupine's form. Operations that stay open end together
// after the last event.
func operations(ops []*history.Operation) []porcupine.Operation {
	clients := make(map[int64]int)
	out := make([]porcupine.Operation, len(ops))
	end := lastEvent(ops) + 1
	for i, o := range ops {
		client, ok := clients[o.Process]
		if !ok {
			client = len(clients)
			clients[o.Process] = client
		}
		out[i] = porcupine.Operation{ClientId: client, Input: o, Call: o.Call, Return: min(o.Return, end)}
	}
	return out
}

func lastEvent(ops []*history.Operation) int64 {
	last := int64(math.MinInt64)
	for _, o := range ops {
		last = max(last, o.Call)
		if o.Return != history.Never {
			last = max(last, o.Return)
		}
	}
	return last
}
