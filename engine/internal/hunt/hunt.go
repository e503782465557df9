//go:build planted

// Package hunt shows that a test, random or not, finds the bugs that were planted for it. Only
// tests built with the tag "planted" import it: each bug is planted in a copy of the
// test binary, which runs nothing but that test.
package hunt

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/planted"
)

// env names the bug that a copy of the test binary runs with.
const env = "HOLDFAST_PLANT"

func init() {
	for _, bug := range planted.All() {
		if os.Getenv(env) == bug.String() {
			planted.Plant(bug)
		}
	}
}

// Finds fails t unless test (a pattern for -test.run) fails with the bug planted,
// for a reason that matches the regular expression why.
func Finds(t *testing.T, test string, bug planted.Bug, why string) {
	t.Helper()
	t.Run(bug.String(), func(t *testing.T) {
		cmd := exec.Command(os.Args[0], "-test.run="+test, "-rapid.checks=3000", "-rapid.nofailfile",
			"-rapid.shrinktime=0s", "-rapid.seed=1", "-test.failfast")
		cmd.Env = append(os.Environ(), env+"="+bug.String())
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "the bug was not found:\n%.2000s", out)
		require.Regexp(t, why, string(out))
	})
}
