package reports

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWorst(t *testing.T) {
	require.Equal(t, Inconclusive, Worst(), "nothing ran, nothing was proven")
	require.Equal(t, Pass, Worst(Pass, Pass))
	order := []Outcome{Pass, Inconclusive, Liveness, Crash, Safety}
	for i, better := range order {
		for _, worse := range order[i:] {
			require.Equal(t, worse, Worst(better, worse))
			require.Equal(t, worse, Worst(worse, better))
		}
	}
	require.Equal(t, Crash, Worst(Pass, ""), "no conclusion is never a pass")
	require.Equal(t, Safety, Worst("", Safety))
}

func TestSummarize(t *testing.T) {
	scenarios := []Scenario{
		{Name: "b", Group: "network", Level: "ft", Outcome: Pass, Faults: make([]Mark, 2), SimulatedNS: 5,
			Expectations: []Expectation{{OK: true}, {OK: false}}, Verdicts: []Verdict{{Result: Linearizable}, {Result: Undecided}},
			Measures: Measures{Operations: 10, Unknown: 1, RTO: []int64{30, 10}, Promotions: 1, ConvergenceNS: 4, LongestPauseNS: 9}},
		{Name: "a", Group: "ft", Level: "ft", Outcome: Liveness, Measures: Measures{Operations: 5, RTO: []int64{20}, ConvergenceNS: -1}},
		{Name: "z", Group: "restart", Level: "restart", Outcome: Pass, Measures: Measures{LostOperations: 2, Restarts: 1}},
	}
	s := Summarize(scenarios)
	require.Equal(t, Liveness, s.Outcome)
	require.Equal(t, map[Outcome]int{Pass: 2, Liveness: 1}, s.Outcomes)
	require.Equal(t, []int64{15, 1, 2, 1, 1, 5}, []int64{s.Operations, s.Unknown, s.LostOperations, s.Promotions, s.Restarts, s.SimulatedNS})
	require.Equal(t, []int{2, 2, 1, 2, 1}, []int{s.Faults, s.Expectations, s.Unmet, s.Histories, s.Proven})
	require.Equal(t, Distribution{Count: 3, Min: 10, Median: 20, P90: 30, P99: 30, Max: 30}, s.RTO)
	require.Len(t, s.Levels, 2)
	require.Equal(t, "restart", s.Levels[0].Level)
	require.Equal(t, LevelTotal{Level: "ft", Scenarios: 2, Passed: 1, Operations: 15, Promotions: 1, RTO: s.RTO, LongestPauseNS: 9, ConvergenceNS: -1}, s.Levels[1])

	Sort(scenarios)
	require.Equal(t, []string{"z", "a", "b"}, []string{scenarios[0].Name, scenarios[1].Name, scenarios[2].Name})
}

func TestReplay(t *testing.T) {
	require.Equal(t, "holdfast replay ft-power --seed 3", Scenario{Name: "ft-power", Seed: 3}.Replay())
	require.Equal(t, "holdfast replay mine/x.hfs --seed 0", Scenario{Name: "x", Path: "mine/x.hfs"}.Replay())
	require.Equal(t, `holdfast replay 'it'\''s here.hfs' --seed 0`, Scenario{Path: "it's here.hfs"}.Replay())
}
