package contract

import (
	"math"
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
)

// forever is the end of a fault that something has to heal.
const forever = time.Duration(math.MaxInt64)

// unnoticed is how long a guest goes on again and its watchdog, which looks every second, may not have seen it.
const unnoticed = 2 * time.Second

// window is a fault that is in effect.
type window struct {
	kind    faults.Kind
	members []model.NodeID // whom it touches; empty: everybody
	vm      string         // of a disk fault
	began   time.Duration
	until   time.Duration
	// armed: the fault strikes at a moment that nobody knows, up to until.
	armed bool
}

func (w *window) touches(id model.NodeID) bool {
	return len(w.members) == 0 || slices.Contains(w.members, id)
}

// expire forgets what is over. That a guest does not hang any more is not noticed while a host is frozen.
func (c *Contract) expire(now time.Duration) {
	for i := range c.active {
		for _, f := range c.active {
			if h := &c.active[i]; h.kind == faults.HangVM && f.kind == faults.Freeze && f.began < h.until && h.until < forever {
				h.until = max(h.until, min(f.until, now)+unnoticed)
			}
		}
	}
	c.active = slices.DeleteFunc(c.active, func(w window) bool {
		if w.until <= now {
			c.ended = max(c.ended, w.until)
		}
		return w.until <= now
	})
}

// ends says what each repair ends.
var ends = map[faults.Kind][]faults.Kind{
	faults.PowerOn:        {faults.PowerOff, faults.Reboot},
	faults.Thaw:           {faults.Freeze},
	faults.ContinueDaemon: {faults.StopDaemon},
	faults.NICUp:          {faults.NICDown},
	faults.Resume:         {faults.Maintain},
	faults.Heal:           {faults.Cut, faults.Loss, faults.Delay, faults.Jitter, faults.Duplicate, faults.Reorder, faults.Corrupt, faults.Slow},
	faults.DiskHeal:       {faults.DiskError, faults.DiskHang, faults.DiskSlow, faults.DiskFull, faults.IODelay},
}

// bootTime is how long a host that got power back is not yet itself.
const bootTime = 2 * time.Second

// begin takes down an admitted action.
func (c *Contract) begin(m *scenarios.Moment, f *faults.Fault) {
	if f.Kind == faults.HealAll {
		c.active = slices.DeleteFunc(c.active, func(w window) bool { return w.kind != faults.HangVM })
		for i := range c.active {
			c.active[i].until = min(c.active[i].until, m.At+unnoticed)
		}
		c.ended = m.At + bootTime
		return
	}
	if repairs := ends[f.Kind]; repairs != nil {
		c.repair(m, f, repairs)
		return
	}
	if distance(f) {
		return
	}
	c.note(m, f)
	if f.Kind == faults.JoinHost { // it gives the host power
		c.repair(m, f, ends[faults.PowerOn])
	}
	w := window{kind: f.Kind, members: append(slices.Clone(m.Members), m.Peers...), vm: f.VM, began: m.At, until: forever}
	switch f.Kind {
	case faults.SaveDisk, faults.Override, faults.ForceStart, faults.DiskCorrupt, faults.ClearFaults, faults.FailOver, faults.TestFailOver,
		faults.MTBF:
		return
	case faults.Migrate, faults.SetLevel, faults.HandOver, faults.OrderVM, faults.ReplaceHome, faults.JoinHost, faults.LeaveHost,
		faults.FailBack, faults.AddRecovery, faults.RemoveRecovery:
		// How long what they lead to goes on is seen in the world: see stirred and Redundant.
		w.until = m.At + c.settle()
	case faults.HangVM:
		w.until = m.At + f.For + unnoticed
		if f.For == 0 { // it is booted anew
			w.until += c.script.Value(script.SettingHangAfter) + bootTime
		}
	case faults.OldDaemon:
		w.until = m.At + f.For + 2*bootTime
	case faults.ClockJump, faults.CrashVM:
		w.until = m.At
	case faults.Reboot, faults.KillDaemon:
		w.until = m.At + f.For + bootTime
	case faults.CrashDaemon: // an idle member performs about thirty effects in a second, with the slowest heartbeat fifteen
		w.armed, w.until = true, m.At+time.Duration(f.Effect)*100*time.Millisecond+bootTime
	case faults.PowerOff:
		if f.For > 0 {
			w.until = m.At + f.For + bootTime
		}
	default:
		if f.For > 0 {
			w.until = m.At + f.For
		}
	}
	for i := range c.active { // what is armed does not strike while its member is down
		if a := &c.active[i]; a.armed && len(m.Members) == 1 && a.touches(m.Members[0]) && w.until != forever {
			a.until += w.until - m.At
		}
	}
	c.active = append(c.active, w)
}

// note takes down what a window does not tell.
func (c *Contract) note(m *scenarios.Moment, f *faults.Fault) {
	for _, id := range m.Members {
		switch f.Kind {
		case faults.PowerOff, faults.Reboot:
			c.powered[id] = max(c.powered[id], m.At+f.For)
		case faults.LeaveHost, faults.JoinHost:
			c.leaving[id] = f.Kind == faults.LeaveHost
		}
	}
}

func (c *Contract) repair(m *scenarios.Moment, f *faults.Fault, repairs []faults.Kind) {
	over := m.At
	if f.Kind == faults.PowerOn || f.Kind == faults.JoinHost {
		over += bootTime
	}
	for i := range c.active {
		w := &c.active[i]
		same := f.Kind == faults.Heal || len(w.members) == len(m.Members) && slices.Equal(w.members, m.Members)
		if slices.Contains(repairs, w.kind) && same && w.vm == f.VM && w.until > over {
			if f.Kind == faults.Heal && !slices.Equal(w.members, append(slices.Clone(m.Members), m.Peers...)) {
				continue
			}
			w.until = over
		}
	}
}

// quiet reports whether nothing has been wrong for long enough that everything is decided.
func (c *Contract) quiet(now time.Duration) bool {
	return len(c.active) == 0 && (c.ended == 0 || now-c.ended >= c.settle())
}

// calmFor reports whether everything was decided up to this instant as far as the homes are concerned. Other members
// may be lost at the very same instant, as when a site loses power: that is one fault.
func (c *Contract) calmFor(now time.Duration, homes [2]model.NodeID) bool {
	for i := range c.active {
		w := &c.active[i]
		if w.began != now || w.kind != faults.PowerOff || w.touches(homes[0]) || w.touches(homes[1]) {
			return false
		}
	}
	return c.ended == 0 || now-c.ended >= c.settle()
}

// stirred reports whether somebody has lately proposed anything about the VM that is not decided, or a policy
// begins to move it: orders and policies take effect at moments of their own.
func (c *Contract) stirred(m *scenarios.Moment, vm *script.VM) bool {
	id, list := m.World.VM(vm.Name), m.World.Notices()
	gen := m.World.Config(id).Gen
	for i := len(list) - 1; i >= 0 && m.World.Now().Sub(list[i].At) < c.settle(); i-- {
		n := &list[i]
		if n.VM == id && (n.Kind == model.NoticeProposed && n.Gen == gen || n.Kind == model.NoticeMoving) {
			return true
		}
	}
	return false
}

// lately reports whether the member lost its power only a moment ago.
func (c *Contract) lately(now time.Duration, id model.NodeID) bool {
	return slices.ContainsFunc(c.active, func(w window) bool {
		return (w.kind == faults.PowerOff || w.kind == faults.Reboot) && w.touches(id) && now-w.began < time.Second
	})
}

// troubled reports whether a fault on the member is in effect.
func (c *Contract) troubled(id model.NodeID) bool {
	return slices.ContainsFunc(c.active, func(w window) bool { return w.touches(id) })
}

// armed reports whether a fault waits to strike the member.
func (c *Contract) armed(id model.NodeID) bool {
	return slices.ContainsFunc(c.active, func(w window) bool { return w.armed && w.touches(id) })
}
