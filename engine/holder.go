package engine

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// keepLease does what is due for the lease of this host, if it is a home of VMs on shared storage.
func (n *Node) keepLease() {
	n.recount()
	if n.needs.home == 0 {
		return
	}
	want, risk := n.needs.want > 0, n.needs.risk > 0
	n.lease.Tick(n.now, want, risk, &n.out)
	round, asking := n.lease.Asking()
	n.sayUnrenewed(asking && risk)
	if !asking {
		n.renewAt = 0
		return
	}
	if n.now < n.renewAt {
		return
	}
	n.renewAt = n.now.Add(n.cfg.Timing.ProposeEvery)
	cmd := pool.Command{Kind: pool.KindRenew, By: n.cfg.ID, Incarnation: n.incarnation, Expect: model.Gen(round)}
	if n.decidable() && n.log.Propose(cmd.Encode()) == nil {
		n.logBusy = true
	}
}

// leaseNeeds returns what this VM adds to the needs of all. An instance of a VM that the log, as far as it is
// known here, does not know yet may be one on shared storage.
func (v *vm) leaseNeeds() (c leaseCount) {
	if v.risky() {
		c.risk = 1
	}
	if v.cfg.Shared && v.isPrimary() {
		c.want = 1
	}
	if v.cfg.Shared {
		c.home = 1
	}
	c.home |= c.risk
	return c
}

// risky reports whether there may be an instance here that writes to shared storage, or requests of one that are
// on their way.
func (v *vm) risky() bool {
	return v.cfg.Shared && !v.shared.settled || v.cfg.Gen == 0 && v.instance != absent
}

// renewed takes a renewal at its place in the log. It counts if everything here that writes to shared storage does
// so by right at that place: then nobody had claimed it before the renewal was asked for.
func (n *Node) renewed(cmd *pool.Command) {
	n.renewals[cmd.By] = n.now
	if cmd.By != n.cfg.ID || cmd.Incarnation != n.incarnation {
		return
	}
	for _, v := range n.vms {
		if v.risky() && !v.byRight() {
			return
		}
	}
	if n.lease.Granted(uint64(cmd.Expect), &n.out) {
		n.touchShared()
	}
}

// follow finds out, when cfg is about to follow the known configuration, since which generation nobody but this host has
// changed the VM, and only so that it kept it: lives of its daemon that died one after the other each asked for a generation.
// An override that found the known configuration changes nothing about that.
func (v *vm) follow(cfg *pool.Config) {
	kept := cfg.By == v.self() && (cfg.Cause == pool.KindBump || cfg.Cause == pool.KindStart) && !planted.On(planted.LivesForeign)
	switch {
	case cfg.Cause == pool.KindOverride && cfg.Gen == v.cfg.Gen.In(cfg.Gen.Era()):
	case !kept:
		v.shared.mineSince = cfg.Gen
	case cfg.Gen != v.cfg.Gen+1:
		v.shared.mineSince = cfg.Gen - 1 // what was before that one this node has not seen
	}
}

// byRight reports whether the instance here is of the present generation, or of one before it from which on this
// host alone changed the VM, or an override that found it so: then no other host was given it since the instance was started.
func (v *vm) byRight() bool {
	if v.cfg.Gen == 0 || !v.isPrimary() {
		return false
	}
	found := v.cfg.Cause == pool.KindOverride && v.cfg.Gen == v.gen.In(v.cfg.Gen.Era())
	return found || v.gen <= v.cfg.Gen && v.gen >= v.shared.mineSince
}

func (n *Node) touchShared() {
	for _, v := range n.vms {
		if v.cfg.Shared {
			v.touch()
		}
	}
}

// leaseAt returns when keepLease has something to do.
func (n *Node) leaseAt() model.Time {
	if n.needs.home == 0 {
		return model.Never // an override may have discarded why this host has a lease; the watchdog is left as it is
	}
	at := n.lease.NextWake()
	if _, asking := n.lease.Asking(); asking {
		at = min(at, n.renewAt)
	}
	return at
}

// sayUnrenewed says, once, that this host is about to be reset.
func (n *Node) sayUnrenewed(waits bool) {
	if !waits {
		n.unsafe = false
		return
	}
	if d, late := n.lease.Late(n.now); late && !n.unsafe {
		n.unsafe = true
		notice := n.out.Notify(model.NoticeUnrenewed, 0, n.cfg.ID)
		notice.Detail = "no majority of the pool has answered for " + d.Round(time.Millisecond).String() + "; the watchdog is about to reset this host, because it runs a VM on shared storage"
	}
}

// sayReset says that the watchdog did it.
func (n *Node) sayReset(ev *model.Event) {
	if ev.Flags.Has(model.FlagError) {
		n.out.Notify(model.NoticeReset, 0, n.cfg.ID).Detail = "the watchdog reset this host: it could not renew its lease on shared storage"
	}
}

// claimSince returns from when on a successor waits.
func (v *vm) claimSince() model.Time {
	if planted.On(planted.LeaseWaitEarly) {
		return min(v.n.now, max(v.peer().since, 0))
	}
	return v.n.now
}
