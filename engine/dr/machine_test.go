package dr

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

// capture ends an epoch of the guest; acknowledge is the secondary's word on the oldest one.
func (w *world) capture() {
	if w.ft && !w.exposed && len(w.captured) < 2 {
		w.epoch++
		w.captured = append(w.captured, capture{w.epoch, len(w.states) - 1})
		w.src.Boundary(w.epoch)
	}
}

func (w *world) acknowledge() {
	if len(w.captured) == 0 {
		return
	}
	c := w.captured[0]
	w.captured = w.captured[1:]
	w.safe = c.state
	w.src.Acknowledged(w.now, c.epoch, &w.out)
	w.perform(1)
}

// protect gives the VM a secondary, or takes it away.
func (w *world) protect() {
	if !w.ft {
		return
	}
	w.exposed = !w.exposed
	if w.exposed {
		w.captured = nil
		w.src.Exposed(w.now, &w.out)
	} else {
		w.safe = len(w.states) - 1
		w.src.Hold()
	}
	w.perform(1)
}

// promote loses the host that runs the VM. The other one goes on: with the disk of the newest acknowledged
// checkpoint (ft), or with every completed write, and some that were under way.
func (w *world) promote(keep func() bool) {
	switch {
	case w.ft && !w.exposed:
		w.disk = w.states[w.safe]
	default:
		w.disk = w.states[len(w.states)-1]
		for _, wr := range w.writes {
			if keep() {
				copy(w.disk[wr.io.Sector:], wr.data)
			}
		}
	}
	w.states = append(w.states, w.disk)
	w.writes, w.captured, w.exposed = nil, nil, true
	w.gen++
	w.run()
	w.check()
}

// override lets an operator go on, in a new era, with the disk of an earlier moment, beside which nothing is recorded of what
// the copy has. What came after that moment is discarded, but the copy may have it.
func (w *world) override(to int) {
	w.disk = w.states[to]
	w.states = append(w.states, w.disk)
	w.writes, w.captured, w.exposed = nil, nil, true
	w.marks, w.changed = model.NewBitmap(extents), model.NewBitmap(extents)
	w.gen = w.gen.In(w.gen.Era() + 1)
	w.run()
	w.check()
}

// crashTarget ends the target's life: what is under way on its disk happened or not.
func (w *world) crashTarget(keep func() bool) {
	if len(w.ops) > 0 && keep() {
		w.effective(&w.ops[0])
	}
	w.journal, w.ops = w.journal[:w.sealed], nil
	w.tgt = nil
	w.check()
}

// settle lets time pass in which everything works.
func (w *world) settle() {
	if w.tgt == nil || w.tgt.Failed() {
		w.openTarget()
	}
	w.open()
	for range 4 {
		for len(w.writes) > 0 {
			w.complete(0, false)
		}
		w.ship()
	}
	w.capture()
	w.acknowledge()
	w.wait(30 * time.Millisecond)
}

// ship ends what is under way, but no write.
func (w *world) ship() {
	for len(w.reads) > 0 {
		w.readDone(0, false)
	}
	for len(w.bag) > 0 {
		p := w.bag[0]
		w.bag = w.bag[1:]
		w.deliver(p)
	}
	for len(w.ops) > 0 {
		w.diskDone(false)
	}
}

// anew begins another source of the running VM, which copies what it reads while the disk has what the guest was not told.
func (w *world) anew() {
	for i := range w.writes {
		w.reach(i)
	}
	w.run()
	if w.tgt != nil && !w.tgt.Failed() {
		w.open()
		for range 4 {
			w.ship()
		}
	}
}

func (w *world) wait(d time.Duration) {
	w.now = w.now.Add(d)
	w.src.Wake(w.now, &w.out)
	w.perform(1)
}

// heal demands that the copy becomes the newest disk.
func (w *world) heal() {
	for range 1000 {
		w.settle()
		if w.src.Current() && w.recovered() == w.disk && len(w.writes) == 0 {
			break
		}
	}
	require.True(w.t, w.src.Current(), "liveness: %v, %d extents lack, %d entries wait", w.src.State(), w.src.Lacking(), w.src.Waiting())
	require.Equal(w.t, w.disk, w.recovered(), "R7: the copy is current and differs")
	require.Zero(w.t, w.src.Age(w.now))
	require.Empty(w.t, w.src.writes)
	require.Empty(w.t, w.kept, "kept data leaks")
	require.Zero(w.t, w.src.unsealed.Len())
	require.True(w.t, w.tgt.Settled())
}

func TestMachine(t *testing.T) {
	for _, name := range []string{"writes", "epochs"} {
		ft := name == "epochs"
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t)
				w.ft = ft
				w.openTarget()
				w.run()
				if rapid.Bool().Draw(t, "settled") {
					w.heal()
				}
				t.Repeat(w.actions())
				w.heal()
			})
		})
	}
}

func (w *world) actions() map[string]func(*rapid.T) {
	keep := func(t *rapid.T) func() bool { return func() bool { return rapid.Bool().Draw(t, "keep") } }
	index := func(t *rapid.T, n int) int {
		if n == 0 {
			t.Skip("nothing under way")
		}
		return rapid.IntRange(0, min(n, 6)-1).Draw(t, "which")
	}
	take := func(t *rapid.T) packet {
		i := index(t, len(w.bag))
		p := w.bag[i]
		w.bag = append(w.bag[:i:i], w.bag[i+1:]...)
		return p
	}
	request := func(t *rapid.T) {
		first := rapid.IntRange(0, sectors-1).Draw(t, "sector")
		count := rapid.IntRange(1, min(3, sectors-first)).Draw(t, "count")
		if len(w.writes) >= 4 || !w.request(first, count) {
			t.Skip("no")
		}
	}
	write := func(t *rapid.T) { // asked for and completed
		request(t)
		w.complete(len(w.writes)-1, false)
	}
	return map[string]func(*rapid.T){
		"request":    request,
		"write":      write,
		"write 2":    write,
		"reach":      func(t *rapid.T) { w.reach(index(t, len(w.writes))) },
		"complete":   func(t *rapid.T) { w.complete(index(t, len(w.writes)), false) },
		"fail":       func(t *rapid.T) { w.complete(index(t, len(w.writes)), true) },
		"read":       func(t *rapid.T) { w.readDone(index(t, len(w.reads)), false) },
		"read fails": func(t *rapid.T) { w.readDone(index(t, len(w.reads)), true) },
		"disk":       func(t *rapid.T) { index(t, len(w.ops)); w.diskDone(false) },
		"disk fails": func(t *rapid.T) { index(t, len(w.ops)); w.diskDone(true) },
		"deliver":    func(t *rapid.T) { w.deliver(take(t)) },
		"deliver 2":  func(t *rapid.T) { w.deliver(take(t)) },
		"deliver 3":  func(t *rapid.T) { w.deliver(take(t)) },
		"repeat":     func(t *rapid.T) { w.deliver(w.bag[index(t, len(w.bag))]) },
		"lose":       func(t *rapid.T) { take(t) },
		"forget":     func(*rapid.T) { w.forget() },
		"capture":    func(*rapid.T) { w.capture() },
		"ack":        func(*rapid.T) { w.acknowledge() },
		"protect":    func(*rapid.T) { w.protect() },
		"open":       func(*rapid.T) { w.open() },
		"wait":       func(t *rapid.T) { w.wait(time.Duration(rapid.IntRange(1, 200).Draw(t, "ms")) * time.Millisecond) },
		"work":       func(*rapid.T) { w.settle() },
		"promote":    func(t *rapid.T) { w.promote(keep(t)) },
		"override":   func(t *rapid.T) { w.override(rapid.IntRange(0, len(w.states)-1).Draw(t, "to")) },
		"anew":       func(*rapid.T) { w.anew() },
		"crash":      func(t *rapid.T) { w.crashTarget(keep(t)) },
		"target":     func(*rapid.T) { w.recoverTarget() },
		"finish":     func(*rapid.T) { w.finish() },
		"":           func(*rapid.T) { w.bounds() },
	}
}

func (w *world) recoverTarget() {
	if w.tgt == nil || w.tgt.Failed() {
		w.openTarget()
	}
}

// finish ends the VM and begins it again: a fail-back that is given up.
func (w *world) finish() {
	if !w.src.Current() {
		return
	}
	w.src.Finish(w.now, &w.out)
	w.perform(1)
	require.True(w.t, w.src.Current())
	w.promote(func() bool { return true })
}

func (w *world) bounds() {
	require.LessOrEqual(w.t, w.src.Waiting(), testConfig.Journal)
	require.LessOrEqual(w.t, len(w.kept), testConfig.Journal+5, "memory is not bounded")
	w.check()
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"extents": func(c *Config) { c.Extents = 0 }, "sectors": func(c *Config) { c.ExtentSectors = 0 },
		"window": func(c *Config) { c.Window = MaxWindow + 1 }, "no window": func(c *Config) { c.Window = 0 },
		"journal": func(c *Config) { c.Journal = 2*c.Window - 1 }, "depth": func(c *Config) { c.CopyDepth = 0 },
		"resend": func(c *Config) { c.Resend = 0 }, "points": func(c *Config) { c.PointEvery = -1 },
	} {
		c := testConfig
		require.NoError(t, c.Validate())
		change(&c)
		require.Error(t, c.Validate(), name)
	}
	require.Equal(t, "shipping", Shipping.String())
}
