package render

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
)

// TestConcludeClaimsNoMore: the headline says "nothing was lost" only when that was proven.
func TestConcludeClaimsNoMore(t *testing.T) {
	const best = "Nothing acknowledged was lost."
	history := []reports.Verdict{{Result: reports.Linearizable, Operations: 9}}
	for name, c := range map[string]struct {
		scenario reports.Scenario
		best     bool
	}{
		"proven":     {reports.Scenario{Outcome: reports.Pass, Verdicts: history}, true},
		"no history": {reports.Scenario{Outcome: reports.Pass}, false},
		"loss":       {reports.Scenario{Outcome: reports.Pass, Verdicts: history, Measures: reports.Measures{LostOperations: 1}}, false},
		"undecided":  {reports.Scenario{Outcome: reports.Pass, Verdicts: []reports.Verdict{{Result: reports.Undecided}}}, false},
		"safety":     {reports.Scenario{Outcome: reports.Safety, Verdicts: history}, false},
		"liveness":   {reports.Scenario{Outcome: reports.Liveness, Verdicts: history}, false},
		"crash":      {reports.Scenario{Outcome: reports.Crash, Verdicts: history}, false},
		"unknown":    {reports.Scenario{Outcome: reports.Inconclusive, Verdicts: history}, false},
	} {
		run := &reports.Run{Totals: reports.Summarize([]reports.Scenario{c.scenario})}
		v := conclude(run)
		require.Equal(t, c.best, v.Headline == best, name)
		require.NotEmpty(t, v.Sentence, name)
	}
}

func TestNumbersInWords(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		require.Equal(t, want, grouped(n))
	}
	require.Equal(t, "1 fault", count(1, "fault"))
	require.Equal(t, "0 faults", count(0, "fault"))
	require.Equal(t, []string{"The one scenario", "Both scenarios", "All 1,200 scenarios"},
		[]string{allOf(1, "scenario"), allOf(2, "scenario"), allOf(1200, "scenario")})
	require.Equal(t, "1 of 1 history", partOf(1, 1, "history", "histories"))
	require.Equal(t, "All 3 histories", partOf(3, 3, "history", "histories"))
	require.Equal(t, "2 of 3 histories", partOf(2, 3, "history", "histories"))
}
