package swarm

import (
	"slices"

	"holdfast/scenarios/script"
)

// govern draws policies, room and sites for some pools of more than two hosts, and for all with two sites. The homes
// that the plan begins with keep them: what is refused at the beginning is no plan.
func (d *drawer) govern() {
	s := d.script
	switch {
	case d.shape == split:
		d.sites(func(i int) bool { return i%2 == 0 })
		d.crossing()
	case d.shape == distant:
		if d.Chance(1, 2) {
			d.sites(func(i int) bool { return i < 2 })
		}
		d.apart()
		if d.Chance(2, 3) {
			if d.room(); d.Chance(2, 3) {
				d.later()
			}
		}
	case d.shape == pair && len(s.VMs) > 1 && d.Chance(1, 4):
		d.apart()
	case (d.shape == several || d.shape == sharing && len(s.Hosts) > 2) && d.Chance(1, 2):
		if d.Chance(1, 2) {
			d.sites(func(int) bool { return d.Chance(1, 2) })
			d.crossing()
		}
		d.apart()
		if d.Chance(1, 2) {
			d.room()
		}
		if len(s.Policies) == 0 && !d.roomy() && d.Chance(1, 2) {
			d.auto()
		}
		if d.Chance(1, 3) {
			d.later()
		}
	}
}

// sites says for each host on which of two sites it is.
func (d *drawer) sites(north func(i int) bool) {
	for i := range d.script.Hosts {
		if d.script.Hosts[i].Site = "south"; north(i) {
			d.script.Hosts[i].Site = "north"
		}
	}
}

// crossing demands of some VMs that their copies stay on the sites where they are: two, or one.
func (d *drawer) crossing() {
	other, same := script.Policy{Kind: script.PolicySiteOther}, script.Policy{Kind: script.PolicySiteSame}
	for _, vm := range d.script.VMs {
		switch {
		case d.Chance(1, 4):
		case d.site(vm.Home) != d.site(vm.Second):
			other.VMs = append(other.VMs, vm.Name)
		default:
			same.VMs = append(same.VMs, vm.Name)
		}
	}
	for _, p := range []script.Policy{other, same} {
		if len(p.VMs) > 0 {
			d.script.Policies = append(d.script.Policies, p)
		}
	}
}

// apart keeps some VMs apart that are: their primaries, or all their homes.
func (d *drawer) apart() {
	vms := d.script.VMs
	if len(vms) < 2 || d.Chance(1, 4) {
		return
	}
	kind := []script.PolicyKind{script.PolicyApart, script.PolicyApart, script.PolicyApartHomes}[d.Int(0, 2)]
	group, taken := []string{}, map[string]bool{}
	for _, vm := range vms {
		if taken[vm.Home] || kind == script.PolicyApartHomes && taken[vm.Second] {
			continue
		}
		group, taken[vm.Home] = append(group, vm.Name), true
		if kind == script.PolicyApartHomes {
			taken[vm.Second] = true
		}
	}
	if len(group) > 1 {
		d.script.Policies = append(d.script.Policies, script.Policy{Kind: kind, VMs: group})
	}
}

// room says what VMs need and hosts have: enough for what is there, and for little or much more.
func (d *drawer) room() {
	need := map[string]int{}
	for i := range d.script.VMs {
		vm := &d.script.VMs[i]
		vm.Memory = 512 << d.Int(0, 2)
		need[vm.Home] += vm.Memory
		need[vm.Second] += vm.Memory
		need[vm.Recovery] += vm.Memory // of "" nobody asks
	}
	for i := range d.script.Hosts {
		h := &d.script.Hosts[i]
		h.Memory = need[h.Name] + 1024*d.Int(0, 4)
		if h.Memory == 0 {
			h.Memory = 1024
		}
	}
}

func (d *drawer) roomy() bool { return d.script.Hosts[0].Memory > 0 }

// auto leaves the homes of all VMs to the policies, and states one that can be kept for sure.
func (d *drawer) auto() {
	s := d.script
	hosts := len(slices.DeleteFunc(slices.Clone(s.Hosts), func(h script.Member) bool { return h.Spare }))
	p := script.Policy{}
	for i := range s.VMs {
		s.VMs[i].Home, s.VMs[i].Second = "", ""
		p.VMs = append(p.VMs, s.VMs[i].Name)
	}
	switch n := len(s.VMs); {
	case n > 1 && 2*n <= hosts && d.Chance(1, 2):
		p.Kind = script.PolicyApartHomes
	case n > 1 && n <= hosts && d.Chance(1, 2):
		p.Kind = script.PolicyApart
	default:
		d.sites(func(i int) bool { return i%2 == 0 })
		p.Kind = script.PolicySiteOther
	}
	s.Policies = append(s.Policies, p)
}

// later adds a VM that is ordered in the course of the plan, if there is room for it then.
func (d *drawer) later() {
	vm := script.VM{Name: "late", Level: []script.Level{script.LevelFT, script.LevelHA, script.LevelRestart}[d.Int(0, 2)], Service: script.ServiceLog, Later: true}
	if d.shape == sharing && vm.Level == script.LevelFT && !d.rough {
		vm.Level = script.LevelHA // as in vm: a watchdog may reset its host
	}
	if d.roomy() {
		vm.Memory = 1024 * d.Int(1, 4)
	}
	d.script.VMs = append(d.script.VMs, vm)
	if i := slices.IndexFunc(d.script.Policies, func(p script.Policy) bool { return p.Kind.Apart() }); i >= 0 && d.Chance(1, 2) {
		p := &d.script.Policies[i]
		p.VMs = append(p.VMs, vm.Name)
	}
}

// site returns the site of a host.
func (d *drawer) site(host string) string {
	for _, h := range d.script.Hosts {
		if h.Name == host {
			return h.Site
		}
	}
	return ""
}
