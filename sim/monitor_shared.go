package sim

import "holdfast/engine/model"

// startingShared checks, when a VM on shared storage is started, that no other instance exists that could still write,
// be its host frozen or cut off or not (R2).
func (o *monitor) startingShared(p *place, gen model.Gen) {
	if p.vm.shared == nil {
		return
	}
	o.vms[p.vm.id].holder = p.m.id
	for _, m := range o.w.nodes[1:] {
		if q := m.vms[p.vm.id]; q != nil && q != p && q.inst.present {
			o.breaks("R2", p, "generation %v is started while the instance of generation %v on %s can still write to the shared storage", gen, q.inst.gen, m.name)
		}
	}
}

// writing checks, when a write reaches shared storage, that nobody else has started the VM since (R2).
func (o *monitor) writing(p *place) {
	if p.vm.shared == nil {
		return
	}
	if holder := o.vms[p.vm.id].holder; holder != model.NoNode && holder != p.m.id {
		o.breaks("R2", p, "a write reaches the shared storage after %s started the VM", o.w.nodes[holder].name)
	}
}

// releasedShared checks that output of a VM on shared storage comes from the one that runs.
func (o *monitor) releasedShared(p *place) {
	if holder := o.vms[p.vm.id].holder; holder != p.m.id {
		o.breaks("R2", p, "output of generation %v leaves after %s started the VM", p.inst.gen, o.w.nodes[holder].name)
	}
}
