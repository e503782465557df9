package check

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"holdfast/reports/history"
)

// A bank is one partition whatever its number of accounts, and each transfer of unknown outcome stays open to the end:
// the general search tries twenty of them in a million combinations after every read. This search looks for an order
// more cleverly, and what it finds is checked step by step. If it finds none, that proves nothing, and the general
// search decides.
//
// A transfer of unknown outcome may wait until somebody needs it: before a read that shows its effect, before a transfer that
// succeeded and could not have without the money, or before one that was refused and would not have been. So only
// these moments are branched at, and at a read only those sets of open transfers whose effects add up to what
// the read shows.

// Bounds of the search for an order.
const (
	maxBankOperations = 20_000
	maxBankOpen       = 256
	maxBankWindow     = 64 // operations under way at once
	maxBankSteps      = 300_000
)

// orderedBank reports whether there is an order that explains every answer; false means that none was found.
func orderedBank(h *history.History, ops []*history.Operation) bool {
	if len(h.Balances) == 0 || len(ops) > maxBankOperations {
		return false
	}
	s := bankSearch{state: slices.Clone(h.Balances), failed: map[bankPoint]bool{}}
	for _, o := range ops {
		switch {
		case o.Func != history.ReadAll && max(o.Arg, o.Arg2) >= int64(len(h.Balances)):
			return false
		case o.Status == history.Unknown:
			s.open = append(s.open, o)
		default:
			s.closed = append(s.closed, o)
		}
	}
	if len(s.open) > maxBankOpen {
		return false
	}
	byCall := func(a, b *history.Operation) int { return cmp.Compare(a.Call, b.Call) }
	slices.SortFunc(s.open, byCall)
	slices.SortFunc(s.closed, byCall)
	return s.solve(bankPoint{}) && explains(h.Balances, s.order, len(s.closed))
}

// explains reports whether the operations can have happened in this order: each was under way at its turn, gave the
// answer that it gave, and those that ended are all there, each once.
func explains(balances []int64, order []*history.Operation, ended int) bool {
	var state any = slices.Clone(balances)
	seen := make(map[*history.Operation]bool, len(order))
	for _, o := range order {
		ok, next := bankStep(state, o)
		if !ok || seen[o] {
			return false
		}
		state, seen[o] = next, true
		if o.Status != history.Unknown {
			ended--
		}
	}
	first := int64(math.MaxInt64) // return among those that come later
	for _, o := range slices.Backward(order) {
		if first < o.Call {
			return false
		}
		first = min(first, o.Return)
	}
	return ended == 0
}

// bankPoint is what has been ordered: all closed operations before first, those of the mask from there on, and the used
// open ones. It determines the balances.
type bankPoint struct {
	first int
	mask  uint64
	used  [maxBankOpen / 64]uint64
}

func (p *bankPoint) has(open int) bool { return p.used[open/64]>>(open%64)&1 == 1 }

// bankSearch is a depth-first search for an order.
type bankSearch struct {
	closed, open []*history.Operation // by call
	state        []int64              // balances at the present point
	order        []*history.Operation // so far
	failed       map[bankPoint]bool   // points from which nothing was found
	steps        int
}

// solve orders what is left from a point on, and reports whether it could. If not, everything is as it was.
func (s *bankSearch) solve(p bankPoint) bool {
	skip := bits.TrailingZeros64(^p.mask)
	p.first, p.mask = p.first+skip, p.mask>>skip
	if p.first == len(s.closed) {
		return true
	}
	if s.steps++; s.steps > maxBankSteps || s.failed[p] {
		return false
	}
	deadline, last := int64(math.MaxInt64), p.first
	for ; last < len(s.closed) && s.closed[last].Call <= deadline; last++ {
		if last-p.first == maxBankWindow {
			return false
		}
		if p.mask>>(last-p.first)&1 == 0 {
			deadline = min(deadline, s.closed[last].Return)
		}
	}
	for i := p.first; i < last; i++ {
		o := s.closed[i]
		if p.mask>>(i-p.first)&1 == 1 || o.Call > deadline {
			continue
		}
		next := p
		next.mask |= 1 << (i - p.first)
		if s.take(o, p, next, deadline) {
			return true
		}
	}
	s.failed[p] = true
	return false
}

// take orders a closed operation now, with what it needs before it, and then what is left.
func (s *bankSearch) take(o *history.Operation, p, next bankPoint, deadline int64) bool {
	if o.Func == history.ReadAll {
		return s.read(o, next, deadline)
	}
	enough := s.state[o.Arg] >= o.Arg3
	if enough == (o.Status != history.Refused) {
		return s.apply(o, func() bool { return s.solve(next) })
	}
	for i, u := range s.open {
		if u.Call > deadline {
			break
		}
		if helps := enough && u.Arg == o.Arg || !enough && u.Arg2 == o.Arg; !helps || p.has(i) || s.state[u.Arg] < u.Arg3 {
			continue
		}
		with := p
		with.used[i/64] |= 1 << (i % 64)
		if s.apply(u, func() bool { return s.solve(with) }) {
			return true
		}
	}
	return false
}

// apply does one operation and goes on; what that changed is taken back if it leads nowhere.
func (s *bankSearch) apply(o *history.Operation, then func() bool) bool {
	s.transfer(o, 1)
	s.order = append(s.order, o)
	if then() {
		return true
	}
	s.order = s.order[:len(s.order)-1]
	s.transfer(o, -1)
	return false
}

func (s *bankSearch) transfer(o *history.Operation, sign int64) {
	if o.Func == history.Transfer && o.Status != history.Refused {
		s.state[o.Arg] -= sign * o.Arg3
		s.state[o.Arg2] += sign * o.Arg3
	}
}

// read orders a read, after open transfers that make the balances what it shows.
func (s *bankSearch) read(o *history.Operation, next bankPoint, deadline int64) bool {
	if len(o.Values) != len(s.state) {
		return false
	}
	missing := slices.Clone(o.Values)
	for i := range missing {
		missing[i] -= s.state[i]
	}
	var free []int
	for i, u := range s.open {
		if u.Call <= deadline && !next.has(i) {
			free = append(free, i)
		}
	}
	return s.choose(o, next, missing, free, nil)
}

// choose tries the sets of the free open transfers whose effects add up to what is missing.
func (s *bankSearch) choose(o *history.Operation, next bankPoint, missing []int64, free, chosen []int) bool {
	if s.steps++; s.steps > maxBankSteps {
		return false
	}
	if !slices.ContainsFunc(missing, func(m int64) bool { return m != 0 }) {
		return s.after(chosen, func() bool { return s.apply(o, func() bool { return s.solve(next) }) })
	}
	if !s.reachable(missing, free) {
		return false
	}
	u, rest := s.open[free[0]], free[1:]
	with := next
	with.used[free[0]/64] |= 1 << (free[0] % 64)
	missing[u.Arg] += u.Arg3
	missing[u.Arg2] -= u.Arg3
	found := s.choose(o, with, missing, rest, append(slices.Clip(chosen), free[0]))
	missing[u.Arg] -= u.Arg3
	missing[u.Arg2] += u.Arg3
	if found {
		return true
	}
	// Of equal transfers the one that was asked for first can stand for every other.
	rest = slices.DeleteFunc(slices.Clone(rest), func(i int) bool {
		v := s.open[i]
		return v.Arg == u.Arg && v.Arg2 == u.Arg2 && v.Arg3 == u.Arg3
	})
	return s.choose(o, next, missing, rest, chosen)
}

// reachable reports whether the free transfers could move as much to and from each account as is missing.
func (s *bankSearch) reachable(missing []int64, free []int) bool {
	for account, m := range missing {
		var in, out int64
		for _, i := range free {
			u := s.open[i]
			if u.Arg2 == int64(account) {
				in += u.Arg3
			}
			if u.Arg == int64(account) {
				out += u.Arg3
			}
		}
		if m > in || -m > out {
			return false
		}
	}
	return true
}

// after applies the chosen transfers, each when there is money for it, and goes on.
func (s *bankSearch) after(chosen []int, then func() bool) bool {
	if len(chosen) == 0 {
		return then()
	}
	for at, i := range chosen {
		if u := s.open[i]; s.state[u.Arg] >= u.Arg3 {
			rest := append(slices.Clone(chosen[:at]), chosen[at+1:]...)
			return s.apply(u, func() bool { return s.after(rest, then) })
		}
	}
	return false
}
