package certify

import (
	"slices"
	"time"

	"holdfast/reports"
	"holdfast/reports/history"
)

// returnTimes returns when operations were answered, in order.
func returnTimes(h *history.History) []time.Duration {
	var times []time.Duration
	for i := range h.Operations {
		if o := &h.Operations[i]; o.Return != history.Never && o.ReturnTime > 0 {
			times = append(times, time.Duration(o.ReturnTime))
		}
	}
	slices.Sort(times)
	return times
}

// pauseAt returns the longest time without an answer that ends after from and before end, and when it began. Before the
// first answer there is none.
func pauseAt(h *history.History, from, end time.Duration) (begin, length time.Duration) {
	times := returnTimes(h)
	if len(times) == 0 {
		return 0, end
	}
	last := times[0]
	for _, t := range append(times, end) {
		t = min(t, end)
		if t >= from && t-last > length {
			begin, length = last, t-last
		}
		last = max(last, t)
	}
	return begin, length
}

// noPause is the script's time below which a pause is none: emulated hosts pause for that long by themselves.
const noPause = 100 * time.Millisecond

// recovery returns the time from a fault to the first answer after the longest pause that ends after it; -1: none came
// before end. It is 0 if there was no pause that is longer than least.
func recovery(h *history.History, fault, end, least time.Duration) time.Duration {
	begin, length := pauseAt(h, fault, end)
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
		if o.CallTime > 0 && o.Return != history.Never && time.Duration(o.ReturnTime) <= end {
			latencies = append(latencies, o.ReturnTime-o.CallTime)
		}
	}
	d := reports.DelayOf(latencies)
	return Service{Seconds: end.Seconds(), Operations: len(latencies), P50NS: d.P50NS, P99NS: d.P99NS, MaxNS: d.MaxNS}
}

// completions counts the operations that were answered in a period.
func completions(h *history.History, from, to time.Duration) (n int) {
	for _, t := range returnTimes(h) {
		if t >= from && t < to {
			n++
		}
	}
	return n
}
