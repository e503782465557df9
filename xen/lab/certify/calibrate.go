package certify

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// What the same takes on hardware, one core of 2.5 GHz: rounds of the agent's self-test in a second, of which it computes half, and
// one run of "xl list" in milliseconds. The first was measured (BenchmarkRounds); the second is an estimate for a
// server that has nothing else to do.
const (
	referenceRounds = 300.0
	referenceListMS = 25.0
)

// Bounds of a factor: emulated hosts are never as fast as real ones, and what is slower than the upper bound is of no use.
const (
	minFactor = 4.0
	maxFactor = 60.0
)

// Calibration says how slow the hosts are, on this computer now.
type Calibration struct {
	// Factor is how many real seconds a second of the script takes: the larger of the two slow-downs, within bounds.
	Factor float64 `json:"factor"`
	// Rounds of the self-test per second, the mean of the hosts, and the milliseconds of an "xl list", the median over all hosts.
	Rounds float64 `json:"rounds_per_second"`
	ListMS float64 `json:"xl_list_ms"`
}

// String is one line for people.
func (c Calibration) String() string {
	return fmt.Sprintf("1 s of the script takes %.1f s here (self-test %.0f rounds/s, xl list %.0f ms; on hardware %.0f and %.0f)",
		c.Factor, c.Rounds, c.ListMS, referenceRounds, referenceListMS)
}

// calibrationSeconds is how long each host computes, listRounds how often each host lists its domains.
const (
	calibrationSeconds = 1
	listRounds         = 3
)

// Calibrate measures how slow the hosts are.
func Calibrate(ctx context.Context, p *Pool) (Calibration, error) {
	var c Calibration
	var lists []float64
	for _, host := range p.Hosts() {
		start := time.Now()
		rounds, _, err := p.Lab.Host(ctx, host).SelfTest(ctx, calibrationSeconds)
		if err != nil {
			return c, fmt.Errorf("calibrating host %s: %w", host, err)
		}
		c.Rounds += float64(rounds) / time.Since(start).Seconds() / float64(len(p.Hosts()))
		for range listRounds {
			start := time.Now()
			if _, err := p.Shell(ctx, host, "xl list"); err != nil {
				return c, fmt.Errorf("calibrating host %s: %w", host, err)
			}
			lists = append(lists, float64(time.Since(start).Microseconds())/1000)
		}
	}
	slices.Sort(lists)
	c.ListMS = lists[len(lists)/2]
	c.Factor = factorOf(c.Rounds, c.ListMS)
	return c, nil
}

// factorOf is the larger of two slow-downs, rounded to a tenth.
func factorOf(rounds, listMS float64) float64 {
	f := max(referenceRounds/max(rounds, 0.001), listMS/referenceListMS)
	return math.Round(min(max(f, minFactor), maxFactor)*10) / 10
}
