package engine

import (
	"fmt"
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/policy"
	"holdfast/engine/pool"
)

// governor is what a node keeps about the policies.
type governor struct {
	said  []policy.Breach // breaches that this node told people of, while it leads
	move  policy.Move     // the next move that the policies ask for
	since model.Time      // since when
}

// govern compares the pool with its policies, at the pace of heartbeats. The leader says what does not hold; what
// mends it is done by the host that runs the VM, once it was wanted for MendAfter.
func (n *Node) govern() {
	g := &n.governor
	if n.pool.Rules().Empty() && len(g.said) == 0 && g.move.Kind == 0 {
		return
	}
	view := n.pool.View()
	n.sayBreaches(&view)
	if move := view.Plan(n.able()); move != g.move {
		g.move, g.since = move, n.now
	}
	due := n.now >= g.since.Add(n.cfg.Timing.MendAfter)
	for _, v := range n.vms {
		v.govern(g.move, due)
	}
}

// sayBreaches tells people what does not hold any more and what holds again.
func (n *Node) sayBreaches(view *policy.View) {
	if !n.log.Leading() {
		n.governor.said = nil
		return
	}
	broken, before := view.Broken(), n.governor.said
	for _, b := range broken {
		if !slices.Contains(before, b) {
			n.sayBreach(model.NoticePolicyBroken, b, view.Describe(b))
		}
	}
	for _, b := range before {
		if !slices.Contains(broken, b) {
			n.sayBreach(model.NoticePolicyKept, b, "")
		}
	}
	n.governor.said = broken
}

// sayBreach says it for each of the VMs, so that it is in the history of each.
func (n *Node) sayBreach(kind model.NoticeKind, b policy.Breach, detail string) {
	n.out.Notify(kind, b.VM, b.Node).Detail = detail
	if b.Other != 0 {
		n.out.Notify(kind, b.Other, b.Node).Detail = detail
	}
}

// able returns the members that answer, this one included.
func (n *Node) able() model.NodeSet {
	able := model.Nodes(n.cfg.ID)
	for _, id := range n.others {
		if p := &n.peers[id]; !p.suspected && p.incarnation != 0 {
			able = able.With(id)
		}
	}
	return able
}

// govern begins the move if it is due and this host has to make it, and gives one up that is not wanted any more.
func (v *vm) govern(move policy.Move, due bool) {
	mine := due && move.VM == v.id && v.isPrimary() && v.instance == running
	if yield := mine && move.Kind == policy.MoveSides; yield != v.partner.yield {
		v.partner.yield = yield
		v.touch()
		if yield {
			v.sayMove(move, "its second home goes on with it")
		}
	}
	switch {
	case mine && move.Kind == policy.MoveSecond && v.partner.instead == model.NoNode && move.From == v.other:
		v.partner.instead, v.partner.governed = move.To, true
		v.touch()
		v.sayMove(move, fmt.Sprintf("its second copy moves away from host %d", move.From))
	case v.partner.governed && move.VM != v.id && v.cfg.InSync == v.cfg.Homes:
		v.partner.instead, v.partner.governed = model.NoNode, false
	}
}

func (v *vm) sayMove(move policy.Move, what string) {
	v.n.out.Notify(model.NoticeMoving, v.id, move.To).Detail = what
}

// third returns the host that should hold the second copy in place of the present one, chosen among those able;
// NoNode if nobody can. That policies are in the way is said once in a generation, and asked again after a while.
func (v *vm) third(able model.NodeSet) model.NodeID {
	n := v.n
	if n.now < v.partner.askAt {
		v.lookAgain(v.partner.askAt)
		return model.NoNode
	}
	to, err := n.pool.Third(v.id, able)
	if err == nil {
		return to
	}
	if able&n.pool.Members().Staying()&^v.cfg.Holders() == 0 {
		return model.NoNode // nobody to choose from; reconcile runs again when somebody is heard
	}
	if able == model.Nodes(v.partner.instead) { // a wish that cannot be met must not be in the way of what can
		v.partner.instead, v.partner.governed = model.NoNode, false
	}
	v.partner.askAt = n.now.Add(n.cfg.Timing.RepairEvery)
	v.lookAgain(v.partner.askAt)
	if v.partner.refusedIn != v.cfg.Gen {
		v.partner.refusedIn = v.cfg.Gen
		notice := n.out.Notify(model.NoticeRefused, v.id, n.cfg.ID)
		notice.Gen, notice.Detail = v.cfg.Gen, "no other second home: "+err.Error()
	}
	return model.NoNode
}

// orderPolicy takes what an operator states. What other members could not read must not get into the log.
func (n *Node) orderPolicy(cmd pool.Command) {
	reason := n.tooOld(cmd.Format())
	if _, err := pool.Decode(cmd.Encode()); err != nil {
		reason = err.Error()
	}
	if !n.member() {
		reason = pool.ErrProposer.Error()
	}
	if reason != "" {
		n.refuse(cmd.VM, cmd.Node, reason)
		return
	}
	n.keepOrder(cmd)
}
