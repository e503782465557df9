package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// Homes that the room or the sites of hosts do not allow are a violation; a VM that is where it was, or takes no room, is none.
func TestHomesWithoutRoom(t *testing.T) {
	memory := func(vm model.VMID, mib uint32) pool.Command {
		return pool.Command{Kind: pool.KindPolicy, VM: vm, Policy: model.Policy{Kind: model.PolicyVM, Memory: mib}}
	}
	for _, c := range []struct {
		name   string
		more   []pool.Command
		change func(before, cfg *pool.Config)
		text   string
	}{
		{"there is room", nil, func(_, _ *pool.Config) {}, ""},
		{"it needs more than there is", []pool.Command{memory(1, 5000)}, func(_, _ *pool.Config) {}, "takes room on"},
		{"it is there already", []pool.Command{memory(1, 5000)}, func(before, cfg *pool.Config) { *before = *cfg }, ""},
		{"it takes none", []pool.Command{memory(1, 5000)}, func(_, cfg *pool.Config) { cfg.Level = model.LevelNone }, ""},
		{"it needs it now", []pool.Command{memory(1, 5000)}, func(before, cfg *pool.Config) { *before = *cfg; before.Level = model.LevelNone }, "takes room on"},
		{"one site", nil, func(_, cfg *pool.Config) { cfg.Homes, cfg.Primary = model.Nodes(1, 2), 1 }, "not on the sites"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := governedWorld(t, 1)
			w.Run(model.Time(5 * time.Second))
			require.Empty(t, w.Violations())
			state, err := pool.Restore(w.Wisest().Snapshot())
			require.NoError(t, err)
			for i, cmd := range c.more {
				cmd.By = 1
				require.True(t, state.Apply(state.Applied()+uint64(i)+1, cmd).OK)
			}
			var before pool.Config
			cfg := w.Config(1)
			c.change(&before, &cfg)
			w.monitor.inPlace(state, &before, &cfg)
			if c.text == "" {
				require.Empty(t, w.Violations())
				return
			}
			require.NotEmpty(t, w.Violations())
			require.Equal(t, "R9", w.Violations()[0].Rule)
			require.Contains(t, w.Violations()[0].Text, c.text)
		})
	}
}
