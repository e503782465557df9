package lease

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// testConfig has the largest drift that a test needs to see its effect.
var testConfig = Config{Timeout: 4 * time.Second, Every: time.Second, Drift: 50_000, Margin: 200 * time.Millisecond}

// play draws what happens. draw(n) returns one of 0 to n-1.
func play(cfg Config, wait time.Duration, steps int, draw func(n int) int) *world {
	bound := int64(cfg.Drift)
	var drifts [4]int64
	for i := range drifts {
		drifts[i] = []int64{-bound, 0, bound}[draw(3)]
	}
	w := newWorld(cfg, wait, drifts)
	for range steps {
		w.happen(draw)
		if w.wrong != "" {
			break
		}
	}
	return w
}

func (w *world) happen(draw func(n int) int) {
	h := w.hosts[draw(2)]
	switch draw(18) {
	case 0, 1, 2, 3, 4, 5:
		w.flow(time.Duration(1+draw(100)) * w.cfg.Timeout / 100)
	case 6:
		w.advance(time.Duration(1+draw(100)) * w.cfg.Timeout / 400)
	case 7:
		w.advance(time.Duration(1+draw(100)) * time.Millisecond)
	case 8:
		if len(w.bag) > 0 {
			w.commit(draw(len(w.bag)))
		}
	case 9:
		if len(w.bag) > 0 { // lost
			i := draw(len(w.bag))
			w.bag = append(w.bag[:i], w.bag[i+1:]...)
		}
	case 10, 11:
		for n := draw(8); n >= 0 && h.learn(); n-- {
		}
	case 12:
		h.frozen = !h.frozen
	case 13:
		h.cut = !h.cut
	case 14:
		h.suspects = !h.suspects
	case 15:
		h.destroyed()
	case 16:
		if !h.frozen && draw(3) == 0 {
			h.newLife()
		}
	case 17:
		h.away = !h.away
	}
	w.step()
}

// flow lets time pass while hosts that are not cut off talk to the log. One that does not hear the other suspects it.
func (w *world) flow(d time.Duration) {
	for end := w.now + d; w.now < end && w.wrong == ""; {
		w.advance(min(w.cfg.Timeout/32, end-w.now))
		for i := 0; i < len(w.bag); {
			if w.hosts[w.bag[i].by].cut {
				i++
			} else {
				w.commit(i)
			}
		}
		for _, h := range w.hosts {
			h.destroyed()
			other := w.hosts[1-h.id]
			h.suspects = h.cut || other.cut || other.frozen
			for !h.cut && h.learn() {
			}
		}
	}
}

// TestMachine lets two hosts want one VM while messages take any time, clocks drift up to the bound, hosts
// freeze and daemons die: never can two instances write at once.
func TestMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "draw") }
		if w := play(testConfig, testConfig.Wait(), 60, draw); w.wrong != "" {
			t.Fatalf("mutual exclusion: %s", w.wrong)
		}
	})
}

// TestMachineAlive shows that the random machine gets where it has to: in many of its runs watchdogs fire
// and claimed VMs are started.
func TestMachineAlive(t *testing.T) {
	resets, launches, claims := 0, 0, 0
	for seed := range uint64(2000) {
		w := play(testConfig, testConfig.Wait(), 60, seeded(seed))
		require.Empty(t, w.wrong, "seed %d", seed)
		resets, launches, claims = resets+w.resets, launches+w.launches, claims+w.claims
	}
	t.Logf("2000 runs: %d starts, %d claims, %d resets", launches, claims, resets)
	require.Greater(t, launches, 2000)
	require.Greater(t, claims, 1000)
	require.Greater(t, resets, 1000)
}

// TestMachineFindsShortWaits breaks the bound: the same machine must find a counterexample.
func TestMachineFindsShortWaits(t *testing.T) {
	for _, percent := range []int64{50, 75, 90} {
		wait := testConfig.Wait() * time.Duration(percent) / 100
		found := -1
		for seed := range uint64(20_000) {
			if play(testConfig, wait, 60, seeded(seed)).wrong != "" {
				found = int(seed)
				break
			}
		}
		require.GreaterOrEqual(t, found, 0, "a wait of %d%% of the bound was not found out", percent)
		t.Logf("a wait of %d%% of the bound is found out by seed %d", percent, found)
	}
}

func seeded(seed uint64) func(int) int {
	r := rand.New(rand.NewPCG(seed, 1))
	return func(n int) int { return r.IntN(n) }
}

// worst plays the worst case: a renewal is granted, and at the same instant the VM is claimed and the old host freezes. The
// watchdog of the old host is as slow and the clock of the new one as fast as drift allows.
func worst(cfg Config, wait time.Duration, drift int64) *world {
	w := newWorld(cfg, wait, [4]int64{0, drift, -drift, 0})
	a, b := w.hosts[0], w.hosts[1]
	settle := func() {
		for more := true; more; {
			more = false
			w.step()
			for len(w.bag) > 0 {
				w.commit(0)
				more = true
			}
			for _, h := range w.hosts {
				for h.learn() {
					more = true
				}
			}
		}
	}
	settle() // host 0 runs the VM, and its lease was renewed just now
	b.suspects = true
	w.step()
	for len(w.bag) > 0 {
		w.commit(0)
	}
	a.frozen = true
	for w.now < 3*(wait+cfg.Timeout) && w.wrong == "" && w.launches < 2 {
		w.advance(100 * time.Microsecond)
		settle()
	}
	return w
}

// TestBoundIsTight shows that the wait is right in the worst case, and that hardly less would be wrong.
func TestBoundIsTight(t *testing.T) {
	for _, cfg := range []Config{Default(), testConfig, {Timeout: 10 * time.Second, Every: time.Second, Drift: 100_000}} {
		require.NoError(t, cfg.Validate())
		w := worst(cfg, cfg.Wait(), int64(cfg.Drift))
		require.Empty(t, w.wrong, "%+v", cfg)
		require.Equal(t, 2, w.launches, "%+v", cfg)
		require.Equal(t, 1, w.resets, "%+v", cfg)

		// What the formula gives away: the margin is stretched like the time-out.
		slack := time.Duration(int64(cfg.Margin)*int64(cfg.Drift)/int64(million-cfg.Drift)) + 2*time.Millisecond
		short := cfg.Wait() - scaled(slack, int64(cfg.Drift))
		require.NotEmpty(t, worst(cfg, short, int64(cfg.Drift)).wrong, "%v less than %v should not be enough with %+v", slack, cfg.Wait(), cfg)

		// And a drift beyond the bound breaks it.
		beyond := int64(cfg.Drift) + 5000 + int64(cfg.Margin)*int64(cfg.Drift)/int64(cfg.Timeout)
		require.NotEmpty(t, worst(cfg, cfg.Wait(), beyond).wrong, "a drift of %d with %+v", beyond, cfg)
		t.Logf("W %v, margin %v, drift %d ppm: wait %v; %v less is found out", cfg.Timeout, cfg.Margin, cfg.Drift, cfg.Wait(), slack)
	}
}

func TestConfig(t *testing.T) {
	good := Default()
	require.NoError(t, good.Validate())
	require.Equal(t, 5_611_111_112*time.Nanosecond, good.Wait())
	for _, change := range []func(*Config){
		func(c *Config) { c.Timeout = time.Second - 1 },
		func(c *Config) { c.Timeout += time.Microsecond },
		func(c *Config) { c.Every = 0 },
		func(c *Config) { c.Every = c.Timeout/4 + 1 },
		func(c *Config) { c.Drift = -1 },
		func(c *Config) { c.Drift = million / 2 },
		func(c *Config) { c.Margin = -1 },
	} {
		bad := good
		change(&bad)
		require.Error(t, bad.Validate(), "%+v", bad)
	}
}
