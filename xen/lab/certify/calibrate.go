package certify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"holdfast/xen/lab"
)

// What the same takes on hardware, one core of 2.5 GHz: rounds of the agent's self-test in a second, of which it computes half, and
// one run of "xl list" in milliseconds. The first was measured (BenchmarkRounds); the second is an estimate for a
// server that has nothing else to do.
const (
	referenceRounds = 300.0
	referenceListMS = 25.0
)

// Bounds of a factor. Emulated hosts are never as fast as real ones. Two cores that do other work as well give factors of 60 and a
// little more, which are judged like any other; beyond the upper bound a script of seconds takes most of an hour, the budgets in
// real time (a client's time-out, protectLimit) are no longer far above what they bound, and nobody would believe the result.
const (
	minFactor = 4.0
	maxFactor = 100.0
)

// slowed is how many times slower hosts may become in a run before its verdicts that depend on time count as not proven. Two
// calibrations in succession on a busy computer differ by up to a half.
const slowed = 2.0

// ErrSlow is returned when hosts are too slow for a judgement: other work on the computer must end.
var ErrSlow = errors.New("the hosts are too slow to be judged")

// Calibration says how slow the hosts are, on this computer now.
type Calibration struct {
	// Factor is how many real seconds a second of the script takes: the larger of the two slow-downs, minFactor at least.
	Factor float64 `json:"factor"`
	// Rounds of the self-test per second, the mean of the hosts, and the milliseconds of an "xl list", the median over all hosts.
	Rounds float64 `json:"rounds_per_second"`
	ListMS float64 `json:"xl_list_ms"`
}

// String is one line for people.
func (c Calibration) String() string {
	return fmt.Sprintf("1 s of the script takes %.1f s here (%s)", c.Factor, c.measured())
}

func (c *Calibration) measured() string {
	return fmt.Sprintf("self-test %.0f rounds/s, xl list %.0f ms; on hardware %.0f and %.0f", c.Rounds, c.ListMS, referenceRounds, referenceListMS)
}

// calibrationSeconds is how long each host computes, listRounds how often each host lists its domains, and calibrationLimit what all
// that may take on one host.
const (
	calibrationSeconds = 1
	listRounds         = 3
	calibrationLimit   = 2 * time.Minute
)

// Calibrate measures how slow the hosts are. It fails with lab.ErrWrong if one of them computes wrongly, and with ErrSlow if no
// factor would do.
func Calibrate(ctx context.Context, p *Pool) (Calibration, error) {
	c, err := calibrate(ctx, p)
	if err == nil && c.Factor > maxFactor {
		err = fmt.Errorf("%w: 1 s of a script takes %.0f s here, and %.0f is the most (%s); end other work on this computer and try again",
			ErrSlow, c.Factor, maxFactor, c.measured())
	}
	return c, err
}

// calibrate is Calibrate for a factor of any size.
func calibrate(ctx context.Context, p *Pool) (Calibration, error) {
	var c Calibration
	var lists []float64
	for _, host := range p.Hosts() {
		rounds, list, err := speed(ctx, p, host)
		if err != nil {
			return c, fmt.Errorf("calibrating host %s: %w", host, err)
		}
		c.Rounds += rounds / float64(len(p.Hosts()))
		lists = append(lists, list...)
	}
	slices.Sort(lists)
	c.ListMS = lists[len(lists)/2]
	c.Factor = factorOf(c.Rounds, c.ListMS)
	return c, nil
}

// speed measures one host: rounds per second, and the milliseconds of each "xl list".
func speed(ctx context.Context, p *Pool, host string) (rounds float64, lists []float64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, calibrationLimit, fmt.Errorf("no end after %v", calibrationLimit))
	defer cancel()
	start := time.Now()
	n, wrong, err := p.Lab.Host(ctx, host).SelfTest(ctx, calibrationSeconds)
	if err != nil {
		return 0, nil, err
	}
	if wrong > 0 {
		return 0, nil, fmt.Errorf("%w: %d of %d", lab.ErrWrong, wrong, n)
	}
	rounds = float64(n) / time.Since(start).Seconds()
	for range listRounds {
		start := time.Now()
		if _, err := p.Shell(ctx, host, "xl list"); err != nil {
			return 0, nil, err
		}
		lists = append(lists, float64(time.Since(start).Microseconds())/1000)
	}
	return rounds, lists, nil
}

// factorOf is the larger of two slow-downs, rounded to a tenth.
func factorOf(rounds, listMS float64) float64 {
	f := max(referenceRounds/max(rounds, 0.001), listMS/referenceListMS)
	return math.Round(max(f, minFactor)*10) / 10
}

// calibrateAgain looks at the end of a run whether its hosts are those that it had, still as fast as before it, and compute rightly. It ends the
// guests first: before the run there was one, which had nothing to do.
func (r *run) calibrateAgain(ctx context.Context) {
	for _, host := range r.pool.Hosts() {
		if !r.reachable(host) {
			return // that it did not start was said
		}
	}
	for _, host := range r.pool.Hosts() {
		if n, err := r.pool.Lab.Resets(ctx, host); err == nil && n > 0 {
			r.fail("crash", "host %s reset itself, which no fault of the script was", r.name(host))
		}
		if _, err := r.pool.Shell(ctx, host, endGuests); err != nil && ctx.Err() == nil {
			r.note("host %s: ending the guests: %v", r.name(host), err)
		}
	}
	var err error
	if r.after, err = calibrate(ctx, r.pool); err != nil && ctx.Err() == nil {
		r.fail("crash", "at the end of the run: %v", err)
	}
}

// endGuests destroys every domain but dom0, in the toolstack's order.
const endGuests = `xl list | while read name id rest; do
	if [[ $id =~ ^[1-9][0-9]*$ ]]; then xl destroy $id; fi
done`

// SlowedDown reports whether the hosts became so much slower in the run that what depends on time is not proven.
func (r *Real) SlowedDown() bool { return r.After.Factor > slowed*r.Calibration.Factor }
