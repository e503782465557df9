package certify

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// uptimes has the hosts of a fake lab tell uptimes, and nothing else.
func uptimes(*fakeLab, string, string) (string, int) { return "1000", 0 }

// A proof that cannot go on leaves nothing behind: the host whose power did not come back has it in the end.
func TestNothingIsLeftOfAProofThatFails(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	l.onShell, l.refuse = uptimes, "on"
	offs := 0
	l.onEvent = func(l *fakeLab, a string) {
		if a == "off b" {
			if offs++; offs == 2 {
				l.refuse = ""
			}
		}
	}
	err := CheckFaults(t.Context(), l, l.guest, func(Seen) {})
	require.ErrorContains(t, err, "power-off b: host b is not up")
	require.NotContains(t, err.Error(), "undoing")
	require.Equal(t, []string{"off b", "on b", "off b", "on b"}, l.acts)
	require.False(t, l.hosts["b"].off)
}

// Neither does Ctrl-C.
func TestNothingIsLeftOfAProofThatIsBrokenOff(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	broken := errors.New("broken off")
	l.onShell = uptimes
	l.onEvent = func(l *fakeLab, a string) {
		if a == "freeze b" {
			cancel(broken)
		}
	}
	var seen []string
	require.ErrorIs(t, CheckFaults(ctx, l, l.guest, func(s Seen) { seen = append(seen, s.Fault) }), broken)
	require.Equal(t, []string{"power-off b", "reboot b"}, seen)
	require.False(t, l.hosts["b"].frozen)
	require.Equal(t, "thaw b", l.acts[len(l.acts)-1])
	require.Equal(t, []string{"heal-all"}, l.faults)
}

// What could not be undone is said.
func TestAProofThatCannotBeUndone(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	l.onShell, l.refuse = uptimes, "on"
	require.ErrorContains(t, CheckFaults(t.Context(), l, l.guest, func(Seen) {}), "undoing the faults")
}
