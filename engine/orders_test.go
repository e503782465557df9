package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// said returns what people were told of orders that are refused.
func said(n *Node) (reasons []string) {
	for i := range n.out.List {
		if e := &n.out.List[i]; e.Kind == model.EffectNotify && e.Notice.Kind == model.NoticeRefused {
			reasons = append(reasons, e.Notice.Detail)
		}
	}
	return reasons
}

// protect has VM 7 protected, with this node as its primary.
func protect(n *Node, level model.Level) {
	decide(n, pool.Command{Kind: pool.KindCreate, VM: 7, By: 2, Node: 1, Level: level, Homes: model.Nodes(1, 2)})
}

// bump has somebody else move the generation of VM 7.
func bump(n *Node) {
	before := n.pool.VM(7).Gen
	decide(n, pool.Command{Kind: pool.KindBump, VM: 7, By: 1, Incarnation: 9, Expect: before})
	if n.pool.VM(7).Gen == before {
		panic("it was not moved")
	}
}

// asked has the log be asked for the pending orders as they are now, as if it had a leader.
func asked(n *Node) {
	for i := range n.orders {
		o := &n.orders[i]
		o.proposed, o.asked = true, n.pool.VM(o.cmd.VM).Gen
	}
}

// TestSecondCreation: of two creations of a VM at two members one is carried out, and whoever gave the other is told so.
func TestSecondCreation(t *testing.T) {
	for name, homes := range map[string]model.NodeSet{"with homes": model.Nodes(1, 2), "homes are chosen": 0} {
		t.Run(name, func(t *testing.T) {
			create := pool.Command{Kind: pool.KindCreate, VM: 7, By: 1, Node: 1, Level: model.LevelHA, Homes: homes}
			n := testNode(t, 1)
			n.orders = append(n.orders, pendingOrder{cmd: create})
			protect(n, model.LevelHA)
			require.Empty(t, n.orders)
			require.Equal(t, []string{pool.ErrExists.Error()}, said(n))

			n = testNode(t, 1)
			n.orders = append(n.orders, pendingOrder{cmd: create})
			won := create
			won.Homes = model.Nodes(1, 2)
			decide(n, won)
			require.Empty(t, n.orders)
			decide(n, won) // a copy that comes late
			require.Empty(t, said(n))
		})
	}
}

// TestCreationInSnapshot: whether this member's creation was the one that was carried out is not known.
func TestCreationInSnapshot(t *testing.T) {
	for _, proposed := range []bool{false, true} {
		n, other := testNode(t, 1), testNode(t, 2)
		n.order(&model.Order{Kind: model.OrderCreate, VM: 7, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)})
		if proposed {
			asked(n)
		}
		protect(other, model.LevelHA)
		n.restore(other.pool.Snapshot())
		require.Empty(t, n.orders)
		require.Len(t, said(n), 1)
		require.Equal(t, !proposed, said(n)[0] == pool.ErrExists.Error())
	}
}

// TestForcedStartOvertaken: people who answered for a start are told if it never happens.
func TestForcedStartOvertaken(t *testing.T) {
	for name, c := range map[string]struct {
		decided func(n *Node, start pool.Command)
		refused bool
	}{
		"carried out":           {func(n *Node, start pool.Command) { decide(n, start) }, false},
		"carried out, and more": {func(n *Node, start pool.Command) { decide(n, start); bump(n) }, false},
		"somebody was faster":   {func(n *Node, _ pool.Command) { bump(n) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 1)
			protect(n, model.LevelHA)
			n.order(&model.Order{Kind: model.OrderForceStart, VM: 7, Node: 1})
			require.True(t, noticed(n, model.NoticeOverride))
			c.decided(n, n.orders[0].cmd)
			n.now = n.now.Add(time.Second)
			n.pushOrders()
			require.Empty(t, n.orders)
			require.Equal(t, c.refused, noticed(n, model.NoticeRefused))
		})
	}
}

// TestStaleLevel: a level is asked for again if somebody moved the generation, and nobody is told that it is refused.
func TestStaleLevel(t *testing.T) {
	n := testNode(t, 1)
	protect(n, model.LevelHA)
	n.order(&model.Order{Kind: model.OrderLevel, VM: 7, Level: model.LevelRestart})
	require.Empty(t, said(n))
	late := n.orders[0].cmd
	bump(n)
	decide(n, late)
	require.Empty(t, said(n))
	require.Len(t, n.orders, 1)
}

// TestTakenBackInTime: what cannot be decided any more, because the generation has moved, can be taken back; what can be is carried out
// first.
func TestTakenBackInTime(t *testing.T) {
	for _, moved := range []bool{false, true} {
		n := testNode(t, 1)
		protect(n, model.LevelHA)
		n.order(&model.Order{Kind: model.OrderAddRecovery, VM: 7, Node: 3, Target: time.Second})
		asked(n)
		n.order(&model.Order{Kind: model.OrderRemoveRecovery, VM: 7})
		require.Len(t, n.orders, 2)
		if moved {
			bump(n)
		}
		n.takeBack()
		require.Len(t, n.orders, map[bool]int{false: 2, true: 1}[moved])
		require.Equal(t, moved, n.orders[0].cmd.Kind == pool.KindRemoveRecovery)
	}
}

// TestOrderWhereNothingIsKnown: a member that may not know what has changed does not take it that an order is carried out already.
func TestOrderWhereNothingIsKnown(t *testing.T) {
	n := testNode(t, 1)
	require.False(t, n.decidable())
	n.order(&model.Order{Kind: model.OrderClear})
	n.order(&model.Order{Kind: model.OrderJoin, Node: 2})
	n.order(&model.Order{Kind: model.OrderRemoveRecovery, VM: 7})
	protect(n, model.LevelHA)
	n.order(&model.Order{Kind: model.OrderLevel, VM: 7, Level: model.LevelRestart})
	n.restore(nil)
	n.now = n.now.Add(time.Second)
	n.pushOrders()
	require.Len(t, n.orders, 4)
	require.Empty(t, said(n))
}

// TestWishesEnd: what an operator wanted of the homes of a VM does not come true when nobody expects it any more, and is told to be void.
func TestWishesEnd(t *testing.T) {
	for name, c := range map[string]struct {
		wish func(*vm)
		next func(*pool.Config)
		told bool
	}{
		"moved":                     {func(v *vm) { v.moving = true }, func(c *pool.Config) { c.Primary = 2 }, false},
		"started here again":        {func(v *vm) { v.moving = true }, func(*pool.Config) {}, true},
		"another home, and it left": {func(v *vm) { v.partner.instead = 3 }, func(c *pool.Config) { c.Primary = 2 }, true},
		"a policy's, and it left":   {func(v *vm) { v.partner.instead, v.partner.governed = 3, true }, func(c *pool.Config) { c.Primary = 2 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := homes(t, 1, 2)
			v.n.out.Reset()
			c.wish(v)
			next := v.cfg
			next.Gen, next.Cause = next.Gen+1, pool.KindStart
			c.next(&next)
			v.entitle(&next)
			require.Equal(t, c.told, len(said(v.n)) == 1)
			require.False(t, v.moving || v.partner.instead != model.NoNode)
		})
	}

	v := homes(t, 1, 2) // out of service, it is told that it stays, and does not move when it is cleared
	v.instance, v.moving = running, true
	v.n.orders = append(v.n.orders, pendingOrder{cmd: v.n.about(pool.KindFault, ownVM)})
	v.sayStays()
	require.Equal(t, vmRetired, said(v.n)[0])
	require.False(t, v.moving)
}

// TestWrongOrder: people are told at once of what this member knows to be wrong.
func TestWrongOrder(t *testing.T) {
	for name, order := range map[string]model.Order{
		"a VM that exists":   {Kind: model.OrderCreate, VM: 7, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)},
		"who is no member":   {Kind: model.OrderLeave, Node: 9},
		"a VM out of reach":  {Kind: model.OrderMigrate, VM: 8, Node: 2},
		"a level of nothing": {Kind: model.OrderLevel, VM: 8, Level: model.LevelHA},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 1)
			protect(n, model.LevelHA)
			n.order(&order)
			require.Len(t, said(n), 1)
			require.Empty(t, n.orders)
		})
	}
}

// TestRecoveryOfNoVM: an order for a recovery copy of a VM that does not exist yet is taken back, and nothing is taken from one that does not
// exist.
func TestRecoveryOfNoVM(t *testing.T) {
	for _, known := range []bool{false, true} {
		hosts := map[bool]model.NodeSet{false: model.Nodes(1, 2, 3), true: model.Nodes(1)}[known]
		n := testNodeOf(t, 1, hosts)
		require.Equal(t, known, n.informed())
		n.orders = append(n.orders, pendingOrder{cmd: pool.Command{Kind: pool.KindAddRecovery, VM: 70, By: 1, Node: 3, TargetMS: 1000}})
		n.order(&model.Order{Kind: model.OrderRemoveRecovery, VM: 70})
		require.Empty(t, said(n))
		require.Equal(t, known, len(n.orders) == 0, "else it may exist")
		n.order(&model.Order{Kind: model.OrderRemoveRecovery, VM: 70})
		require.Equal(t, known, len(said(n)) == 1)
	}

	n := testNodeOf(t, 1, model.Nodes(1))
	n.orders = append(n.orders, pendingOrder{cmd: pool.Command{Kind: pool.KindRemoveRecovery, VM: 70, By: 1}}) // from before it was informed
	n.pushOrders()
	require.Empty(t, n.orders)
	require.Equal(t, []string{pool.ErrUnknownVM.Error()}, said(n))
}

// TestCreationOnHostInMaintenance: it is refused, and not asked for again and again.
func TestCreationOnHostInMaintenance(t *testing.T) {
	n := testNode(t, 1)
	decide(n, pool.Command{Kind: pool.KindMaintain, By: 2, Node: 2, Expect: 1})
	n.order(&model.Order{Kind: model.OrderCreate, VM: 7, Node: 2, Level: model.LevelHA})
	require.Empty(t, n.orders)
	require.Equal(t, []string{pool.ErrMaintenance.Error()}, said(n))
}

// TestForcedStartGivenTwice: the second one is not told to have failed.
func TestForcedStartGivenTwice(t *testing.T) {
	n := testNode(t, 1)
	protect(n, model.LevelHA)
	for range 2 {
		n.order(&model.Order{Kind: model.OrderForceStart, VM: 7, Node: 1})
	}
	require.Len(t, n.orders, 2)
	decide(n, n.orders[0].cmd)
	bump(n)
	n.pushOrders()
	require.Empty(t, n.orders)
	require.Empty(t, said(n))
}

// TestFateOfOrdersOfOneThatLeft: the log may carry out what it was asked for before the member left.
func TestFateOfOrdersOfOneThatLeft(t *testing.T) {
	for _, open := range []bool{false, true} {
		n := testNode(t, 3)
		protect(n, model.LevelHA)
		n.order(&model.Order{Kind: model.OrderRemoveRecovery, VM: 7})
		if open {
			asked(n)
		}
		require.Len(t, n.orders, 1)
		decide(n, pool.Command{Kind: pool.KindLeave, By: 2, Node: 3})
		require.False(t, n.member())
		require.Empty(t, n.orders)
		require.Equal(t, open, said(n)[0] == fateUnknown)
	}
}
