package swarm

import (
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// at is a trigger at an instant.
func at(t time.Duration) script.Trigger { return script.Trigger{Kind: script.TriggerAt, At: t} }

// cyclable reports whether a plan can take the power of the whole pool: not if memory must outlive it.
func (d *drawer) cyclable() bool {
	return d.rough || d.vmOf(func(vm *script.VM) bool { return vm.Level == script.LevelFT }) == nil
}

// cycle takes the power of all hosts at once, or one after the other, and often the witness's; they return in any order.
func (d *drawer) cycle(from time.Duration) {
	var all []faults.Role
	for _, h := range d.script.Hosts {
		all = append(all, faults.Named(h.Name))
	}
	if d.script.Witness.Name != "" && d.Chance(2, 3) {
		all = append(all, faults.Named(d.script.Witness.Name))
	}
	step := time.Duration(0)
	if d.Chance(1, 2) {
		step = d.magnitude(time.Millisecond, time.Second)
	}
	d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	loss := faults.Unsynced(d.Int(0, 3))
	for i, m := range all {
		d.place(at(from+time.Duration(i)*step), one(fault{Kind: faults.PowerOff, Member: m, Unsynced: loss}))
	}
	d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	back := from + time.Duration(len(all))*step + d.magnitude(10*time.Millisecond, 3*time.Second)
	step = d.length(10 * time.Second / time.Duration(len(all)))
	for i, m := range all {
		d.place(at(back+time.Duration(i)*step), one(fault{Kind: faults.PowerOn, Member: m}))
	}
}

// siteLoss is the loss of everything at one of two sites, or of the links between them, with the witness on either side
// or on none.
func (d *drawer) siteLoss(from time.Duration) {
	sites := [2][]faults.Role{}
	for i, h := range d.script.Hosts {
		sites[i%2] = append(sites[i%2], faults.Named(h.Name))
	}
	lost, last := d.Int(0, 1), d.length(8*time.Second)
	if d.Chance(1, 4) { // the hosts as one, with or without their links
		f := fault{Kind: faults.PowerOff, Member: faults.Site(d.script.Hosts[lost].Site), Unsynced: faults.Unsynced(d.Int(0, 3)), For: last}
		if d.Chance(1, 2) {
			f = fault{Kind: faults.Isolate, Member: f.Member, KeepLAN: d.Chance(1, 2), For: last}
		}
		d.place(at(from), one(f))
		return
	}
	switch d.Int(0, 2) {
	case 0:
		for _, m := range sites[lost] {
			d.place(at(from), one(fault{Kind: faults.PowerOff, Member: m, Unsynced: faults.Unsynced(d.Int(0, 3)), For: last + d.Duration(0, time.Second).Round(time.Millisecond)}))
		}
	case 1:
		groups := [][]faults.Role{sites[0], sites[1]}
		if w := faults.Named(d.script.Witness.Name); d.Chance(1, 3) {
			groups = append(groups, []faults.Role{w})
		} else {
			groups[lost] = append(groups[lost], w)
		}
		d.place(at(from), one(fault{Kind: faults.Partition, Groups: groups, For: last}))
	default:
		for _, m := range sites[lost] {
			d.place(at(from), one(fault{Kind: faults.Isolate, Member: m, KeepLAN: d.Chance(1, 2), For: last}))
		}
	}
	if d.Chance(1, 2) {
		d.place(d.stage(from, d.anyVM(), recovery), d.fault())
	}
}

// renew is a host that is replaced by another one: it leaves or is lost, another joins, and often something goes wrong
// meanwhile.
func (d *drawer) renew(from time.Duration) {
	old, vm := d.anyHost(), d.anyVM()
	if d.Chance(1, 2) {
		old = d.home(vm)
	}
	gap := d.magnitude(time.Millisecond, 4*time.Second)
	if d.Chance(1, 2) {
		d.place(at(from), one(fault{Kind: faults.JoinHost, Member: d.spare()}))
		from += gap
	}
	if d.Chance(1, 4) {
		d.place(at(from), one(fault{Kind: faults.PowerOff, Member: old, For: d.length(8 * time.Second)}))
		from += gap
	}
	if vm.Shared || d.Chance(2, 3) {
		d.place(at(from), one(fault{Kind: faults.LeaveHost, Member: old}))
	} else {
		d.place(at(from), one(fault{Kind: faults.ReplaceHome, VM: vm.Name, Member: faults.Secondary(vm.Name), Peer: d.spare()}))
	}
	if d.Chance(2, 3) {
		d.place(d.stage(from, vm, recovery), d.fault())
	}
	if d.Chance(1, 2) {
		d.place(at(from+d.magnitude(10*time.Millisecond, 8*time.Second)), one(fault{Kind: faults.JoinHost, Member: d.spare()}))
	}
}

// interrupt is something that goes wrong right after an operator's order: as it is decided, or on the way that follows.
func (d *drawer) interrupt(from time.Duration) {
	vm := d.anyVM()
	var orders [][]part
	for _, w := range d.mix {
		switch w.kind {
		case faults.SetLevel, faults.Maintain, faults.JoinHost, faults.LeaveHost, faults.ReplaceHome, faults.HandOver, faults.OrderVM:
			orders = append(orders, w.draw(d))
		}
	}
	order := one(fault{Kind: faults.Migrate, VM: vm.Name})
	if len(orders) > 0 && d.Chance(2, 3) {
		order = orders[d.Int(0, len(orders)-1)]
	}
	d.place(at(from), order)
	if d.Chance(1, 2) {
		d.place(at(from+d.magnitude(time.Millisecond, time.Second)), d.fault())
	} else {
		d.place(d.stage(from, vm, recovery), d.fault())
	}
}

// overtake takes the holder of a lease out of the way for about as long as the lease lasts, and often troubles the host
// that waits meanwhile, or is to wait.
func (d *drawer) overtake(from time.Duration) {
	vm := d.sharedVM()
	w := d.script.Value(script.SettingLeaseTimeout)
	last := []time.Duration{w / 2, w - w/8, w, w + time.Millisecond, w + w/4, 2 * w}[d.Int(0, 5)].Round(time.Millisecond)
	holder := faults.Primary(vm.Name)
	d.place(at(from), one([]fault{
		{Kind: faults.Freeze, Member: holder, For: last},
		{Kind: faults.Isolate, Member: holder, KeepLAN: d.Chance(1, 2), For: last},
		{Kind: faults.StopDaemon, Member: holder, For: last},
		{Kind: faults.KillDaemon, Member: holder, For: last},
		{Kind: faults.ClockFreeze, Member: holder, For: last},
		{Kind: faults.PowerOff, Member: holder, For: last},
	}[d.Int(0, 5)]))
	if d.Chance(1, 2) {
		d.place(d.stage(from, vm, recovery), d.fault())
	}
}
