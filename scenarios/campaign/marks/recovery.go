package marks

import (
	"strings"

	"holdfast/engine/model"
	"holdfast/engine/pool"
	"holdfast/faults"
	"holdfast/scenarios"
	"holdfast/sim"
)

// onRecovery looks what a fault means to the recovery copy of a VM.
func (c *Collector) onRecovery(m *scenarios.Moment, vm model.VMID, t *track) {
	cfg := c.world.Config(vm)
	switch f := &m.Fault; f.Kind {
	case faults.FailOver:
		if f.VM == c.script.VMs[vm-1].Name && t.point != 0 {
			c.reach(FailOverUnsettled)
		}
	case faults.PowerOff, faults.Reboot:
		for _, member := range m.Members {
			if cfg.Recovery != member || !c.world.Powered(member) {
				continue
			}
			if t.point != 0 {
				c.reach(RecoveryLostAtPoint)
			}
			if t.failOver == cfg.Gen {
				c.reach(LostAtFailOver)
			}
		}
	}
}

// movedRecovery recognises what a decision about the recovery copy of a VM means after the one before it.
func (c *Collector) movedRecovery(vm model.VMID, before *pool.Config, now *sim.Change) {
	switch now.Config.Cause {
	case pool.KindAddRecovery:
		c.reach(RecoveryAdded)
	case pool.KindFailBack:
		c.reach(FailedBack)
	case pool.KindPromote, pool.KindStart:
		if now.Config.Primary == before.Recovery {
			c.failedOver(vm, before, now.At)
		} else if last, ok := c.newest(vm, now.At, model.NoticeOverflow, model.NoticeRecoveryPoint); ok &&
			last.Kind == model.NoticeOverflow && now.Config.Primary != before.Primary {
			c.reach(PromotedAfterOverflow)
		}
	}
}

// failedOver looks in what situation a VM was started from its recovery copy.
func (c *Collector) failedOver(vm model.VMID, before *pool.Config, at model.Time) {
	c.reach(FailedOver)
	if !before.Former.Empty() {
		c.reach(FailedOverAgain)
	}
	if last, ok := c.newest(vm, at, model.NoticeResync, model.NoticeAttached, model.NoticeExposed); ok &&
		last.Kind == model.NoticeResync && before.Homes.Has(last.Node) {
		c.reach(FailOverInResync)
	}
}

// newest returns the newest notice of some kinds about a VM before an instant.
func (c *Collector) newest(vm model.VMID, before model.Time, kinds ...model.NoticeKind) (last sim.Notice, ok bool) {
	for _, n := range c.world.Notices() {
		if n.At >= before {
			break
		}
		for _, k := range kinds {
			if n.VM == vm && n.Kind == k {
				last, ok = n, true
			}
		}
	}
	return last, ok
}

// abandoned reports whether a notice says that a return to the homes was given up.
func abandoned(n *sim.Notice) bool {
	return n.Kind == model.NoticeRefused && strings.Contains(n.Detail, "the last recovery point was not confirmed in time")
}
