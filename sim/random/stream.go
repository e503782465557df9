package random

import (
	"hash/fnv"
	"math/bits"
	"math/rand/v2"
	"time"

	"holdfast/engine/model"
)

// The names of the world's streams.
const (
	Network    = "network"
	Disk       = "disk"
	Hypervisor = "hypervisor"
	Clients    = "clients"
	Plan       = "plan"
)

// Stream is a seeded sequence of numbers: PCG-DXSM (O'Neill, "PCG: A Family of
// Simple Fast Space-Efficient Statistically Good Algorithms", 2014), as implemented by
// math/rand/v2, with the derivation of bounded numbers fixed here so that a seed
// keeps its meaning when the standard library changes its own.
// A copy of a Stream continues independently from the same point.
type Stream struct{ pcg rand.PCG }

// New returns the stream that belongs to seed and name.
func New(seed uint64, name string) *Stream {
	s := &Stream{}
	s.Seed(seed, name)
	return s
}

// Seed sets the stream back to the beginning of the one that belongs to seed and name.
func (s *Stream) Seed(seed uint64, name string) {
	h := fnv.New64a()
	h.Write([]byte(name))
	s.pcg.Seed(mix(seed), mix(h.Sum64()^bits.RotateLeft64(seed, 32)))
}

// Derive returns the n-th independent child: a stream that depends on the present
// state of s and on n, and takes nothing from s. For example one stream per client.
func (s *Stream) Derive(n uint64) *Stream {
	ahead := *s
	a, b := ahead.Uint64(), ahead.Uint64()
	c := &Stream{}
	c.pcg.Seed(mix(a^mix(n)), mix(b+n))
	return c
}

// mix is the finalizer of splitmix64 (Steele, Lea, Flood, 2014): nearby seeds give unrelated streams.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Uint64 returns any 64 bits.
func (s *Stream) Uint64() uint64 { return s.pcg.Uint64() }

// Below returns a number from 0 to n-1, each equally likely. It panics if n is 0.
// (Lemire, "Fast Random Integer Generation in an Interval", 2019.)
func (s *Stream) Below(n uint64) uint64 {
	if n == 0 {
		panic("random: Below(0) has no number to choose from")
	}
	hi, lo := bits.Mul64(s.Uint64(), n)
	if lo < n {
		for floor := -n % n; lo < floor; {
			hi, lo = bits.Mul64(s.Uint64(), n)
		}
	}
	return hi
}

// Int returns a number from lo to hi, both included. It panics if hi < lo.
func (s *Stream) Int(lo, hi int) int {
	if hi < lo {
		panic("random: empty interval")
	}
	return lo + int(s.upTo(uint64(hi)-uint64(lo)))
}

// Duration returns a duration from lo to hi, both included. It panics if hi < lo.
func (s *Stream) Duration(lo, hi time.Duration) time.Duration {
	if hi < lo {
		panic("random: empty interval")
	}
	return lo + time.Duration(s.upTo(uint64(hi)-uint64(lo)))
}

// Time returns an instant from lo to hi, both included. It panics if hi < lo.
func (s *Stream) Time(lo, hi model.Time) model.Time {
	return model.Time(s.Duration(time.Duration(lo), time.Duration(hi)))
}

// upTo returns a number from 0 to n, both included.
func (s *Stream) upTo(n uint64) uint64 {
	if n == 1<<64-1 {
		return s.Uint64()
	}
	return s.Below(n + 1)
}

// Chance reports true num times in den. num ≤ 0 is never, num ≥ den always, and
// neither of these draws. It panics if den ≤ 0.
func (s *Stream) Chance(num, den int64) bool {
	if den <= 0 {
		panic("random: a chance needs a positive denominator")
	}
	if num <= 0 || num >= den {
		return num > 0
	}
	return s.Below(uint64(den)) < uint64(num)
}

// Weighted returns an index into weights, each as likely as its weight. It panics if
// none is above zero.
func (s *Stream) Weighted(weights []uint32) int {
	var sum uint64
	for _, w := range weights {
		sum += uint64(w)
	}
	at := s.Below(sum)
	for i, w := range weights {
		if at < uint64(w) {
			return i
		}
		at -= uint64(w)
	}
	panic("random: unreachable")
}

// Shuffle brings n things into random order through swap (Fisher–Yates).
func (s *Stream) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, int(s.Below(uint64(i)+1)))
	}
}

// Perm appends a random order of 0 to n-1 to dst.
func (s *Stream) Perm(dst []int, n int) []int {
	start := len(dst)
	for i := range n {
		dst = append(dst, i)
	}
	p := dst[start:]
	s.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
	return dst
}
