package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// decide has the log decide a command.
func decide(n *Node, cmd pool.Command) {
	n.apply(n.pool.Applied()+1, cmd.Encode())
}

// settle has the log decide, one after the other, what the node proposes.
func settle(n *Node) {
	for len(n.orders) > 0 {
		n.now = n.orders[0].at
		if n.pushOrders(); len(n.orders) > 0 {
			decide(n, n.orders[0].cmd)
		}
	}
}

// never states that a part is never put back.
func never(n *Node, part pool.Part) {
	rule := n.about(pool.KindRepair, part)
	rule.Repair.Mode = model.RepairNever
	decide(n, rule)
}

var (
	ownDisk = pool.Part{Component: model.ComponentDisk, Node: 1, VM: 7}
	ownVM   = pool.Part{Component: model.ComponentVM, VM: 7}
	port    = pool.Part{Component: model.ComponentNIC, Node: 2}
)

// TestLaterOrderStands: orders are decided in turn, whatever copies of them come late; the later one is asked for although the
// pool's state says the same, as long as the earlier one may be decided.
func TestLaterOrderStands(t *testing.T) {
	maintain, resume := &model.Order{Kind: model.OrderMaintain, Node: 2}, &model.Order{Kind: model.OrderResume, Node: 2}
	for name, in := range map[string][]int{
		"in turn":          {0, 1},
		"with repetitions": {0, 0, 1, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 1)
			n.order(maintain)
			n.order(resume)
			require.False(t, noticed(n, model.NoticeRefused), "it may be about to be in maintenance")
			require.Len(t, n.orders, 2)
			require.True(t, n.orders[1].waits)
			orders := []pool.Command{n.orders[0].cmd, n.orders[1].cmd}
			for _, i := range in {
				decide(n, orders[i])
			}
			require.Empty(t, n.orders)
			require.Empty(t, n.pool.Members().Maintenance)
		})
	}
}

// TestLeaveThenJoin: who is told to leave and then to stay, stays.
func TestLeaveThenJoin(t *testing.T) {
	n := testNode(t, 1)
	n.order(&model.Order{Kind: model.OrderLeave, Node: 3})
	n.order(&model.Order{Kind: model.OrderMaintain, Node: 2})
	n.order(&model.Order{Kind: model.OrderJoin, Node: 3})
	require.False(t, noticed(n, model.NoticeRefused))
	n.pool.Apply(1, pool.Command{Kind: pool.KindCreate, VM: 7, By: 1, Node: 3, Level: model.LevelHA, Homes: model.Nodes(1, 3)}) // so that it takes time
	settle(n)
	require.Equal(t, n.pool.Members().Hosts, n.pool.Members().Staying())
	require.True(t, n.pool.Members().Hosts.Has(3))
}

// TestOrdersWait: what waits for an order before it is kept while a fault of this member, which has no number, is counted.
func TestOrdersWait(t *testing.T) {
	n := testNode(t, 1)
	for _, id := range []model.NodeID{2, 3} {
		n.order(&model.Order{Kind: model.OrderPolicy, Node: id, Policy: model.Policy{Kind: model.PolicyHost, Site: 1, Memory: 1024}})
	}
	require.True(t, n.orders[1].waits)
	decide(n, n.about(pool.KindFault, ownDisk))
	require.Len(t, n.orders, 2)
	settle(n)
	require.True(t, n.pool.Rules().Stated(3, 0, model.Policy{Kind: model.PolicyHost, Site: 1, Memory: 1024}))
}

// TestOrdersInSnapshot: orders that a snapshot decides, so that they do not come back, are not asked for again: others have ordered
// something else since.
func TestOrdersInSnapshot(t *testing.T) {
	n := testNode(t, 1)
	n.incarnation = 5
	for _, id := range []model.NodeID{2, 3} {
		n.order(&model.Order{Kind: model.OrderMaintain, Node: id})
	}
	state, err := pool.Restore(n.pool.Snapshot())
	require.NoError(t, err)
	for i := range n.orders {
		require.True(t, state.Apply(uint64(1+i), n.orders[i].cmd).OK)
	}
	require.True(t, state.Apply(3, pool.Command{Kind: pool.KindMaintain, By: 2, Node: 2, Override: true, Expect: 1}).OK)
	n.restore(state.Snapshot())
	settle(n)
	require.Equal(t, model.Nodes(3), n.pool.Members().Maintenance)
}

// TestOrderOfEarlierLife: it is void once one of this life is decided, whatever its number is.
func TestOrderOfEarlierLife(t *testing.T) {
	n := testNode(t, 1)
	n.incarnation = 5
	n.order(&model.Order{Kind: model.OrderMaintain, Node: 2})
	settle(n)
	decide(n, pool.Command{Kind: pool.KindMaintain, By: 1, Incarnation: 4, Node: 2, Override: true, Expect: 6})
	require.Equal(t, model.Nodes(2), n.pool.Members().Maintenance)
}

// TestClearAndFault: what an operator clears and what is never put back are decided in the order in which the member was told of them.
func TestClearAndFault(t *testing.T) {
	for _, before := range []bool{false, true} {
		for _, troubled := range []bool{false, true} {
			n := testNode(t, 1)
			never(n, ownVM)
			if troubled {
				decide(n, pool.Command{Kind: pool.KindFault, By: 2, Component: port.Component, Node: port.Node})
			}
			if before {
				n.order(&model.Order{Kind: model.OrderClear})
			}
			n.fault(ownVM)
			if !before {
				n.order(&model.Order{Kind: model.OrderClear})
			}
			for i := len(n.orders) - 1; i > 0; i-- {
				require.True(t, n.orders[i].waits)
			}
			settle(n)
			require.Equal(t, before, n.pool.Retired(ownVM))
		}
	}
}

// TestFaultAfterClear: what fails again after an operator has cleared it is out of service, also if all three wait for the log, and
// whatever copies come late.
func TestFaultAfterClear(t *testing.T) {
	n := testNode(t, 1)
	never(n, ownVM)
	n.fault(ownVM)
	first := n.orders[0].cmd
	n.order(&model.Order{Kind: model.OrderClear})
	n.fault(ownVM)
	n.fault(ownVM)
	require.Len(t, n.orders, 3)
	decide(n, first)
	decide(n, first)
	require.Len(t, n.orders, 2)
	settle(n)
	require.True(t, n.pool.Retired(ownVM))
	require.EqualValues(t, 1, n.pool.Health(ownVM).Faults)
}

// TestHeardAgain: an isolated leader does not take a host out of service that it hears again.
func TestHeardAgain(t *testing.T) {
	n := testNode(t, 1)
	never(n, hostPart(2))
	n.fault(hostPart(2))
	n.fault(ownDisk)
	n.heardAgain(3)
	require.True(t, n.outOfService(hostPart(2)))
	n.heardAgain(2)
	require.False(t, n.outOfService(hostPart(2)))
	settle(n)
	require.False(t, n.pool.Retired(hostPart(2)))
}

// TestOrdersOfOneThatLeft: a host's own order to leave is not asked for again, nor is anything else that it was told before.
func TestOrdersOfOneThatLeft(t *testing.T) {
	for _, snapshot := range []bool{false, true} {
		n := testNode(t, 1)
		n.pool.Apply(1, pool.Command{Kind: pool.KindJoin, By: 1, Node: 4})
		n.order(&model.Order{Kind: model.OrderLeave, Node: 1})
		n.order(&model.Order{Kind: model.OrderMaintain, Node: 2})
		n.order(&model.Order{Kind: model.OrderCreate, VM: 7, Node: 2, Level: model.LevelHA, Homes: model.Nodes(2, 3)})
		leave := n.orders[0].cmd
		if snapshot {
			state, err := pool.Restore(n.pool.Snapshot())
			require.NoError(t, err)
			require.True(t, state.Apply(2, leave).OK)
			n.restore(state.Snapshot())
		} else {
			decide(n, leave)
		}
		require.False(t, n.member())
		require.Empty(t, n.orders)
		require.Len(t, said(n), 2, "to maintain a host, and a creation")

		decide(n, pool.Command{Kind: pool.KindRepair, By: 2, VM: 7, Component: ownVM.Component, Repair: model.Repair{Mode: model.RepairNever}})
		n.fault(ownVM)
		require.Empty(t, n.orders, "nor is what fails there now")
		n.order(&model.Order{Kind: model.OrderResume, Node: 2})
		n.order(&model.Order{Kind: model.OrderJoin, Node: 3})
		require.Empty(t, n.orders, "nor is what it is told now")
	}
}

// TestOrdersOfOneThatJoined: they are kept while its log begins anew, which does not know it yet.
func TestOrdersOfOneThatJoined(t *testing.T) {
	n := testNode(t, 1)
	n.cfg.Hosts = model.Nodes(2, 3)
	n.restore(nil)
	decide(n, pool.Command{Kind: pool.KindJoin, By: 2, Node: 1})
	never(n, ownDisk)
	state := n.pool.Snapshot()
	n.fault(ownDisk)
	n.restore(nil)
	require.False(t, n.member())
	n.restore(state)
	require.True(t, n.outOfService(ownDisk))
	require.False(t, noticed(n, model.NoticeRefused))
}

// TestFaultAfterSnapshot: a fault is counted although the one before it, which a snapshot has decided, is still among the orders.
func TestFaultAfterSnapshot(t *testing.T) {
	n := testNode(t, 1)
	never(n, ownDisk)
	n.fault(ownDisk)
	state, err := pool.Restore(n.pool.Snapshot())
	require.NoError(t, err)
	require.True(t, state.Apply(2, n.orders[0].cmd).OK)
	require.True(t, state.Apply(3, pool.Command{Kind: pool.KindClear, By: 2}).OK)
	n.restore(state.Snapshot())
	n.fault(ownDisk)
	settle(n)
	require.True(t, n.pool.Retired(ownDisk))
}

// TestOrderGivenTwice: people who say twice who is to join or to leave are told nothing of the second time.
func TestOrderGivenTwice(t *testing.T) {
	for _, order := range []model.Order{{Kind: model.OrderJoin, Node: 4}, {Kind: model.OrderLeave, Node: 3}} {
		n := testNode(t, 1)
		n.order(&order)
		n.order(&order)
		settle(n)
		require.False(t, noticed(n, model.NoticeRefused))
	}
}

// TestCreationWaitsForOrders: homes are chosen when what was ordered before is decided.
func TestCreationWaitsForOrders(t *testing.T) {
	n := testNode(t, 1)
	n.order(&model.Order{Kind: model.OrderMaintain, Node: 2})
	n.order(&model.Order{Kind: model.OrderCreate, VM: 7, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)})
	require.True(t, n.orders[1].waits)
	settle(n)
	require.Zero(t, n.pool.VM(7).Gen, "the other home is in maintenance")
	require.True(t, noticed(n, model.NoticeRefused))
}

// TestImpossibleOrderIsRefused: people are told of it also if it is given while another order is not decided.
func TestImpossibleOrderIsRefused(t *testing.T) {
	for _, open := range []bool{false, true} {
		n := testNode(t, 1)
		if open {
			n.order(&model.Order{Kind: model.OrderMaintain, Node: 2})
		}
		n.order(&model.Order{Kind: model.OrderResume, Node: 9})
		settle(n)
		require.True(t, noticed(n, model.NoticeRefused))
	}
}

// TestClearedByOthers: what another member had taken out of service, and an operator cleared, is not taken out again because this one
// had asked for it as well.
func TestClearedByOthers(t *testing.T) {
	n := testNode(t, 1)
	never(n, ownVM)
	n.fault(ownVM)
	decide(n, pool.Command{Kind: pool.KindFault, By: 2, Incarnation: 9, Component: model.ComponentVM, VM: 7, Expect: 1})
	require.True(t, n.pool.Retired(ownVM))
	decide(n, pool.Command{Kind: pool.KindClear, By: 2, Incarnation: 9, Expect: 2})
	settle(n)
	require.False(t, n.pool.Retired(ownVM))
}

// TestFaultWhileLogBeginsAnew: a fault is not forgotten while this node knows nothing of the pool's state, nor of its rule.
func TestFaultWhileLogBeginsAnew(t *testing.T) {
	n := testNode(t, 1)
	never(n, ownDisk)
	state := n.pool.Snapshot()
	n.fault(ownDisk)
	n.restore(nil)
	n.now = n.orders[0].at
	n.pushOrders()
	require.True(t, n.outOfService(ownDisk))
	n.restore(state)
	settle(n)
	require.True(t, n.pool.Retired(ownDisk))
}

// TestClearInSnapshot: a component is not taken out of service for faults that were cleared, also if this member had it from a snapshot.
func TestClearInSnapshot(t *testing.T) {
	n := testNode(t, 1)
	n.now = n.graceUntil
	fault := pool.Command{Kind: pool.KindFault, By: 2, Component: port.Component, Node: port.Node}
	for range strikes - 1 {
		n.now++
		decide(n, fault)
	}
	state, err := pool.Restore(n.pool.Snapshot())
	require.NoError(t, err)
	require.True(t, state.Apply(n.pool.Applied()+1, pool.Command{Kind: pool.KindClear, By: 2}).OK)
	n.restore(state.Snapshot())
	n.now++
	decide(n, fault)
	require.Equal(t, strikes, n.trouble(port).n)
	require.EqualValues(t, 1, n.pool.Health(port).Faults)
	require.False(t, n.tooOften(n.trouble(port)))
}

// TestNeverPutBack: the fault of what is never put back is asked for until it is decided, takes it out of service once, and what an
// operator cleared is not taken out again by a copy that was on its way.
func TestNeverPutBack(t *testing.T) {
	n := testNode(t, 1)
	never(n, ownDisk)
	require.True(t, n.fault(ownDisk))
	require.True(t, n.outOfService(ownDisk))
	fault := n.orders[0].cmd
	settle(n)
	require.True(t, n.pool.Retired(ownDisk))
	require.True(t, noticed(n, model.NoticeRetired))
	decide(n, pool.Command{Kind: pool.KindClear, By: 2})
	decide(n, fault)
	require.False(t, n.outOfService(ownDisk))

	require.True(t, n.fault(ownDisk))
	decide(n, pool.Command{Kind: pool.KindRepair, By: 2, Component: ownDisk.Component, Node: 1, VM: 7, Repair: model.Repair{Mode: model.RepairAlways}})
	settle(n)
	require.False(t, n.outOfService(ownDisk), "the rule is another one now")
	require.EqualValues(t, 1, n.pool.Health(ownDisk).Faults)
}
