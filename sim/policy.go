package sim

import (
	"fmt"

	"holdfast/engine/model"
)

// governed reports whether an operator states policies, or leaves homes to them: then one of them does all that
// there is to do, in order, at the first host.
func (o *Options) governed() bool {
	if len(o.Policies) > 0 {
		return true
	}
	for i := range o.VMs {
		if o.VMs[i].Home == "" {
			return true
		}
	}
	return false
}

// operatorAt returns the member at which VM v is ordered when the pool is set up.
func (w *World) operatorAt(v *load) model.NodeID {
	if !w.opt.governed() {
		return v.homes[0]
	}
	for _, m := range w.nodes[1:] {
		if !m.spare {
			return m.id
		}
	}
	return model.NoNode
}

// creation returns the order to protect a VM.
func (v *load) creation() model.Order {
	o := model.Order{Kind: model.OrderCreate, VM: v.id, Level: v.spec.Level, Shared: v.spec.Shared, Node: v.homes[0]}
	if v.homes[0] != model.NoNode {
		o.Homes = model.Nodes(v.homes[:]...)
	}
	return o
}

// cover returns the order to give a VM its recovery copy.
func (v *load) cover() model.Order {
	return model.Order{Kind: model.OrderAddRecovery, VM: v.id, Node: v.recovery, Target: v.spec.Target}
}

// statePolicies gives the operator's statements to a member, in order. Those about hosts that are not in the pool wait
// until they join.
func (w *World) statePolicies(m *member) {
	for _, o := range w.opt.Policies {
		if m.node != nil && (o.Node == model.NoNode || !w.nodes[o.Node].spare) {
			m.tell(&model.Event{Kind: model.EventOperator, Order: o})
		}
	}
}

// stateHost gives the pool what there is to state about a host that joins.
func (w *World) stateHost(id model.NodeID) {
	for _, o := range w.opt.Policies {
		if o.Node == id {
			w.toPool(o)
		}
	}
}

// Exists reports whether the pool knows the VM.
func (w *World) Exists(vm model.VMID) bool { return w.monitor.exists(vm) }

// validateHomes checks that a VM has two homes, or leaves both to the policies.
func (o *Options) validateHomes(v *VM) error {
	switch {
	case v.Home == "" && v.Second == "":
		return nil
	case o.spare(v.Home) || o.spare(v.Second):
		return fmt.Errorf("%w: VM %q has a home that is not in the pool yet", ErrOptions, v.Name)
	case o.member(v.Home) == model.NoNode || o.member(v.Second) == model.NoNode || v.Home == v.Second:
		return fmt.Errorf("%w: VM %q needs two different hosts, has %q and %q", ErrOptions, v.Name, v.Home, v.Second)
	case v.Later && v.Clients > 0:
		return fmt.Errorf("%w: VM %q has clients and does not exist at first", ErrOptions, v.Name)
	}
	return nil
}
