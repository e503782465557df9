package marks

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/pool"
	"holdfast/scenarios/script"
	"holdfast/sim"
)

// moveTime is how long an order to move a VM may take.
const moveTime = 5 * time.Second

// change recognises what one decision about a VM means after the one before it.
func (c *Collector) change(vm model.VMID, before *pool.Config, now *sim.Change) {
	cfg, at := &now.Config, now.At.Sub(c.zero)
	c.movedRecovery(vm, before, now)
	switch cfg.Cause {
	case pool.KindRelease:
		c.reach(HandedOver)
	case pool.KindLevel:
		if before.Exposed() && before.Level != model.LevelNone {
			c.reach(LevelWhileExposed)
		}
	case pool.KindRehome:
		c.reach(Rehomed)
		c.rehomed(vm, (before.Homes &^ cfg.Homes).First(), now.At)
	case pool.KindStart:
		c.claimed(vm, before, now.At)
	}
	if order := c.moves[vm-1]; cfg.Primary != before.Primary && order >= 0 && at >= order && at-order < moveTime {
		c.reach(Moved)
	}
}

// rehomed looks at the home that was dropped at an instant: whether its copy was being brought up to date, and whether
// its host was off then and came back later.
func (c *Collector) rehomed(vm model.VMID, dropped model.NodeID, at model.Time) {
	resync := false
	for _, n := range c.world.Notices() {
		if n.At >= at {
			break
		}
		if n.VM != vm {
			continue
		}
		switch n.Kind {
		case model.NoticeResync:
			resync = n.Node == dropped
		case model.NoticeAttached, model.NoticeExposed, model.NoticeRehomed, model.NoticeStarted, model.NoticePromoted:
			resync = false
		}
	}
	if resync {
		c.reach(RehomedInResync)
	}
	when := at.Sub(c.zero)
	for _, s := range c.stops {
		if s.member == dropped && s.from <= when && when < s.to {
			c.reach(ReturnedOutgone) // healing at the end at the latest brings it back
			return
		}
	}
}

// claimed looks how long a successor waited with the start of a VM that it had claimed.
func (c *Collector) claimed(vm model.VMID, before *pool.Config, at model.Time) {
	if before.Cause != pool.KindClaim {
		return
	}
	for _, ch := range c.world.Changes(vm) {
		if ch.Config.Gen != before.Gen {
			continue
		}
		if at.Sub(ch.At) < c.script.Value(script.SettingLeaseTimeout) {
			c.reach(ClaimByWord)
		} else {
			c.reach(ClaimWaited)
		}
	}
}
