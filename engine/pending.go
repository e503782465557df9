package engine

import (
	"errors"
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/policy"
	"holdfast/engine/pool"
)

// pendingOrder is an operator's order, or the fault of a component that is never put back, that the log has not decided.
type pendingOrder struct {
	cmd      pool.Command
	at       model.Time // when to propose it (again)
	waits    bool       // for an order before it that is not decided
	proposed bool       // the log was asked
	asked    model.Gen  // what it was asked for last names this generation, if it is about a VM that exists
}

// open reports whether what the log was asked for may still be decided: it can be in the generation that it names only.
func (o *pendingOrder) open(state *pool.State) bool {
	return o.proposed && (o.asked >= state.VM(o.cmd.VM).Gen || planted.On(planted.OpenForEver))
}

// keepOrder proposes an order until the log has decided it. Those that have numbers are proposed one after the other, so that they
// are decided in the order in which they were given. What is already so is not ordered, unless this member may not know what is.
func (n *Node) keepOrder(cmd pool.Command) {
	if cmd.Kind.Numbered() {
		if !n.ordering() && n.informed() && n.agreed(&cmd) {
			return
		}
		n.lastOrder++
		cmd.Expect = model.Gen(n.lastOrder)
	}
	n.orders = append(n.orders, pendingOrder{cmd: cmd, at: n.now})
	n.pushOrders()
}

// precedes reports whether cmd, given after o, has to wait for it: both are about the VM's level, or about its recovery copy. These
// have no numbers that keep them in turn.
func (o *pendingOrder) precedes(cmd *pool.Command) bool {
	level := o.cmd.Kind == pool.KindLevel && cmd.Kind == pool.KindLevel
	recovery := o.cmd.Kind.Recovery() && cmd.Kind.Recovery()
	return (level || recovery) && o.cmd.VM == cmd.VM && !planted.On(planted.OrdersCross)
}

// hasToFollow reports whether an order is pending that has to be carried out before cmd.
func (n *Node) hasToFollow(cmd *pool.Command) bool {
	return slices.ContainsFunc(n.orders, func(o pendingOrder) bool { return o.precedes(cmd) })
}

// takesBack reports whether cmd makes o of no account, which cannot be decided any more unless it is proposed again.
func (n *Node) takesBack(cmd *pool.Command, o *pendingOrder) bool {
	if o.open(n.pool) || !o.precedes(cmd) {
		return false
	}
	switch cmd.Kind {
	case pool.KindLevel:
		return true
	case pool.KindRemoveRecovery:
		return o.cmd.Kind == pool.KindAddRecovery
	default: // the very copy that was to be removed
		return o.cmd.Kind == pool.KindRemoveRecovery && n.agreed(cmd)
	}
}

// takeBack forgets the orders that a later one makes of no account, if that is so already or can be carried out now.
func (n *Node) takeBack() {
	for i := 1; i < len(n.orders); i++ {
		later := n.orders[i].cmd
		if !later.Kind.Recovery() && later.Kind != pool.KindLevel {
			continue
		}
		later.Expect = n.pool.VM(later.VM).Gen
		if _, err := n.pool.Check(later); err != nil && !n.agreed(&later) {
			continue
		}
		for j := i - 1; j >= 0; j-- {
			if n.takesBack(&later, &n.orders[j]) {
				n.orders = slices.Delete(n.orders, j, j+1)
				i--
			}
		}
	}
}

// ordering reports whether an order that has a number is not decided, so that what the pool's state says may be about to change.
func (n *Node) ordering() bool {
	return slices.ContainsFunc(n.orders, func(o pendingOrder) bool { return o.cmd.Kind.Numbered() && !n.decided(&o.cmd) })
}

// carriedOut forgets the order, one without a number, that the log has just carried out as cmd: what is decided after it must not have it
// asked for again. An equal one after it waits for what is between them. Of several creations of a VM one is carried out.
func (n *Node) carriedOut(cmd *pool.Command) {
	if cmd.Kind == pool.KindStart { // people are impatient
		n.orders = slices.DeleteFunc(n.orders, func(o pendingOrder) bool { return o.cmd == *cmd })
		return
	}
	i := slices.IndexFunc(n.orders, func(o pendingOrder) bool {
		same := o.cmd
		same.Expect = cmd.Expect
		return same == *cmd && (o.precedes(cmd) || cmd.Kind == pool.KindCreate)
	})
	if own := cmd.By == n.cfg.ID && cmd.Incarnation == n.incarnation; i < 0 && own {
		i = slices.IndexFunc(n.orders, func(o pendingOrder) bool { return o.chosen(cmd) })
	}
	if i >= 0 {
		n.orders = slices.Delete(n.orders, i, i+1)
	}
	if cmd.Kind != pool.KindCreate {
		return
	}
	n.orders = slices.DeleteFunc(n.orders, func(o pendingOrder) bool {
		late := o.cmd.Kind == pool.KindCreate && o.cmd.VM == cmd.VM
		if late && !planted.On(planted.CreationForgotten) {
			n.refuse(cmd.VM, o.cmd.Node, pool.ErrExists.Error())
		}
		return late
	})
}

// fateUnknown is what people are told of an order that may have been carried out.
const fateUnknown = "it is not known what became of the order while this host was away; look at the VM, and give it again if need be"

// unknown gives up the orders without a number that may have been carried out among the decisions that this member has by a snapshot
// only: somebody else may have taken them back since.
func (n *Node) unknown(state *pool.State) {
	n.orders = slices.DeleteFunc(n.orders, func(o pendingOrder) bool {
		why := ""
		switch cfg := state.VM(o.cmd.VM); {
		case o.cmd.Kind == pool.KindCreate && cfg.Gen != 0 && !o.proposed:
			why = pool.ErrExists.Error()
		case o.cmd.Kind == pool.KindCreate && cfg.Gen != 0, o.proposed && o.precedes(&o.cmd) && o.asked < cfg.Gen,
			o.proposed && o.cmd.Kind == pool.KindStart && o.asked < cfg.Gen && !n.started(&cfg):
			why = fateUnknown
		}
		if why != "" {
			n.refuse(o.cmd.VM, o.cmd.Node, why)
		}
		return why != ""
	})
}

// forgetOrders forgets the orders that are decided now that the log has decided cmd, and what would take a part out of service that
// is, whoever asked for it: an operator may clear it in the same step, and it must not be taken out once more. What came after a clear
// that is not decided stays.
func (n *Node) forgetOrders(cmd *pool.Command) {
	part, cleared := cmd.Part(), false
	n.orders = slices.DeleteFunc(n.orders, func(o pendingOrder) bool {
		if o.cmd.Kind.Numbered() && n.decided(&o.cmd) {
			return true
		}
		cleared = cleared || o.cmd.Kind == pool.KindClear
		return !cleared && o.cmd.Kind == pool.KindFault && o.cmd.Part() == part && n.pool.Retired(part)
	})
}

// giveUpOrders gives up the orders, because this member does not belong to the pool any more. Were one proposed until it is back, it would
// be carried out then.
func (n *Node) giveUpOrders() {
	if planted.On(planted.LeaverOrders) {
		return
	}
	n.orders = slices.DeleteFunc(n.orders, func(o pendingOrder) bool {
		left := o.cmd.Kind == pool.KindLeave && o.cmd.Node == n.cfg.ID
		switch {
		case o.cmd.Kind == pool.KindFault || left:
		case !o.cmd.Kind.Numbered() && o.open(n.pool): // the log may take it from who is no member
			n.refuse(o.cmd.VM, o.cmd.Node, fateUnknown)
		default:
			n.refuse(o.cmd.VM, o.cmd.Node, "this host has left the pool; give the order to a member")
		}
		return true
	})
}

// heardAgain withdraws the count of the loss of a host that is heard again before it was decided, and that takes the host out of
// service: nobody else may have lost it.
func (n *Node) heardAgain(id model.NodeID) {
	if planted.On(planted.LossUpheld) {
		return
	}
	if n.ruleOf(hostPart(id)).Mode == model.RepairNever {
		n.peers[id].loss.owed = false
	}
	n.orders = slices.DeleteFunc(n.orders, func(o pendingOrder) bool { return o.cmd.Kind == pool.KindFault && o.cmd.Part() == hostPart(id) })
}

// pushOrders proposes the orders that are due and forgets those that are decided.
func (n *Node) pushOrders() {
	n.takeBack()
	kept := n.orders[:0]
	numbered, places := false, false // whether an order before has a number, or placement depends on it
	for _, o := range n.orders {
		behind := slices.ContainsFunc(kept, func(p pendingOrder) bool { return p.precedes(&o.cmd) })
		decided := n.decided(&o.cmd)
		if !behind && decided && !n.unsure(&o.cmd) {
			n.sayPassed(&o.cmd)
			continue
		}
		if !behind && n.member() && n.pointless(&o.cmd) {
			n.refuse(o.cmd.VM, o.cmd.Node, pool.ErrUnknownVM.Error())
			continue
		}
		if n.now >= o.at {
			o.waits = behind || numbered && o.cmd.Kind.Numbered() || places && (o.cmd.Kind == pool.KindCreate || o.cmd.Kind == pool.KindPolicy)
			switch placed := o.cmd; {
			case o.waits || decided:
			case o.cmd.Kind != pool.KindCreate || o.cmd.Homes != 0:
				o.propose(n, &o.cmd)
			case n.placeOrder(&placed):
				o.propose(n, &placed)
			default:
				continue
			}
			o.at = n.now.Add(n.cfg.Timing.ProposeEvery)
		}
		numbered, places = numbered || o.cmd.Kind.Numbered(), places || o.affectsPlaces()
		kept = append(kept, o)
	}
	n.orders = kept
}

// propose asks the log for cmd, which is the order or what was made of it.
func (o *pendingOrder) propose(n *Node, cmd *pool.Command) {
	if n.proposeOrder(cmd) {
		o.proposed, o.asked = true, cmd.Expect
	}
}

// sayPassed tells people of a start at their word that can never be decided, because the VM's generation has moved: they were told
// that they answer for it. What this life started itself is what they wanted.
func (n *Node) sayPassed(cmd *pool.Command) {
	if cmd.Kind != pool.KindStart || planted.On(planted.StartForgotten) {
		return
	}
	if cfg := n.pool.VM(cmd.VM); !n.started(&cfg) {
		n.refuse(cmd.VM, cmd.Node, "the VM was changed before it could be started; look at it, and give the order again if need be")
	}
}

// started reports whether it was this life that started the VM in its present configuration.
func (n *Node) started(cfg *pool.Config) bool {
	return cfg.Cause == pool.KindStart && cfg.By == n.cfg.ID && cfg.Incarnation == n.incarnation
}

// ordersAt returns when pushOrders has something to do.
func (n *Node) ordersAt() model.Time {
	at := model.Never
	for i := range n.orders {
		at = min(at, n.orders[i].at)
	}
	return at
}

// unsure reports whether an order seems to be carried out already to a member that may not know what has changed since.
func (n *Node) unsure(cmd *pool.Command) bool {
	return (cmd.Kind == pool.KindLevel || cmd.Kind.Recovery()) && !n.informed()
}

// pointless reports whether an order takes the recovery copy from a VM that does not exist.
func (n *Node) pointless(cmd *pool.Command) bool {
	return cmd.Kind == pool.KindRemoveRecovery && n.pool.VM(cmd.VM).Gen == 0 && n.informed()
}

// informed reports whether what this member knows of the pool is to be taken for what is, as far as it hears. Who belongs to no pool
// learns nothing more.
func (n *Node) informed() bool {
	return !n.member() || n.decidable() && !n.log.Amnesia() || planted.On(planted.HearsayAgreed)
}

// decided reports whether an order need not be proposed (again).
func (n *Node) decided(cmd *pool.Command) bool {
	if cmd.Kind.Numbered() {
		return n.pool.Decided(cmd)
	}
	return n.agreed(cmd)
}

// agreed reports whether the log has passed the point at which cmd could still be carried out, or already says the same, as far as this
// member knows.
func (n *Node) agreed(cmd *pool.Command) bool {
	switch cmd.Kind {
	case pool.KindCreate:
		return n.pool.VM(cmd.VM).Gen != 0
	case pool.KindStart:
		return n.pool.VM(cmd.VM).Gen != cmd.Expect
	case pool.KindPolicy:
		return n.pool.Rules().Stated(cmd.Node, cmd.VM, cmd.Policy)
	case pool.KindClear:
		return !n.pool.Troubled()
	case pool.KindFault:
		return false
	case pool.KindRepair:
		return n.pool.Health(cmd.Part()).Rule == cmd.Repair
	case pool.KindLevel:
		cfg := n.pool.VM(cmd.VM)
		return cfg.Gen != 0 && cfg.Level == cmd.Level
	case pool.KindMaintain:
		return n.pool.Members().Maintenance.Has(cmd.Node) != cmd.Override
	case pool.KindJoin:
		return n.pool.Members().Staying().Has(cmd.Node)
	case pool.KindLeave:
		return !n.pool.Members().Staying().Has(cmd.Node)
	case pool.KindAddRecovery:
		cfg := n.pool.VM(cmd.VM)
		return cfg.Recovery == cmd.Node && cfg.TargetMS == cmd.TargetMS
	case pool.KindRemoveRecovery:
		cfg := n.pool.VM(cmd.VM)
		return cfg.Gen != 0 && cfg.Recovery == model.NoNode
	default:
		for _, o := range n.pool.Overrides() {
			if o.By == cmd.By && o.Kind == cmd.Kind && o.Node == cmd.Node && o.Incarnation == cmd.Incarnation {
				return true
			}
		}
		return false
	}
}

// proposeOrder asks the log for what an operator ordered. An order about a VM is for whatever generation
// it has by now: the operator wants the outcome. It reports whether the log was asked.
func (n *Node) proposeOrder(cmd *pool.Command) bool {
	if cmd.Kind == pool.KindLevel {
		if v := n.vm(cmd.VM); v != nil && v.isPrimary() && !v.canBeAlone() {
			return false // asked again later
		}
		cmd.Expect = n.pool.VM(cmd.VM).Gen
		notice := n.out.Notify(model.NoticeProposed, cmd.VM, cmd.Node)
		notice.Gen, notice.Detail = cmd.Expect, cmd.Kind.String()
	}
	if cmd.Kind.Recovery() {
		cmd.Expect = n.pool.VM(cmd.VM).Gen
		if _, err := n.pool.Check(*cmd); err != nil && waits(cmd, err) || n.tooOld(cmd.Format()) != "" {
			return false
		}
	}
	asked := n.log.Propose(cmd.Encode()) == nil
	n.logBusy = n.logBusy || asked
	return asked
}

// canBeAlone reports whether this host, the primary, can go on with the only copy, as far as it knows.
func (v *vm) canBeAlone() bool {
	return v.instance == running && v.main != nil && !v.main.LocalFailed() && v.cfg.InSync.Has(v.self())
}

// waits reports whether an order that is refused at present is kept until it is possible: one about a recovery copy, until
// the VM exists and is protected, and one about its level, which is asked for again in the generation that the VM has by now.
func waits(cmd *pool.Command, err error) bool {
	if cmd.Kind == pool.KindLevel && errors.Is(err, pool.ErrStale) {
		return true
	}
	ordered := cmd.Kind == pool.KindAddRecovery || cmd.Kind == pool.KindRemoveRecovery
	return ordered && (errors.Is(err, pool.ErrUnknownVM) || errors.Is(err, pool.ErrStale) || errors.Is(err, pool.ErrExposed))
}

// placeOrder chooses homes for a creation that left them open; false: there are none, and that was said.
func (n *Node) placeOrder(cmd *pool.Command) bool {
	if cmd.Node != model.NoNode && !n.pool.Members().Staying().Has(cmd.Node) {
		n.refuse(cmd.VM, cmd.Node, "the VM's home must be a host of the pool that stays")
		return false
	}
	if n.pool.Members().Maintenance.Has(cmd.Node) {
		n.refuse(cmd.VM, cmd.Node, pool.ErrMaintenance.Error())
		return false
	}
	primary, second, err := n.pool.Place(policy.Request{VM: cmd.VM, Level: cmd.Level, Primary: cmd.Node, Among: n.able()})
	if err != nil {
		n.refuse(cmd.VM, n.cfg.ID, err.Error())
		return false
	}
	cmd.Node, cmd.Homes = primary, model.Nodes(primary, second)
	return true
}

// replaced reports whether the log refused homes that this node chose, because others were faster, so that it has to
// choose again.
func (n *Node) replaced(cmd *pool.Command, why error) bool {
	for i := range n.orders {
		if o := &n.orders[i]; o.chosen(cmd) && n.pool.VM(cmd.VM).Gen == 0 {
			for _, lost := range []error{policy.ErrNoPlace, pool.ErrMaintenance, pool.ErrLeaving, pool.ErrHomes} {
				if errors.Is(why, lost) {
					o.at = n.now
					return true
				}
			}
		}
	}
	return false
}

// chosen reports whether cmd is the order with homes that this node chose.
func (o *pendingOrder) chosen(cmd *pool.Command) bool {
	return o.cmd.Kind == pool.KindCreate && o.cmd.Homes == 0 && cmd.Kind == o.cmd.Kind && cmd.VM == o.cmd.VM
}

// affectsPlaces reports whether placement depends on what becomes of the order: what people say of the pool, or a creation that takes room.
func (o *pendingOrder) affectsPlaces() bool {
	return o.cmd.Kind.Numbered() && o.cmd.Kind != pool.KindFault || o.cmd.Kind == pool.KindCreate && o.cmd.Homes == 0
}

// resumeOrders lets the orders go on that wait for a decision: there was one.
func (n *Node) resumeOrders() {
	for i := range n.orders {
		if n.orders[i].waits {
			n.orders[i].at = n.now
		}
	}
}

// refuseOrder forgets an order for a VM that the log refused, so that it is not asked for again when its
// reason may be gone.
func (n *Node) refuseOrder(cmd *pool.Command) {
	for i := range n.orders {
		if n.orders[i].cmd == *cmd || n.orders[i].chosen(cmd) {
			n.orders = append(n.orders[:i], n.orders[i+1:]...)
			return
		}
	}
}
