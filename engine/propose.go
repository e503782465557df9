package engine

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// propose asks the log for a new generation out of the present one and repeats that
// until the generation has moved, whoever moved it. Proposing twice is harmless: the log
// compares and swaps.
func (v *vm) propose(cmd pool.Command) {
	n := v.n
	v.proposing = true
	cmd.VM, cmd.Expect, cmd.By, cmd.Incarnation = v.id, v.cfg.Gen, n.cfg.ID, n.incarnation
	if cmd != v.want {
		v.want, v.wantSince = cmd, n.now
		notice := n.out.Notify(model.NoticeProposed, v.id, cmd.Node)
		notice.Gen, notice.Detail = v.cfg.Gen, cmd.Kind.String()
	} else if n.now < v.proposeAt {
		return
	}
	// Without a majority nothing can be decided now, and what is left in a leader's log would be
	// decided later, when its reason may be gone.
	if n.log.Quorate() && n.log.Propose(cmd.Encode()) == nil {
		n.logBusy = true
	}
	v.proposeAt = n.now.Add(n.cfg.Timing.ProposeEvery)
	if planted.On(planted.ProposeOnce) {
		v.proposeAt = model.Never
	}
	if v.wantSince != model.Never && n.now.Sub(v.wantSince) >= quorumPatience*n.cfg.Timing.SuspectAfter {
		v.wantSince = model.Never // said once
		notice := n.out.Notify(model.NoticeNoQuorum, v.id, cmd.Node)
		notice.Gen = v.cfg.Gen
		notice.Detail = "no majority of the pool answers; restore the connection to another member, or, if it is certain that the other host is dead, declare it dead"
	}
}

// quorumPatience is the number of suspicion time-outs after which an undecided proposal is worth a notice.
const quorumPatience = 4

// withdraw stops repeating a proposal whose reason is gone. It may still be decided.
func (v *vm) withdraw() { v.want, v.proposeAt = pool.Command{}, model.Never }

// order carries out an operator's order.
func (n *Node) order(o *model.Order) {
	cmd := pool.Command{VM: o.VM, By: n.cfg.ID, Incarnation: n.incarnation, Node: o.Node}
	switch o.Kind {
	case model.OrderCreate:
		cmd.Kind, cmd.Level, cmd.Homes, cmd.Shared = pool.KindCreate, o.Level, o.Homes, o.Shared
		if reason := n.tooOld(cmd.Format()); reason != "" {
			n.out.Notify(model.NoticeRefused, o.VM, o.Node).Detail = reason
			return
		}
	case model.OrderDeclareDead:
		cmd.Kind = pool.KindOverride
		n.log.ForceAlone(n.now)
		n.logBusy = true
		n.out.Notify(model.NoticeOverride, 0, o.Node)
	case model.OrderForceStart:
		if reason := n.refuseStart(o.VM); reason != "" {
			n.out.Notify(model.NoticeRefused, o.VM, o.Node).Detail = reason
			return
		}
		cmd.Kind, cmd.Override = pool.KindStart, true
		cmd.Expect = n.pool.VM(o.VM).Gen
		n.out.Notify(model.NoticeOverride, o.VM, o.Node)
	case model.OrderJoin, model.OrderLeave:
		cmd.Kind = pool.KindJoin
		if o.Kind == model.OrderLeave {
			cmd.Kind = pool.KindLeave
		}
		n.orderMembers(cmd)
		return
	case model.OrderReplaceHome:
		n.orderHome(o)
		return
	case model.OrderPolicy:
		cmd.Kind, cmd.Policy = pool.KindPolicy, o.Policy
		n.orderPolicy(cmd)
		return
	case model.OrderMigrate:
		n.orderMigration(o)
		return
	case model.OrderLevel:
		cmd.Kind, cmd.Level, cmd.Expect = pool.KindLevel, o.Level, n.pool.VM(o.VM).Gen
		n.orderChecked(cmd)
		return
	case model.OrderClear:
		cmd = pool.Command{Kind: pool.KindClear, By: n.cfg.ID, Incarnation: n.incarnation}
		n.orderChecked(cmd)
		return
	case model.OrderMaintain, model.OrderResume:
		cmd.Kind, cmd.Override = pool.KindMaintain, o.Kind == model.OrderResume
		n.orderChecked(cmd)
		return
	case model.OrderAddRecovery, model.OrderRemoveRecovery:
		cmd.Kind, cmd.TargetMS = pool.KindAddRecovery, uint32(o.Target/time.Millisecond)
		if o.Kind == model.OrderRemoveRecovery {
			cmd.Kind, cmd.TargetMS = pool.KindRemoveRecovery, 0
		}
		n.orderChecked(cmd)
		return
	case model.OrderFailOver, model.OrderFailBack, model.OrderTestFailOver:
		n.recoveryOrder(o)
		return
	case model.OrderHandOver:
		n.orderHandOver(o)
		return
	}
	n.orders = append(n.orders, pendingOrder{cmd: cmd, at: n.now})
	n.pushOrders()
}

// refuseStart returns why an operator's start must not happen: the VM runs.
func (n *Node) refuseStart(id model.VMID) string {
	v := n.vm(id)
	if v == nil || v.cfg.Gen == 0 {
		return "this member does not know the VM; give the order to one of its homes"
	}
	if v.instance != absent {
		return "the VM runs on this host"
	}
	if r, known := v.reported(); !v.isPrimary() && known && r.flags.Has(model.FlagInstance) {
		return "the VM runs on the other host, which answers"
	}
	return ""
}

// pendingOrder is an operator's order that the log has not decided.
type pendingOrder struct {
	cmd   pool.Command
	at    model.Time // when to propose it (again)
	waits bool       // for an order before it that is not decided
}

// pushOrders proposes the orders that are due and forgets those that are decided.
func (n *Node) pushOrders() {
	kept, open := n.orders[:0], false // whether an order before must be decided first
	for _, o := range n.orders {
		if n.decided(&o.cmd) {
			continue
		}
		if n.now >= o.at {
			o.waits = open && (o.cmd.Kind == pool.KindCreate || o.cmd.Kind == pool.KindPolicy)
			switch placed := o.cmd; {
			case o.waits:
			case o.cmd.Kind != pool.KindCreate || o.cmd.Homes != 0:
				n.proposeOrder(&o.cmd)
			case n.placeOrder(&placed):
				n.proposeOrder(&placed)
			default:
				continue
			}
			o.at = n.now.Add(n.cfg.Timing.ProposeEvery)
		}
		open = open || o.settles()
		kept = append(kept, o)
	}
	n.orders = kept
}

// ordersAt returns when pushOrders has something to do.
func (n *Node) ordersAt() model.Time {
	at := model.Never
	for i := range n.orders {
		at = min(at, n.orders[i].at)
	}
	return at
}

// decided reports whether the log has passed the point at which cmd could still be carried out.
func (n *Node) decided(cmd *pool.Command) bool {
	switch cmd.Kind {
	case pool.KindCreate:
		return n.pool.VM(cmd.VM).Gen != 0
	case pool.KindStart:
		return n.pool.VM(cmd.VM).Gen != cmd.Expect
	case pool.KindPolicy:
		return n.pool.Rules().Stated(cmd.Node, cmd.VM, cmd.Policy)
	case pool.KindClear:
		return len(n.pool.Parts()) == 0
	case pool.KindLevel:
		return n.pool.VM(cmd.VM).Level == cmd.Level
	case pool.KindMaintain:
		return n.pool.Members().Maintenance.Has(cmd.Node) != cmd.Override
	case pool.KindJoin:
		return n.pool.Members().Staying().Has(cmd.Node)
	case pool.KindLeave:
		return !n.pool.Members().Staying().Has(cmd.Node)
	case pool.KindAddRecovery:
		return n.pool.VM(cmd.VM).Recovery != model.NoNode
	case pool.KindRemoveRecovery:
		return n.pool.VM(cmd.VM).Recovery == model.NoNode
	default:
		for _, o := range n.pool.Overrides() {
			if o.By == cmd.By && o.Kind == cmd.Kind && o.Node == cmd.Node && o.Incarnation == cmd.Incarnation {
				return true
			}
		}
		return false
	}
}
