package check

import (
	"iter"
	"slices"
	"time"

	"holdfast/reports"
	"holdfast/reports/history"
)

// Answered reports whether a client was served by an operation: it took effect, or was refused because of the state that was
// found. One that certainly had no effect for another reason, such as a full disk, is an answer of the service and no
// service. Everything that measures service counts by this.
func Answered(o *history.Operation) bool {
	return o.Status == history.OK || o.Status == history.Refused
}

// AnswerTimes returns when operations were answered since the run's clock began, in order; what came at 0 came before.
func AnswerTimes(h *history.History) []time.Duration {
	var times []time.Duration
	for i := range h.Operations {
		if o := &h.Operations[i]; Answered(o) && o.ReturnTime > 0 {
			times = append(times, time.Duration(o.ReturnTime))
		}
	}
	slices.Sort(times)
	return times
}

// Answers counts the operations that were answered at from or later and before to.
func Answers(h *history.History, from, to time.Duration) (n int) {
	for _, t := range AnswerTimes(h) {
		if t >= from && t < to {
			n++
		}
	}
	return n
}

// PauseAt returns the longest time without an answer up to end that ends at from or later, and when it began. What was before the
// first answer is no pause, unless there was none up to end: then all of it is.
func PauseAt(h *history.History, from, end time.Duration) (begin, length time.Duration) {
	times := AnswerTimes(h)
	if len(times) == 0 || times[0] >= end {
		return 0, end
	}
	for g := range gaps(times, times[0], end) {
		if g.To >= int64(from) && g.Length > length {
			begin, length = time.Duration(g.From), g.Length
		}
	}
	return begin, length
}

// gaps yields the times between events, which are in order, from first to last; what is later than last counts as at last.
func gaps[T ~int64](events []T, first, last T) iter.Seq[Gap] {
	return func(yield func(Gap) bool) {
		from := first
		for _, to := range events {
			to = min(to, last)
			if !yield(Gap{From: int64(from), To: int64(to), Length: time.Duration(to - from)}) {
				return
			}
			from = to
		}
		yield(Gap{From: int64(from), To: int64(last), Length: time.Duration(last - from)})
	}
}

// longestWait bounds what Points shows for an operation that never ended.
const longestWait = 5 * time.Second

// Points returns how long each operation of a VM's clients took, in the order of their calls, up to the end of the run; for one that
// never ended it is how long it had waited then, within bounds.
func Points(h *history.History, vm string, end time.Duration) []reports.Point {
	list := make([]reports.Point, 0, len(h.Operations))
	for i := range h.Operations {
		o := &h.Operations[i]
		p := reports.Point{VM: vm, At: reports.Time(o.CallTime), LatencyNS: o.ReturnTime - o.CallTime, OK: Answered(o)}
		if o.Status == history.Unknown {
			p.LatencyNS = int64(min(max(end-time.Duration(o.CallTime), 0), longestWait))
		}
		list = append(list, p)
	}
	return list
}
