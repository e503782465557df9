package sim

import (
	"fmt"
	"time"

	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// place returns what the host has of a VM, and makes it when the host becomes a home of the VM for
// the first time: 16 hosts with as many VMs need no more than two places for each VM.
func (m *member) place(vm model.VMID) *place {
	if m.vms[vm] == nil {
		p, err := newPlace(m.w, m, m.w.vms[vm])
		if err != nil {
			panic(fmt.Sprintf("sim: the shape of VM %d was valid before: %v", vm, err)) // the world made a machine of it
		}
		m.vms[vm] = p
	}
	return m.vms[vm]
}

// renew prepares the copy for being opened by a home of the generation gen: one that was made for
// an earlier generation is void.
func (p *place) renew(gen model.Gen) {
	p.wanted = gen
	if p.made < gen {
		p.blank(gen)
	}
}

// erase performs an EffectErase.
func (m *member) erase(e *model.Effect) {
	p := m.vms[e.VM]
	if p == nil {
		return
	}
	p.forwardTo = model.NoNode
	if p.made < e.Gen && p.recovery.since <= e.Gen {
		p.endOperations()
		p.blank(e.Gen)
	}
}

// blank puts an empty copy in the place of the one that is there, all of which counts as different from
// any other.
func (p *place) blank(gen model.Gen) {
	if p.vm.shared != nil {
		return
	}
	p.w.monitor.discarded(p)
	p.dropReplica()
	for i := range p.journal {
		p.w.drop(p.journal[i].att)
	}
	p.journal = p.journal[:0]
	p.recovery.blank(p.w)
	p.disk = disk.New(diskSectors + 1)
	p.promises, p.lost, p.liar = promises{}, false, false
	p.lied.Reset()
	for x := range uint32(diskSectors / extentSectors) {
		p.marked.Set(x)
	}
	p.made = gen
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

// SetLevel has a running VM protected at another level.
func (w *World) SetLevel(vm model.VMID, level model.Level) {
	w.toPool(model.Order{Kind: model.OrderLevel, VM: vm, Level: level})
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
		if m.running() && len(m.node.Pool().Parts()) > 0 {
			w.toPool(model.Order{Kind: model.OrderClear})
			break
		}
	}
	if looks > 1 {
		w.At(w.now.Add(time.Second), func() { w.clearFaults(looks - 1) })
	}
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

// Spare reports whether a host has not been in the pool yet.
func (w *World) Spare(id model.NodeID) bool { return w.nodes[id].spare }
