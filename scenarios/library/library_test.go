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
	assert.GreaterOrEqual(t, len(List()), 80)
}

// protections are the levels that a kind of fault may meet, with restart on shared storage as one of its own:
// what protects it is different, and with dr for a VM of any level that has a recovery copy.
var protections = []string{"restart", "shared", "ha", "ft", "dr"}

// notMet says which kinds of fault a protection cannot meet, or meets elsewhere, and why.
var notMet = map[faults.Kind]map[string]string{
	faults.Thaw:           all("ends another fault; scenarios prefer \"for\""),
	faults.ContinueDaemon: all("ends another fault; scenarios prefer \"for\""),
	faults.Heal:           all("ends another fault; scenarios prefer \"for\""),
	faults.NICUp:          all("ends another fault; scenarios prefer \"for\""),
	faults.DiskError:      local,
	faults.DiskHang:       local,
	faults.DiskSlow:       local,
	faults.DiskFull:       local,
	faults.DiskCorrupt:    local,
	faults.DiskLyingFlush: local,
	faults.DiskHeal:       local,
	faults.IODelay:        local,
	faults.StorageCut:     mirrored,
	faults.HandOver:       mirrored,
	faults.WatchdogDrift:  mirrored,
	faults.ForceStart:     {"shared": "there is one disk, which cannot be stale", "dr": "fail-over is what an operator orders there"},
	faults.FailOver:       here,
	faults.FailBack:       here,
	faults.TestFailOver:   here,
	faults.AddRecovery:    here,
	faults.RemoveRecovery: here,
}

var (
	local    = map[string]string{"shared": "the storage has its own redundancy, and no copies that could differ"}
	mirrored = map[string]string{"restart": sharedOnly, "ha": sharedOnly, "ft": sharedOnly, "dr": sharedOnly}
	here     = map[string]string{"restart": recoveryOnly, "shared": recoveryOnly, "ha": recoveryOnly, "ft": recoveryOnly}
)

const (
	sharedOnly   = "about shared storage"
	recoveryOnly = "about recovery copies"
)

func all(why string) map[string]string {
	m := map[string]string{}
	for _, p := range protections {
		m[p] = why
	}
	return m
}

// TestEveryKindOfFaultIsCertified demands a scenario for each kind of fault at each level that meets it.
func TestEveryKindOfFaultIsCertified(t *testing.T) {
	type meeting struct {
		kind       faults.Kind
		protection string
	}
	used := map[meeting]bool{}
	for _, name := range List() {
		s, err := Get(name)
		require.NoError(t, err)
		for _, v := range s.VMs {
			protection := v.Level.String()
			switch {
			case v.Shared:
				protection = "shared"
			case v.Recovery != "":
				protection = "dr"
			}
			for _, a := range s.Actions {
				used[meeting{a.Fault.Kind, protection}] = true
			}
		}
	}
	for _, k := range faults.Kinds() {
		for _, p := range protections {
			why, exempt := notMet[k][p]
			if exempt {
				assert.NotEmpty(t, why)
				continue
			}
			assert.True(t, used[meeting{k, p}], "no scenario uses %s at level %s", k, p)
		}
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
