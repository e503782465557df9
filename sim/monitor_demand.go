package sim

import (
	"fmt"
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// stepped looks at what a member's daemon is about to do after an event: what failed and is to be counted, and what
// it begins to use. busy: effects of earlier events wait.
func (o *monitor) stepped(m *member, ev *model.Event, list []model.Effect, busy bool) {
	switch ev.Kind {
	case model.EventNIC:
		if !ev.Flags.Has(model.FlagOn) {
			o.failed(m, pool.Part{Component: model.ComponentNIC, Node: m.id})
		}
	case model.EventDied:
		if !busy { // else the engine may have ended it
			o.failed(m, pool.Part{Component: model.ComponentVM, VM: ev.VM})
		}
	case model.EventResponding:
		if !ev.Flags.Has(model.FlagOn) {
			o.hangs(m, ev.VM)
		}
	}
	for i := range list {
		if e := &list[i]; e.Kind == model.EffectNotify && int(e.VM) < len(o.vms) {
			o.said(m, &e.Notice)
		}
	}
	if k := &o.health.known[m.id]; len(k.barred)+len(k.stopped) > 0 {
		o.uses(m, k, list)
	}
}

// uses checks what a member uses that knows of something out of service.
func (o *monitor) uses(m *member, k *books, list []model.Effect) {
	for i := range list {
		switch e := &list[i]; {
		case e.Kind == model.EffectOpen:
			o.opens(m, k, e)
		case e.Kind == model.EffectStart || e.Kind == model.EffectActivate:
			o.launches(m, k, e)
		case e.Kind == model.EffectSend && e.Message.Kind == model.MsgReport:
			o.reports(m, k, &e.Message)
		}
	}
}

// said takes down what a member says of proposals, and of components that failed.
func (o *monitor) said(m *member, n *model.Notice) {
	switch n.Kind {
	case model.NoticeProposed:
		v := &o.vms[n.VM]
		v.asked = append(v.asked, proposal{by: m.id, what: n.Detail, expect: n.Gen})
	case model.NoticeDiskFault: // of shared storage, recovery copies and the last copy in sync it is said, and not counted
		if cfg := m.node.Pool().VM(n.VM); cfg.Homes.Has(m.id) && !cfg.Shared && n.Gen == 0 {
			o.failed(m, pool.Part{Component: model.ComponentDisk, Node: m.id, VM: n.VM})
		}
	case model.NoticeHung:
		o.accused(m, n.VM)
		o.failed(m, pool.Part{Component: model.ComponentVM, VM: n.VM})
	}
}

// accused checks that a guest which is said to hang does, or did a moment ago (R10): it costs the VM a boot.
func (o *monitor) accused(m *member, vm model.VMID) {
	inst, moment := &m.vms[vm].inst, 3*probeTime
	lately := o.w.now.Sub(inst.turned) < moment || inst.machine != nil && inst.machine.CPU().Hung
	if inst.machine != nil && !lately && m.steady(o.w.now.Add(-moment)) {
		o.w.violation("R10", vm, m.name+" says that the guest of "+o.w.vms[vm].spec.Name+" hangs, which does not")
	}
}

// opens checks that a copy which is out of service is not opened, except as the only one in sync (R9). What the member
// learns in this very step may come after it began to open the copy, so it has to have known before.
func (o *monitor) opens(m *member, k *books, e *model.Effect) {
	of := pool.Part{Component: model.ComponentDisk, Node: m.id, VM: e.VM}
	if state := m.node.Pool(); slices.Contains(k.barred, e.VM) && state.Retired(of) && sparable(state, m.id, e.VM) {
		o.w.violation("R9", e.VM, m.name+" opens "+o.partName(of)+", which is out of service")
	}
}

// launches checks that a VM which is out of service is not run (R9), unless an operator said so.
func (o *monitor) launches(m *member, k *books, e *model.Effect) {
	ordered := o.vms[e.VM].forced == m.id || o.w.vms[e.VM].recovery != model.NoNode || o.w.vms[e.VM].spec.Covered // perhaps
	if of := (pool.Part{Component: model.ComponentVM, VM: e.VM}); slices.Contains(k.stopped, e.VM) && m.node.Pool().Retired(of) && !ordered {
		o.w.violation("R9", e.VM, m.name+" runs "+o.partName(of)+", which is out of service")
	}
}

// reports checks that the primary of a VM that is out of service does not say that it has no instance (R9): the other home may
// not have heard of it, and would go on with the VM.
func (o *monitor) reports(m *member, k *books, msg *model.Message) {
	state := m.node.Pool()
	of := pool.Part{Component: model.ComponentVM, VM: msg.VM}
	if slices.Contains(k.stopped, msg.VM) && state.Retired(of) && state.VM(msg.VM).Primary == m.id && !msg.Flags.Has(model.FlagInstance) {
		o.w.violation("R9", msg.VM, m.name+" says that nothing runs "+o.partName(of)+", which is out of service, so that another host may")
	}
}

// failed demands that a fault which a member has seen is counted. It asks the leader once; what is lost with the leader or on
// the way is not counted.
func (o *monitor) failed(m *member, of pool.Part) {
	if m.node.Pool().Health(of).Rule.Mode == model.RepairNever {
		o.permit(of) // if the log has this rule when it counts the fault, and others learn both and another rule at once
	}
	leader := m.node.Leader()
	if leader == model.NoNode {
		return
	}
	o.demand(demand{of: of, what: toCount, by: m.id, leader: leader, until: o.w.now.Add(answerTime), faults: o.health.known[m.id].find(of).Faults})
}

// hangs demands that a guest which its host knows to hang is ended, so that it is booted anew.
func (o *monitor) hangs(m *member, vm model.VMID) {
	leader, patience := m.node.Leader(), o.w.opt.Timing.Engine.HangAfter+answerTime
	if leader != model.NoNode && m.vms[vm].inst.present {
		of := pool.Part{Component: model.ComponentVM, VM: vm}
		o.demand(demand{of: of, what: toBoot, by: m.id, leader: leader, until: o.w.now.Add(patience), life: m.vms[vm].inst.life})
	}
}

// hung reports whether the instance that a demand is about still hangs.
func (w *World) hung(d *demand) bool {
	inst := &w.nodes[d.by].vms[d.of.VM].inst
	return inst.life == d.life && inst.machine != nil && inst.machine.CPU().Hung
}

// losing returns who votes on the log, right before a host loses power that has worked undisturbed so far. If it has not, others may
// suspect it already, and have that counted.
func (o *monitor) losing(m *member) model.NodeSet {
	if since := o.w.now - model.Time(settledIn); !m.host || !m.steady(since) || m.rewired > since {
		return 0
	}
	voters := o.w.Electorate()
	for rest := voters; !rest.Empty(); rest = rest.Without(rest.First()) {
		if !o.w.joined(m.id, rest.First()) {
			return 0
		}
	}
	return voters
}

// powerLost demands that the loss of a host that votes is counted, also if it led: by the leader, or by the first one after it.
// Those who do not vote with it notice a silence much later.
func (o *monitor) powerLost(m *member, voters model.NodeSet) {
	w := o.w
	if voters.Has(m.id) {
		patience := w.opt.Timing.Engine.SuspectAfter + electTime
		of := pool.Part{Component: model.ComponentHost, Node: m.id}
		o.demand(demand{of: of, what: toCountLoss, voters: voters.Without(m.id), until: w.now.Add(patience), faults: o.health.newest.find(of).Faults})
	}
}

// demand keeps a demand if those who have to meet it are undisturbed.
func (o *monitor) demand(d demand) {
	w, h := o.w, &o.health
	d.since, d.members = w.now, w.Members().All()
	if cleared := h.cleared >= 0 && w.now.Sub(h.cleared) < lingers; h.void || cleared && d.what != toBoot {
		return
	}
	for _, m := range w.nodes[1:] {
		if m.old {
			return // it cannot read what is asked for, so nobody asks
		}
	}
	if h.versions >= 0 && w.now.Sub(h.versions) < greeting {
		return // others may not have heard that it is not
	}
	if d.what != toRetire {
		d.rule = h.newest.find(d.of).Rule
	}
	if d.what != toCountLoss {
		d.voters = w.Electorate()
	}
	if o.holds(&d) {
		h.demands = append(h.demands, d)
	}
}

// holds reports whether those who have to meet a demand are as undisturbed as they were, and joined by links that work.
func (o *monitor) holds(d *demand) bool {
	w := o.w
	since := d.since - model.Time(settledIn)
	steady := func(id model.NodeID) bool {
		return id == model.NoNode || w.nodes[id].steady(since) && w.nodes[id].rewired < since+1
	}
	if d.of.Node != model.NoNode && !w.Members().Hosts.Has(d.of.Node) {
		return false // it leaves, and its faults with it
	}
	if !steady(d.by) || !steady(d.leader) || d.what == toCountLoss && w.nodes[d.of.Node].powered {
		return false
	}
	if d.what == toCountLoss && w.Members().All() != d.members {
		return false // others vote then, so the lost one may be needed
	}
	if d.leader != model.NoNode {
		if w.nodes[d.leader].node.Leader() != d.leader || d.by != model.NoNode && (w.nodes[d.by].node.Leader() != d.leader || !w.joined(d.by, d.leader)) {
			return false
		}
	}
	quorum, all := 0, d.voters.Len()
	for rest := d.voters; !rest.Empty(); rest = rest.Without(rest.First()) {
		id := rest.First()
		ok := steady(id)
		for others := d.voters; ok && d.leader == model.NoNode && !others.Empty(); others = others.Without(others.First()) {
			ok = w.joined(id, others.First())
		}
		if ok && (d.leader == model.NoNode || w.joined(id, d.leader)) {
			quorum++
		} else if d.leader == model.NoNode {
			return false // whoever is not well may lead next
		}
	}
	if d.what == toCountLoss {
		all++ // the lost one
	}
	return 2*quorum > all
}

// settleDemands looks whether what was demanded came.
func (o *monitor) settleDemands() {
	h := &o.health
	kept := h.demands[:0]
	for i := range h.demands {
		d := &h.demands[i]
		switch p := h.newest.find(d.of); {
		case d.met(o.w, &p), p.Rule != d.rule, !o.holds(d):
		case o.w.now < d.until:
			kept = append(kept, *d)
		default:
			o.unmet(d)
		}
	}
	h.demands = kept
}

// met reports whether what was demanded came, by what is known of the component.
func (d *demand) met(w *World, p *pool.Health) bool {
	switch d.what {
	case toRetire:
		return p.Retired
	case toBoot:
		return !w.hung(d)
	}
	return p.Faults != d.faults
}

// unmet says that what was demanded did not come.
func (o *monitor) unmet(d *demand) {
	text := fmt.Sprintf("%s failed, and that is not counted", o.partName(d.of))
	switch d.what {
	case toBoot:
		text = fmt.Sprintf("%s hangs on %s for longer than %v and is not booted anew", o.partName(d.of), o.w.nodes[d.by].name, o.w.opt.Timing.Engine.HangAfter)
	case toRetire:
		text = fmt.Sprintf("%s is not taken out of service although it failed as often as that: %s", o.partName(d.of), ruleText(d.rule, o.w.opt.Timing.Engine.MTBF))
	}
	o.w.violation("R9", d.of.VM, text)
}
