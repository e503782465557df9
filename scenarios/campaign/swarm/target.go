package swarm

import (
	"holdfast/faults"
	"holdfast/scenarios/script"
)

// anyVM draws a VM that is there from the beginning.
func (d *drawer) anyVM() *script.VM { return d.vmOf(func(vm *script.VM) bool { return true }) }

// sharedVM draws a VM on shared storage, or returns nil.
func (d *drawer) sharedVM() *script.VM { return d.vmOf(func(vm *script.VM) bool { return vm.Shared }) }

// vmOf draws a VM of a sort that is there from the beginning, or returns nil.
func (d *drawer) vmOf(fits func(*script.VM) bool) *script.VM {
	var list []*script.VM
	for i := range d.script.VMs {
		if vm := &d.script.VMs[i]; !vm.Later && fits(vm) {
			list = append(list, vm)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[d.Int(0, len(list)-1)]
}

// anyHost draws a host by its name.
func (d *drawer) anyHost() faults.Role {
	return faults.Named(d.script.Hosts[d.Int(0, len(d.script.Hosts)-1)].Name)
}

// home draws a home of the VM, or the host of its recovery copy: by its part in the protocol, or by name if the plan names it.
func (d *drawer) home(vm *script.VM) faults.Role {
	if vm.Recovery != "" { // while it runs there, nobody is its secondary
		return []faults.Role{faults.Primary(vm.Name), faults.Named(vm.Home), faults.Named(vm.Second), faults.Named(vm.Recovery)}[d.Weighted([]uint32{3, 2, 2, 4})]
	}
	if vm.Home == "" {
		return []faults.Role{faults.Primary(vm.Name), faults.Secondary(vm.Name)}[d.Weighted([]uint32{4, 3})]
	}
	return []faults.Role{faults.Primary(vm.Name), faults.Secondary(vm.Name), faults.Named(vm.Home), faults.Named(vm.Second)}[d.Weighted([]uint32{4, 3, 2, 2})]
}

// host draws a host.
func (d *drawer) host() faults.Role {
	if d.Chance(1, 5) {
		return d.anyHost()
	}
	return d.home(d.anyVM())
}

// member draws a host or the witness.
func (d *drawer) member() faults.Role {
	if d.script.Witness.Name != "" && d.Chance(1, 6) {
		return faults.Witness()
	}
	return d.host()
}

// fixed draws a member by its name, so that two actions mean the same one.
func (d *drawer) fixed() faults.Role {
	if d.script.Witness.Name != "" && d.Chance(1, 6) {
		return faults.Named(d.script.Witness.Name)
	}
	return d.anyHost()
}

// wire draws a link between two different members, and often the one between the homes of a VM.
func (d *drawer) wire() (a, b faults.Role, link faults.Link) {
	hostLinks := []faults.Link{faults.LinkA1, faults.LinkA2, faults.LinkPair, faults.LinkManagement, faults.LinkAll}
	if d.script.Witness.Name != "" && d.Chance(1, 5) {
		a, b = d.host(), faults.Witness()
		if d.Chance(1, 2) {
			a, b = b, a
		}
		return a, b, []faults.Link{faults.LinkManagement, faults.LinkAll}[d.Int(0, 1)]
	}
	link = hostLinks[d.Weighted([]uint32{2, 2, 4, 2, 5})]
	vm := d.anyVM()
	if len(d.script.Hosts) > 2 && d.Chance(1, 4) {
		i := d.Int(0, len(d.script.Hosts)-1)
		j := (i + d.Int(1, len(d.script.Hosts)-1)) % len(d.script.Hosts)
		return faults.Named(d.script.Hosts[i].Name), faults.Named(d.script.Hosts[j].Name), link
	}
	a, b = faults.Primary(vm.Name), faults.Secondary(vm.Name)
	if vm.Recovery != "" {
		far := [][2]string{{vm.Home, vm.Recovery}, {vm.Second, vm.Recovery}, {vm.Home, vm.Second}}[d.Weighted([]uint32{3, 3, 1})]
		a, b = faults.Named(far[0]), faults.Named(far[1])
	}
	if d.Chance(1, 2) {
		a, b = b, a
	}
	return a, b, link
}

// maxSides is the number of members that a partition can name.
const maxSides = 16

// sides draws a partition of all members into two or three groups.
func (d *drawer) sides() [][]faults.Role {
	var all []faults.Role
	for _, h := range d.script.Hosts {
		all = append(all, faults.Named(h.Name))
	}
	if d.script.Witness.Name != "" {
		all = append(all, faults.Named(d.script.Witness.Name))
	}
	d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:min(len(all), maxSides)] // who is not named keeps all links
	count := 2
	if len(all) > 2 && d.Chance(1, 4) {
		count = 3
	}
	groups := make([][]faults.Role, count)
	for i, r := range all {
		at := i // nobody's group is empty
		if i >= count {
			at = d.Int(0, count-1)
		}
		groups[at] = append(groups[at], r)
	}
	return groups
}
