package engine

import (
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// order carries out an operator's order. What the pool's log decides becomes a command; what only the host that
// runs the VM, or has its recovery copy, can decide is a wish that its next steps follow.
func (n *Node) order(o *model.Order) {
	cmd := pool.Command{VM: o.VM, By: n.cfg.ID, Incarnation: n.incarnation, Node: o.Node}
	switch o.Kind {
	case model.OrderCreate:
		cmd.Kind, cmd.Level, cmd.Homes, cmd.Shared = pool.KindCreate, o.Level, o.Homes, o.Shared
		n.orderCreation(cmd)
	case model.OrderDeclareDead:
		cmd.Kind = pool.KindOverride
		n.orderOverride(cmd)
	case model.OrderForceStart:
		cmd.Kind, cmd.Override, cmd.Expect = pool.KindStart, true, n.pool.VM(o.VM).Gen
		n.orderStart(cmd)
	case model.OrderJoin:
		cmd.Kind = pool.KindJoin
		n.orderMembers(cmd)
	case model.OrderLeave:
		cmd.Kind = pool.KindLeave
		n.orderMembers(cmd)
	case model.OrderPolicy:
		cmd.Kind, cmd.Policy = pool.KindPolicy, o.Policy
		n.orderPolicy(cmd)
	case model.OrderLevel:
		cmd.Kind, cmd.Level, cmd.Expect = pool.KindLevel, o.Level, n.pool.VM(o.VM).Gen
		n.orderLevel(cmd)
	case model.OrderClear:
		n.orderChecked(pool.Command{Kind: pool.KindClear, By: n.cfg.ID, Incarnation: n.incarnation})
	case model.OrderRepair:
		cmd.Kind, cmd.Component, cmd.Repair = pool.KindRepair, o.Component, o.Repair
		n.orderChecked(cmd)
	case model.OrderMaintain, model.OrderResume:
		cmd.Kind, cmd.Override = pool.KindMaintain, o.Kind == model.OrderResume
		n.orderChecked(cmd)
	case model.OrderAddRecovery:
		cmd.Kind, cmd.TargetMS = pool.KindAddRecovery, uint32(o.Target/time.Millisecond)
		n.orderChecked(cmd)
	case model.OrderRemoveRecovery:
		cmd.Kind = pool.KindRemoveRecovery
		n.orderChecked(cmd)
	case model.OrderReplaceHome:
		n.orderHome(o)
	case model.OrderMigrate:
		n.orderMigration(o)
	case model.OrderHandOver:
		n.orderHandOver(o)
	case model.OrderFailOver, model.OrderFailBack, model.OrderTestFailOver:
		n.recoveryOrder(o)
	}
}

// refuse tells people why something about the VM (0: none in particular) or the member is not done: an order, mostly.
func (n *Node) refuse(vm model.VMID, node model.NodeID, why string) {
	n.out.Notify(model.NoticeRefused, vm, node).Detail = why
}

// orderCreation asks for the protection of a VM. Whether it can have its homes is decided by the log, or, if they
// were left open, when they are chosen.
func (n *Node) orderCreation(cmd pool.Command) {
	reason := n.tooOld(cmd.Format())
	if n.pool.VM(cmd.VM).Gen != 0 {
		reason = pool.ErrExists.Error()
	}
	if reason != "" {
		n.refuse(cmd.VM, cmd.Node, reason)
		return
	}
	n.keepOrder(cmd)
}

// orderOverride makes this node decide alone, because an operator knows that the other one is dead. What the others decided
// without it is void, so the VMs go on in generations above theirs, those of an era that no other override
// has. Members of the first version could not read that; they cannot read a pool with recovery copies either.
func (n *Node) orderOverride(cmd pool.Command) {
	reason := ""
	if _, err := n.pool.Check(cmd); err != nil {
		reason = err.Error()
	}
	n.log.Unapplied(func(_ uint64, data []byte) {
		if _, err := n.read(data); err != nil && !planted.On(planted.OverrideUnread) {
			reason = "upgrade this member first, which would have to decide what it cannot read: " + err.Error()
		}
	})
	if reason != "" {
		n.refuse(0, cmd.Node, reason)
		return
	}
	plain := n.tooOld(model.Protocol2) != "" && n.pool.Format() < model.Protocol2 || n.cfg.Protocol < model.Protocol2
	n.log.ForceAlone(n.now, func(era uint64) []byte {
		if !plain && era <= model.MaxEra {
			cmd.Expect = model.Gen(era)
		}
		return cmd.Encode()
	})
	n.logBusy = true
	n.out.Notify(model.NoticeOverride, 0, cmd.Node)
}

// orderStart boots a VM from the copy that an operator chose.
func (n *Node) orderStart(cmd pool.Command) {
	if reason := n.refuseStart(cmd.VM); reason != "" {
		n.refuse(cmd.VM, cmd.Node, reason)
		return
	}
	n.out.Notify(model.NoticeOverride, cmd.VM, cmd.Node)
	n.vm(cmd.VM).forced = cmd.Expect + 1
	n.keepOrder(cmd)
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
		if v.stopped() {
			return vmRetired
		}
		return "the VM runs on the other host, which answers"
	}
	return ""
}

// orderChecked carries out an operator's order that the pool's state allows or refuses.
func (n *Node) orderChecked(cmd pool.Command) {
	reason := n.tooOld(cmd.Format())
	if cmd.Kind.Recovery() {
		cmd.Expect = n.pool.VM(cmd.VM).Gen
	}
	orders := slices.Clone(n.orders) // cmd takes none back unless it is taken itself
	n.orders = slices.DeleteFunc(n.orders, func(o pendingOrder) bool { return n.takesBack(&cmd, &o) })
	follows := n.hasToFollow(&cmd)
	agreed, known := n.agreed(&cmd), n.informed()
	if (cmd.Kind.Recovery() || len(n.orders) < len(orders)) && !follows && agreed && known {
		return
	}
	_, err := n.pool.Check(cmd)
	if n.pointless(&cmd) && len(n.orders) < len(orders) {
		return // the addition that it takes back waited for the VM
	}
	soon := waits(&cmd, err) && !n.pointless(&cmd) || cmd.Kind.Numbered() && n.ordering()
	if err != nil && !soon && !follows && !(agreed && !known) {
		reason = err.Error()
	}
	if reason != "" {
		n.orders = orders
		n.refuse(cmd.VM, cmd.Node, reason)
		return
	}
	n.keepOrder(cmd)
}

// orderLevel has the VM, which runs here, protected at another level.
func (n *Node) orderLevel(cmd pool.Command) {
	if v := n.vm(cmd.VM); v != nil && v.cfg.Gen != 0 && !v.isPrimary() {
		n.refuse(cmd.VM, cmd.Node, "give the order to the host that runs the VM")
		return
	}
	n.orderChecked(cmd)
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
	case v.stopped():
		reason = vmRetired
	case !v.complete():
		reason = "the other home is not ready to take the VM over; wait until it is protected"
	case v.cfg.Shared && !v.otherAble():
		reason = "the other home does not answer, or cannot run the VM"
	default:
		v.moving = true
		v.touch()
		return
	}
	n.refuse(o.VM, o.Node, reason)
}
