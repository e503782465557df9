package contract

import (
	"holdfast/faults"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
)

// operator keeps the operator honest, in both modes: an override against a living host and a forced start of a
// stale copy lose acknowledged work, as documented. That is no fault that a protocol can survive.
func (c *Contract) operator(m *scenarios.Moment) (faults.Fault, string) {
	f := m.Fault
	if f.Kind != faults.Override && f.Kind != faults.ForceStart || len(m.Members) != 1 {
		return f, ""
	}
	acting := m.Members[0]
	if f.Kind == faults.Override && c.alone && c.decides != acting {
		return faults.Fault{}, "the other host decided alone before, and what it decided would be void"
	}
	if f.Kind == faults.Override && c.rolled > 0 {
		return faults.Fault{}, "a member forgot the log, and whoever decides alone must know it all"
	}
	if f.Kind == faults.Override && c.covered {
		return c.decidesAlone(m)
	}
	if !m.World.Powered(acting) || c.troubled(acting) {
		return faults.Fault{}, "the host that the operator speaks to could not act now, and must not later"
	}
	for i := range c.script.VMs {
		vm := &c.script.VMs[i]
		homes := c.homes(m, vm)
		other := homes[0]
		if other == acting {
			other = homes[1]
		}
		cfg := m.World.Config(m.World.VM(vm.Name))
		switch {
		case f.Kind == faults.ForceStart && f.VM != vm.Name:
		case m.World.Powered(other):
			return faults.Fault{}, "the other host is alive"
		case vm.Shared && c.lately(m.At, other):
			return faults.Fault{}, "what the other host sent to the shared storage may still be on its way"
		case !cfg.InSync.Has(acting):
			return faults.Fault{}, "the copy of " + vm.Name + " misses acknowledged writes"
		case f.Kind == faults.ForceStart && vm.Level == script.LevelFT && !c.permits(vm.Name):
			return faults.Fault{}, "a forced start is the loss of the memory of " + vm.Name
		}
	}
	if f.Kind == faults.Override {
		c.alone, c.decides = true, acting
	}
	return f, ""
}

// log keeps enough members that remember the control log: one may forget, when all others are there. That holds for
// unbounded plans as well: if whoever knew is gone, nobody can notice that something is missing.
func (c *Contract) log(m *scenarios.Moment) (faults.Fault, string) {
	f := m.Fault
	if f.OldDisk && c.alone {
		f.OldDisk = false
		return f, "after an override one host decides alone, and nobody remembers what it forgets"
	}
	if f.OldDisk {
		plain := f
		plain.OldDisk = false
		switch {
		case len(m.Members) != 1 || m.World.Powered(m.Members[0]):
			return plain, "a disk can go back only while its member is off"
		case c.rolled > 0:
			return plain, "a second member would forget the log"
		case c.fewest < 3 && !c.unbounded:
			return plain, "in a pool of two voters nobody can do without the one that forgot"
		case c.shared && !c.unbounded && !c.quiet(m.At):
			return plain, "a member forgets while a watchdog may be about to reset another one"
		case c.othersTroubled(m):
			return plain, "a member forgets while another one is away"
		}
		c.rolled++
		c.calm = m.At + bootTime + c.settle()
		return f, ""
	}
	if !c.unbounded && m.At < c.calm && ends[f.Kind] == nil && f.Kind != faults.HealAll {
		return faults.Fault{}, "a member has forgotten the log and needs the others to catch up"
	}
	return f, ""
}

// othersTroubled reports whether anything is wrong with somebody else.
func (c *Contract) othersTroubled(m *scenarios.Moment) bool {
	for _, w := range c.active {
		if len(w.members) != 1 || w.members[0] != m.Members[0] {
			return true
		}
	}
	return false
}

// disk keeps a good copy of every block.
func (c *Contract) disk(m *scenarios.Moment) (faults.Fault, string) {
	f := m.Fault
	if c.unbounded {
		return f, ""
	}
	for i := range c.script.VMs {
		vm := &c.script.VMs[i]
		id := m.World.VM(vm.Name)
		if f.Kind == faults.DiskCorrupt && f.VM == vm.Name {
			switch {
			case vm.Shared:
				return faults.Fault{}, "there is no other copy of " + vm.Name + ", which is on shared storage"
			case c.shared:
				return faults.Fault{}, "a watchdog may reset the host of the other copy of " + vm.Name
			case c.corrupt[id]:
				return faults.Fault{}, "the other copy of " + vm.Name + " may be the one that was corrupted"
			case c.governed || c.leaves(m, vm):
				return faults.Fault{}, "the other copy of " + vm.Name + " may be about to move"
			case m.At < c.script.Run/2:
				return faults.Fault{}, "the other copy of " + vm.Name + " would have to stay for the rest of the run"
			case !m.World.Redundant(id) || c.near(m, vm):
				return faults.Fault{}, "there may be no other copy of " + vm.Name + " to mend it from"
			}
			c.corrupt[id] = true
			return f, ""
		}
		homes := c.homes(m, vm)
		touched := c.hits(m, homes[0]) || c.hits(m, homes[1]) || f.VM == vm.Name
		if c.corrupt[id] && touched && ends[f.Kind] == nil && !harmless(f.Kind, vm) {
			return faults.Fault{}, "the good copy of a corrupted block of " + vm.Name + " has to stay"
		}
	}
	return f, ""
}

// near reports whether a fault is in effect, or was until lately, at a home of the VM.
func (c *Contract) near(m *scenarios.Moment, vm *script.VM) bool {
	homes := c.homes(m, vm)
	return c.troubled(homes[0]) || c.troubled(homes[1]) || c.ended != 0 && m.At-c.ended < c.settle()
}

// leaves reports whether a home of the VM was told to leave the pool, which it does once there is another one.
func (c *Contract) leaves(m *scenarios.Moment, vm *script.VM) bool {
	homes := c.homes(m, vm)
	return c.leaving[homes[0]] || c.leaving[homes[1]]
}

// harmless reports whether the kind takes no copy of the VM out of the in-sync set.
func harmless(k faults.Kind, vm *script.VM) bool {
	switch k {
	case faults.NICDown:
		return vm.Level != script.LevelFT // it goes to the other host when its port fails too often
	case faults.NICUp, faults.SaveDisk, faults.HealAll, faults.Duplicate, faults.ClockDrift:
		return true
	}
	return false
}

// Explain returns why a run that did not converge could not, or "" if nothing of what happened explains it.
func (c *Contract) Explain() string {
	count := map[faults.Kind]int{}
	rolled := 0
	for i := range c.fate {
		for _, h := range c.fate[i].happened {
			count[h.fault.Kind]++
			if h.fault.OldDisk {
				rolled++
			}
		}
	}
	switch {
	case !c.unbounded:
		return ""
	case rolled > 0 && 2*rolled >= c.fewest:
		return "so many members forgot the control log that no majority is left which remembers it"
	case count[faults.DiskCorrupt] > 0:
		return "a block was corrupted and its other copy may have been lost"
	case count[faults.Override] > 0:
		return "an operator overrode the rules"
	case count[faults.ForceStart] > 0:
		return "an operator forced a start"
	}
	return ""
}
