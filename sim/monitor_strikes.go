package sim

import (
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// learns takes down what a member has newly learnt from the log about components.
func (o *monitor) learns(m *member, state *pool.State) {
	h, k := &o.health, &o.health.known[m.id]
	if k.life != m.life {
		*k = books{life: m.life}
	}
	if len(k.parts) == 0 && len(state.Parts()) == 0 {
		k.applied, k.at = state.Applied(), o.w.now
		o.advance(m, state)
		return
	}
	o.strike(m, k, state)
	k.by, k.applied, k.at, k.parts = m.id, state.Applied(), o.w.now, slices.Clone(state.Parts())
	k.bar(m, state)
	o.advance(m, state)
	h.permits = slices.DeleteFunc(h.permits, func(p permit) bool { return p.ends < o.w.now })
}

// bar takes down what the member knows to be out of service.
func (k *books) bar(m *member, state *pool.State) {
	k.barred, k.stopped = k.barred[:0], k.stopped[:0]
	for _, p := range k.parts {
		switch {
		case !p.Retired:
		case p.Component == model.ComponentVM:
			k.stopped = append(k.stopped, p.VM)
		case p.Component == model.ComponentDisk && p.Node == m.id && sparable(state, m.id, p.VM):
			k.barred = append(k.barred, p.VM)
		}
	}
}

// sparable reports whether the VM can do without the copy on a host: it is not the only one in sync.
func sparable(state *pool.State, node model.NodeID, vm model.VMID) bool {
	cfg := state.VM(vm)
	return cfg.Gen != 0 && !cfg.Shared && cfg.InSync != model.Nodes(node)
}

// strike takes down the faults that a member has newly learnt of, and what its rule makes of them.
func (o *monitor) strike(m *member, k *books, state *pool.State) {
	lost := func(of pool.Part) bool { // not cleared: the host has left, and may have joined again
		return of.Node != model.NoNode && (!state.Members().All().Has(of.Node) || o.health.left[of.Node] >= k.at)
	}
	clear := false
	for _, p := range k.parts {
		now := state.Health(p.Part)
		clear = clear || (now.Faults < p.Faults || p.Retired && !now.Retired) && !lost(p.Part)
	}
	if clear {
		for i := range k.strikes {
			if state.Applied()-k.applied != 1 && k.strikes[i].n >= strikeCount-1 {
				o.permit(k.strikes[i].of) // one more may have been learnt right before, and is not seen any more
			}
		}
		k.strikes = k.strikes[:0] // what is counted now came after it, for all that the monitor can tell
	}
	k.strikes = slices.DeleteFunc(k.strikes, func(s strikes) bool { return lost(s.of) })
	few := state.Applied()-k.applied <= fewEntries && k.applied != 0
	exact := state.Applied()-k.applied == 1 || o.health.cleared < 0 || o.w.now.Sub(o.health.cleared) > 2*lingers
	started := o.w.now.Sub(m.began) > o.w.opt.Timing.Engine.SuspectAfter
	for _, p := range state.Parts() {
		was := k.find(p.Part)
		if clear || lost(p.Part) {
			was.Faults = 0
		}
		if p.Faults <= was.Faults || !started && m.steady(m.began+1) {
			continue // what a life learns in its first moments it learns again, and does not count
		}
		s := k.strikesOf(p.Part)
		if s.n > 0 && s.times[s.n-1] == o.w.now {
			continue // several that are learnt at once are one
		}
		if s.n == strikeCount {
			copy(s.times[:], s.times[1:])
			s.n--
		}
		s.times[s.n] = o.w.now
		s.n++
		if s.sure++; !few || !exact || !started {
			s.sure = 0
		}
		o.rule(m, s, &p, was.Rule)
	}
}

// strikesOf returns when faults of a component were learnt of.
func (k *books) strikesOf(of pool.Part) *strikes {
	for i := range k.strikes {
		if k.strikes[i].of == of {
			return &k.strikes[i]
		}
	}
	k.strikes = append(k.strikes, strikes{of: of})
	return &k.strikes[len(k.strikes)-1]
}

// rule finds what the rule makes of a fault that a member has learnt of: whether it may have the component taken out of
// service, and whether it must.
func (o *monitor) rule(m *member, s *strikes, p *pool.Health, before model.Repair) {
	may, must := false, true
	for _, rule := range [...]model.Repair{before, p.Rule} {
		span := strikeGaps * rule.MTBF
		if rule.MTBF == 0 {
			span = strikeGaps * o.w.opt.Timing.Engine.MTBF
		}
		full, began := s.n == strikeCount, s.times[0]
		switch rule.Mode {
		case model.RepairNever:
			may, must = true, must && s.sure > 0
		case model.RepairAlways:
			must = false
		default:
			soon, known := full && o.w.now.Sub(began) < span, m.steady(began) // by a clock that was disturbed the time may have been any
			may = may || soon || full && !known
			must = must && soon && known && s.sure >= strikeCount
		}
	}
	if may {
		o.permit(p.Part)
	}
	if must && !p.Retired && s.times[0] > m.began.Add(settledIn) && m.node.Leader() == m.id {
		o.demand(demand{of: p.Part, what: toRetire, by: m.id, leader: m.id, until: o.w.now.Add(answerTime), rule: p.Rule})
	}
}
