package certify

import (
	"time"

	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/reports/history"
)

// noPause is the script's time below which a pause is none: emulated hosts pause for that long by themselves.
const noPause = 100 * time.Millisecond

// recovery returns the time from a fault to the first answer after the longest pause that ends after it; -1: none came any
// more. It is 0 if there was no pause that is longer than least.
//
// At the instant quiet clients were told to begin nothing more. That they were silent from then until the last reads is no pause of the
// service: a pause that was open then was longer, and nobody knows by how much if only a last read ended it. That is what
// late says.
func recovery(h *history.History, fault, quiet, least time.Duration) (d time.Duration, late bool) {
	begin, length := check.PauseAt(h, fault, quiet)
	if length >= least && begin+length < quiet {
		return max(begin+length-fault, 0), false
	}
	var first *history.Operation // that was answered afterwards
	for i := range h.Operations {
		o := &h.Operations[i]
		if check.Answered(o) && time.Duration(o.ReturnTime) >= quiet && (first == nil || o.ReturnTime < first.ReturnTime) {
			first = o
		}
	}
	switch {
	case first == nil:
		return -1, false
	case length < least:
		return 0, false
	case time.Duration(first.CallTime) <= quiet: // it was under way
		return time.Duration(first.ReturnTime) - fault, false
	}
	return max(quiet-fault, 0), true
}

// serviceOf measures the answers that clients got from the beginning to an instant.
func serviceOf(h *history.History, end time.Duration) Service {
	var latencies []int64
	for i := range h.Operations {
		o := &h.Operations[i]
		if check.Answered(o) && o.ReturnTime > 0 && time.Duration(o.ReturnTime) <= end {
			latencies = append(latencies, o.ReturnTime-o.CallTime)
		}
	}
	d := reports.DelayOf(latencies)
	return Service{Seconds: end.Seconds(), Operations: len(latencies), P50NS: d.P50NS, P99NS: d.P99NS, MaxNS: d.MaxNS}
}
