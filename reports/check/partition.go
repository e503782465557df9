package check

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"holdfast/reports/history"
)

// partition is the part of a history that concerns one key. Parts of different
// keys are independent: a history is linearizable if and only if each part is.
type partition struct {
	key int64
	ops []*history.Operation
}

// split distributes the operations by key, in the order of the keys, without those
// that say nothing: failed ones, and unknown ones that only look.
func split(h *history.History) []partition {
	byKey := make(map[int64][]*history.Operation)
	for i := range h.Operations {
		if o := &h.Operations[i]; tells(o) {
			byKey[o.Key] = append(byKey[o.Key], o)
		}
	}
	parts := make([]partition, 0, len(byKey))
	for _, key := range slices.SortedFunc(maps.Keys(byKey), cmp.Compare[int64]) {
		parts = append(parts, partition{key, byKey[key]})
	}
	return parts
}

// tells reports whether an operation can matter for a verdict.
func tells(o *history.Operation) bool {
	return o.Status != history.Fail && !(o.Status == history.Unknown && o.Func.Observes())
}

// withoutIdle leaves out unknown changes whose effect nobody saw. Each of them may
// be ordered after everything else, so that leaving it out makes no linearizable
// history illegal; and where one took effect unseen, the order without it is as
// good, so that no illegal history becomes linearizable. It matters because every
// operation that stays open to the end doubles the search.
func withoutIdle(h *history.History, ops []*history.Operation) []*history.Operation {
	switch {
	case h.Model == history.Mutex || h.Model == history.Bank:
		return ops
	case h.Text:
		return withoutIdleTexts(ops)
	}
	seen := make(map[int64]bool)
	for _, o := range ops {
		switch {
		case o.Func == history.CAS && o.Status == history.Refused:
			return ops // it may owe its refusal to any value
		case o.Func == history.CAS:
			seen[o.Arg] = true
		case o.Func.Observes():
			seen[o.Result] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(ops), func(o *history.Operation) bool {
		value := o.Arg
		if o.Func == history.CAS {
			value = o.Arg2
		}
		return o.Status == history.Unknown && !seen[value]
	})
}

func withoutIdleTexts(ops []*history.Operation) []*history.Operation {
	seen := func(text string) bool {
		return slices.ContainsFunc(ops, func(o *history.Operation) bool {
			return o.Func == history.Get && strings.Contains(o.Output, text)
		})
	}
	return slices.DeleteFunc(slices.Clone(ops), func(o *history.Operation) bool {
		return o.Status == history.Unknown && !seen(o.Input)
	})
}
