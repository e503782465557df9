package swarm

import (
	"fmt"
	"time"

	"holdfast/scenarios/script"
)

// pool draws hosts, witness and VMs.
func (d *drawer) pool() {
	hosts, witness := 2, true
	switch d.Weighted([]uint32{66, 12, 22}) {
	case 1:
		witness = false
	case 2:
		hosts = d.Int(3, 8)
		witness = d.Chance(1, 3)
	}
	s := d.script
	for i := range hosts {
		s.Hosts = append(s.Hosts, script.Member{Name: string(rune('a' + i))})
	}
	if witness {
		s.Witness.Name = "w"
	}
	vms := 1
	switch {
	case hosts > 2:
		vms = d.Int(2, min(hosts, 5))
	case d.Chance(1, 4):
		vms = d.Int(2, 3)
	}
	for i := range vms {
		s.VMs = append(s.VMs, d.vm(i))
	}
}

// vm draws one VM. A VM that may lose its memory keeps its data on its disk: nothing else is promised.
func (d *drawer) vm(i int) script.VM {
	hosts := d.script.Hosts
	home := d.Int(0, len(hosts)-1)
	second := (home + d.Int(1, len(hosts)-1)) % len(hosts)
	v := script.VM{
		Name:  fmt.Sprintf("vm%d", i+1),
		Level: []script.Level{script.LevelFT, script.LevelHA, script.LevelRestart}[d.Weighted([]uint32{60, 25, 15})],
		Home:  hosts[home].Name, Second: hosts[second].Name,
	}
	services := []script.Service{script.ServiceLog, script.ServiceBank, script.ServiceRegisters}
	weights := []uint32{50, 20, 30}
	if v.Level != script.LevelFT || d.rough {
		weights[2] = 0
	}
	v.Service = services[d.Weighted(weights)]
	return v
}

// load draws clients. More VMs share what one would get, so that seeds take about the same time.
func (d *drawer) load() {
	share := len(d.script.VMs)
	for _, vm := range d.script.VMs {
		c := script.Clients{VM: vm.Name, Count: d.Int(2, 5), Rate: d.Int(8, 60) / share, Keys: d.Int(4, 16)}
		c.Rate = max(c.Rate, 4)
		if vm.Service == script.ServiceBank {
			// One check covers all accounts of a bank at once: few clients and a low rate keep it decidable.
			c.Count, c.Rate, c.Keys = 2, min(c.Rate, 8), min(c.Keys, 6)
		}
		d.script.Clients = append(d.script.Clients, c)
	}
}

// tuning is the range from which a setting is drawn, in milliseconds.
var tuning = []struct {
	setting script.Setting
	lo, hi  int
}{
	{script.SettingHeartbeat, 40, 200},
	{script.SettingPromoteWait, 40, 500},
	{script.SettingIOTimeout, 100, 1000},
	{script.SettingAckTimeout, 300, 2500},
	{script.SettingEpoch, 15, 150},
	{script.SettingColdStartAfter, 2500, 9000},
}

// tunes draws other settings for some plans.
func (d *drawer) tunes() {
	if !d.Chance(1, 4) {
		return
	}
	s := d.script
	for _, t := range tuning {
		if d.Chance(1, 3) {
			s.Tunes = append(s.Tunes, script.Tune{Setting: t.setting, Value: time.Duration(d.Int(t.lo, t.hi)) * time.Millisecond})
		}
	}
	// A suspicion takes at least three heartbeats, or every lost packet makes one.
	beats := d.Int(3, 7)
	if suspect := time.Duration(beats) * s.Value(script.SettingHeartbeat); suspect != s.Value(script.SettingSuspectAfter) {
		s.Tunes = append(s.Tunes, script.Tune{Setting: script.SettingSuspectAfter, Value: suspect})
	}
}
