package sim

import (
	"time"

	"holdfast/engine/model"
)

// clock is the monotonic clock that a member's daemon and guests live by. Its source may run
// too fast, too slow, not at all, or jump, back as well; the clock itself never goes back.
type clock struct {
	offset  time.Duration // of the source to the true time
	drift   int64         // parts per million
	since   model.Time    // true time since which it drifts
	stopped bool
	at      model.Time // true time at which it stopped
	shown   model.Time // newest reading
}

// source returns what the clock's source shows at the true time now.
func (c *clock) source(now model.Time) model.Time {
	if c.stopped {
		now = c.at
	}
	return now.Add(c.offset) + model.Time(int64(now-c.since)/1_000_000*c.drift)
}

// read returns the time that the clock shows at the true time now. As every runner must, it
// goes on from the last reading when its source turns out to have gone back.
func (c *clock) read(now model.Time) model.Time {
	if t := c.source(now); t < c.shown {
		c.offset += c.shown.Sub(t)
	} else {
		c.shown = t
	}
	return c.shown
}

// when returns the true time at which the clock will show t, Never if it stands still.
func (c *clock) when(t, now model.Time) model.Time {
	if c.stopped {
		return model.Never
	}
	d := t.Sub(c.source(now))
	d -= time.Duration(int64(d) / 1_000_000 * c.drift)
	return now.Add(max(d, 0))
}

// setDrift changes the drift, from now on.
func (c *clock) setDrift(now model.Time, ppm int64) {
	if c.stopped {
		now = c.at
	}
	c.offset += c.source(now).Sub(now.Add(c.offset))
	c.drift, c.since = ppm, now
}

// stop lets the clock stand still; resume lets it go on from there.
func (c *clock) stop(now model.Time) {
	if !c.stopped {
		c.stopped, c.at = true, now
	}
}

func (c *clock) resume(now model.Time) {
	if c.stopped {
		gap := now.Sub(c.at)
		c.stopped = false
		c.offset -= gap
		c.since = c.since.Add(gap)
	}
}

// time returns what the member's clock shows.
func (m *member) time() model.Time { return m.clock.read(m.w.now) }

// arm lets the wake-up that the daemon asked for come when the member's clock shows its time.
func (m *member) arm() {
	m.wakeID++
	at := m.clock.when(m.wakeAt, m.w.now)
	if at == model.Never {
		return // it is armed again when the clock goes on
	}
	ev := m.w.add(at, classTimer, m.id, evWake)
	ev.life, ev.id, ev.vm = m.life, m.wakeID, 0
}

// ClockJump lets the source of a member's clock jump.
func (w *World) ClockJump(id model.NodeID, d time.Duration) {
	m := w.nodes[id]
	m.time()
	m.clock.offset += d
	m.time()
	m.rearm()
}

// ClockDrift lets a member's clock run faster (or slower) by so many parts per million.
func (w *World) ClockDrift(id model.NodeID, ppm int) {
	w.nodes[id].clock.setDrift(w.now, int64(ppm))
	w.nodes[id].rearm()
}

// ClockStop lets a member's clock stand still, ClockResume lets it go on from there.
func (w *World) ClockStop(id model.NodeID) {
	m := w.nodes[id]
	m.clock.stop(w.now)
	m.disturb()
	m.wakeID++ // the wake-up under way does not come
}

// ClockResume lets a member's clock that stood still go on.
func (w *World) ClockResume(id model.NodeID) {
	if m := w.nodes[id]; m.clock.stopped {
		m.clock.resume(w.now)
		m.rearm()
	}
}

// rearm moves the wake-up after the clock changed.
func (m *member) rearm() {
	m.disturb()
	if m.node != nil && m.wakeAt != model.Never {
		m.arm()
	}
}
