package sim

import (
	"time"

	"holdfast/engine/lease"
	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// watchdog is the hardware of a host that resets it unless somebody keeps it from that. It has a clock of its own: what
// happens to the clock of the operating system, or whether software runs at all, does not touch it.
type watchdog struct {
	timers lease.Timers // what the runner remembers; it lasts as long as the timers
	slots  [3]slot
	drift  int64 // of its clock, in parts per million
}

// slot is one timer.
type slot struct {
	number uint64        // of the newest start; 0: it does not run
	left   time.Duration // on the watchdog's clock, at since
	since  model.Time
}

func (d *watchdog) stopAll() { d.timers, d.slots = lease.Timers{}, [3]slot{} }

// performWatchdog performs an effect of the daemon. What the runner remembers is stored after a timer was
// started and before one is stopped.
func (m *member) performWatchdog(e *model.Effect) {
	d := &m.watchdog
	switch e.Kind {
	case model.EffectWatchdogNext:
		i := d.timers.Start()
		d.slots[i] = slot{left: time.Duration(e.Count) * time.Millisecond, since: m.w.now}
		m.armWatchdog(i)
	case model.EffectWatchdogKeep:
		d.slots[d.timers.Keep()] = slot{}
	case model.EffectWatchdogOff:
		d.stopAll()
	}
}

// armWatchdog lets timer i end when the watchdog's clock says so.
func (m *member) armWatchdog(i int) {
	s := &m.watchdog.slots[i]
	s.number = m.w.nextLife()
	after := time.Duration(int64(s.left) / 1000 * 1_000_000 / (1_000_000 + m.watchdog.drift) * 1000)
	ev := m.w.after(max(after, 0), classDevice, m.id, evWatchdog)
	ev.id, ev.life, ev.vm = uint64(i), s.number, 0
}

// watchdogEnds resets the host, unless the timer was stopped or started again. The host loses its memory, and gets
// power again at once.
func (m *member) watchdogEnds(i int, number uint64) {
	if m.watchdog.slots[i].number != number || !m.powered {
		return
	}
	m.w.PowerOff(m.id, disk.LossDraw)
	m.wasReset = true
	m.w.PowerOn(m.id, false)
}

// WatchdogDrift lets the clock of a host's watchdog run faster (or slower) by so many parts per million, from now on.
func (w *World) WatchdogDrift(id model.NodeID, ppm int) {
	m := w.nodes[id]
	d := &m.watchdog
	for i := range d.slots {
		s := &d.slots[i]
		if s.number == 0 {
			continue
		}
		s.left -= time.Duration(int64(w.now.Sub(s.since)) / 1000 * (1_000_000 + d.drift) / 1_000_000 * 1000)
		s.since = w.now
	}
	d.drift = int64(ppm)
	for i := range d.slots {
		if d.slots[i].number != 0 {
			m.armWatchdog(i)
		}
	}
}
