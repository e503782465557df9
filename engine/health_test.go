package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// TestToldWhenAllIsLearnt: what a clear changes is not told before the rest of the step is known, which may take it back.
func TestToldWhenAllIsLearnt(t *testing.T) {
	n := testNode(t, 1)
	v := n.addVM(7)
	v.other = 2
	clear := n.about(pool.KindClear, pool.Part{Component: model.ComponentVM, VM: 7})
	n.serviced(&clear)
	for i := range n.out.List {
		require.NotEqual(t, model.MsgReport, n.out.List[i].Message.Kind)
	}
	require.Equal(t, n.now, v.reportAt)
}

// TestLeaseOfNothing: a host that does not know of any VM on shared storage any more, because an override discarded what it knew, leaves its
// watchdog as it is, and is not woken for it at every instant.
func TestLeaseOfNothing(t *testing.T) {
	n := testNode(t, 1)
	n.lease.Tick(n.now, true, true, &n.out)
	require.True(t, n.lease.Granted(1, &n.out))
	n.needs.home = 1
	require.NotEqual(t, model.Never, n.leaseAt())
	n.needs.home = 0
	require.Equal(t, model.Never, n.leaseAt())
}
