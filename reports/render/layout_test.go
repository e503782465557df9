package render

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/reports"
)

func TestPx(t *testing.T) {
	for p, want := range map[px]string{0: "0", 5: "0.5", 10: "1", 123: "12.3", -5: "-0.5", -120: "-12"} {
		require.Equal(t, want, p.String())
	}
}

func TestTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		axis := timeAxis{length: reports.Time(rapid.Int64Range(1, 1<<55).Draw(t, "length")), width: plotWidth}
		ticks := axis.ticks()
		require.LessOrEqual(t, len(ticks), 12)
		for i, k := range ticks {
			require.True(t, k.X >= 0 && k.X <= plotWidth)
			require.True(t, i == 0 || k.X > ticks[i-1].X)
		}
	})
}

// TestFlagsDoNotOverlap: the labels of faults never cover each other, whatever the plan; what has no room is a number.
func TestFlagsDoNotOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		axis := timeAxis{length: 10 * second, width: plotWidth}
		var faults []reports.Mark
		at := reports.Time(0)
		for i := range rapid.IntRange(1, 12).Draw(t, "faults") {
			at = min(at+reports.Time(rapid.Int64Range(0, int64(2*second)).Draw(t, "step")), 10*second)
			faults = append(faults, reports.Mark{At: at, Text: fmt.Sprintf("%0*d", rapid.IntRange(1, 80).Draw(t, "length"), i)})
		}
		var tl timeline
		tl.addFaults(faults, axis, rowHeight)
		for i, a := range tl.Flags {
			left, right := a.extent()
			for _, b := range tl.Flags[:i] {
				l, r := b.extent()
				if a.Text != "" && b.Text != "" && a.Y == b.Y && left < r-60 && l < right-60 {
					t.Fatalf("labels %d and %d overlap", a.Number, b.Number)
				}
			}
		}
	})
}

func TestLogAxis(t *testing.T) {
	a := newLogAxis([]int64{2_000_000, 900_000_000}, 600)
	require.Equal(t, px(0), a.at(1_000_000))
	require.Equal(t, px(600), a.at(1_000_000_000))
	require.Equal(t, px(200), a.at(10_000_000))
	require.Equal(t, []int64{1_000_000, 10_000_000, 100_000_000, 1_000_000_000}, a.decades(5))
	require.Equal(t, px(0), a.at(0), "what has no logarithm lies at the low end")
}

// TestTimelineOfOddScenarios: nothing that a runner could hand over makes the layout fail.
func TestTimelineOfOddScenarios(t *testing.T) {
	require.Nil(t, newTimeline(reports.Scenario{}))
	odd := reports.Scenario{Name: "odd", SimulatedNS: 1, VMs: []reports.VM{{Name: "db", Spans: []reports.Span{{Host: "a", From: 5, To: 3, Kind: "unheard-of"}}}},
		Faults: []reports.Mark{{At: -4, Until: 1 << 60, Text: ""}}, Failures: []reports.Failure{{Rule: "R1", At: 99}}, Latency: []reports.Point{{VM: "nobody", At: 9}}}
	tl := newTimeline(odd)
	require.Len(t, tl.Bars, 1)
	require.GreaterOrEqual(t, tl.Bars[0].W, px(10))
	require.LessOrEqual(t, tl.Breaches[0].X, plotWidth)
}
