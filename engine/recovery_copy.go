package engine

import (
	"holdfast/engine/dr"
	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// reconcileElsewhere does the next step of a host that is no home of the VM: it has no business with an instance, and may
// have the recovery copy.
func (v *vm) reconcileElsewhere() {
	if v.instance != absent {
		v.fence()
	}
	if v.copy != nil || v.disk != diskClosed {
		v.in.Reset(0, &v.n.out)
		v.copy, v.marks, v.disk = nil, nil, diskClosed
	}
	if v.recovery.left != nil && v.cfg.Cause == pool.KindFailBack {
		v.n.out.Notify(model.NoticeFailedBack, v.id, v.cfg.Primary).Gen = v.cfg.Gen
	}
	v.recovery.returning, v.recovery.left = false, nil
	if v.cfg.Recovery != v.self() {
		v.leaveRecovery()
		return
	}
	v.keepRecovery()
	if v.recovery.takeover {
		v.takeOverRecovery()
	}
	v.settleProposal()
}

// keepRecovery keeps the recovery copy open, under the name of its present history: an old disk of this host may come back, and a later life
// erases what has the name of an earlier one.
func (v *vm) keepRecovery() {
	n, r := v.n, &v.recovery
	if r.openedFor != v.cfg.History && !planted.On(planted.HistoryKept) {
		v.leaveRecovery() // it was removed and added again, perhaps within one step
	}
	if r.tgt != nil && r.tgt.Failed() {
		r.tgt = nil
		v.endTest("the recovery copy failed during the test; give the order again when it works")
		v.failRecovery()
	}
	if r.tgt != nil || r.opening != 0 {
		return
	}
	if n.now < r.openAt {
		v.lookAgain(r.openAt)
		return
	}
	r.opening, r.openedFor = n.token(), v.cfg.History
	e := n.out.Add(model.EffectRecoveryOpen, v.id)
	e.Gen, e.ID = r.openedFor, r.opening
}

// failRecovery has the recovery copy opened again a little later. That it failed is said once, until it can be opened.
func (v *vm) failRecovery() {
	r := &v.recovery
	r.openAt = v.n.now.Add(v.n.cfg.Timing.RepairEvery)
	if !r.broken {
		r.broken = true
		v.n.out.Notify(model.NoticeDiskFault, v.id, v.self())
	}
}

// leaveRecovery ends the part of a host that kept the recovery copy. A fail-over that was ordered has happened by then, or can
// happen no more: what was proposed names a generation that is past. A test ends without an outcome.
func (v *vm) leaveRecovery() {
	r := &v.recovery
	switch {
	case r.takeover && v.isPrimary():
		notice := v.n.out.Notify(model.NoticeFailedOver, v.id, v.self())
		notice.Gen = v.cfg.Gen
		if r.tgt != nil {
			_, notice.Epoch = r.tgt.Point()
		}
	case r.takeover:
		v.n.refuse(v.id, v.self(), copyGone)
	}
	r.tgt, r.opening, r.takeover = nil, 0, false
	v.endTest(copyGone)
}

// endTest ends a test that is under way, without an outcome.
func (v *vm) endTest(why string) {
	if r := &v.recovery; r.testing != 0 {
		r.testing = 0
		v.n.out.Add(model.EffectTestStop, v.id)
		v.n.refuse(v.id, v.self(), why)
	}
}

// recoveryEvent takes what happened to the recovery copy on this host.
func (v *vm) recoveryEvent(ev *model.Event) {
	n, r := v.n, &v.recovery
	failed := ev.Flags.Has(model.FlagError)
	switch {
	case ev.Kind == model.EventRecoveryOpened && r.opening != 0 && (ev.ID == r.opening || planted.On(planted.OpeningMistaken)):
		r.opening = 0
		if failed {
			v.failRecovery()
			return
		}
		r.broken = false
		maker := ev.Maker
		if ev.Gen < v.cfg.History {
			maker = 0 // another history, which an override may have discarded when it began no era
		}
		r.tgt = dr.NewTarget(n.now, v.id, n.cfg.recovery(), n.nextSession(), ev.Gen, maker, ev.Epoch)
	case ev.Kind == model.EventRecoverySealed && r.tgt != nil:
		r.tgt.Sealed(ev.Epoch, failed, &n.out)
	case ev.Kind == model.EventRecoveryApplied && r.tgt != nil:
		r.tgt.Applied(ev.Epoch, failed, &n.out)
	case ev.Kind == model.EventTested && r.testing != 0 && ev.ID == r.testing:
		v.tested(failed)
	}
}

// fromSource takes what the VM's primary ships. Only the present primary is followed.
func (v *vm) fromSource(m *model.Message) {
	t := v.recovery.tgt
	if t == nil || v.cfg.Recovery != v.self() || m.From != v.cfg.Primary {
		return
	}
	out := &v.n.out
	switch m.Kind {
	case model.MsgShipOpen:
		// One of an earlier generation may have been on its way since an earlier tenure. A source that is merely behind asks again.
		if model.Gen(m.Epoch) == v.cfg.History && m.Gen >= v.cfg.Gen {
			t.Open(m, out)
		}
	case model.MsgShipPoint:
		t.Announce(v.n.now, m, out)
	default:
		t.Entry(m, out)
	}
}

// recoveryOrder carries out an operator's order about the recovery copy of a VM, on the member that it is for.
func (n *Node) recoveryOrder(o *model.Order) {
	v := n.vm(o.VM)
	if reason := n.refuseRecovery(v, o); reason != "" {
		n.refuse(o.VM, n.cfg.ID, reason)
		return
	}
	v.touch()
	switch o.Kind {
	case model.OrderFailOver:
		v.recovery.takeover = true
		n.out.Notify(model.NoticeOverride, o.VM, n.cfg.ID).Gen = v.cfg.Gen
	case model.OrderFailBack:
		v.recovery.returning = true
		v.recovery.returnBy = model.Never
	default:
		_, v.recovery.testPoint = v.recovery.tgt.Point()
		v.recovery.testing = n.token()
		n.out.Add(model.EffectTestStart, v.id).ID = v.recovery.testing
	}
}

// refuseRecovery returns why an order about a recovery copy cannot be carried out here, or nothing.
func (n *Node) refuseRecovery(v *vm, o *model.Order) string {
	if v == nil || v.cfg.Gen == 0 {
		return "this member does not know the VM; give the order to the host with its recovery copy"
	}
	if reason := n.tooOld(pool.KindFailOver.Format()); reason != "" {
		return reason
	}
	if o.Kind == model.OrderFailBack {
		if !v.isPrimary() || v.instance != running || v.cfg.Former.Empty() {
			return "the VM does not run on its recovery copy here; give the order to the host that runs it"
		}
		if v.stopped() {
			return vmRetired
		}
		return ""
	}
	if v.cfg.Recovery != n.cfg.ID || v.recovery.tgt == nil {
		return "this member has no recovery copy of the VM; give the order to the one that has"
	}
	if o.Kind == model.OrderFailOver && v.recovery.takeover {
		return "" // it is under way, and may be decided whatever is said now
	}
	if !v.hasPoint() {
		return noPoint
	}
	if o.Kind == model.OrderFailOver && v.primaryAnswers() {
		return primaryAlive
	}
	if o.Kind == model.OrderTestFailOver && v.recovery.testing != 0 {
		return "a test fail-over is under way"
	}
	return ""
}

// copyGone is why a fail-over or a test that was ordered is over.
const copyGone = "the recovery copy that the order was about is none any more: it was removed, the VM runs from it, or an operator's override began another history; look at the VM, and give the order again where it has one"

// noPoint is why nothing can be started from a recovery copy.
const noPoint = "the recovery copy has no consistent point yet; wait until the first one is complete"

// hasPoint reports whether the opened recovery copy has a point of the VM's present history.
func (v *vm) hasPoint() bool {
	history, point := v.recovery.tgt.Point()
	return history == v.cfg.History && point != 0 || planted.On(planted.FailOverIncomplete)
}

// primaryAlive is why a fail-over is refused. A primary that is alone needs nobody's leave to go on, so two would
// serve; only the operator can know that one which does not answer is dead.
const primaryAlive = "the host that runs the VM answers; make sure that it is off, or isolate it, before the VM is started elsewhere"

// primaryAnswers reports whether the VM's primary is heard.
func (v *vm) primaryAnswers() bool {
	p := &v.n.peers[v.cfg.Primary]
	return p.incarnation != 0 && !p.suspected
}

// takeOverRecovery asks the log to start the VM from the recovery copy. The copy stands still from then on, so
// that what is started is a point. The order is refused after all if the primary is heard again, or the copy had to be
// opened again and is none any more; but not while a proposal may still be decided.
func (v *vm) takeOverRecovery() {
	r := &v.recovery
	if r.tgt == nil {
		return // the copy is being opened
	}
	reason := ""
	switch {
	case v.primaryAnswers():
		reason = primaryAlive
	case !v.hasPoint():
		reason = noPoint
	}
	pending := r.askedIn == v.cfg.Gen
	r.tgt.Freeze(reason == "" || pending)
	switch {
	case reason != "" && pending:
		v.propose(pool.Command{Kind: pool.KindBump})
	case reason != "":
		r.takeover = false
		v.n.refuse(v.id, v.self(), reason)
	case r.tgt.Settled():
		r.askedIn = v.cfg.Gen
		v.propose(pool.Command{Kind: pool.KindFailOver, Node: v.self()})
	}
}

// tested takes the outcome of a test fail-over.
func (v *vm) tested(failed bool) {
	r := &v.recovery
	r.testing = 0
	kind := model.NoticeTested
	if failed {
		kind = model.NoticeTestFailed
	}
	notice := v.n.out.Notify(kind, v.id, v.self())
	notice.Gen, notice.Epoch = v.cfg.Gen, r.testPoint
	v.n.out.Add(model.EffectTestStop, v.id)
}

// returnPatience multiplies ColdStartAfter: so long an instance that was ended for a fail-back waits for its last point.
const returnPatience = 2

// beginReturn ends the instance, once little is missing over there; the last point is shipped without it.
func (v *vm) beginReturn(s *dr.Source) {
	r := &v.recovery
	if s.State() != dr.Shipping || r.late || !v.localReadable() || v.stopped() {
		return
	}
	r.left, r.returnBy = s, v.n.now.Add(returnPatience*v.n.cfg.Timing.ColdStartAfter)
	v.n.out.Add(model.EffectDestroy, v.id).Gen = v.gen
	v.lose()
	s.Finish(v.n.now, &v.n.out)
}

// returns does the next step of a fail-back, while no instance runs; false: there is none, or it was given up.
func (v *vm) returns() bool {
	r := &v.recovery
	if r.left == nil {
		return false
	}
	if v.n.now >= r.returnBy || r.left.State() != dr.Shipping {
		r.left, r.returning = nil, false
		v.n.refuse(v.id, v.self(), "the last recovery point was not confirmed in time; the VM is started here again")
		return false
	}
	if r.left.Current() || planted.On(planted.FailBackEarly) {
		v.propose(pool.Command{Kind: pool.KindFailBack, Node: v.cfg.Recovery})
	}
	return true
}
