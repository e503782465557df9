package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// decide has the log decide what the node asks for, as it stands among its orders.
func decide(n *Node, cmd pool.Command) {
	n.apply(n.pool.Applied()+1, cmd.Encode())
}

// TestLaterOrderStands: copies of an order that are still on their way change nothing once a later one of this member is decided, and
// the later one is asked for although the pool's state says the same as long as the earlier one may be decided.
func TestLaterOrderStands(t *testing.T) {
	maintain, resume := &model.Order{Kind: model.OrderMaintain, Node: 2}, &model.Order{Kind: model.OrderResume, Node: 2}
	for name, in := range map[string][]int{
		"in turn":             {0, 1},
		"with repetitions":    {0, 0, 1, 0, 1},
		"the other way round": {1, 0, 1, 0, 1},
		"the first is lost":   {1},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 1)
			n.order(maintain)
			first := n.orders[0].cmd
			n.order(resume)
			require.False(t, noticed(n, model.NoticeRefused), "it may be about to be in maintenance")
			require.Len(t, n.orders, 1, "in place of the first one")
			orders := []pool.Command{first, n.orders[0].cmd}
			for _, i := range in {
				decide(n, orders[i])
			}
			require.Empty(t, n.orders)
			require.Empty(t, n.pool.Members().Maintenance)
		})
	}
}

// TestOrderOvertaken: an order that comes after a later one about something else is asked for again, with a new number.
func TestOrderOvertaken(t *testing.T) {
	n := testNode(t, 1)
	n.order(&model.Order{Kind: model.OrderMaintain, Node: 2})
	n.order(&model.Order{Kind: model.OrderMaintain, Node: 3})
	first, second := n.orders[0].cmd, n.orders[1].cmd
	decide(n, second)
	decide(n, first)
	require.Equal(t, model.Nodes(3), n.pool.Members().Maintenance)
	require.False(t, noticed(n, model.NoticeRefused))
	n.now = n.orders[0].at
	n.pushOrders()
	decide(n, n.orders[0].cmd)
	decide(n, first)
	require.Equal(t, model.Nodes(2, 3), n.pool.Members().Maintenance)
	require.Empty(t, n.orders)
}

// TestOrderInSnapshot: an order that a snapshot decides, so that it does not come back, is not asked for again.
func TestOrderInSnapshot(t *testing.T) {
	n := testNode(t, 1)
	n.order(&model.Order{Kind: model.OrderMaintain, Node: 2})
	n.pool.Apply(1, n.orders[0].cmd)
	n.pool.Apply(2, pool.Command{Kind: pool.KindMaintain, By: 2, Node: 2, Override: true, Expect: 1})
	n.now = n.orders[0].at
	n.pushOrders()
	require.Empty(t, n.orders)
}

// TestOrderAfterNewLife: the numbers of an earlier life are not used again, also not if the log shows them late.
func TestOrderAfterNewLife(t *testing.T) {
	n := testNode(t, 1)
	n.incarnation = 5
	n.order(&model.Order{Kind: model.OrderMaintain, Node: 2})
	decide(n, pool.Command{Kind: pool.KindMaintain, By: 1, Incarnation: 4, Node: 3, Expect: 6})
	n.now = n.orders[0].at
	n.pushOrders()
	require.Equal(t, model.Gen(7), n.orders[0].cmd.Expect)
}

// TestNeverPutBack: the fault of what is never put back is asked for until it is decided, takes it out of service once, and what an
// operator cleared is not taken out again by a copy that was on its way.
func TestNeverPutBack(t *testing.T) {
	n := testNode(t, 1)
	disk := pool.Part{Component: model.ComponentDisk, Node: 1, VM: 7}
	rule := n.about(pool.KindRepair, disk)
	rule.Repair.Mode = model.RepairNever
	decide(n, rule)
	require.True(t, n.fault(disk))
	require.True(t, n.outOfService(disk))
	fault := n.orders[0].cmd
	decide(n, fault)
	require.Empty(t, n.orders)
	require.True(t, n.pool.Retired(disk))
	require.True(t, noticed(n, model.NoticeRetired))
	decide(n, pool.Command{Kind: pool.KindClear, By: 2})
	decide(n, fault)
	require.False(t, n.outOfService(disk))

	require.True(t, n.fault(disk))
	rule.Repair.Mode = model.RepairAlways
	decide(n, rule)
	decide(n, n.orders[0].cmd)
	require.False(t, n.outOfService(disk), "the rule is another one now")
	require.EqualValues(t, 1, n.pool.Health(disk).Faults)
}
