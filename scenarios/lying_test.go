package scenarios

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios/script"
)

// TestOnlyCopyThatLiedIsNotStarted takes away what no system can give back: the VM runs exposed on a disk
// that lies about flushes, and loses power. The loss is said, and nobody makes a VM of what is left until an
// operator has chosen a copy; then the check of the history names what is missing.
func TestOnlyCopyThatLiedIsNotStarted(t *testing.T) {
	s, err := script.Parse("lying", `scenario lying
purpose "The only copy in sync is on a disk that lied about flushes."
host a
host b
witness w
vm db level ha service log on a
clients db
at 1s disk-lying-flush a db
at 2s power-off b
at 4s power-off a
at 6s power-on a
at 6s power-on b
at 14s force-start db on b
run 20s
expect stalled(db) from 5s to 14s
expect restarts(db) = 1
expect event disk-lost(db)
expect event override(db)
`)
	require.NoError(t, err)
	r := attempt(s, 1)
	require.Equal(t, reports.Safety, r.Outcome)
	require.Len(t, r.Failures, 1, "%v", r.Failures)
	require.Equal(t, "history", r.Failures[0].Rule)
	for _, e := range r.Expectations {
		require.True(t, e.OK, "%s: %s", e.Text, e.Got)
	}
}
