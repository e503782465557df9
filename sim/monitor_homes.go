package sim

import (
	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// changedHomes checks a change of a VM's homes: what is dropped must not be needed by anybody (R5).
func (o *monitor) changedHomes(before, cfg *pool.Config) {
	p := o.w.nodes[cfg.Primary].place(cfg.VM)
	dropped := before.Homes &^ cfg.Homes
	switch {
	case dropped.Empty():
	case cfg.Cause == pool.KindFailBack, cfg.Primary == before.Recovery && cfg.Cause == pool.KindStart:
		if before.Holders() != cfg.Holders() {
			o.breaks("R5", p, "generation %v keeps %v, of what was kept on %v before", cfg.Gen, cfg.Holders(), before.Holders())
		}
	case cfg.Cause != pool.KindRehome:
		o.breaks("R5", p, "generation %v has other homes by a %v: %v instead of %v", cfg.Gen, cfg.Cause, cfg.Homes, before.Homes)
	case dropped&before.InSync != 0:
		o.breaks("R5", p, "generation %v drops %v, a copy in sync", cfg.Gen, dropped)
	case cfg.InSync != before.InSync:
		o.breaks("R5", p, "generation %v counts copies %v as in sync, which were %v before homes changed", cfg.Gen, cfg.InSync, before.InSync)
	}
}

// atHome checks that a VM is started by one of its homes only (R5).
func (o *monitor) atHome(p *place, gen model.Gen) {
	if cfg := o.vms[p.vm.id].newest(); cfg.Gen != 0 && !cfg.Homes.Has(p.m.id) {
		o.breaks("R5", p, "starts generation %v although the homes are %v since generation %v", gen, cfg.Homes, cfg.Gen)
	}
}

// discarded checks that a copy which a host forgets is no part of the VM (R5).
func (o *monitor) discarded(p *place) {
	cfg := o.vms[p.vm.id].newest()
	if cfg.Gen != 0 && cfg.InSync.Has(p.m.id) && cfg.HomeSince(p.m.id) == p.made {
		o.breaks("R5", p, "forgets its copy, which is in sync in generation %v", cfg.Gen)
	}
	if cfg.Recovery == p.m.id && p.recovery.point != 0 && p.recovery.history == cfg.History {
		o.breaks("R5", p, "forgets the recovery copy in generation %v", cfg.Gen)
	}
}
