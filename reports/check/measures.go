package check

import (
	"slices"
	"time"

	"holdfast/reports/history"
)

// Measures are numbers about a history. Times come from the clock of the run and
// order nothing; a history without times has zeros. All durations are in
// nanoseconds.
type Measures struct {
	Operations int `json:"operations"`
	// Completed counts operations that ended OK or Refused.
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
	// Duration reaches from the first call to the last event.
	Duration time.Duration `json:"duration_ns"`
	// Throughput is in completed operations per second, 0 without times.
	Throughput float64 `json:"throughput_per_second"`
	Latency    Latency `json:"latency"`
	// LongestGap is the pause that clients saw: the longest time in which no
	// operation completed, from the first call to the last event.
	LongestGap Gap `json:"longest_gap"`
	// Gaps are the gaps not shorter than the threshold, in the order of time.
	Gaps []Gap `json:"gaps,omitempty"`
	// LostWrites is the recovery point in operations: how many acknowledged writes
	// are proven lost. It is absent where the values cannot tell: in banks,
	// mutexes, and keys to which one value was written twice or a text was put.
	LostWrites *int `json:"lost_writes,omitempty"`
}

// Latency describes the times from call to return of completed operations, in
// nanoseconds; percentiles are nearest-rank.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P90 time.Duration `json:"p90_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// Gap is a period without a completed operation. From and To are in nanoseconds
// since the start of the run.
type Gap struct {
	From   int64         `json:"from_ns"`
	To     int64         `json:"to_ns"`
	Length time.Duration `json:"length_ns"`
}

// Measure computes the measures of a valid history. Gaps shorter than the
// threshold are not listed; with a threshold of 0 or less none is.
func Measure(h *history.History, threshold time.Duration) Measures {
	m := Measures{Operations: len(h.Operations), LostWrites: lostWrites(h)}
	if len(h.Operations) == 0 {
		return m
	}
	var latencies []time.Duration
	var completions []int64
	first, last := h.Operations[0].CallTime, h.Operations[0].CallTime
	for i := range h.Operations {
		o := &h.Operations[i]
		first, last = min(first, o.CallTime), max(last, o.CallTime, o.ReturnTime)
		switch {
		case o.Status == history.Fail:
			m.Failed++
		case Answered(o):
			m.Completed++
			latencies = append(latencies, time.Duration(o.ReturnTime-o.CallTime))
			completions = append(completions, o.ReturnTime)
		default:
			m.Unknown++
		}
	}
	m.Duration = time.Duration(last - first)
	if m.Duration > 0 {
		m.Throughput = float64(m.Completed) / m.Duration.Seconds()
	}
	m.Latency = latencyOf(latencies)
	m.LongestGap, m.Gaps = gapsOf(completions, first, last, threshold)
	return m
}

func latencyOf(latencies []time.Duration) Latency {
	if len(latencies) == 0 {
		return Latency{}
	}
	slices.Sort(latencies)
	rank := func(percent int) time.Duration {
		return latencies[(len(latencies)*percent+99)/100-1]
	}
	return Latency{P50: rank(50), P90: rank(90), P99: rank(99), Max: latencies[len(latencies)-1]}
}

func gapsOf(completions []int64, first, last int64, threshold time.Duration) (longest Gap, listed []Gap) {
	slices.Sort(completions)
	for g := range gaps(completions, first, last) {
		if g.Length > longest.Length {
			longest = g
		}
		if threshold > 0 && g.Length >= threshold {
			listed = append(listed, g)
		}
	}
	return longest, listed
}

// lostWrites counts the acknowledged writes that later answers prove lost, over
// all keys, or returns nil when the values of some key cannot tell.
func lostWrites(h *history.History) *int {
	if h.Model == history.Mutex || h.Model == history.Bank {
		return nil
	}
	lost := 0
	for _, part := range split(h) {
		if h.Text {
			n, ok := lostAppends(part.ops)
			if !ok {
				return nil
			}
			lost += n
			continue
		}
		e, ok := newEffects(h.Initial, part.ops)
		if !ok {
			return nil
		}
		lost += len(e.lost())
	}
	return &lost
}

// lostAppends compares the last get with the appends acknowledged before it. It
// reports false for a key to which a text was put.
func lostAppends(ops []*history.Operation) (int, bool) {
	var last *history.Operation
	for _, o := range ops {
		if o.Func == history.Put {
			return 0, false
		}
		if o.Func == history.Get {
			last = o
		}
	}
	lost := 0
	for _, o := range ops {
		if last != nil && missing(o, last) {
			lost++
		}
	}
	return lost, true
}
