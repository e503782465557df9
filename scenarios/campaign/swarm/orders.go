package swarm

import (
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// onDisk returns a VM whose service survives a level that keeps no memory, or nil.
func (d *drawer) onDisk() *script.VM {
	return d.vmOf(func(vm *script.VM) bool { return vm.Service != script.ServiceRegisters })
}

// mtbf draws a rule for a component.
func (d *drawer) mtbf() []part {
	vm := d.anyVM()
	f := fault{Kind: faults.MTBF, Part: faults.Part(d.Int(int(faults.PartHost), int(faults.PartVM))), Repair: faults.Repair(d.Int(int(faults.RepairDefault), int(faults.RepairMTBF)))}
	if f.Part != faults.PartVM {
		f.Member = d.home(vm)
	}
	if f.Part >= faults.PartDisk {
		f.VM = vm.Name
	}
	if f.Repair == faults.RepairMTBF {
		f.Amount = d.magnitude(time.Millisecond, time.Minute).Truncate(time.Millisecond)
	}
	return one(f)
}

func (d *drawer) maintain() []part {
	if d.Chance(1, 2) {
		return pairOf(fault{Kind: faults.Maintain, Member: d.anyHost()}, faults.Resume, d.length(10*time.Second))
	}
	return one(fault{Kind: faults.Maintain, Member: d.host(), For: d.length(10 * time.Second)})
}

// setLevel is another level for a while, or for good.
func (d *drawer) setLevel() []part {
	vm := d.onDisk()
	first := fault{Kind: faults.SetLevel, VM: vm.Name, Level: faults.Level(d.Int(int(faults.LevelNone), int(faults.LevelFT)))}
	if vm.Recovery != "" && first.Level == faults.LevelNone {
		first.Level = faults.LevelRestart // none has no recovery copy
	}
	if d.Chance(1, 3) {
		return one(first)
	}
	back := map[script.Level]faults.Level{script.LevelFT: faults.LevelFT, script.LevelHA: faults.LevelHA, script.LevelRestart: faults.LevelRestart}[vm.Level]
	return []part{{fault: first}, {fault: fault{Kind: faults.SetLevel, VM: vm.Name, Level: back}, after: d.length(8 * time.Second)}}
}

// joinHost has a spare host join, or one that left or is about to.
func (d *drawer) joinHost() []part { return one(fault{Kind: faults.JoinHost, Member: d.spare()}) }

// spare draws a host that is not in the pool at first, or any.
func (d *drawer) spare() faults.Role {
	for _, h := range d.script.Hosts {
		if h.Spare && d.Chance(2, 3) {
			return faults.Named(h.Name)
		}
	}
	return d.anyHost()
}

// leaveHost has a host leave; often it is told to come back, before it is gone or afterwards.
func (d *drawer) leaveHost() []part {
	if d.Chance(1, 2) {
		return pairOf(fault{Kind: faults.LeaveHost, Member: d.anyHost()}, faults.JoinHost, d.length(10*time.Second))
	}
	return one(fault{Kind: faults.LeaveHost, Member: d.host()})
}

func (d *drawer) replaceHome() []part {
	vm := d.anyVM()
	return one(fault{Kind: faults.ReplaceHome, VM: vm.Name, Member: faults.Secondary(vm.Name), Peer: d.spare()})
}

// lateVM returns the VM that is not there from the beginning, or nil.
func (d *drawer) lateVM() *script.VM {
	if last := &d.script.VMs[len(d.script.VMs)-1]; last.Later {
		return last
	}
	return nil
}

func (d *drawer) orderVM() []part { return one(fault{Kind: faults.OrderVM, VM: d.lateVM().Name}) }

func (d *drawer) handOver() []part { return one(fault{Kind: faults.HandOver, VM: d.sharedVM().Name}) }

// override is a lost host of a pool of two, an operator who says so after having looked, and its return.
func (d *drawer) override() []part {
	i := d.Int(0, 1)
	dead, alive := faults.Named(d.script.Hosts[i].Name), faults.Named(d.script.Hosts[1-i].Name)
	looked := d.magnitude(600*time.Millisecond, 4*time.Second)
	return []part{
		{fault: fault{Kind: faults.PowerOff, Member: dead}},
		{fault: fault{Kind: faults.Override, Member: alive, Peer: dead}, after: looked},
		{fault: fault{Kind: faults.PowerOn, Member: dead}, after: looked + d.magnitude(100*time.Millisecond, 6*time.Second)},
	}
}

// forceStart is the loss of both homes of a VM, one that comes back, an operator who has the VM started from its
// copy without waiting for the other, and the return of that one.
func (d *drawer) forceStart() []part {
	vm := d.vmOf(func(vm *script.VM) bool { return vm.Home != "" })
	gone, back := faults.Named(vm.Home), faults.Named(vm.Second)
	if d.Chance(1, 2) {
		gone, back = back, gone
	}
	on := d.magnitude(100*time.Millisecond, 2*time.Second)
	order := on + 2*time.Second + d.magnitude(100*time.Millisecond, 4*time.Second)
	return []part{
		{fault: fault{Kind: faults.PowerOff, Member: gone}},
		{fault: fault{Kind: faults.PowerOff, Member: back}},
		{fault: fault{Kind: faults.PowerOn, Member: back}, after: on},
		{fault: fault{Kind: faults.ForceStart, Member: back, VM: vm.Name}, after: order},
		{fault: fault{Kind: faults.PowerOn, Member: gone}, after: order + d.magnitude(100*time.Millisecond, 4*time.Second)},
	}
}
