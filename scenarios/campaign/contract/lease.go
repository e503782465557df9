package contract

import (
	"time"

	"holdfast/faults"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
)

// What the lease is made for, as package sim configures it: see the section about shared storage of
// docs/protocol.md. Of the margin, within which the last write of a host that was reset reaches the storage, plans use
// less than all, because one short jump of the waiting host's clock counts against it too, and two faults may make one write late.
const (
	maxDrift     = 10_000 // parts per million, of watchdogs and of clocks
	maxWriteLate = 150 * time.Millisecond
	maxShortJump = 100 * time.Millisecond
)

// lease keeps what the safety of VMs on shared storage rests on, in both modes: where it is taken away, two
// instances write, and nobody can notice (TestSharedAssumptions).
func (c *Contract) lease(m *scenarios.Moment) (faults.Fault, string) {
	f := m.Fault
	if !c.shared {
		return f, ""
	}
	switch f.Kind {
	case faults.ClockDrift, faults.WatchdogDrift:
		if bounded := min(max(f.DriftPPM, -maxDrift), maxDrift); bounded != f.DriftPPM {
			f.DriftPPM = bounded
			return f, "the lease trusts clocks to drift less"
		}
	case faults.ClockJump:
		return c.jump(m)
	case faults.DiskSlow:
		if c.onShared(f.VM) && f.Amount > maxWriteLate {
			f.Amount = maxWriteLate
			return f, "a write would be on its way to the shared storage for longer than the margin"
		}
	case faults.IODelay:
		if c.onShared(f.VM) && time.Duration(f.Timeouts)*c.script.Value(script.SettingIOTimeout)/1000+f.Amount > maxWriteLate {
			return faults.Fault{}, "a write would be on its way to the shared storage for longer than the margin"
		}
	}
	return f, ""
}

// jump decides about a jump of a clock: a long one is noticed, one short one is covered, many are drift.
func (c *Contract) jump(m *scenarios.Moment) (faults.Fault, string) {
	f := m.Fault
	noticed := 2*c.script.Value(script.SettingHeartbeat) + 50*time.Millisecond
	if f.Amount <= 0 || f.Amount >= noticed {
		return f, ""
	}
	for _, id := range m.Members {
		if c.jumped[id] {
			return faults.Fault{}, "many jumps of a clock that are too short to be noticed are more drift than the lease trusts it with"
		}
	}
	for _, id := range m.Members {
		c.jumped[id] = true
	}
	if f.Amount > maxShortJump {
		f.Amount = maxShortJump
		return f, "a jump of a clock that is too short to be noticed uses up the margin of the lease"
	}
	return f, ""
}

// onShared reports whether the VM's disk is shared storage.
func (c *Contract) onShared(vm string) bool {
	for i := range c.script.VMs {
		if v := &c.script.VMs[i]; v.Name == vm {
			return v.Shared
		}
	}
	return false
}
