package lab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/machine"
	"holdfast/xen/lab/wire"
)

func TestNetworkAndMachinesAgree(t *testing.T) {
	var names []string
	for _, s := range wire.Segments() {
		names = append(names, string(s))
		m := machine.Config{Name: "a", Dir: "/run/x"}
		require.Equal(t, wire.SocketPath("/run/x", "a", s), m.Socket(string(s)))
		require.Contains(t, subnets, string(s))
	}
	require.ElementsMatch(t, agent.NICs(), names)
}

func TestFaultsOfTheNetwork(t *testing.T) {
	c := config(t)
	client, _ := up(t, c, prepared)
	require.FileExists(t, filepath.Join(c.Run, "b-alink1.sock"))
	did, err := client.Fault(t.Context(), "cut a1 a <-> b")
	require.NoError(t, err)
	require.Contains(t, did, "2 changes")
	_, err = client.Fault(t.Context(), "nic-down b")
	require.NoError(t, err)
	_, err = client.Fault(t.Context(), "heal-all")
	require.NoError(t, err)
	for text, want := range map[string]string{"cut": "expected", "isolate z": "z", "kill-daemon a": "not a fault of the network", "storage-cut a": "no shared storage", "io-delay a db read by 1T": "does not know", "isolate primary(db)": "does not know"} {
		_, err = client.Fault(t.Context(), text)
		require.ErrorContains(t, err, want, text)
	}
	stats, err := client.Network(t.Context())
	require.NoError(t, err)
	require.Len(t, stats.Segments, len(wire.Segments()))
}

// A machine that starts while its NIC fails is told so.
func TestANICThatFailsBefore(t *testing.T) {
	c := config(t)
	client, _ := up(t, c, prepared)
	require.NoError(t, client.Act(t.Context(), "a", "off"))
	_, err := client.Fault(t.Context(), "nic-down a")
	require.NoError(t, err)
	told := func() string {
		text, err := os.ReadFile(filepath.Join(c.Run, "a-qemu.log"))
		require.NoError(t, err)
		return string(text)
	}
	require.NotContains(t, told(), "set_link")
	require.NoError(t, client.Act(t.Context(), "a", "on"))
	require.Contains(t, told(), `set_link {"name":"lan","up":false}`)
}

func TestDialNobody(t *testing.T) {
	client, _ := up(t, config(t), prepared)
	_, err := client.Dial(t.Context(), "nonsense")
	require.Error(t, err)
}
