//go:build planted

package control

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/planted"
)

// plantEnv names the bug that a copy of this test binary runs with.
const plantEnv = "HOLDFAST_CONTROL_PLANT"

// bugs are those that this package's random test finds.
var bugs = []planted.Bug{planted.AmnesiaIgnored, planted.SendBeforePersist, planted.TwoChanges}

func init() {
	for _, bug := range bugs {
		if os.Getenv(plantEnv) == bug.String() {
			planted.Plant(bug)
		}
	}
}

// The random test finds each planted bug of this package.
func TestSafetyFindsPlantedBugs(t *testing.T) {
	for _, bug := range bugs {
		t.Run(bug.String(), func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestSafety$", "-rapid.checks=4000", "-rapid.nofailfile",
				"-rapid.shrinktime=0s", "-rapid.seed=1")
			cmd.Env = append(os.Environ(), plantEnv+"="+bug.String())
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the bug was not found:\n%.2000s", out)
			require.Regexp(t, "two decisions|two leaders|two changes|lacks a decision|panic: control: raft|agreement", string(out))
		})
	}
}
