package swarm

import (
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// paired draws a VM of level ha or ft whose homes the script names; nil: there is none.
func (d *drawer) paired() *script.VM {
	return d.vmOf(func(vm *script.VM) bool {
		return vm.Home != "" && vm.Recovery == "" && (vm.Level == script.LevelHA || vm.Level == script.LevelFT)
	})
}

// logged draws one of these that writes to its disk; nil: there is none.
func (d *drawer) logged() *script.VM {
	return d.vmOf(func(vm *script.VM) bool {
		return vm.Home != "" && vm.Recovery == "" && (vm.Level == script.LevelHA || vm.Level == script.LevelFT) && vm.Service != script.ServiceRegisters
	})
}

// relent parts the homes of a VM and lets one hear the other again just as somebody has asked the pool to decide what
// becomes of it, while often the pool takes its time: what was under way arrives late, but before the decision.
func (d *drawer) relent(from time.Duration) {
	vm := d.paired()
	first, second := faults.Primary(vm.Name), faults.Secondary(vm.Name)
	last := d.length(6 * time.Second)
	if d.Chance(1, 2) {
		d.place(at(from), one(fault{Kind: faults.Isolate, Member: first, KeepLAN: d.Chance(2, 3), For: last}))
	} else {
		d.place(at(from), one(fault{Kind: faults.Cut, Member: first, Peer: second, Link: faults.LinkAll, For: last}))
	}
	if d.Chance(2, 3) {
		way := d.magnitude(time.Millisecond, 60*time.Millisecond)
		for _, m := range d.others(vm) {
			d.place(at(from), one(fault{Kind: faults.Delay, Member: m, Peer: second, Link: faults.LinkAll, Amount: way, For: last}))
		}
	}
	t := d.stage(from, vm, pleas)
	if d.Chance(2, 3) {
		t.Nth, t.Delay = 1, 0
	}
	d.place(t, one(fault{Kind: faults.Heal, Member: first, Peer: second, OneWay: d.Chance(1, 2), Link: faults.LinkAll}))
}

// pleas are the stages at which a home has asked the pool for a decision.
var pleas = []script.Stage{script.StagePromoteProposed, script.StagePromoteProposed, script.StageExposeProposed, script.StageAttachProposed}

// others are the members of the pool that are no homes of a VM.
func (d *drawer) others(vm *script.VM) (list []faults.Role) {
	for _, h := range d.script.Hosts {
		if h.Name != vm.Home && h.Name != vm.Second {
			list = append(list, faults.Named(h.Name))
		}
	}
	if w := d.script.Witness.Name; w != "" {
		list = append(list, faults.Named(w))
	}
	return list
}

// straggle has both copies of a VM's disk be slow by about the time after which one is given up, one after the other: a
// write that the guest has its answer to is still on its way when a copy is given up, or joins.
func (d *drawer) straggle(from time.Duration) {
	vm := d.logged()
	first, second := faults.Primary(vm.Name), faults.Secondary(vm.Name)
	if d.Chance(1, 2) {
		first, second = second, first
	}
	about := func(m faults.Role) fault {
		return fault{Kind: faults.IODelay, Member: m, VM: vm.Name, IO: faults.IOWrite, Timeouts: 1000, Amount: time.Duration(d.Int(-1, 1)) * time.Millisecond}
	}
	d.place(at(from), one(about(first)))
	d.place(d.stage(from, vm, writes), one(about(second)))
	if d.Chance(1, 2) {
		d.place(at(from+d.edge()), one(about(first)))
	}
}

// writes are the stages of a write to the disk.
var writes = []script.Stage{script.StageWriteIssued, script.StageWriteLocalDone, script.StageWriteRemoteDone}
