package sim

import (
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/sim/guest"
)

func idlePool(t *testing.T, level model.Level) *World {
	t.Helper()
	w, err := New(Options{Seed: 1, Hosts: []string{"a", "b"}, Witness: "w", VMs: []VM{{
		Name: "db", Level: level, Service: guest.Registers, Home: "a", Second: "b", Keys: 2,
	}}})
	require.NoError(t, err)
	w.Run(model.Time(5 * time.Second))
	require.True(t, w.Redundant(1))
	return w
}

// TestStuckWorld: a world that is not going anywhere says so, soon and without much memory, however it is looked at.
func TestStuckWorld(t *testing.T) {
	for _, c := range []struct {
		name, says string
		stuck      func(w *World)
	}{
		{"no time passes", "sim: more than 500000 events within 1s: somebody goes in circles", func(w *World) {
			var again func()
			again = func() { w.actions = w.actions[:0]; w.At(w.Now(), again) }
			again()
		}},
		{"a nanosecond each", "sim: more than 500000 events within 1s: somebody goes in circles", func(w *World) {
			var again func()
			again = func() { w.actions = w.actions[:0]; w.At(w.Now()+1, again) }
			again()
		}},
		{"more and more wait", "sim: more than 100000 events wait: somebody asks for more than happens", func(w *World) {
			var again func()
			again = func() {
				for range 100 {
					w.after(time.Hour, classDevice, 1, evWake)
				}
				w.At(w.Now().Add(time.Millisecond), again)
			}
			again()
		}},
		{"time runs over", "sim: an event of kind 3 is due before the present: some instant is out of range", func(w *World) {
			w.At(w.Now(), func() { w.after(math.MaxInt64, classDevice, 1, evWake) })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := idlePool(t, model.LevelHA)
			c.stuck(w)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			require.PanicsWithValue(t, c.says, func() {
				for end := w.Now().Add(time.Minute); w.Now() < end; { // in small steps, as scenarios do
					w.Run(w.Now().Add(20 * time.Millisecond))
				}
			})
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<30))
		})
	}
}

// TestToolstackHangs: a creation waits while the toolstack hangs, whether its end is known or not, and goes on when it ends.
func TestToolstackHangs(t *testing.T) {
	for _, c := range []struct {
		name  string
		until model.Time
		ends  bool // by somebody's hand, after 8 s
		from  time.Duration
		to    time.Duration
	}{
		{"not at all", 0, false, 0, 4 * time.Second},
		{"for a time", model.Time(15 * time.Second), false, 10 * time.Second, 11 * time.Second},
		{"until it is ended", model.Never, true, 8 * time.Second, 9 * time.Second},
		{"until it is ended early", model.Time(time.Hour), true, 8 * time.Second, 9 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := idlePool(t, model.LevelRestart)
			begin := w.Now()
			w.ToolstackHang(2, c.until)
			w.PowerOff(1, 0)
			if c.ends {
				w.At(begin.Add(8*time.Second), func() { w.ToolstackHang(2, w.Now()) })
			}
			for w.Serving(1) != 2 && w.Now() < begin.Add(time.Minute) {
				w.Run(w.Now().Add(10 * time.Millisecond))
			}
			took := w.Now().Sub(begin)
			require.True(t, c.from <= took && took <= c.to, "served by the other host after %v", took)
			require.Empty(t, w.Violations())
		})
	}
}
