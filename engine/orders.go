package engine

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// orderChecked carries out an operator's order that the pool's state allows or refuses.
func (n *Node) orderChecked(cmd pool.Command) {
	reason := n.tooOld(cmd.Format())
	if cmd.Kind.Recovery() {
		cmd.Expect = n.pool.VM(cmd.VM).Gen
	}
	if cmd.Kind.Recovery() && n.decided(&cmd) {
		return
	}
	if _, err := n.pool.Check(cmd); err != nil && !waits(&cmd, err) {
		reason = err.Error()
	}
	if reason != "" {
		n.out.Notify(model.NoticeRefused, cmd.VM, cmd.Node).Detail = reason
		return
	}
	n.orders = append(n.orders, pendingOrder{cmd: cmd, at: n.now})
	n.pushOrders()
}

// orderMigration takes an operator's wish to have a VM run on its other home.
func (n *Node) orderMigration(o *model.Order) {
	v := n.vm(o.VM)
	reason := ""
	switch {
	case v == nil || !v.isPrimary() || v.instance != running:
		reason = "give the order to the host that runs the VM"
	case v.other != o.Node:
		reason = "the VM can move to its other home only"
	case v.cfg.Exposed() || v.cfg.InSync != v.cfg.Homes:
		reason = "the other home is not ready to take the VM over; wait until it is protected"
	case v.cfg.Shared && !v.otherAble():
		reason = "the other home does not answer, or cannot run the VM"
	default:
		v.moving = true
		v.touch()
		return
	}
	n.out.Notify(model.NoticeRefused, o.VM, o.Node).Detail = reason
}

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
