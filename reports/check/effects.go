package check

import (
	"cmp"
	"slices"
	"sort"

	"holdfast/reports/history"
)

// effect is one written value of a register: when it may have become the state,
// and by when it certainly had.
type effect struct {
	op    *history.Operation // nil for the initial value
	begin int64              // event of the call
	sure  int64              // event; history.Never when it is not certain
}

// effects is what is known about the values of one register whose writes all
// differ, so that a value tells which write an answer comes from.
type effects struct {
	byValue map[int64]*effect
	// bySure is sorted by sure; newest[i] is the effect with the latest begin among
	// the first i+1 of them.
	bySure, newest []*effect
	observations   []*history.Operation // in the order of Call
}

// observed returns the value that an operation certainly found.
func observed(o *history.Operation) (int64, bool) {
	switch {
	case o.Status != history.OK:
		return 0, false
	case o.Func == history.CAS:
		return o.Arg, true
	default:
		return o.Result, o.Func == history.Read || o.Func == history.Get
	}
}

// written returns the value that an operation wrote or may have written.
func written(o *history.Operation) (int64, bool) {
	switch {
	case o.Status == history.Refused || o.Status == history.Fail:
		return 0, false
	case o.Func == history.CAS:
		return o.Arg2, true
	default:
		return o.Arg, o.Func == history.Write || o.Func == history.Put
	}
}

// newEffects analyses one key. It reports false when a value was written twice:
// then an answer does not tell where it comes from.
func newEffects(initial int64, ops []*history.Operation) (*effects, bool) {
	e := &effects{byValue: map[int64]*effect{initial: {}}}
	for _, o := range ops {
		if value, ok := written(o); ok {
			if _, twice := e.byValue[value]; twice {
				return nil, false
			}
			e.byValue[value] = &effect{op: o, begin: o.Call, sure: o.Return}
		}
	}
	for _, o := range ops {
		value, ok := observed(o)
		if !ok {
			continue
		}
		e.observations = append(e.observations, o)
		if w := e.byValue[value]; w != nil {
			w.sure = min(w.sure, o.Return)
		}
	}
	for _, w := range e.byValue {
		e.bySure = append(e.bySure, w)
	}
	slices.SortFunc(e.bySure, func(a, b *effect) int {
		return cmp.Or(cmp.Compare(a.sure, b.sure), cmp.Compare(a.begin, b.begin))
	})
	e.newest = make([]*effect, len(e.bySure))
	for i, w := range e.bySure {
		e.newest[i] = w
		if i > 0 && e.newest[i-1].begin > w.begin {
			e.newest[i] = e.newest[i-1]
		}
	}
	return e, true
}

// overwrittenBy returns a value that had certainly replaced w before the
// observation began, or nil.
func (e *effects) overwrittenBy(w *effect, observation *history.Operation) *effect {
	n := sort.Search(len(e.bySure), func(i int) bool { return e.bySure[i].sure >= observation.Call })
	if n > 0 && e.newest[n-1].begin > w.sure {
		return e.newest[n-1]
	}
	return nil
}

// seenAgain reports whether an observation that began later returned the value.
func (e *effects) seenAgain(w *effect, after *history.Operation) bool {
	return slices.ContainsFunc(e.observations, func(o *history.Operation) bool {
		value, _ := observed(o)
		return o.Call > after.Call && e.byValue[value] == w
	})
}

// lost returns the acknowledged writes that an observation proves lost: completed
// before it, certainly newer than the value it returned, and neither they nor
// anything that replaced them before it was seen afterwards.
func (e *effects) lost() map[*history.Operation]bool {
	lost := make(map[*history.Operation]bool)
	for i, o := range e.observations {
		value, _ := observed(o)
		w := e.byValue[value]
		if w == nil || e.overwrittenBy(w, o) == nil {
			continue
		}
		kept := w.sure
		for _, later := range e.observations[i+1:] {
			value, _ := observed(later)
			if again := e.byValue[value]; again != nil && again.begin < o.Call {
				kept = max(kept, again.begin)
			}
		}
		for _, x := range e.bySure {
			if x.op != nil && x.op.Status == history.OK && x.begin > kept && x.op.Return < o.Call {
				lost[x.op] = true
			}
		}
	}
	return lost
}
