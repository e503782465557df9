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
