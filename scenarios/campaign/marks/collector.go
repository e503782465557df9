package marks

import (
	"math"
	"time"

	"holdfast/engine/model"
	"holdfast/engine/pool"
	"holdfast/faults"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
	"holdfast/sim"
)

// Collector recognises marks in one run. It implements scenarios.Watcher.
type Collector struct {
	script *script.Script
	world  *sim.World
	zero   model.Time
	vms    []track // by VM, counted from 0
	counts Counts

	stops  []stop          // members that froze or lost power
	moves  []time.Duration // when an operator ordered one, by VM; -1: never
	healed time.Duration
}

// stop is a member that stands still or is off, as far as the plan says, from one time to another.
type stop struct {
	member   model.NodeID
	frozen   bool // else without power
	from, to time.Duration
}

// track is what a collector remembers of one VM.
type track struct {
	phase    sim.Stage    // how far the newest checkpoint is; 0: released
	promote  model.NodeID // who proposed to take over, undecided
	expose   model.NodeID
	attach   model.NodeID
	proposed model.Gen // generation in which these were proposed
	resync   bool
	lost     model.NodeSet // homes that lost power since the VM had its redundancy
	bothOff  bool
	frozen   model.NodeSet
	killed   model.NodeSet // homes whose daemon died since they last had an instance of their own
	cutOff   model.NodeSet
	point    sim.Stage // how far the newest recovery point is; 0: applied
	failOver model.Gen // in which a start from the recovery copy was proposed
}

// New returns the collector for one run of the script.
func New(s *script.Script) *Collector {
	c := &Collector{script: s, vms: make([]track, len(s.VMs)), healed: math.MaxInt64}
	for range s.VMs {
		c.moves = append(c.moves, -1)
	}
	return c
}

// Counts returns how often each mark was reached.
func (c *Collector) Counts() Counts { return c.counts }

func (c *Collector) reach(m Mark) { c.counts[m]++ }

// Begin implements scenarios.Watcher.
func (c *Collector) Begin(w *sim.World) { c.world, c.zero = w, w.Now() }

// Heal implements scenarios.Watcher.
func (c *Collector) Heal(at time.Duration) {
	c.healed = at
	for i := range c.stops {
		c.stops[i].to = min(c.stops[i].to, at)
	}
}

// Stage implements scenarios.Watcher.
func (c *Collector) Stage(_ time.Duration, vm model.VMID, stage sim.Stage, member model.NodeID) {
	if c.world == nil {
		return // the pool is being set up
	}
	t := &c.vms[vm-1]
	switch stage {
	case sim.StageCaptured, sim.StageSent, sim.StageReceived, sim.StageSealed, sim.StageAcknowledged:
		t.phase = stage
	case sim.StageReleased, sim.StageExposed:
		t.phase = 0
	case sim.StagePromoteProposed, sim.StageStartProposed:
		c.pending(vm, t).promote = member
	case sim.StageExposeProposed:
		c.pending(vm, t).expose = member
	case sim.StageAttachProposed:
		c.pending(vm, t).attach = member
	case sim.StageResync:
		if t.resync {
			c.reach(ResyncBrokenOff)
		}
		t.resync = true
	case sim.StageAttached, sim.StageProtected:
		t.resync, t.lost = false, 0
	case sim.StagePromoted, sim.StageStarted:
		c.came(vm, t, stage)
		if c.world.Members().Maintenance.Has(member) {
			c.reach(ServedInMaintenance)
		}
	case sim.StageAdopted:
		c.reach(Adopted)
		t.killed = 0
	case sim.StageFenced:
		c.fenced(t, member)
	case sim.StageLaunchFailed:
		c.reach(LaunchFailed)
		if t.promote == member {
			c.reach(LaunchFailedInPromotion)
		}
	case sim.StagePointSent, sim.StagePointSealed:
		t.point = stage
	case sim.StagePointApplied:
		t.point = 0
	case sim.StageFailOverProposed:
		t.failOver = c.world.Config(vm).Gen
	case sim.StageMended:
		c.reach(Mended)
	}
}

// pending forgets proposals for an older generation.
func (c *Collector) pending(vm model.VMID, t *track) *track {
	if gen := c.world.Config(vm).Gen; gen != t.proposed {
		t.promote, t.expose, t.attach, t.proposed = model.NoNode, model.NoNode, model.NoNode, gen
	}
	return t
}

// came takes down that a VM runs anew.
func (c *Collector) came(vm model.VMID, t *track, stage sim.Stage) {
	if stage == sim.StageStarted && t.bothOff {
		c.reach(ColdStart)
	}
	t.bothOff, t.phase = false, 0
	if stage == sim.StagePromoted {
		for i := range c.vms {
			if model.VMID(i+1) != vm && c.vms[i].resync {
				c.reach(PromotionInResync)
			}
		}
	}
}

// fenced takes down why a host destroyed an instance.
func (c *Collector) fenced(t *track, member model.NodeID) {
	switch {
	case t.killed.Has(member):
		c.reach(ForeignFenced)
	case t.frozen.Has(member):
		c.reach(ThawedFenced)
	case t.cutOff.Has(member):
		c.reach(ReturnedFenced)
	}
	only := model.Nodes(member)
	t.killed, t.frozen, t.cutOff = t.killed&^only, t.frozen&^only, t.cutOff&^only
}

// Fault implements scenarios.Watcher.
func (c *Collector) Fault(m *scenarios.Moment) {
	f := &m.Fault
	switch f.Kind {
	case faults.CrashVM:
		c.reach(GuestCrashed)
	case faults.Override:
		c.reach(OverrideMade)
	case faults.PowerOff, faults.Reboot:
		for _, member := range m.Members {
			c.powerLoss(member)
		}
	}
	c.ordered(m)
	c.stopped(m)
	for i := range c.vms {
		c.onRecovery(m, model.VMID(i+1), &c.vms[i])
		c.onVM(m, model.VMID(i+1), &c.vms[i])
	}
}

// onVM looks what a fault means to a VM.
func (c *Collector) onVM(m *scenarios.Moment, vm model.VMID, t *track) {
	c.pending(vm, t)
	cfg := c.world.Config(vm)
	for _, member := range m.Members {
		home := cfg.Homes.Has(member)
		switch f := &m.Fault; f.Kind {
		case faults.KillDaemon, faults.CrashDaemon:
			if home {
				t.killed = t.killed.With(member)
				if t.resync {
					c.reach(DaemonKilledInResync)
				}
			}
		case faults.Freeze:
			t.frozen = t.frozen.With(member)
		case faults.Isolate, faults.Cut:
			t.cutOff = t.cutOff.With(member)
		case faults.ClockJump:
			if t.promote != model.NoNode {
				c.reach(ClockJumpInFailover)
			}
		case faults.DiskError, faults.DiskHang, faults.DiskFull, faults.DiskCorrupt:
			if f.VM == c.script.VMs[vm-1].Name && cfg.InSync == model.Nodes(member) {
				c.reach(DiskFaultOnOnlyCopy)
			}
		}
		if t.promote != model.NoNode && int(member) > len(c.script.Hosts) {
			c.reach(WitnessLostInFailover)
		}
	}
}

// powerLoss looks what the loss of a member means; it still has its power.
func (c *Collector) powerLoss(member model.NodeID) {
	if !c.world.Powered(member) {
		return
	}
	if int(member) > len(c.script.Hosts) {
		c.poolLoss(member)
		return
	}
	if len(c.script.Hosts) == 2 && c.script.Witness.Name == "" {
		c.reach(FaultInSetOfTwo)
	}
	off := 1
	for id := model.NodeID(1); int(id) <= len(c.script.Hosts); id++ {
		if !c.world.Powered(id) {
			off++
		}
	}
	if off == len(c.script.Hosts) {
		c.reach(AllHostsOff)
	}
	c.poolLoss(member)
	for i := range c.vms {
		if cfg := c.world.Config(model.VMID(i + 1)); cfg.Homes.Has(member) {
			c.homeLost(&c.vms[i], model.VMID(i+1), member)
		}
	}
}

var phases = map[sim.Stage]Mark{
	sim.StageCaptured: LostCaptured, sim.StageSent: LostSent, sim.StageReceived: LostReceived,
	sim.StageSealed: LostSealed, sim.StageAcknowledged: LostAcknowledged,
}

// homeLost looks what the loss of a home means to its VM.
func (c *Collector) homeLost(t *track, vm model.VMID, member model.NodeID) {
	c.pending(vm, t)
	cfg := c.world.Config(vm)
	if mark, ok := phases[t.phase]; ok && cfg.Primary == member && !cfg.Exposed() {
		c.reach(mark)
	}
	other, now := cfg.Peer(member), c.world.Now().Sub(c.zero)
	for _, is := range []struct {
		so   bool
		mark Mark
	}{
		{t.promote == member, LostAtPromotion},
		{t.expose == member, LostAtExposure},
		{t.attach != model.NoNode, LostAtAttach},
		{t.resync && cfg.InSync == model.Nodes(member), SourceLostInResync},
		{t.resync && !cfg.InSync.Has(member), TargetLostInResync},
		{t.lost.Has(member) && !c.world.Redundant(vm), LostAgain},
		{cfg.Primary != member && cfg.InSync == model.Nodes(member), OnlyCopyLostWhileServing},
		{!c.world.Powered(other), BothHomesOff},
		{cfg.Cause == pool.KindClaim && cfg.Primary == member, ClaimantLost},
		{c.moves[vm-1] >= 0 && now-c.moves[vm-1] < time.Second, LostInMove},
		{c.lately(model.NoticeMoving, vm) && !c.world.Redundant(vm), LostWhileMoving},
	} {
		if is.so {
			c.reach(is.mark)
		}
	}
	t.bothOff = t.bothOff || !c.world.Powered(other)
	t.lost = t.lost.With(member)
	t.killed, t.frozen, t.cutOff = t.killed&^model.Nodes(member), t.frozen&^model.Nodes(member), t.cutOff&^model.Nodes(member)
}
