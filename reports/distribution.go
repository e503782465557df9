package reports

import "slices"

// Distribution describes a set of samples by exact values out of that set: no interpolation, so that
// every figure in a report was really measured once.
type Distribution struct {
	Count  int   `json:"count"` // number of samples; all other fields are 0 when it is 0
	Min    int64 `json:"min"`
	Median int64 `json:"median"`
	P90    int64 `json:"p90"`
	P99    int64 `json:"p99"`
	Max    int64 `json:"max"`
}

// Distribute computes the distribution of samples, in whatever unit they have. It does not change samples.
func Distribute(samples []int64) Distribution {
	if len(samples) == 0 {
		return Distribution{}
	}
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	return Distribution{
		Count:  len(sorted),
		Min:    sorted[0],
		Median: nearestRank(sorted, 50),
		P90:    nearestRank(sorted, 90),
		P99:    nearestRank(sorted, 99),
		Max:    sorted[len(sorted)-1],
	}
}

// nearestRank returns the smallest sample that is at least as large as percent of all samples: the one at
// rank ⌈percent/100 · n⌉, counted from 1. It uses integers only, so that it is the same on every machine.
func nearestRank(sorted []int64, percent int) int64 {
	rank := (percent*len(sorted) + 99) / 100
	return sorted[max(rank, 1)-1]
}
