package check

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/reports/history"
)

// at returns a history of writes that ended as said, each a second after the other, from 1 s on, and 10 ns after its call.
func at(list ...history.Status) *history.History {
	h := sequential(history.History{Model: history.CASRegister}, make(ops, len(list)))
	for i, status := range list {
		o := &h.Operations[i]
		o.Status, o.ReturnTime = status, int64(i+1)*int64(time.Second)
		o.CallTime = o.ReturnTime - 10
		if status == history.Unknown {
			o.Return, o.ReturnTime = history.Never, 0
		}
	}
	return h
}

func TestWhatIsAnAnswer(t *testing.T) {
	const s = time.Second
	h := at(history.OK, history.Fail, history.Unknown, history.Refused, history.Fail, history.OK)
	require.Equal(t, []time.Duration{1 * s, 4 * s, 6 * s}, AnswerTimes(h))
	require.Zero(t, Answers(h, 2*s, 4*s), "an error at once is no service")
	require.Equal(t, 2, Answers(h, 4*s, 7*s))
	require.Equal(t, []reports.Point{
		{VM: "db", At: 1e9 - 10, LatencyNS: 10, OK: true}, {VM: "db", At: 2e9 - 10, LatencyNS: 10},
		{VM: "db", At: 3e9 - 10, LatencyNS: 4e9 + 10}, {VM: "db", At: 4e9 - 10, LatencyNS: 10, OK: true},
		{VM: "db", At: 5e9 - 10, LatencyNS: 10}, {VM: "db", At: 6e9 - 10, LatencyNS: 10, OK: true},
	}, Points(h, "db", 7*s))
	require.Equal(t, int64(longestWait), Points(h, "db", 60*s)[2].LatencyNS)
	m := Measure(h, 0)
	require.Equal(t, []int{3, 2, 1}, []int{m.Completed, m.Failed, m.Unknown})
	require.Equal(t, 3*s, m.LongestGap.Length)
}

func TestPauseAt(t *testing.T) {
	const s = time.Second
	const ok, no = history.OK, history.Fail
	for _, c := range []struct {
		name                     string
		h                        *history.History
		from, end, begin, length time.Duration
	}{
		{"errors do not end a pause", at(ok, ok, no, no, no, ok, ok), 0, 8 * s, 2 * s, 4 * s},
		{"the end of the run ends a pause", at(ok, ok), 0, 8 * s, 2 * s, 6 * s},
		{"one that ended before is not meant", at(ok, no, no, no, ok, ok, no, ok), 6 * s, 8 * s, 6 * s, 2 * s},
		{"one that began before is", at(ok, no, no, no, ok, ok), 3 * s, 6 * s, 1 * s, 4 * s},
		{"what is later than the end does not count", at(ok, ok, no, ok, no, no, no, ok), 0, 5 * s, 2 * s, 2 * s},
		{"nobody was answered", at(no, no), 0, 8 * s, 0, 8 * s},
		{"the first answer came after the end", at(no, no, no, ok), 0, 2 * s, 0, 2 * s},
		{"before the first answer there is none", at(no, no, no, ok, ok), 0, 5 * s, 4 * s, 1 * s},
	} {
		begin, length := PauseAt(c.h, c.from, c.end)
		require.Equal(t, []time.Duration{c.begin, c.length}, []time.Duration{begin, length}, c.name)
	}
}
