package engine

import (
	"holdfast/engine/model"
	"holdfast/engine/pair"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// partner is what a primary remembers about its VM's other home as a place for the second copy.
type partner struct {
	uselessSince model.Time   // since when there is neither a copy in sync nor a session; 0: there is
	instead      model.NodeID // the host that an operator or a policy wants in its place; NoNode: none
	governed     bool         // a policy wants it
	yield        bool         // a policy wants the other home to run the VM
	askAt        model.Time   // when to look for another home again; policies allowed none
	refusedIn    model.Gen    // generation in which that was said
}

// rehome gives the VM another second home if the present one was of no use for too long, leaves the
// pool, or is not wanted by an operator. It reports whether this is under way; nothing else is then
// done for the redundancy.
func (v *vm) rehome() bool {
	if v.stays() {
		return false
	}
	wanted := v.partner.instead != model.NoNode || v.n.pool.Members().Leaving.Has(v.other)
	if v.cfg.Level == model.LevelNone && !wanted {
		return false // there is no second copy that could be of no use
	}
	to := v.successor()
	if to == model.NoNode || v.n.tooOld(pool.KindRehome.Format()) != "" {
		return false
	}
	switch {
	case v.cfg.InSync.Has(v.other):
		v.propose(pool.Command{Kind: pool.KindDetach, Node: v.other})
		return true
	case v.attachGen == v.cfg.Gen:
		v.propose(pool.Command{Kind: pool.KindBump}) // the attach may still be decided
		return true
	case v.session != 0:
		v.disconnect()
		if v.out.State() != pair.Passing {
			v.out.Pass(&v.n.out)
		}
	}
	v.propose(pool.Command{Kind: pool.KindRehome, Homes: model.Nodes(v.self(), to)})
	return true
}

// stays reports whether the VM keeps its homes because of a recovery copy. What was wanted before it had one is over.
func (v *vm) stays() bool {
	p := &v.partner
	if !v.cfg.KeepsHomes() || planted.On(planted.RecoveryMoves) {
		return false
	}
	if p.instead != model.NoNode && !p.governed {
		v.n.refuse(v.id, v.other, pool.ErrKeepsHomes.Error())
	}
	p.instead, p.governed = model.NoNode, false
	return true
}

// successor returns the host that should be the VM's second home in place of the present one;
// NoNode if that should stay, or nobody can take its place.
func (v *vm) successor() model.NodeID {
	n := v.n
	if !v.cfg.InSync.Has(v.self()) {
		return model.NoNode // the other home has the only copy
	}
	patience := v.uselessFor()
	members := n.pool.Members()
	leaves := members.Leaving.Has(v.other)
	if v.partner.instead == model.NoNode && !patience && !leaves {
		return model.NoNode
	}
	able := n.able()
	if able.Has(v.partner.instead) {
		able = model.Nodes(v.partner.instead)
	} else if !patience && !leaves {
		return model.NoNode
	}
	return v.third(able)
}

// uselessFor reports whether the other home has been without a copy in sync and without a
// session for RehomeAfter.
func (v *vm) uselessFor() bool {
	now := v.n.now
	if v.cfg.InSync.Has(v.other) || v.main.Connected() {
		v.partner.uselessSince = 0
		return false
	}
	if v.partner.uselessSince == 0 {
		v.partner.uselessSince = now
	}
	due := v.partner.uselessSince.Add(v.n.cfg.Timing.RehomeAfter)
	v.lookAgain(due)
	return now >= due
}

// orderHome takes an operator's wish to have the VM's second copy on another host.
func (n *Node) orderHome(o *model.Order) {
	v, to := n.vm(o.VM), o.Homes.First()
	_, err := n.pool.Third(o.VM, model.Nodes(to))
	reason := ""
	switch {
	case v != nil && v.cfg.Shared:
		reason = "its disk is shared storage, of which there are no copies"
	case v == nil || !v.isPrimary() || v.instance != running:
		reason = "give the order to the host that runs the VM"
	case v.cfg.KeepsHomes():
		reason = pool.ErrKeepsHomes.Error()
	case v.other != o.Node:
		reason = "the host is not the second home of the VM"
	case !n.pool.Members().Staying().Has(to) || v.cfg.Homes.Has(to):
		reason = "the new home must be a host of the pool that stays and has no copy yet"
	case err != nil:
		reason = err.Error()
	case n.peers[to].suspected || n.peers[to].incarnation == 0:
		reason = "the new home does not answer"
	case !v.cfg.InSync.Has(v.self()):
		reason = "the second home has the only copy in sync; wait until the VM is protected"
	default:
		v.partner.instead, v.partner.governed, v.partner.askAt = to, false, 0
		v.touch()
		return
	}
	n.refuse(o.VM, o.Node, reason)
}

// rehomed takes over that the VM's second home is another one now: what was done with the
// present one is of no use.
func (v *vm) rehomed() {
	v.main.Rehome(v.n.now, v.other, &v.n.out)
	v.out.Disconnect()
	v.session, v.sessionOf, v.sessionAt = 0, 0, 0
	v.n.out.Notify(model.NoticeRehomed, v.id, v.other).Gen = v.cfg.Gen
}

// meetPartner forgets what was known of the other home when there is another one.
func (v *vm) meetPartner(other model.NodeID) {
	if planted.On(planted.StartDropped) && other == model.NoNode {
		other = v.cfg.Primary
	}
	if other != v.other {
		if v.moving && !planted.On(planted.MoveAnywhere) {
			v.moving = false
			v.n.refuse(v.id, v.self(), "the VM has another second home by now; give the order again if it is to run there")
		}
		v.other, v.report, v.partner = other, report{}, partner{}
	}
}

// changeHomes closes a copy that is not the one which next wants here: this host was dropped and became
// a home again, perhaps within one step. The new copy begins with nothing.
func (v *vm) changeHomes(next *pool.Config) {
	if v.disk == diskClosed || !next.Homes.Has(v.self()) || v.openedFor == next.HomeSince(v.self()) || planted.On(planted.KeepDropped) {
		return
	}
	v.copy, v.marks, v.disk = nil, nil, diskClosed
	v.in = pair.NewSecondary(v.id)
}

// drop ends everything that a host has of a VM of which it is to keep nothing any more (R5). An instance
// is fenced; the copy belongs to a past from which nobody continues.
func (v *vm) drop() {
	if v.instance != absent {
		v.fence()
	}
	v.leaveRecovery()
	v.withdraw()
	v.copy, v.marks, v.disk = nil, nil, diskClosed
	v.in = pair.NewSecondary(v.id)
	v.timerAt, v.reportAt = model.Never, model.Never
	v.n.erase(&v.cfg)
}

// erase has the runner forget a copy of a VM of which this host is to keep nothing, once in a life: an
// earlier one may have crashed before it was done.
func (n *Node) erase(cfg *pool.Config) {
	if n.incarnation != 0 && !n.erased[cfg.VM] && !planted.On(planted.KeepDropped) {
		n.erased[cfg.VM] = true
		n.out.Add(model.EffectErase, cfg.VM).Gen = cfg.Gen
	}
}

// sweep forgets the VMs of which nothing is left here.
func (n *Node) sweep() {
	n.keepIf(func(v *vm) bool {
		return v.cfg.Gen == 0 || v.cfg.Holders().Has(n.cfg.ID) || v.instance != absent || planted.On(planted.StartDropped)
	})
}

// yields reports whether this host should give the VM to the other home, and can: that has all of it and says that it is able to run it, and the
// VM is in service, so that it may be started there.
func (v *vm) yields() bool {
	if r, known := v.reported(); known && r.flags.Has(model.FlagCannotRun) && !planted.On(planted.YieldAnyway) || v.pinned() {
		return false
	}
	return v.elsewhere() && v.complete() && !v.peer().suspected
}

// elsewhere reports whether the VM should run on the other home: because this host is about to leave the pool or in maintenance, because an
// operator wants it, or, if the other home is not to be emptied, because a network port here is out of service, or a policy wants it.
func (v *vm) elsewhere() bool {
	members := v.n.pool.Members()
	avoid := members.Leaving | members.Maintenance
	switch {
	case v.moving:
		return true
	case avoid.Has(v.other):
		return v.failing() && planted.On(planted.PortFirst)
	}
	return avoid.Has(v.self()) || v.failing() || v.partner.yield && !v.portRetired(v.other)
}

// sayStays says, once in a generation, that the VM is out of service and stays where it is, although a host is to be emptied or the disk here
// failed: it is not started on the other home, and gets another second home only while it runs.
func (v *vm) sayStays() {
	members := v.n.pool.Members()
	wanted := members.Leaving&v.cfg.Homes != 0 || members.Maintenance.Has(v.self()) && !v.leftAlone()
	if v.instance != absent {
		broken := v.main != nil && v.main.LocalFailed() && v.cfg.Level != model.LevelHA
		wanted = (members.Leaving | members.Maintenance).Has(v.self()) || v.moving || broken
	}
	switch {
	case !wanted || !v.stopped():
		v.staysIn = 0
		return
	case v.staysIn != v.cfg.Gen:
		v.staysIn = v.cfg.Gen
		notice := v.n.out.Notify(model.NoticeRefused, v.id, v.self())
		notice.Gen, notice.Detail = v.cfg.Gen, vmRetired
	}
	v.moving = false
}

// complete reports whether the other home has all of the VM: it is in sync, be it as the only one.
func (v *vm) complete() bool {
	alone := v.cfg.InSync == model.Nodes(v.other) && !planted.On(planted.OwnCopyKeeps)
	return !v.cfg.Exposed() && (v.cfg.InSync == v.cfg.Homes || alone)
}

// giveAway hands the VM over to the other home. Only ft does so without a boot.
func (v *vm) giveAway() {
	if v.cfg.Level == model.LevelFT {
		v.out.HandOver(v.n.now)
		return
	}
	v.giveUp()
}
