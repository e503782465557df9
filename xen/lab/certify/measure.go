package certify

import (
	"time"

	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/reports/history"
)

// noPause is the script's time below which a pause is none: emulated hosts pause for that long by themselves.
const noPause = 100 * time.Millisecond

// recovery returns the time from a fault to the first answer after the longest pause that ends after it; -1: none came
// before end. It is 0 if there was no pause that is longer than least.
func recovery(h *history.History, fault, end, least time.Duration) time.Duration {
	begin, length := check.PauseAt(h, fault, end)
	switch {
	case begin+length >= end:
		return -1
	case length < least:
		return 0
	}
	return max(begin+length-fault, 0)
}

// serviceOf measures what clients got from the beginning to an instant.
func serviceOf(h *history.History, end time.Duration) Service {
	var latencies []int64
	for i := range h.Operations {
		o := &h.Operations[i]
		if check.Answered(o) && o.CallTime > 0 && time.Duration(o.ReturnTime) <= end {
			latencies = append(latencies, o.ReturnTime-o.CallTime)
		}
	}
	d := reports.DelayOf(latencies)
	return Service{Seconds: end.Seconds(), Operations: len(latencies), P50NS: d.P50NS, P99NS: d.P99NS, MaxNS: d.MaxNS}
}
