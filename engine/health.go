package engine

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// strikes is the number of faults, each soon after the one before, that take a component out of service.
const strikes = 5

// troubled remembers when the log counted the last faults against a component. Every member keeps it, by its own
// clock, so that the rule survives a change of the leader, which is the one that acts on it.
type troubled struct {
	of    pool.Part
	times [strikes]model.Time // newest last
	n     int
}

// about returns a command of this node about a part.
func (n *Node) about(kind pool.Kind, part pool.Part) pool.Command {
	return pool.Command{Kind: kind, By: n.cfg.ID, Incarnation: n.incarnation, Node: part.Node, VM: part.VM, Component: part.Component}
}

// ruleOf returns the rule for a part, with the mean time between failures that holds for it; 0: none does.
func (n *Node) ruleOf(part pool.Part) model.Repair {
	rule := n.pool.Health(part).Rule
	if planted.On(planted.RuleIgnored) {
		rule = model.Repair{Mode: model.RepairByMTBF}
	}
	if rule.Mode == model.RepairByMTBF && rule.MTBF == 0 {
		rule.MTBF = n.cfg.Timing.MTBF
	}
	return rule
}

// fault has the log count a fault. It is asked for once: one that is lost with a leader is not counted,
// which errs on the side of the component. The fault of one that is never to be put back takes it out of service, and is
// asked for until it is decided. It reports whether the log was asked, or has not to be.
func (n *Node) fault(part pool.Part) bool {
	cmd, rule := n.about(pool.KindFault, part), n.ruleOf(part)
	if rule == (model.Repair{}) || planted.On(planted.FaultsUncounted) || n.tooOld(cmd.Format()) != "" {
		return true
	}
	if rule.Mode == model.RepairNever {
		if _, reported := n.retiring(part); n.member() && !reported {
			n.keepOrder(cmd)
		}
		return true
	}
	asked := n.decidable() && n.log.Propose(cmd.Encode()) == nil
	n.logBusy = n.logBusy || asked
	return asked
}

// outOfService reports whether a part is out of service, or will be as soon as the log has agreed.
func (n *Node) outOfService(part pool.Part) bool {
	asked, _ := n.retiring(part)
	return n.pool.Retired(part) || asked
}

// retiring reports whether this node asks the log to count a fault that takes a part out of service, and whether it was told of no
// clear since.
func (n *Node) retiring(part pool.Part) (asked, uncleared bool) {
	for i := range n.orders {
		switch cmd := &n.orders[i].cmd; {
		case cmd.Kind == pool.KindClear:
			uncleared = false
		case cmd.Kind == pool.KindFault && cmd.Part() == part && !n.decided(cmd):
			asked, uncleared = true, true
		}
	}
	return asked, uncleared
}

// faulted takes that the log counted a fault. What an earlier life counted is learnt again at
// the beginning of this one, at no known time, and does not count.
func (n *Node) faulted(cmd *pool.Command) {
	part := cmd.Part()
	if cmd.By == n.cfg.ID {
		n.out.Notify(model.NoticeFaultCounted, part.VM, part.Node).Detail = part.Component.String()
	}
	if n.now < n.graceUntil {
		return
	}
	t := n.trouble(part)
	if t.n > 0 && t.times[t.n-1] == n.now {
		return // several at once are one for the rule: they were learnt late
	}
	if t.n == strikes {
		copy(t.times[:], t.times[1:])
		t.n--
	}
	t.times[t.n] = n.now
	t.n++
	if n.tooOften(t) && n.log.Leading() && !n.pool.Retired(part) {
		out := n.about(pool.KindRetire, part)
		out.Expect = model.Gen(n.pool.Health(part).Faults)
		if n.tooOld(out.Format()) == "" && n.log.Propose(out.Encode()) == nil {
			n.logBusy = true
		}
	}
}

// tooOften reports whether a component has failed as often as takes it out of service. Fewer faults that are counted than are remembered
// here were cleared, and this member had that from a snapshot.
func (n *Node) tooOften(t *troubled) bool {
	if planted.On(planted.RetireAnyway) {
		return t.n == strikes
	}
	soon := n.now.Sub(t.times[0]) < (strikes-1)*n.ruleOf(t.of).MTBF
	return t.n == strikes && n.pool.Health(t.of).Faults >= strikes && soon && !planted.On(planted.StrikesForgotten)
}

// trouble returns what is remembered of a component.
func (n *Node) trouble(part pool.Part) *troubled {
	for i := range n.troubles {
		if n.troubles[i].of == part {
			return &n.troubles[i]
		}
	}
	n.troubles = append(n.troubles, troubled{of: part})
	return &n.troubles[len(n.troubles)-1]
}

// serviced takes that the log took a component out of service, or that an operator cleared it.
func (n *Node) serviced(cmd *pool.Command) {
	kind := model.NoticeRetired
	if cmd.Kind == pool.KindClear {
		kind, n.troubles = model.NoticeCleared, n.troubles[:0]
	}
	n.touchAll()
	for _, v := range n.vms {
		if v.instance == absent {
			v.reportAt = n.now // whoever waited for this home's word need not wait for the next one; but more may be decided in this step
			if planted.On(planted.ClearToldEarly) {
				v.tell()
			}
		}
	}
	if cmd.By != n.cfg.ID {
		return
	}
	notice := n.out.Notify(kind, cmd.VM, cmd.Node)
	if cmd.Component != 0 {
		notice.Detail = cmd.Component.String()
	}
}

// retired reports whether this component of the VM on this host is out of service.
func (v *vm) retired(component model.Component) bool {
	return v.n.outOfService(pool.Part{Component: component, Node: v.self(), VM: v.id}) && !planted.On(planted.RetiredUsed)
}

// vmRetired is why a VM that is out of service is not moved or started.
const vmRetired = "the VM is out of service because of its failures, and stays where it is; have its faults cleared, and give the order again if it is to be moved"

// stopped reports whether the VM is out of service, so that it is not to be started any more.
func (v *vm) stopped() bool {
	return v.n.outOfService(pool.Part{Component: model.ComponentVM, VM: v.id})
}

// pinned reports whether the VM stays where it runs: it is out of service, so nobody may start it elsewhere.
func (v *vm) pinned() bool { return v.stopped() && !planted.On(planted.YieldStopped) }

// held reports whether the right to launch is not to be used because the VM is out of service: it may have been won by a home that
// had not heard of that. What an operator ordered is carried out.
func (v *vm) held() bool {
	return v.stopped() && v.right.won != v.forced && v.right.won != v.cfg.History && !planted.On(planted.RetiredRun)
}

// guestFailed counts a crash or a hang of the guest.
func (v *vm) guestFailed() { v.n.fault(pool.Part{Component: model.ComponentVM, VM: v.id}) }

// failing reports whether an ft VM should leave this host before more of it fails: its guest network port is out of
// service and the other home's is not. Such a VM moves without anybody noticing; at the other levels a
// move is a restart, and the way over the other host serves as well.
func (v *vm) failing() bool {
	return v.cfg.Level == model.LevelFT && v.portRetired(v.self()) && !v.portRetired(v.other) && v.peer().nic
}

// portRetired reports whether a host's guest network port is out of service.
func (v *vm) portRetired(node model.NodeID) bool {
	return v.n.pool.Retired(pool.Part{Component: model.ComponentNIC, Node: node})
}

// avoided reports whether the other home failed so often that nothing is built on it.
func (v *vm) avoided() bool {
	return v.n.pool.Retired(pool.Part{Component: model.ComponentHost, Node: v.other})
}

// nicUsable reports whether this host's guest network works and is in service.
func (n *Node) nicUsable() bool {
	return n.nic && !n.outOfService(pool.Part{Component: model.ComponentNIC, Node: n.cfg.ID})
}
