package baseline

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
)

func TestScriptsAreCanonical(t *testing.T) {
	require.Len(t, List(), 6)
	for _, name := range List() {
		s, err := Get(name)
		require.NoError(t, err)
		require.Equal(t, "baseline-"+name, s.Name)
		text, err := files.ReadFile(name + ".hfs")
		require.NoError(t, err)
		require.Equal(t, script.Format(s), string(text), name)
	}
	_, err := Get("nothing")
	require.Error(t, err)
}

// What the peers are asked for, Holdfast's engine does on the simulator: no demand is beyond reach.
func TestTheEngineMeetsThem(t *testing.T) {
	for _, name := range List() {
		s, err := Get(name)
		require.NoError(t, err)
		result, err := scenarios.Run(context.Background(), s, scenarios.Options{Seed: 1})
		require.NoError(t, err)
		require.Equal(t, reports.Pass, result.Outcome, "%s: %+v", name, result.Failures)
	}
}
