package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/sim/client"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
)

// nobody takes nothing down but the number of operations.
type nobody struct{ begun, ended int }

func (n *nobody) Begin(int64, client.Op) int              { n.begun++; return 0 }
func (n *nobody) End(int, client.Outcome, *client.Result) { n.ended++ }

// TestHostLossAtEachLevel loses the host of a VM and gets it back: the thinnest path through the whole world.
func TestHostLossAtEachLevel(t *testing.T) {
	for _, c := range []struct {
		level   model.Level
		service guest.Service
		resets  uint64 // connections that clients lose
	}{
		{model.LevelFT, guest.Registers, 0}, {model.LevelFT, guest.Log, 0},
		{model.LevelHA, guest.Log, 4}, {model.LevelRestart, guest.Bank, 4},
	} {
		t.Run(c.level.String()+" "+c.service.String(), func(t *testing.T) {
			rec := &nobody{}
			w, err := New(Options{Seed: 1, Hosts: []string{"a", "b"}, Witness: "w", VMs: []VM{{
				Name: "db", Level: c.level, Service: c.service, Home: "a", Second: "b", Clients: 4, Rate: 100, Keys: 8, Recorder: rec,
			}}})
			require.NoError(t, err)
			w.At(model.Time(4*time.Second), func() { w.PowerOff(1, disk.LossDraw) })
			w.At(model.Time(8*time.Second), func() { w.PowerOn(1, false) })
			w.Run(model.Time(15 * time.Second))
			require.Empty(t, w.Violations())
			require.True(t, w.Redundant(1), "%+v", w.Config(1))
			require.Equal(t, model.NodeID(2), w.Serving(1))
			require.Equal(t, c.resets, w.ClientStats(1).Resets)
			require.Greater(t, rec.ended, 500)
		})
	}
}

// TestEpochsAreLongWhileNothingWaits counts the checkpoints of a VM that clients use all the time, and of one
// that nobody uses.
func TestEpochsAreLongWhileNothingWaits(t *testing.T) {
	captures := func(clients, rate int) int64 {
		w, err := New(Options{Seed: 1, Hosts: []string{"a", "b"}, Witness: "w", VMs: []VM{{
			Name: "db", Level: model.LevelFT, Service: guest.Registers, Home: "a", Second: "b", Clients: clients, Rate: rate, Keys: 8, Recorder: &nobody{},
		}}})
		require.NoError(t, err)
		w.Run(model.Time(5 * time.Second))
		before, _, _ := w.Captures()
		w.Run(model.Time(15 * time.Second))
		after, _, _ := w.Captures()
		require.Empty(t, w.Violations())
		return after - before
	}
	require.InDelta(t, 200, captures(4, 400), 15, "one each 50 ms")
	require.InDelta(t, 20, captures(0, 1), 2, "one each 500 ms")
}
