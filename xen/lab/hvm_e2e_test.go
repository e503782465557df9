package lab_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab"
	"holdfast/xen/lab/workload"
)

// TestBootHVM: a guest that uses no interface of Xen boots from its own disk, serves, and keeps what it answered when
// the host loses its power with everything that was not flushed.
func TestBootHVM(t *testing.T) {
	needLab(t)
	run := tool(t)
	ok := func(args ...string) string {
		out, err := run(args...)
		require.NoError(t, err)
		return out
	}
	ok("up", "--hosts", "1", "--guests", "hvm")
	c, err := lab.Default("e2e")
	require.NoError(t, err)
	client := lab.NewClient(c)
	g := lab.Guest{Number: 7}
	create := func() workload.Session {
		ok("guest", "a", "win", "--type", "hvm", "--durable", "--number", "7")
		return session(t, client, workload.Registers{}, g)
	}
	s := create()
	require.Equal(t, "0", ok("exec", "a", "xenstore-ls -f /local/domain/1/device | grep -c vbd || true"), "no disk of Xen's kind")
	for _, value := range []string{"1", "2", "3"} {
		require.NoError(t, s.Write(t.Context(), "5", value))
	}
	s.Close()
	ok("fault", "power-off a lose-unsynced")
	ok("power", "a", "on")
	s = create()
	defer s.Close()
	value, found, err := s.Read(t.Context(), "5")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "3", value)
}
