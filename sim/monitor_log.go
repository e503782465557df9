package sim

import (
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// sighting is who knew of a committed configuration first, and the record of its own which has to be durable
// before that can have any consequence. Once a second member knows it, none is needed.
type sighting struct {
	by     model.NodeID
	record uint64
}

// proposal is what a member asked the log for.
type proposal struct {
	by     model.NodeID
	what   string
	expect model.Gen
}

// observe looks at what a member has newly learnt from the control log.
func (o *monitor) observe(m *member) {
	state := m.node.Pool()
	if state.Applied() == o.seen[m.id] {
		return
	}
	o.seen[m.id] = state.Applied()
	o.learns(m, state)
	for _, cfg := range state.VMs() {
		v := &o.vms[cfg.VM]
		if p := m.vms[cfg.VM]; p != nil && p.learnt != cfg.Gen {
			p.learnt, p.learntAt = cfg.Gen, o.w.now
		}
		if before := v.newest(); cfg.Gen > before.Gen {
			if cfg.Cause != pool.KindBump { // a bump goes on with what is still to be said
				o.told(v, o.w.now)
			}
			if v.voids && cfg.Gen.Era() > before.Gen.Era() {
				o.void(v, &cfg)
			}
			v.truth, v.since = append(v.truth, cfg), append(v.since, o.w.now)
			v.seenBy = append(v.seenBy, sighting{by: m.id, record: m.asked})
			o.committed(v, &before, &cfg)
			o.inPlace(state, &before, &cfg)
			o.w.tape.committed(o.w, &cfg)
		} else {
			o.agrees(m, v, &cfg)
		}
	}
	if o.health.newest.by == m.id {
		o.states(state)
	}
}

// overriding notes for which VMs a member that is about to decide alone does not know the newest configuration: the
// operator has what it does not know discarded.
func (o *monitor) overriding(m *member) {
	if !m.running() {
		return
	}
	o.health.overridden()
	for i := range o.vms {
		if v := &o.vms[i]; len(v.truth) > 0 {
			cfg := v.newest()
			v.voids = v.voids || m.node.Pool().VM(cfg.VM).Gen < cfg.Gen
		}
	}
}

// void forgets what an override discarded: writes that were completed in that history need not be anywhere.
func (o *monitor) void(v *watch, cfg *pool.Config) {
	v.voids = false
	for i := range v.writes {
		o.w.drop(v.writes[i].att)
	}
	v.writes = v.writes[:0]
	o.points[cfg.VM].rewound(o.w.nodes[cfg.Primary].place(cfg.VM))
}

// undo takes back what only a member knew that dies before it was durable there: nothing can have come of it,
// and the log may go on otherwise.
func (o *monitor) undo(m *member) {
	o.seen[m.id] = 0
	o.forgets(m)
	for i := range o.vms {
		v := &o.vms[i]
		for n := len(v.truth) - 1; n >= 0 && v.seenBy[n].by == m.id && v.seenBy[n].record > m.durable; n-- {
			if o.points[v.truth[n].VM].undo(&v.truth[n]) {
				v.failOver = true
			}
			v.joining = v.joining || v.truth[n].Cause == pool.KindAttach
			v.truth, v.since, v.seenBy, v.exposure = v.truth[:n], v.since[:n], v.seenBy[:n], 0
		}
	}
}

// agrees checks that a member has the same configuration as everybody else who knows the generation. What was decided in
// an era that is over after it was over has nobody else who knows it.
func (o *monitor) agrees(m *member, v *watch, cfg *pool.Config) {
	late := cfg.Gen.Era() < v.newest().Gen.Era() && !slices.ContainsFunc(v.truth, func(c pool.Config) bool { return c.Gen == cfg.Gen })
	if late && cfg.Gen != 0 {
		o.breaks("R2", o.w.nodes[cfg.Primary].place(cfg.VM), "generation %v is %v by %d for %s, after an override had begun another history",
			cfg.Gen, cfg.Cause, cfg.By, m.name)
	}
	i := len(v.truth) - 1
	for i >= 0 && v.truth[i].Gen > cfg.Gen {
		i--
	}
	if i < 0 || v.truth[i].Gen != cfg.Gen {
		return
	}
	if v.seenBy[i].by != m.id {
		v.seenBy[i].by = model.NoNode
	}
	if v.truth[i] != *cfg {
		o.breaks("R2", o.w.nodes[cfg.Primary].place(cfg.VM), "generation %v is %v by %d for %s and was %v by %d for others",
			cfg.Gen, cfg.Cause, cfg.By, m.name, v.truth[i].Cause, v.truth[i].By)
	}
}

// committed checks a step from one configuration to the next.
func (o *monitor) committed(v *watch, before, cfg *pool.Config) {
	p := o.w.nodes[cfg.Primary].place(cfg.VM)
	single := before.Gen != 0 && cfg.Gen == before.Gen+1
	switch cfg.Cause {
	case pool.KindStart, pool.KindPromote:
		over := v.failOver && cfg.Primary == before.Recovery
		if over {
			o.points[cfg.VM].failedOver(o.w, p, cfg.Gen)
			v.failOver = false
		}
		if single && !before.InSync.Has(cfg.Primary) && v.ordered != cfg.Primary && !over {
			o.breaks("R5", p, "generation %v starts from a copy that is not in the in-sync set %v", cfg.Gen, before.InSync)
		}
	case pool.KindAttach:
		o.compareCopies(v, p, cfg)
	case pool.KindFailBack:
		o.points[cfg.VM].failedBack(o.w, p)
	}
	if single {
		o.changedHomes(before, cfg)
		o.points[cfg.VM].fresh = o.points[cfg.VM].fresh || cfg.Cause == pool.KindAddRecovery
	}
	if single && cfg.Primary != before.Primary && cfg.Cause == pool.KindPromote && before.Secondary != cfg.Primary {
		o.breaks("R2", p, "generation %v promotes a host that was not the secondary of generation %v", cfg.Gen, before.Gen)
	}
	if single && v.ordered == model.NoNode && !cfg.Cause.Recovery() && !v.proposed(cfg) {
		o.breaks("R2", p, "generation %v was made by a proposal of %v for another generation", cfg.Gen, cfg.Cause)
	}
	v.ordered = model.NoNode
	owed := v.exposure != 0 && cfg.Cause == pool.KindBump
	v.exposure = 0
	if cfg.Exposed() && cfg.Level != model.LevelNone && (owed || !goesOn(before, cfg)) {
		v.exposure, v.exposeBy, v.exposeAt = cfg.Gen, cfg.Primary, o.w.now
	}
}

// goesOn reports whether an exposed configuration only continues what people were told of before.
func goesOn(before, cfg *pool.Config) bool {
	switch cfg.Cause {
	case pool.KindCreate, pool.KindBump, pool.KindRehome:
		return true
	case pool.KindLevel:
		return before.Exposed() && before.Level != model.LevelNone
	}
	return false
}

// proposed reports whether the configuration's proposer asked for it in the generation before it.
func (v *watch) proposed(cfg *pool.Config) bool {
	for i := range v.asked {
		if a := &v.asked[i]; a.by == cfg.By && (a.what == cfg.Cause.String() || a.what == pool.KindFailOver.String()) && a.expect == cfg.Gen-1 {
			return true
		}
	}
	return false
}
