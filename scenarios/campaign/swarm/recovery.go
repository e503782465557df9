package swarm

import (
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// elsewhere draws a host for a recovery copy: one of the place where the homes are not.
func (d *drawer) elsewhere(home, hosts int) string {
	far := 0
	if home < 2 {
		far = 2
	}
	return d.script.Hosts[min(far+d.Int(0, 1), hosts-1)].Name
}

// distance puts the two places of a pool with recovery copies apart: what goes from one to the other takes a while.
func (d *drawer) distance() {
	if d.shape != distant {
		return
	}
	way := d.magnitude(time.Millisecond, 40*time.Millisecond)
	for i, near := range d.script.Hosts[:2] {
		for _, far := range d.script.Hosts[2:] {
			d.place(at(calm/5+time.Duration(i)*time.Millisecond), one(fault{
				Kind: faults.Delay, Member: faults.Named(near.Name), Peer: faults.Named(far.Name), Link: faults.LinkAll, Amount: way,
			}))
		}
	}
}

// covered draws a VM with a recovery copy.
func (d *drawer) covered() *script.VM {
	return d.vmOf(func(vm *script.VM) bool { return vm.Recovery != "" })
}

// failOver is the loss of both homes of a VM, an operator who has it started from its recovery copy, with the pool's
// consent or, if no majority is left, without, the return of the homes, and the VM's return to them.
func (d *drawer) failOver() []part {
	vm := d.covered()
	first, second, there := faults.Named(vm.Home), faults.Named(vm.Second), faults.Named(vm.Recovery)
	if d.Chance(1, 3) {
		first, second = second, first
	}
	step := time.Duration(0)
	if d.Chance(1, 2) {
		step = d.magnitude(time.Millisecond, 2*time.Second)
	}
	loss := faults.Unsynced(d.Int(0, 3))
	order := step + d.magnitude(500*time.Millisecond, 3*time.Second)
	parts := []part{
		{fault: fault{Kind: faults.PowerOff, Member: first, Unsynced: loss}},
		{fault: fault{Kind: faults.PowerOff, Member: second, Unsynced: loss}, after: step},
		{fault: fault{Kind: faults.Override, Member: there, Peer: first}, after: order},
	}
	order += d.magnitude(time.Millisecond, time.Second)
	parts = append(parts, part{fault: fault{Kind: faults.FailOver, Member: there, VM: vm.Name}, after: order})
	if d.Chance(1, 3) { // in case that the first one did not come to anything
		order += d.magnitude(500*time.Millisecond, 2*time.Second)
		parts = append(parts, part{fault: fault{Kind: faults.FailOver, Member: there, VM: vm.Name}, after: order})
	}
	back := order + d.magnitude(time.Second, 6*time.Second)
	parts = append(parts, part{fault: fault{Kind: faults.PowerOn, Member: first}, after: back})
	if d.Chance(1, 2) {
		back += d.magnitude(time.Millisecond, 2*time.Second)
	}
	parts = append(parts, part{fault: fault{Kind: faults.PowerOn, Member: second}, after: back})
	return append(parts, d.comeBack(vm, back)...)
}

// comeBack is what follows when both places are there again: mostly the VM returns, sometimes in spite of trouble, or the
// place where it runs is lost as well.
func (d *drawer) comeBack(vm *script.VM, back time.Duration) []part {
	there, home := faults.Named(vm.Recovery), faults.Named(vm.Home)
	when := back + d.magnitude(time.Second, 8*time.Second)
	order := part{fault: fault{Kind: faults.FailBack, Member: there, VM: vm.Name}, after: when}
	soon := when + d.magnitude(time.Millisecond, time.Second)
	switch d.Int(0, 6) {
	case 0:
		return nil
	case 1: // the copy at the former home is lost meanwhile, and the order given again
		again := order
		again.after = soon + d.magnitude(2*time.Second, 12*time.Second)
		return []part{order, {fault: fault{Kind: faults.PowerOff, Member: home, For: d.length(4 * time.Second)}, after: soon}, again}
	case 2: // it has not much room to travel in
		slow := fault{Kind: faults.Slow, Member: there, Peer: home, Link: faults.LinkAll, Bandwidth: 16 << d.Int(0, 6), For: d.length(8 * time.Second)}
		return []part{{fault: slow, after: when - time.Millisecond}, order, {fault: fault{Kind: faults.KillDaemon, Member: d.home(vm), For: d.length(time.Second)}, after: soon}}
	case 3: // the other place is lost, before or after the copy at the former home has a point
		lost := back + d.magnitude(100*time.Millisecond, 6*time.Second)
		order := lost + d.magnitude(500*time.Millisecond, 2*time.Second)
		return []part{
			{fault: fault{Kind: faults.PowerOff, Member: there}, after: lost},
			{fault: fault{Kind: faults.FailOver, Member: home, VM: vm.Name}, after: order},
			{fault: fault{Kind: faults.FailOver, Member: faults.Named(vm.Second), VM: vm.Name}, after: order + time.Millisecond},
			{fault: fault{Kind: faults.PowerOn, Member: there}, after: order + d.magnitude(time.Second, 4*time.Second)},
		}
	}
	return []part{order}
}

// disaster is the loss of a place at a stage of a recovery point or of a resync, and sometimes further trouble with the
// host that takes over.
func (d *drawer) disaster(from time.Duration) {
	vm := d.covered()
	t := at(from)
	if d.Chance(2, 3) {
		t = d.stage(from, vm, points)
	} else if d.Chance(1, 2) {
		d.place(t, one(fault{Kind: faults.Reboot, Member: faults.Named(vm.Second), For: d.length(2 * time.Second)}))
		t = script.Trigger{Kind: script.TriggerWhen, At: from, VM: vm.Name, Nth: 1, Stage: script.StageResyncHalfway}
	}
	d.place(t, d.failOver())
	if d.Chance(1, 3) {
		there := faults.Named(vm.Recovery)
		f := []fault{
			{Kind: faults.PowerOff, Member: there, Unsynced: faults.Unsynced(d.Int(0, 3)), For: d.length(2 * time.Second)},
			{Kind: faults.KillDaemon, Member: there, For: d.length(time.Second)},
			{Kind: faults.DiskSlow, Member: there, VM: vm.Name, Amount: d.magnitude(10*time.Millisecond, 2*time.Second), For: d.length(5 * time.Second)},
		}[d.Int(0, 2)]
		d.place(script.Trigger{Kind: script.TriggerWhen, At: from, VM: vm.Name, Nth: 1, Stage: script.StageFailOverProposed}, one(f))
	}
}

// points are the stages of a recovery point.
var points = []script.Stage{script.StagePointSent, script.StagePointSealed, script.StagePointApplied}

// sever parts a VM from its recovery copy, or troubles that one's host, at a stage of a point; and often the VM goes over
// to its other home meanwhile, so that somebody else has to know what the copy lacks.
func (d *drawer) sever(from time.Duration) {
	vm := d.covered()
	there, last := faults.Named(vm.Recovery), d.magnitude(10*time.Millisecond, 14*time.Second)
	link := []faults.Link{faults.LinkAll, faults.LinkPair}[d.Int(0, 1)] // with management a majority stays where there is no other one
	cut := func(home string, k faults.Kind) fault {
		return fault{Kind: k, Member: faults.Named(home), Peer: there, Link: link, For: last}
	}
	t := d.stage(from, vm, points)
	var parts []part
	switch d.Int(0, 5) {
	case 0:
		parts = one(fault{Kind: faults.PowerOff, Member: there, Unsynced: faults.Unsynced(d.Int(0, 3)), For: min(last, 8*time.Second)})
	case 1:
		parts = one(fault{Kind: faults.KillDaemon, Member: there, For: min(last, 4*time.Second)})
	case 2:
		loss := cut(vm.Home, faults.Loss)
		loss.Chance = []int{50_000, 200_000, 500_000}[d.Int(0, 2)]
		parts = one(loss)
	case 3:
		parts = one(fault{Kind: faults.DiskSlow, Member: there, VM: vm.Name, Amount: d.magnitude(10*time.Millisecond, time.Second), For: last})
	default: // often for so long that more writes wait than are kept, and then the primary is lost before the copy has all
		if d.Chance(1, 2) {
			last = d.Duration(8*time.Second, 16*time.Second).Round(time.Millisecond)
			full := script.Trigger{Kind: script.TriggerWhen, At: from, VM: vm.Name, Nth: 1, Stage: script.StageOverflow}
			if d.Chance(1, 2) {
				full.Delay = d.magnitude(time.Millisecond, 4*time.Second)
			}
			d.place(full, one(d.lossOf(vm)))
		}
		parts = append(one(cut(vm.Home, faults.Cut)), one(cut(vm.Second, faults.Cut))...)
	}
	d.place(t, parts)
	if d.Chance(1, 2) {
		t.Delay += d.Duration(last/2, last).Round(time.Millisecond)
		d.place(t, one(d.lossOf(vm)))
	}
}

func (d *drawer) testFailOver() []part {
	vm := d.covered()
	return one(fault{Kind: faults.TestFailOver, Member: faults.Named(vm.Recovery), VM: vm.Name})
}

// removeRecovery takes a VM's recovery copy away, and mostly orders another one soon: on the same host, or on another.
func (d *drawer) removeRecovery() []part {
	vm := d.covered()
	parts := one(fault{Kind: faults.RemoveRecovery, VM: vm.Name})
	if d.Chance(3, 4) {
		to := faults.Named(vm.Recovery)
		if d.Chance(1, 5) {
			to = d.anyHost()
		}
		parts = append(parts, part{
			fault: fault{Kind: faults.AddRecovery, VM: vm.Name, Member: to, Amount: d.magnitude(100*time.Millisecond, 5*time.Second)},
			after: d.magnitude(time.Millisecond, 6*time.Second),
		})
	}
	return parts
}
