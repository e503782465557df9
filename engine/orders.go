package engine

import (
	"errors"
	"fmt"

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

// tooOld returns which member that is heard could not read a command of the format, or nothing. One that is
// away now and comes back with an old version finds out by itself, and takes no part.
func (n *Node) tooOld(format uint8) string {
	if n.cfg.Protocol < format {
		return "this member runs an older version; upgrade it first"
	}
	for _, id := range n.others {
		if p := &n.peers[id]; !p.suspected && p.incarnation != 0 && p.protocol < format {
			return fmt.Sprintf("member %d runs an older version that cannot read it; upgrade it first", id)
		}
	}
	return ""
}

// waits reports whether an order that is refused at present is kept until it is possible: one about a recovery copy, until
// the VM exists and is protected.
func waits(cmd *pool.Command, err error) bool {
	ordered := cmd.Kind == pool.KindAddRecovery || cmd.Kind == pool.KindRemoveRecovery
	return ordered && (errors.Is(err, pool.ErrUnknownVM) || errors.Is(err, pool.ErrStale) || errors.Is(err, pool.ErrExposed))
}

// proposeOrder asks the log for what an operator ordered. An order about a VM is for whatever generation
// it has by now: the operator wants the outcome.
func (n *Node) proposeOrder(cmd *pool.Command) {
	if cmd.Kind == pool.KindLevel {
		cmd.Expect = n.pool.VM(cmd.VM).Gen
		notice := n.out.Notify(model.NoticeProposed, cmd.VM, cmd.Node)
		notice.Gen, notice.Detail = cmd.Expect, cmd.Kind.String()
	}
	if cmd.Kind.Recovery() {
		cmd.Expect = n.pool.VM(cmd.VM).Gen
		if _, err := n.pool.Check(*cmd); err != nil && waits(cmd, err) || n.tooOld(cmd.Format()) != "" {
			return
		}
	}
	if n.log.Propose(cmd.Encode()) == nil {
		n.logBusy = true
	}
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

// maintained says what became of this host's maintenance, and when no VM runs on it any more.
func (n *Node) maintained() {
	in := n.pool.Members().Maintenance.Has(n.cfg.ID)
	if in != n.inMaintenance {
		n.inMaintenance, n.evacuated = in, false
		kind := model.NoticeResumed
		if in {
			kind = model.NoticeMaintenance
		}
		n.out.Notify(kind, 0, n.cfg.ID)
		n.touchAll()
	}
	if !in || n.evacuated {
		return
	}
	for _, v := range n.vms {
		if v.instance != absent || v.isPrimary() {
			return
		}
	}
	n.evacuated = true
	n.out.Notify(model.NoticeEvacuated, 0, n.cfg.ID)
}
