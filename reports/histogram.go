package reports

import (
	"fmt"
	"math/bits"
)

// Histogram counts samples in buckets that grow with the sample: eight for each factor of two, so that a
// figure read from it is at most an eighth too high. Its size does not depend on how many samples it has,
// and two of them add up. The zero value is empty.
type Histogram struct {
	Count   int64   `json:"count"`
	Max     int64   `json:"max"` // exact
	Buckets []int64 `json:"buckets,omitempty"`
}

// bucketBits is how many bits behind the leading one tell buckets apart.
const bucketBits = 3

// bucketOf returns the bucket of a sample; negative samples count as 0.
func bucketOf(sample int64) int {
	v := uint64(max(sample, 0))
	if v < 1<<bucketBits {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - bucketBits
	return (shift+1)<<bucketBits + int(v>>shift)&(1<<bucketBits-1)
}

// Bound returns the highest sample that falls into bucket i.
func (Histogram) Bound(i int) int64 {
	if i < 1<<bucketBits {
		return int64(i)
	}
	shift := i>>bucketBits - 1
	low := uint64(i&(1<<bucketBits-1)|1<<bucketBits) << shift
	return int64(low + 1<<shift - 1)
}

// Add counts one sample.
func (h *Histogram) Add(sample int64) {
	i := bucketOf(sample)
	for len(h.Buckets) <= i {
		h.Buckets = append(h.Buckets, 0)
	}
	h.Buckets[i]++
	h.Count++
	h.Max = max(h.Max, sample)
}

// Merge counts everything that other counted.
func (h *Histogram) Merge(other *Histogram) {
	for len(h.Buckets) < len(other.Buckets) {
		h.Buckets = append(h.Buckets, 0)
	}
	for i, n := range other.Buckets {
		h.Buckets[i] += n
	}
	h.Count += other.Count
	h.Max = max(h.Max, other.Max)
}

// Percentile returns an upper bound of the sample that percent of all samples do not exceed; 0 without samples.
func (h *Histogram) Percentile(percent int) int64 {
	rank := (int64(percent)*h.Count + 99) / 100
	var seen int64
	for i, n := range h.Buckets {
		if seen += n; seen >= max(rank, 1) {
			return min(h.Bound(i), h.Max)
		}
	}
	return 0
}

// validate reports whether a histogram that was read from a file can be one.
func (h *Histogram) validate() error {
	var sum int64
	for _, n := range h.Buckets {
		if n < 0 {
			return fmt.Errorf("a bucket counts %d", n)
		}
		sum += n
	}
	if sum != h.Count || len(h.Buckets) > 64<<bucketBits {
		return fmt.Errorf("%d samples in the buckets, %d by the count", sum, h.Count)
	}
	return nil
}
