package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// What took a part out of service is not asked for again when an operator has cleared it in the same step.
func TestRetiredOnce(t *testing.T) {
	n := &Node{pool: pool.New(pool.Members{Hosts: model.Nodes(1, 2)})}
	disk, guest := pool.Part{Component: model.ComponentDisk, Node: 1, VM: 7}, pool.Part{Component: model.ComponentVM, VM: 7}
	n.orders = []pendingOrder{{cmd: n.about(pool.KindRetire, disk)}, {cmd: n.about(pool.KindRetire, guest)}}
	clear, retire := n.about(pool.KindClear, disk), n.about(pool.KindRetire, disk)
	n.settleRetire(&clear)
	require.True(t, n.retiring(disk), "it is not out of service yet")
	n.settleRetire(&retire)
	require.False(t, n.retiring(disk))
	require.True(t, n.retiring(guest))
}

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
