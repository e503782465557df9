package scenarios

import (
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/reports/history"
	"holdfast/sim"
)

// lose returns the history as it must be linearizable after starts of the VM from its recovery copy. Exactly what
// was not in the recovery point is lost:
//
//	returned before the first write that the copy lacks        it must be there
//	called after the last write that the copy has, and         it must not be there: as an operation that failed,
//	returned before the start                                  its value was never written
//	called before, returned after, but before the start        it may be there or not, as if nobody had answered;
//	                                                           what it read may be lost with the rest
//	everything else                                            as ever
func lose(h *history.History, cuts []sim.Cut, zero model.Time) *history.History {
	if len(cuts) == 0 {
		return h
	}
	out := *h
	out.Operations = slices.Clone(h.Operations)
	process := int64(0)
	for i := range out.Operations {
		process = max(process, out.Operations[i].Process)
	}
	for _, c := range cuts {
		lo, hi, start := c.Lo.Sub(zero), c.Hi.Sub(zero), c.At.Sub(zero)
		for i := range out.Operations {
			o := &out.Operations[i]
			returned := time.Duration(o.ReturnTime)
			if o.Status == history.Unknown || o.Status == history.Fail || returned < hi || returned >= start {
				continue
			}
			if time.Duration(o.CallTime) > lo || o.Func.Observes() || o.Status == history.Refused {
				o.Status = history.Fail
			} else {
				process++ // who does not know the outcome goes on as somebody else
				o.Status, o.Return, o.ReturnTime, o.Process = history.Unknown, history.Never, 0, process
			}
		}
	}
	return &out
}

// countLost counts the operations that starts from a recovery copy undid, and those of which nobody knows.
func countLost(before, after *history.History) (undone, open int) {
	for i := range before.Operations {
		switch b, a := before.Operations[i].Status, after.Operations[i].Status; {
		case b == a:
		case a == history.Fail:
			undone++
		default:
			open++
		}
	}
	return undone, open
}
