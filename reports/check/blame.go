package check

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"holdfast/reports/history"
)

// blame names the first operation of an illegal partition whose answer cannot be
// explained. A history that ends earlier has fewer answers to explain, so that the
// shortest illegal beginning can be found by bisection over the returns.
func blame(h *history.History, ops []*history.Operation, search searcher, limit time.Duration) string {
	culprit, ok := firstUnexplained(h, ops, search, limit)
	if !ok {
		return fmt.Sprintf("no order of the %d operations explains all answers; "+
			"the time limit ended the search for the first answer that is wrong", len(ops))
	}
	before := 0
	for _, o := range ops {
		if o != culprit && o.Call < culprit.Return {
			before++
		}
	}
	return fmt.Sprintf("no order of the operations explains %s, given the %d operations called before it returned",
		h.Describe(culprit), before)
}

func firstUnexplained(h *history.History, ops []*history.Operation, search searcher, limit time.Duration) (*history.Operation, bool) {
	var ends []*history.Operation
	for _, o := range ops {
		if o.Return != history.Never {
			ends = append(ends, o)
		}
	}
	slices.SortFunc(ends, func(a, b *history.Operation) int {
		if a.Return < b.Return {
			return -1
		}
		return 1
	})
	deadline, decided := time.Now().Add(limit), true
	first := sort.Search(len(ends), func(i int) bool {
		left := time.Until(deadline)
		if left <= 0 || !decided {
			decided = false
			return true
		}
		got := search.run(withoutIdle(h, until(ops, ends[i].Return)), left)
		decided = got.result != Unknown
		return got.result == Illegal
	})
	if !decided || first == len(ends) {
		return nil, false
	}
	return ends[first], true
}

// until returns what was known right after an event: operations that had not
// returned by then are open.
func until(ops []*history.Operation, event int64) []*history.Operation {
	var known []*history.Operation
	for _, o := range ops {
		if o.Call > event {
			continue
		}
		if o.Return > event && o.Return != math.MaxInt64 {
			open := *o
			open.Status, open.Return, open.ReturnTime = history.Unknown, history.Never, 0
			o = &open
		}
		if tells(o) {
			known = append(known, o)
		}
	}
	return known
}
