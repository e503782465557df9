package sim

import (
	"time"

	"holdfast/engine/model"
)

// DeclareDead is the operator's override at a member: it decides alone in place of dead.
func (w *World) DeclareDead(id, dead model.NodeID) {
	w.At(w.now, func() { w.monitor.overriding(w.nodes[id]) })
	w.order(id, model.Order{Kind: model.OrderDeclareDead, Node: dead})
}

// ForceStart is the operator's order to start a VM from the copy on a host.
func (w *World) ForceStart(id model.NodeID, vm model.VMID) {
	w.monitor.vms[vm].ordered, w.monitor.vms[vm].forced = id, id
	w.order(id, model.Order{Kind: model.OrderForceStart, VM: vm, Node: id})
}

// order gives a member an order. There is nobody to give it to if it is for the host of a VM that does not exist.
func (w *World) order(id model.NodeID, o model.Order) {
	if id == model.NoNode {
		return
	}
	w.At(w.now, func() {
		w.nodes[id].tell(&model.Event{Kind: model.EventOperator, Order: o})
	})
}

// operatorPatience is how often an operator whose order nobody takes looks for another member, every operatorPause.
const (
	operatorPatience = 100
	operatorPause    = 100 * time.Millisecond
)

// toPool gives an order to the first member that works, knows itself to be one, can reach the pool, and is not
// what the order is about.
func (w *World) toPool(o model.Order) { w.orderFrom(o, operatorPatience) }

func (w *World) orderFrom(o model.Order, tries int) {
	w.At(w.now, func() {
		for _, m := range w.nodes[1:] {
			if m.id != o.Node && m.running() && m.node.Pool().Members().All().Has(m.id) && m.node.Leader() != model.NoNode {
				m.tell(&model.Event{Kind: model.EventOperator, Order: o})
				return
			}
		}
		if tries > 0 {
			w.At(w.now.Add(operatorPause), func() { w.orderFrom(o, tries-1) })
		}
	})
}

// JoinHost gives a host power and has the pool take it in; an operator tells the first member that works.
func (w *World) JoinHost(id model.NodeID) {
	w.nodes[id].spare = false
	w.powerUp(w.nodes[id])
	w.toPool(model.Order{Kind: model.OrderJoin, Node: id})
	w.stateHost(id)
}

// LeaveHost has a host give up its copies and leave the pool.
func (w *World) LeaveHost(id model.NodeID) { w.toPool(model.Order{Kind: model.OrderLeave, Node: id}) }

// ReplaceHome has the second copy of a VM moved from one host to another; the order goes to the host that
// runs the VM.
func (w *World) ReplaceHome(vm model.VMID, from, to model.NodeID) {
	w.order(w.Config(vm).Primary, model.Order{Kind: model.OrderReplaceHome, VM: vm, Node: from, Homes: model.Nodes(to)})
}

// SetLevel has a running VM protected at another level. The order goes to the host that runs it, once there is one
// that works.
func (w *World) SetLevel(vm model.VMID, level model.Level) {
	w.toPrimary(model.Order{Kind: model.OrderLevel, VM: vm, Level: level}, operatorPatience)
}

func (w *World) toPrimary(o model.Order, tries int) {
	w.At(w.now, func() {
		m := w.nodes[w.Config(o.VM).Primary]
		switch {
		case m != nil && m.running() && m.node.Leader() != model.NoNode:
			m.tell(&model.Event{Kind: model.EventOperator, Order: o})
		case tries > 0:
			w.At(w.now.Add(operatorPause), func() { w.toPrimary(o, tries-1) })
		}
	})
}

// Migrate has a VM run on its other home.
func (w *World) Migrate(vm model.VMID) {
	cfg := w.Config(vm)
	w.order(cfg.Primary, model.Order{Kind: model.OrderMigrate, VM: vm, Node: cfg.Homes.Other(cfg.Primary)})
}

// Maintain puts a host into maintenance, or ends that.
func (w *World) Maintain(id model.NodeID, on bool) {
	kind := model.OrderMaintain
	if !on {
		kind = model.OrderResume
	}
	w.toPool(model.Order{Kind: kind, Node: id})
}

// ClearFaults has everything put back into service that failed too often. The operator looks again every
// second for half a minute, because members that return count what was wrong while they were away.
func (w *World) ClearFaults() { w.clearFaults(30) }

func (w *World) clearFaults(looks int) {
	for _, m := range w.nodes[1:] {
		if m.running() && m.node.Pool().Troubled() {
			w.monitor.health.clearing(w.now)
			w.toPool(model.Order{Kind: model.OrderClear})
			break
		}
	}
	if looks > 1 {
		w.At(w.now.Add(time.Second), func() { w.clearFaults(looks - 1) })
	}
}

// StateRule has a rule stated for a component; the order needs no kind.
func (w *World) StateRule(o model.Order) {
	o.Kind = model.OrderRepair
	w.toPool(o)
}

// OrderVM has a VM protected that was not when the pool was set up; an operator tells the first member that works.
func (w *World) OrderVM(vm model.VMID) {
	v := w.vms[vm]
	w.toPool(v.creation())
	if v.recovery != model.NoNode {
		w.toPool(v.cover()) // which waits until the VM is protected
	}
}

// HandOver has the VM, on shared storage, run by its other home; the order goes to the host that runs it.
func (w *World) HandOver(vm model.VMID) {
	w.order(w.Config(vm).Primary, model.Order{Kind: model.OrderHandOver, VM: vm})
}

// FailOver is the operator's order to a host to start a VM from the recovery copy there.
func (w *World) FailOver(id model.NodeID, vm model.VMID) {
	w.monitor.vms[vm].failOver = true
	w.order(id, model.Order{Kind: model.OrderFailOver, VM: vm, Node: id})
}

// FailBack is the order to the host that runs a VM on its recovery copy to return it to its homes.
func (w *World) FailBack(id model.NodeID, vm model.VMID) {
	w.order(id, model.Order{Kind: model.OrderFailBack, VM: vm})
}

// TestFailOver is the order to the host with a VM's recovery copy to try it.
func (w *World) TestFailOver(id model.NodeID, vm model.VMID) {
	w.order(id, model.Order{Kind: model.OrderTestFailOver, VM: vm})
}

// AddRecovery is the operator's order to give a VM a recovery copy on a host. The VM must have been declared as Covered.
func (w *World) AddRecovery(vm model.VMID, id model.NodeID, target time.Duration) {
	w.toPool(model.Order{Kind: model.OrderAddRecovery, VM: vm, Node: id, Target: target})
}

// RemoveRecovery is the order to end it.
func (w *World) RemoveRecovery(vm model.VMID) {
	w.vms[vm].recovery = model.NoNode // nobody orders it again
	w.toPool(model.Order{Kind: model.OrderRemoveRecovery, VM: vm})
}
