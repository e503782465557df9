package reports

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDistribute(t *testing.T) {
	require.Zero(t, Distribute(nil))
	require.Equal(t, Distribution{Count: 1, Min: 7, Median: 7, P90: 7, P99: 7, Max: 7}, Distribute([]int64{7}))
	// With an even number of samples the nearest rank is the lower of the two in the middle.
	require.Equal(t, Distribution{Count: 4, Min: 1, Median: 2, P90: 4, P99: 4, Max: 4}, Distribute([]int64{4, 2, 1, 3}))
	hundred := make([]int64, 100)
	for i := range hundred {
		hundred[i] = int64(100 - i)
	}
	require.Equal(t, Distribution{Count: 100, Min: 1, Median: 50, P90: 90, P99: 99, Max: 100}, Distribute(hundred))
	require.EqualValues(t, 100, hundred[0], "the samples stay as they were")
}

// TestDistributeRanks compares with the definition: the smallest sample that at least p percent do not exceed.
func TestDistributeRanks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.SliceOfN(rapid.Int64Range(-50, 50), 1, 300).Draw(t, "samples")
		d := Distribute(samples)
		naive := func(percent int) int64 {
			best := int64(math.MaxInt64)
			for _, s := range samples {
				below := 0
				for _, o := range samples {
					if o <= s {
						below++
					}
				}
				if below*100 >= percent*len(samples) {
					best = min(best, s)
				}
			}
			return best
		}
		require.Equal(t, []int64{slices.Min(samples), naive(50), naive(90), naive(99), slices.Max(samples)},
			[]int64{d.Min, d.Median, d.P90, d.P99, d.Max})
	})
}

func TestFormatNS(t *testing.T) {
	for ns, want := range map[int64]string{
		-1: "never", 0: "0", 1: "1ns", 999: "999ns", 1000: "1µs", 12_345: "12.3µs", 99_949: "99.9µs", 99_951: "100µs", 999_499: "999µs",
		999_500: "1ms", 3_140_000: "3.14ms", 9_994_999: "9.99ms", 9_995_000: "10ms", 250_000_000: "250ms", 999_499_999: "999ms", 999_500_000: "1s",
		1_250_000_000: "1.25s", 59_949_999_999: "59.9s", 59_950_000_000: "1m00s", 125_000_000_000: "2m05s", 3_600_000_000_000: "60m00s",
	} {
		require.Equal(t, want, FormatNS(ns), "%d", ns)
	}
}

func TestSample(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 2000).Draw(t, "n")
		limit := rapid.IntRange(0, 200).Draw(t, "limit")
		points := make([]Point, n)
		at := Time(0)
		for i := range points {
			at += Time(rapid.Int64Range(0, 1000).Draw(t, "step"))
			points[i] = Point{At: at, LatencyNS: int64(i*7919) % 1000, OK: i%17 != 3}
		}
		out := Sample(points, limit)
		if len(out) > max(limit, 2) {
			t.Fatalf("more points than the limit allows")
		}
		if !slices.IsSortedFunc(out, func(a, b Point) int { return int(a.At - b.At) }) {
			t.Fatalf("points are out of order")
		}
		for _, ok := range []bool{true, false} {
			if slowest(points, ok) != slowest(out, ok) {
				t.Fatalf("the slowest operation was dropped")
			}
		}
	})
}

func slowest(points []Point, ok bool) int64 {
	worst := int64(-1)
	for _, p := range points {
		if p.OK == ok {
			worst = max(worst, p.LatencyNS)
		}
	}
	return worst
}
