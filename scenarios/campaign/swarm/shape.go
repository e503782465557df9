package swarm

import (
	"fmt"
	"time"

	"holdfast/scenarios/script"
)

// shape is a sort of pool.
type shape int

// The sorts of pools, with their shares in percent. Large ones are rare because they cost several times as much.
const (
	pair    shape = iota // two hosts and a witness
	alone                // two hosts without one
	several              // three to eight hosts
	distant              // two places, with recovery copies at the other one
	sharing              // VMs on shared storage
	split                // two sites, a witness at a third
	large                // nine to sixteen hosts
)

var shares = []uint32{pair: 46, alone: 9, several: 14, distant: 8, sharing: 15, split: 6, large: 2}

// pool draws hosts, witness and VMs.
func (d *drawer) pool() {
	d.shape = shape(d.Weighted(shares))
	hosts, spares, witness := 2, 0, true
	switch d.shape {
	case alone:
		witness = false
	case several:
		hosts, witness = d.Int(3, 8), d.Chance(1, 3)
		if d.Chance(1, 3) {
			spares = d.Int(1, 2)
		}
	case distant:
		d.rough = true // the memory of an ft VM stays where its homes are
		hosts, witness = []int{3, 3, 4}[d.Int(0, 2)], d.Chance(1, 4)
		if d.Chance(1, 4) {
			spares = 1
		}
	case sharing:
		if d.Chance(1, 3) {
			hosts, witness = d.Int(3, 5), d.Chance(1, 2)
		} else {
			witness = d.Chance(7, 8) // without one, the loss of either host is the loss of both
		}
	case split:
		hosts = []int{2, 4, 4, 6}[d.Int(0, 3)]
	case large:
		hosts, witness = d.Int(9, script.MaxHosts), d.Chance(1, 3)
	}
	s := d.script
	for i := range hosts + spares {
		s.Hosts = append(s.Hosts, script.Member{Name: string(rune('a' + i)), Spare: i >= hosts})
	}
	if witness {
		s.Witness.Name = "w"
	}
	if hosts > 3 && d.Chance(1, 3) {
		s.Voters = []int{3, 3, 5}[d.Int(0, min(hosts-3, 2))]
	}
	for i := range d.vms(hosts) {
		s.VMs = append(s.VMs, d.vm(i, hosts))
	}
}

// vms draws how many VMs there are.
func (d *drawer) vms(hosts int) int {
	switch {
	case d.shape == large:
		return d.Int(4, 10)
	case d.shape == distant:
		return d.Int(1, 2)
	case hosts > 2:
		return d.Int(2, min(hosts, 5))
	case d.Chance(1, 4):
		return d.Int(2, 3)
	}
	return 1
}

// vm draws one VM. A VM that may lose its memory keeps its data on its disk: nothing else is promised.
func (d *drawer) vm(i, hosts int) script.VM {
	home, second := d.homes(hosts)
	v := script.VM{
		Name:  fmt.Sprintf("vm%d", i+1),
		Level: []script.Level{script.LevelFT, script.LevelHA, script.LevelRestart}[d.Weighted([]uint32{60, 25, 15})],
		Home:  d.script.Hosts[home].Name, Second: d.script.Hosts[second].Name,
	}
	if d.shape == distant {
		v.Recovery, v.Target = d.elsewhere(home, hosts), d.magnitude(100*time.Millisecond, 5*time.Second)
	}
	if d.shape == sharing && (i == 0 || d.Chance(1, 2)) {
		v.Level, v.Shared = script.LevelRestart, true
	}
	if d.shape == sharing && v.Level == script.LevelFT && !d.rough {
		v.Level = script.LevelHA // a watchdog resets a host with all that is on it, at a moment that no plan knows
	}
	services := []script.Service{script.ServiceLog, script.ServiceBank, script.ServiceRegisters}
	weights := []uint32{50, 20, 30}
	if v.Level != script.LevelFT || d.rough {
		weights[2] = 0
	}
	v.Service = services[d.Weighted(weights)]
	return v
}

// homes draws two hosts for a VM; in a pool of two sites one of each, hosts of even places being on the one site. Where
// there are recovery copies, both are at the same place, which is that of the first two hosts or that of the next two.
func (d *drawer) homes(hosts int) (home, second int) {
	home = d.Int(0, hosts-1)
	if d.shape == distant {
		if hosts == 3 {
			home %= 2 // the third host is alone at its place
		}
		return home, home ^ 1
	}
	if d.shape == split {
		return home, (home + 1 + 2*d.Int(0, hosts/2-1)) % hosts
	}
	return home, (home + d.Int(1, hosts-1)) % hosts
}

// load draws clients. More VMs share what one would get, so that seeds take about the same time.
func (d *drawer) load() {
	share := len(d.script.VMs)
	for _, vm := range d.script.VMs {
		if vm.Later {
			continue
		}
		c := script.Clients{VM: vm.Name, Count: d.Int(2, 5), Rate: d.Int(8, 60) / share, Keys: d.Int(4, 16)}
		c.Rate = max(c.Rate, 4)
		if d.shape == distant && vm.Service == script.ServiceLog {
			c.Rate = d.Int(40, 80) / share // what a recovery copy lacks has to become more than is kept
		}
		if vm.Service == script.ServiceBank {
			// One check covers all accounts of a bank at once: few clients and a low rate keep it decidable.
			c.Count, c.Rate, c.Keys = 2, min(c.Rate, 8), min(c.Keys, 6)
		}
		d.script.Clients = append(d.script.Clients, c)
	}
}
