package library

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

var update = flag.Bool("update", false, "rewrite the scenario files in canonical form")

func TestEveryScenarioIsCanonical(t *testing.T) {
	for _, name := range List() {
		t.Run(name, func(t *testing.T) {
			text, err := Text(name)
			require.NoError(t, err)
			s, err := Get(name)
			require.NoError(t, err)
			if *update {
				require.NoError(t, os.WriteFile(name+Extension, []byte(script.Format(s)), 0o644))
				return
			}
			assert.Equal(t, script.Format(s), text, "run go test ./scenarios/library -update")
			assert.Equal(t, strings.ReplaceAll(name, "/", "-"), s.Name)
			assert.NoError(t, script.Validate(s))
		})
	}
}

// A scenario that asserts nothing about its VMs, or runs for long, has no place among those that
// every change is judged by.
func TestEveryScenarioIsShortAndDemandsConvergence(t *testing.T) {
	hashes := map[string]string{}
	for _, name := range List() {
		s, err := Get(name)
		require.NoError(t, err)
		assert.LessOrEqual(t, s.Run.Seconds(), 20.0, name)
		assert.NotEmpty(t, s.Actions, name)
		assert.Equal(t, s.VMs[0].Name, s.Clients[0].VM, name)
		about := map[script.ExpectKind]bool{}
		for _, e := range s.Expects {
			about[e.Kind] = true
		}
		assert.True(t, about[script.ExpectConverged], "%s: no expect converged", name)
		assert.True(t, about[script.ExpectRestarts], "%s: no expect restarts", name)
		s.Name, s.Purpose = "x", "x"
		assert.Empty(t, hashes[script.Hash(s)], "%s says the same as another", name)
		hashes[script.Hash(s)] = name
	}
	assert.GreaterOrEqual(t, len(List()), 36)
}

func TestEveryKindOfFaultIsCertified(t *testing.T) {
	used := map[faults.Kind]bool{}
	for _, name := range List() {
		s, err := Get(name)
		require.NoError(t, err)
		for _, a := range s.Actions {
			used[a.Fault.Kind] = true
		}
	}
	// Each of these undoes another fault; scenarios prefer "for" and the end of the run.
	for _, k := range []faults.Kind{faults.Thaw, faults.ContinueDaemon, faults.Heal, faults.NICUp} {
		used[k] = true
	}
	for _, k := range faults.Kinds() {
		assert.True(t, used[k], "no scenario uses %s", k)
	}
}

func TestUnknownScenario(t *testing.T) {
	_, err := Get("ft/power-loss-capturedd")
	assert.EqualError(t, err, `no scenario "ft/power-loss-capturedd" in the library; did you mean "ft/power-loss-captured"?`)
	_, err = Get("nothing/like-it")
	assert.ErrorContains(t, err, `no scenario "nothing/like-it" in the library of`)
	_, err = Get("../library/ft/power-loss-captured")
	assert.Error(t, err)
}

func TestGetReturnsAFreshScript(t *testing.T) {
	a, err := Get("ft/power-loss-captured")
	require.NoError(t, err)
	a.Name = "changed"
	b, err := Get("ft/power-loss-captured")
	require.NoError(t, err)
	assert.Equal(t, "ft-power-loss-captured", b.Name)
}
