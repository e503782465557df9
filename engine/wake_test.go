package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine"
	"holdfast/engine/model"
)

// TestEarlyWake: a timer that fires before its time is asked for again; otherwise the node would wait for ever.
func TestEarlyWake(t *testing.T) {
	node, err := engine.New(testConfig(1, model.Nodes(1, 2), 0), nil)
	require.NoError(t, err)
	wake := func(list []model.Effect) model.Time {
		for i := range list {
			if list[i].Kind == model.EffectWake {
				return list[i].At
			}
		}
		return model.Never
	}
	at := wake(node.Step(model.Time(time.Second), &model.Event{Kind: model.EventStart, ID: 1}))
	require.NotEqual(t, model.Never, at)
	for _, early := range []model.Time{at - 2, at - 1} {
		require.Equal(t, at, wake(node.Step(early, &model.Event{Kind: model.EventWake})), "woken %d ns early", at-early)
	}
	require.Greater(t, wake(node.Step(at, &model.Event{Kind: model.EventWake})), at)
}
