package check

import (
	"fmt"
	"strings"

	"holdfast/reports/history"
)

// maxTextComparisons bounds the rule for appended texts, which compares every
// append with every get. Beyond it the proof alone decides.
const maxTextComparisons = 4_000_000

// brokenRule applies the rules that need no search and returns what is wrong in
// words for a person, or "" when they find nothing. Each rule is necessary for
// linearizability, none is sufficient.
func brokenRule(h *history.History, ops []*history.Operation) string {
	switch {
	case h.Model == history.Mutex:
		return "" // its operations carry no values
	case h.Model == history.Bank:
		return brokenBank(h, ops)
	case h.Text:
		return brokenText(h, ops)
	default:
		return brokenRegister(h, ops)
	}
}

func brokenRegister(h *history.History, ops []*history.Operation) string {
	e, ok := newEffects(h.Initial, ops)
	if !ok {
		return ""
	}
	for _, o := range e.observations {
		value, _ := observed(o)
		w := e.byValue[value]
		switch {
		case w == nil:
			return fmt.Sprintf("%s found %s, which no client wrote", h.Describe(o), history.FormatValue(value))
		case w.begin > o.Return:
			return fmt.Sprintf("%s found a value before %s began", h.Describe(o), w.op)
		}
		if newer := e.overwrittenBy(w, o); newer != nil {
			return staleMessage(h, e, o, newer)
		}
	}
	return ""
}

// staleMessage tells a lost write from a stale read as far as the history does.
func staleMessage(h *history.History, e *effects, o *history.Operation, newer *effect) string {
	message := fmt.Sprintf("%s found a value that %s had certainly overwritten", h.Describe(o), newer.op)
	switch lost := e.lost(); {
	case e.seenAgain(newer, o):
		return message + ": a stale read, the newer value was seen again later"
	case lost[newer.op]:
		return fmt.Sprintf("%s: the acknowledged write is lost (%d lost on this key)", message, len(lost))
	default:
		return message + ": a stale read, or the newer write is lost"
	}
}

// missingAppend returns an acknowledged append which a later get does not contain.
// Only in a partition without put must a text stay for ever.
func missingAppend(ops []*history.Operation) (lost, get *history.Operation) {
	var appends, gets []*history.Operation
	for _, o := range ops {
		switch {
		case o.Func == history.Put:
			return nil, nil
		case o.Status != history.OK:
		case o.Func == history.Append:
			appends = append(appends, o)
		case o.Func == history.Get:
			gets = append(gets, o)
		}
	}
	if len(appends)*len(gets) > maxTextComparisons {
		return nil, nil
	}
	for _, g := range gets {
		for _, a := range appends {
			if missing(a, g) {
				return a, g
			}
		}
	}
	return nil, nil
}

// missing reports whether a get lacks a text appended and acknowledged before it.
func missing(o, get *history.Operation) bool {
	return o.Func == history.Append && o.Status == history.OK && o.Return < get.Call &&
		!strings.Contains(get.Output, o.Input)
}

func brokenText(h *history.History, ops []*history.Operation) string {
	lost, get := missingAppend(ops)
	if lost == nil {
		return ""
	}
	return fmt.Sprintf("a get on key %s by process %d [events %d–%d] does not contain the acknowledged %s",
		h.KeyName(get.Key), get.Process, get.Call, get.Return, lost)
}

// brokenBank checks what every complete read must show: all accounts, none below
// zero, and the total of the start.
func brokenBank(h *history.History, ops []*history.Operation) string {
	accounts, total, origin := len(h.Balances), sum(h.Balances), "the start"
	for _, o := range ops {
		if o.Func != history.ReadAll || o.Status != history.OK {
			continue
		}
		if accounts == 0 {
			accounts, total, origin = len(o.Values), sum(o.Values), "the first read"
		}
		if len(o.Values) != accounts {
			return fmt.Sprintf("%s shows %d accounts, %s had %d", o, len(o.Values), origin, accounts)
		}
		for account, balance := range o.Values {
			if balance < 0 {
				return fmt.Sprintf("%s shows account %d below zero (%d)", o, account, balance)
			}
		}
		if got := sum(o.Values); got != total {
			return fmt.Sprintf("%s shows a total of %d, %s had %d: money was created or lost", o, got, origin, total)
		}
	}
	return ""
}

func sum(values []int64) int64 {
	var total int64
	for _, v := range values {
		total += v
	}
	return total
}
