package marks

import (
	"math"
	"time"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/scenarios"
	"holdfast/sim"
)

// stopped takes down who stands still or loses power, and who goes on.
func (c *Collector) stopped(m *scenarios.Moment) {
	f := &m.Fault
	begin, end, frozen := f.Kind == faults.PowerOff || f.Kind == faults.Reboot, f.Kind == faults.PowerOn || f.Kind == faults.JoinHost, false
	if f.Kind == faults.Freeze || f.Kind == faults.Thaw {
		begin, end, frozen = f.Kind == faults.Freeze, f.Kind == faults.Thaw, true
	}
	for _, member := range m.Members {
		if end || begin {
			c.goOn(member, frozen, m.At)
		}
		if begin {
			s := stop{member: member, frozen: frozen, from: m.At, to: math.MaxInt64}
			if f.For > 0 || f.Kind == faults.Reboot {
				s.to = m.At + f.For
			}
			c.stops = append(c.stops, s)
		}
	}
}

// goOn ends what stops a member.
func (c *Collector) goOn(member model.NodeID, frozen bool, at time.Duration) {
	for i := range c.stops {
		if s := &c.stops[i]; s.member == member && s.frozen == frozen {
			s.to = min(s.to, at)
		}
	}
}

// bootTime is the time from a host's reset to its first word, and a little more.
const bootTime = 2 * time.Second

// frozenAt reports whether the host that was reset was frozen when that happened.
func (c *Collector) frozenAt(n *sim.Notice) bool {
	at := n.At.Sub(c.zero)
	for _, s := range c.stops {
		if s.frozen && s.member == n.Member && s.from < at && at < s.to+bootTime {
			return true
		}
	}
	return false
}

// ordered takes down for which VMs an operator ordered a move.
func (c *Collector) ordered(m *scenarios.Moment) {
	for i := range c.script.VMs {
		cfg := c.world.Config(model.VMID(i + 1))
		switch m.Fault.Kind {
		case faults.Migrate, faults.HandOver:
			if m.Fault.VM == c.script.VMs[i].Name {
				c.moves[i] = m.At
			}
		case faults.Maintain, faults.LeaveHost:
			if len(m.Members) == 1 && m.Members[0] == cfg.Primary {
				c.moves[i] = m.At
			}
		}
	}
}

// lately reports whether the notice of the VM came within the last three seconds.
func (c *Collector) lately(kind model.NoticeKind, vm model.VMID) bool {
	list := c.world.Notices()
	for i := len(list) - 1; i >= 0 && c.world.Now().Sub(list[i].At) < 3*time.Second; i-- {
		if list[i].Kind == kind && list[i].VM == vm {
			return true
		}
	}
	return false
}

// poolLoss looks what the loss of a member means to the pool as a whole; it still has its power.
func (c *Collector) poolLoss(member model.NodeID) {
	hosts := len(c.script.Hosts)
	voters := c.world.Electorate()
	switch vote := voters.Has(member); {
	case vote && voters.Len() > 2 && voters.Len()%2 == 0:
		c.reach(VoterLostInChange)
	case !vote && !voters.Empty() && int(member) <= hosts && !c.world.Spare(member):
		c.reach(LearnerLost)
	}
	if c.world.Members().Leaving.Has(member) {
		c.reach(LeaverLost)
	}
	off := func(id model.NodeID) bool { return id == member || !c.world.Powered(id) }
	all, site, sites := true, true, map[string]bool{}
	for i, h := range c.script.Hosts {
		id := model.NodeID(i + 1)
		if c.world.Spare(id) {
			continue
		}
		sites[h.Site] = true
		all = all && off(id)
		site = site && (off(id) || int(member) > hosts || h.Site != c.script.Hosts[member-1].Site)
	}
	if w := model.NodeID(hosts + 1); c.script.Witness.Name != "" {
		all = all && off(w)
	}
	if all {
		c.reach(EverybodyOff)
	}
	if site && len(sites) == 2 && int(member) <= hosts {
		c.reach(SiteLost)
	}
}
