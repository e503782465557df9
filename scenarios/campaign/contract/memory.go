package contract

import (
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
)

// memory keeps the memory of ft VMs: it survives the loss of one of its two hosts at a time.
func (c *Contract) memory(m *scenarios.Moment) (faults.Fault, string) {
	moment, why := *m, ""
	for i := range c.script.VMs {
		vm := &c.script.VMs[i]
		if vm.Level != script.LevelFT || c.permits(vm.Name) || !m.World.Exists(m.World.VM(vm.Name)) {
			continue
		}
		f, reason := c.keeps(&moment, vm)
		switch {
		case reason == "":
		case f.Kind == 0:
			return f, reason
		default: // what is weak enough for this VM the others have a say in, too
			moment.Fault, why = f, reason
		}
	}
	return moment.Fault, why
}

// keeps decides for one ft VM that must not lose its memory.
func (c *Contract) keeps(m *scenarios.Moment, vm *script.VM) (faults.Fault, string) {
	f := m.Fault
	homes := c.homes(m, vm)
	safe := m.World.Redundant(m.World.VM(vm.Name)) && c.calmFor(m.At, homes) && !c.stirred(m, vm)
	if c.moves(&f, vm) && (c.armed(homes[0]) || c.armed(homes[1])) {
		return faults.Fault{}, "a daemon is about to crash that would then hold the only memory of " + vm.Name
	}
	for _, h := range homes {
		if !c.hits(m, h) {
			continue
		}
		if c.armed(homes[0]) || c.armed(homes[1]) {
			return faults.Fault{}, "a daemon is about to crash that may then hold the only memory of " + vm.Name
		}
		switch f.Kind {
		case faults.PowerOff, faults.Reboot:
			if m.World.Powered(h) && !safe && c.holds(m, vm, h, false) {
				return c.weaker(f, faults.Freeze), "the host may hold the only memory of " + vm.Name
			}
		case faults.KillDaemon:
			if !safe && c.holds(m, vm, h, true) {
				return c.weaker(f, faults.StopDaemon), "the daemon may hold the only memory of " + vm.Name
			}
		case faults.OldDaemon:
			return faults.Fault{}, "the daemon is replaced again later, when it may hold the only memory of " + vm.Name
		case faults.CrashDaemon:
			if !safe {
				return faults.Fault{}, "the daemon may hold the only memory of " + vm.Name + " when it crashes"
			}
			if c.governed {
				return faults.Fault{}, "a policy may be moving " + vm.Name + " when the daemon crashes"
			}
		}
	}
	switch {
	case f.Kind == faults.HangVM && f.VM == vm.Name && c.hangs(vm.Name):
		return faults.Fault{}, "two short hangs in a row are a long one, and the guest is booted anew"
	case f.Kind == faults.HangVM && f.VM == vm.Name && (f.For == 0 || f.For > (c.script.Value(script.SettingHangAfter)/2).Round(time.Millisecond)):
		f.For = (c.script.Value(script.SettingHangAfter) / 2).Round(time.Millisecond)
		return f, "a guest that hangs for long is booted anew, which is the loss of its memory"
	case f.Kind == faults.CrashVM && f.VM == vm.Name:
		return faults.Fault{}, "the crash of the guest is the loss of its memory"
	case f.VM == vm.Name && (f.Kind == faults.IODelay || f.Kind == faults.DiskError && f.Count > 0):
		// When the next operation comes nobody knows, so neither when the copy fails.
		return faults.Fault{}, "the copy would fail at a moment that nobody knows, perhaps together with the other host"
	case !safe:
		return c.brief(m, vm, homes)
	}
	return f, ""
}

// moves reports whether the fault is an order that may let the VM run elsewhere, or exposed for a while.
func (c *Contract) moves(f *faults.Fault, vm *script.VM) bool {
	switch f.Kind {
	case faults.Migrate, faults.SetLevel, faults.ReplaceHome:
		return f.VM == vm.Name
	case faults.Maintain, faults.Resume, faults.LeaveHost, faults.JoinHost:
		return true
	}
	return false
}

// hangs reports whether the guest hangs, or did until a moment ago.
func (c *Contract) hangs(vm string) bool {
	return slices.ContainsFunc(c.active, func(w window) bool { return w.kind == faults.HangVM && w.vm == vm })
}

// hits reports whether the fault touches the member.
func (c *Contract) hits(m *scenarios.Moment, id model.NodeID) bool {
	for _, list := range [][]model.NodeID{m.Members, m.Peers} {
		for _, x := range list {
			if x == id {
				return true
			}
		}
	}
	return m.Fault.Kind == faults.Partition
}

// holds reports whether the VM's memory may be nowhere but on the host; for a daemon that is killed, nowhere
// but in its own memory.
func (c *Contract) holds(m *scenarios.Moment, vm *script.VM, host model.NodeID, daemon bool) bool {
	id := m.World.VM(vm.Name)
	cfg := m.World.Config(id)
	switch {
	case !cfg.Exposed():
		return true
	case cfg.Primary != host:
		return false
	}
	// The guest outlives the daemon, once it runs.
	return !daemon || m.World.Serving(id) != host || c.troubled(host)
}

// parted is how long a returning host may be parted from the one that has the memory.
func (c *Contract) parted() time.Duration {
	return (c.script.Value(script.SettingColdStartAfter) / 4).Round(time.Millisecond)
}

// brief shortens what would part a returning host for long from the one that has the memory: it waits for
// word from there, but not for ever.
func (c *Contract) brief(m *scenarios.Moment, vm *script.VM, homes [2]model.NodeID) (faults.Fault, string) {
	f := m.Fault
	most := c.parted()
	touched := c.hits(m, homes[0]) || c.hits(m, homes[1])
	switch f.Kind {
	case faults.ClockJump:
		if touched && f.Amount > most {
			return faults.Fault{}, "a jump of the clock would end a host's wait for the memory of " + vm.Name
		}
	case faults.Freeze, faults.StopDaemon, faults.ClockFreeze, faults.Isolate, faults.Partition, faults.Cut, faults.Loss, faults.Delay, faults.Slow, faults.Corrupt, faults.SlowCPU:
		if touched && (f.For == 0 || f.For > most) {
			f.For = most
			return f, "a host would be parted for too long from the memory of " + vm.Name
		}
	}
	return f, ""
}

// weaker returns a fault that stops the same members for the same time but loses nothing.
func (c *Contract) weaker(f faults.Fault, kind faults.Kind) faults.Fault {
	d := f.For
	if d == 0 {
		d = faults.DefaultDaemonRestart
	}
	return faults.Fault{Kind: kind, Member: f.Member, For: min(d, time.Second, c.parted())}
}
