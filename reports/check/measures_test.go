package check

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports/history"
)

func TestMeasure(t *testing.T) {
	list := ops{}
	for v := range int64(9) {
		list = append(list, write(v+1))
	}
	list = append(list, read(7), unknown(write(20)), write(30), read(30))
	list[11].Status = history.Fail
	list[12].Result = 7
	h := sequential(history.History{Model: history.Register}, list)
	for i := range h.Operations {
		o := &h.Operations[i]
		o.CallTime = int64(i) * 1000
		if o.Status != history.Unknown {
			o.ReturnTime = o.CallTime + int64(i+1)*10
		}
	}
	h.Operations[9].ReturnTime = 9900
	m := Measure(h, 1500*time.Nanosecond)
	require.Equal(t, 13, m.Operations)
	require.Equal(t, 11, m.Completed)
	require.Equal(t, 1, m.Failed)
	require.Equal(t, 1, m.Unknown)
	require.Equal(t, time.Duration(12130), m.Duration)
	require.InDelta(t, 11/12130e-9, m.Throughput, 1)
	require.Equal(t, Latency{P50: 60, P90: 130, P99: 900, Max: 900}, m.Latency)
	require.Equal(t, Gap{From: 9900, To: 12130, Length: 2230}, m.LongestGap)
	require.Equal(t, []Gap{{8090, 9900, 1810}, {9900, 12130, 2230}}, m.Gaps)
	require.Equal(t, 2, *m.LostWrites, "writes 8 and 9 are lost, 7 was found")

	text, err := json.Marshal(m)
	require.NoError(t, err)
	require.Contains(t, string(text), `"longest_gap":{"from_ns":9900,"to_ns":12130,"length_ns":2230}`)
}

func TestLostWrites(t *testing.T) {
	register := history.History{Model: history.Register}
	text := history.History{Model: history.KeyValue, Text: true}
	count := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		h    *history.History
		want *int
	}{
		"none":                       {sequential(register, ops{write(1), write(2), read(2)}), count(0)},
		"lost, then written again":   {sequential(register, ops{write(1), write(2), write(3), read(1), write(4), read(4)}), count(2)},
		"stale read only":            {sequential(register, ops{write(1), write(2), read(1), read(2)}), count(0)},
		"value written twice":        {sequential(register, ops{write(1), write(1), read(1)}), nil},
		"appends":                    {sequential(text, ops{add("a"), add("b"), add("c"), get("b")}), count(2)},
		"a put hides what is absent": {sequential(text, ops{add("a"), put("b"), get("")}), nil},
		"mutex":                      {sequential(history.History{Model: history.Mutex}, nil), nil},
	} {
		require.Equal(t, c.want, Measure(c.h, 0).LostWrites, name)
	}
	require.Equal(t, Measures{LostWrites: count(0)}, Measure(&register, 0))
}
