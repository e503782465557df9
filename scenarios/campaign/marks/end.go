package marks

import (
	"strings"
	"time"

	"holdfast/engine/model"
	"holdfast/engine/policy"
	"holdfast/engine/pool"
	"holdfast/sim"
)

// End implements scenarios.Watcher: it reads what the members told people and what the log decided.
func (c *Collector) End(time.Duration) {
	whole := true
	for i := range c.script.VMs {
		vm := model.VMID(i + 1)
		c.decisions(vm)
		whole = whole && c.world.Redundant(vm)
	}
	seen := map[model.NoticeKind]bool{}
	ordered := make([]bool, len(c.vms)+1) // VMs whose start an operator forced
	dead := false
	for _, n := range c.world.Notices() {
		if n.At < c.zero {
			continue
		}
		c.notice(&n, seen)
		seen[n.Kind] = true
		switch {
		case n.Kind == model.NoticeOverride && n.VM == 0:
			dead = true
		case n.Kind == model.NoticeOverride && c.script.VMs[n.VM-1].Recovery == "":
			ordered[n.VM] = true
		case n.Kind == model.NoticeStarted && ordered[n.VM]:
			ordered[n.VM] = false
			c.reach(ForcedStart)
		}
	}
	if whole && seen[model.NoticeAmnesia] {
		c.reach(AmnesiaCaughtUp)
	}
	if whole && dead {
		c.reach(OverrideRejoined)
	}
}

// notice recognises what one notice says, given the kinds that came before it.
func (c *Collector) notice(n *sim.Notice, before map[model.NoticeKind]bool) {
	switch n.Kind {
	case model.NoticeRefused:
		c.reach(ProposalRefused)
		if abandoned(n) {
			c.reach(FailBackAbandoned)
		}
		if strings.Contains(n.Detail, policy.ErrNoPlace.Error()) {
			c.reach(PolicyRefused)
		}
	case model.NoticeReset:
		c.reach(WatchdogFired)
		if c.frozenAt(n) {
			c.reach(FrozenBeyondLease)
		}
	case model.NoticeJoined:
		c.reach(HostJoined)
	case model.NoticeLeft:
		c.reach(HostLeft)
	case model.NoticePolicyBroken:
		c.reach(PolicyBroken)
	case model.NoticePolicyKept:
		c.reach(PolicyMended)
	case model.NoticeMoving:
		c.reach(MovedByPolicy)
	case model.NoticeTested:
		c.reach(RecoveryTested)
	case model.NoticeRetired:
		c.reach(Retired)
		if n.Node == model.NoNode && before[model.NoticeHung] {
			c.reach(HungOutOfService)
		}
	case model.NoticeHung:
		c.reach(GuestHung)
	case model.NoticeCleared:
		if n.At.Sub(c.zero) < c.healed {
			c.reach(ClearedInService)
		}
	case model.NoticeStateLost:
		c.reach(StateLost)
	case model.NoticeAmnesia:
		c.reach(Amnesia)
	case model.NoticeNoQuorum:
		c.reach(NoQuorum)
	case model.NoticeDirect:
		if before[model.NoticeRedirected] {
			c.reach(RedirectedAndBack)
		}
	case model.NoticePromoted, model.NoticeStarted, model.NoticeAttached:
		if before[model.NoticeNoQuorum] && !before[n.Kind] {
			c.reach(NoQuorumOver)
		}
	}
}

// decisions reads the VM's committed configurations.
func (c *Collector) decisions(vm model.VMID) {
	changes := c.world.Changes(vm)
	promoted := model.NoNode
	for i := 1; i < len(changes); i++ {
		before, now := &changes[i-1].Config, &changes[i].Config
		if changes[i].At < c.zero {
			continue
		}
		c.contest(vm, before, now)
		c.change(vm, before, &changes[i])
		if now.Cause == pool.KindPromote {
			if promoted != model.NoNode && promoted != now.Primary {
				c.reach(PromotedBack)
			}
			promoted = now.Primary
		}
		if !now.InSync.Has(now.Primary) {
			c.reach(ServedByOther)
		}
		if i >= 3 && changes[i-2].At >= c.zero && changes[i].At.Sub(changes[i-2].At) < 2*time.Second {
			c.reach(ThreeGenerations)
		}
	}
}

// contest tells who won when both homes proposed a successor of the same configuration.
func (c *Collector) contest(vm model.VMID, before, now *pool.Config) {
	if before.Exposed() {
		return
	}
	var primary, secondary bool
	for _, n := range c.world.Notices() {
		if n.VM != vm || n.Kind != model.NoticeProposed || n.Gen != before.Gen {
			continue
		}
		primary = primary || n.Member == before.Primary && n.Detail == "detach"
		secondary = secondary || n.Member == before.Secondary && (n.Detail == "promote" || n.Detail == "start")
	}
	switch {
	case !primary || !secondary:
	case now.Primary == before.Primary:
		c.reach(BothPrimaryWon)
	default:
		c.reach(BothSecondaryWon)
	}
}
