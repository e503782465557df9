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
	proposed bool       // the log was asked, so it may be decided; not kept for creations, which nothing takes back
}

// keepOrder proposes an order until the log has decided it. Those that have numbers are proposed one after the other, so that they
// are decided in the order in which they were given.
func (n *Node) keepOrder(cmd pool.Command) {
	if cmd.Kind.Numbered() {
		if !n.ordering() && n.agreed(&cmd) {
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

// takesBack reports whether cmd makes o of no account: it was never proposed, so that it cannot be decided any more.
func (n *Node) takesBack(cmd *pool.Command, o *pendingOrder) bool {
	if o.proposed || !o.precedes(cmd) {
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

// ordering reports whether an order that has a number is not decided, so that what the pool's state says may be about to change.
func (n *Node) ordering() bool {
	return slices.ContainsFunc(n.orders, func(o pendingOrder) bool { return o.cmd.Kind.Numbered() && !n.decided(&o.cmd) })
}

// carriedOut forgets the order, one without a number, that the log has just carried out as cmd: what is decided after it must not have it
// asked for again. An equal one after it waits for what is between them.
func (n *Node) carriedOut(cmd *pool.Command) {
	i := slices.IndexFunc(n.orders, func(o pendingOrder) bool {
		same := o.cmd
		same.Expect = cmd.Expect
		return same == *cmd && o.precedes(cmd)
	})
	if i >= 0 {
		n.orders = slices.Delete(n.orders, i, i+1)
	}
}

// unknown gives up the orders without a number that may have been carried out among the decisions that this member has by a snapshot
// only: somebody else may have taken them back since.
func (n *Node) unknown(state *pool.State) {
	n.orders = slices.DeleteFunc(n.orders, func(o pendingOrder) bool {
		gone := o.proposed && o.precedes(&o.cmd) && o.cmd.Expect < state.VM(o.cmd.VM).Gen
		if gone {
			n.refuse(o.cmd.VM, o.cmd.Node, "it is not known what became of the order while this host was away; look at the VM, and give it again if need be")
		}
		return gone
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

// giveUpOrders gives up the orders that have numbers, because this member does not belong to the pool any more: the log takes none of
// them. Were one proposed until it is back, it would be carried out then. left is what made it leave, if that is known.
func (n *Node) giveUpOrders(left *pool.Command) {
	if planted.On(planted.LeaverOrders) {
		return
	}
	n.orders = slices.DeleteFunc(n.orders, func(o pendingOrder) bool {
		if o.cmd.Kind.Numbered() && o.cmd.Kind != pool.KindFault && (left == nil || o.cmd != *left) {
			n.refuse(o.cmd.VM, o.cmd.Node, "this host has left the pool; give the order to a member")
		}
		return o.cmd.Kind.Numbered()
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
	kept := n.orders[:0]
	numbered, places := false, false // whether an order before has a number, or placement depends on it
	for _, o := range n.orders {
		behind := slices.ContainsFunc(kept, func(p pendingOrder) bool { return p.precedes(&o.cmd) })
		if !behind && n.decided(&o.cmd) {
			continue
		}
		if n.now >= o.at {
			o.waits = behind || numbered && o.cmd.Kind.Numbered() || places && (o.cmd.Kind == pool.KindCreate || o.cmd.Kind == pool.KindPolicy)
			switch placed := o.cmd; {
			case o.waits:
			case o.cmd.Kind != pool.KindCreate || o.cmd.Homes != 0:
				o.proposed = n.proposeOrder(&o.cmd) || o.proposed
			case n.placeOrder(&placed):
				n.proposeOrder(&placed)
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

// ordersAt returns when pushOrders has something to do.
func (n *Node) ordersAt() model.Time {
	at := model.Never
	for i := range n.orders {
		at = min(at, n.orders[i].at)
	}
	return at
}

// decided reports whether an order need not be proposed (again).
func (n *Node) decided(cmd *pool.Command) bool {
	if cmd.Kind.Numbered() {
		return n.pool.Decided(cmd)
	}
	return n.agreed(cmd)
}

// agreed reports whether the log has passed the point at which cmd could still be carried out, or already says the same.
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
		return n.pool.VM(cmd.VM).Level == cmd.Level
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
		return n.pool.VM(cmd.VM).Recovery == model.NoNode
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
// the VM exists and is protected.
func waits(cmd *pool.Command, err error) bool {
	ordered := cmd.Kind == pool.KindAddRecovery || cmd.Kind == pool.KindRemoveRecovery
	return ordered && (errors.Is(err, pool.ErrUnknownVM) || errors.Is(err, pool.ErrStale) || errors.Is(err, pool.ErrExposed))
}

// placeOrder chooses homes for a creation that left them open; false: there are none, and that was said.
func (n *Node) placeOrder(cmd *pool.Command) bool {
	if cmd.Node != model.NoNode && !n.pool.Members().Staying().Has(cmd.Node) {
		n.refuse(cmd.VM, cmd.Node, "the VM's home must be a host of the pool that stays")
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
		if o := &n.orders[i]; o.chosen(cmd) && errors.Is(why, policy.ErrNoPlace) {
			o.at = n.now
			return true
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
