package scenarios

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios/script"
)

const sharedPool = `scenario shared
purpose "A VM on shared storage."
host a
host b
witness w
vm db level restart service %s storage shared on a
clients db count 4 rate 60/s keys 6
%s`

func sharedScript(t *testing.T, service, body string) *script.Script {
	t.Helper()
	s, err := script.Parse("shared", fmt.Sprintf(sharedPool, service, body))
	require.NoError(t, err, body)
	return s
}

// sharedFaults are what the promise of a VM on shared storage covers. Of each, a plan has the host or the pair
// of members, and how long it lasts, in milliseconds.
var sharedFaults = []func(r *rand.Rand, host string, ms int) string{
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("freeze %s for %dms", h, ms) },
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("isolate %s for %dms", h, ms) },
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("isolate %s keep-lan for %dms", h, ms) },
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("power-off %s for %dms", h, ms) },
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("reboot %s for %dms", h, ms) },
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("kill-daemon %s for %dms", h, ms) },
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("stop-daemon %s for %dms", h, ms) },
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("storage-cut %s for %dms", h, ms) },
	func(r *rand.Rand, h string, _ int) string {
		return fmt.Sprintf("crash-daemon %s at-effect %d", h, 1+r.IntN(300))
	},
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("clock-freeze %s for %dms", h, ms) },
	func(r *rand.Rand, h string, ms int) string {
		return fmt.Sprintf("clock-drift %s ppm %d for %dms", h, 10_000*(1-2*r.IntN(2)), ms)
	},
	func(r *rand.Rand, h string, ms int) string {
		return fmt.Sprintf("watchdog-drift %s ppm %d for %dms", h, 10_000*(1-2*r.IntN(2)), ms)
	},
	func(r *rand.Rand, h string, ms int) string { return fmt.Sprintf("clock-jump %s +%dms", h, 300+ms) },
	func(r *rand.Rand, _ string, ms int) string {
		return fmt.Sprintf("cut all %s for %dms", []string{"a <-> b", "a -> b", "b -> a", "a <-> w", "b <-> w", "w -> a", "w -> b"}[r.IntN(7)], ms)
	},
	func(_ *rand.Rand, _ string, ms int) string { return fmt.Sprintf("loss all a <-> b 20%% for %dms", ms) },
	// Writes that left the host before it was reset arrive afterwards, within the margin.
	func(_ *rand.Rand, h string, ms int) string {
		return fmt.Sprintf("disk-slow %s db by 300ms for %dms", h, ms)
	},
	func(_ *rand.Rand, _ string, ms int) string { return fmt.Sprintf("power-off w for %dms", ms) },
	func(_ *rand.Rand, _ string, ms int) string { return fmt.Sprintf("partition a | b | w for %dms", ms) },
	func(_ *rand.Rand, _ string, _ int) string { return "hand-over db" },
	func(_ *rand.Rand, _ string, _ int) string { return "migrate db" },
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("maintain %s for %dms", h, ms) },
	func(_ *rand.Rand, h string, ms int) string { return fmt.Sprintf("old-daemon %s for %dms", h, ms) },
	func(_ *rand.Rand, _ string, _ int) string { return "crash-vm db" },
	func(_ *rand.Rand, h string, _ int) string { return fmt.Sprintf("half-create %s count 1", h) },
}

// sharedPlan draws a plan of faults; each run draws which kinds it has at all.
func sharedPlan(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 7))
	mix := r.Perm(len(sharedFaults))[:2+r.IntN(5)]
	var b strings.Builder
	fmt.Fprintf(&b, "tune lease-timeout %ds\n", 1+r.IntN(3))
	for range 2 + r.IntN(8) {
		host := []string{"a", "b", "primary(db)", "primary(db)", "secondary(db)"}[r.IntN(5)]
		ms := []int{20, 200, 600, 1000, 2000, 3000, 5000}[r.IntN(7)] + r.IntN(400)
		when := fmt.Sprintf("at %dms", 200+r.IntN(12_000))
		fmt.Fprintf(&b, "%s %s\n", when, sharedFaults[mix[r.IntN(len(mix))]](r, host, ms))
	}
	b.WriteString("run 15s\nexpect converged within 40s\n")
	return b.String()
}

// TestSharedRandom draws plans within what is promised: nothing acknowledged is lost, no two instances
// write, and everything heals.
func TestSharedRandom(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 60
	}
	resets, starts := 0, 0
	for seed := range seeds {
		s := sharedScript(t, []string{"log", "bank"}[seed%2], sharedPlan(seed))
		r := attempt(s, seed)
		require.Equal(t, reports.Pass, r.Outcome, "seed %d: %v\n%s", seed, r.Failures, script.Format(s))
		for _, n := range r.Notices {
			if strings.Contains(n.Text, "reset (") {
				resets++
			}
		}
		starts += int(r.Measures.Restarts)
	}
	t.Logf("%d plans: %d restarts, %d hosts reset by their watchdog", seeds, starts, resets)
	require.Greater(t, resets, int(seeds)/10)
}

// TestSharedAssumptions takes away what the argument rests on, one thing at a time. Each time two instances
// must meet, and the monitor must see them: these are the limits that docs/protocol.md names.
func TestSharedAssumptions(t *testing.T) {
	jumps := ""
	for ms := 2700; ms < 8000; ms += 100 {
		jumps += fmt.Sprintf("at %dms clock-jump b +95ms\n", ms)
	}
	for name, body := range map[string]string{
		"the watchdog is slower than the bound": `
at 1s watchdog-drift a ppm -400000
at FREEZE freeze a
run 15s`,
		"the clock of the one that waits is faster than the bound": `
tune lease-timeout 10s
at 1s clock-drift b ppm 500000
at FREEZE freeze a
run 15s`,
		"many jumps, each too short to be noticed": `
at 2s freeze a
` + jumps + `run 15s`,
		"a write is on its way to the storage for longer than the margin": `
at 1900ms io-delay a db write by 20T
at 2s freeze a
run 15s`,
		"an operator forces a start of what still runs": `
at 2s isolate a keep-lan
at 3s force-start db on b
run 15s`,
	} {
		t.Run(name, func(t *testing.T) {
			found := 0
			for ms := 2000; ms < 4500; ms += 250 { // somewhere between two renewals
				text := strings.ReplaceAll(strings.TrimSpace(body)+"\n", "FREEZE", fmt.Sprintf("%dms", ms))
				r := attempt(sharedScript(t, "log", text), 1)
				if r.Outcome == reports.Safety {
					require.Equal(t, "R2", r.Failures[0].Rule, "%v", r.Failures)
					found++
				}
			}
			require.Positive(t, found)
		})
	}
}

// TestSharedFailoverTime measures what clients notice of a lost host, as a function of W.
func TestSharedFailoverTime(t *testing.T) {
	for _, w := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second} {
		var least, most time.Duration
		for seed := uint64(1); seed <= 20; seed++ {
			r := attempt(sharedScript(t, "log", fmt.Sprintf("tune lease-timeout %v\nat 2s power-off a\nrun 20s\n", w)), seed)
			require.Equal(t, reports.Pass, r.Outcome, "%v", r.Failures)
			pause := time.Duration(r.Measures.LongestPauseNS)
			if least == 0 || pause < least {
				least = pause
			}
			most = max(most, pause)
		}
		bound := (w+500*time.Millisecond)*101/99 + 2500*time.Millisecond
		t.Logf("W %3v: pause of %v to %v", w, least.Round(10*time.Millisecond), most.Round(10*time.Millisecond))
		require.Less(t, most, bound)
		require.Greater(t, least, w)
	}
}
