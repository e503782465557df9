package pool

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
)

func TestCheckRecovery(t *testing.T) {
	covered := ft
	covered.Recovery, covered.History, covered.TargetMS = 3, 4, 500
	exposed := exposedHA
	exposed.Recovery, exposed.History, exposed.TargetMS = 3, 4, 500
	away := Config{VM: 7, Gen: 5, Level: model.LevelFT, Homes: model.Nodes(3), Former: model.Nodes(1, 2), Primary: 3, InSync: model.Nodes(3),
		Recovery: 1, History: 5, TargetMS: 500, Cause: KindStart, By: 3}
	for _, c := range []Config{covered, exposed, away} {
		require.NoError(t, c.Validate())
	}
	cmd := func(kind Kind, by, node model.NodeID, target uint32) Command {
		return Command{Kind: kind, VM: 7, Expect: 5, By: by, Incarnation: 3, Node: node, TargetMS: target}
	}
	keeps := func(cur Config, kind Kind, change func(*Config)) Config {
		cur.Gen, cur.Cause = cur.Gen+1, kind
		change(&cur)
		return cur
	}
	moves := func(cur Config, kind Kind, by model.NodeID, change func(*Config)) Config {
		cur = keeps(cur, kind, change)
		cur.By, cur.Incarnation, cur.History, cur.Secondary, cur.BaseEpoch = by, 3, 6, 0, 0
		cur.InSync = model.Nodes(cur.Primary)
		return cur
	}
	over := func(c *Config) { c.Homes, c.Former, c.Primary, c.Recovery = model.Nodes(3), model.Nodes(1, 2), 3, 1 }
	back := func(c *Config) { c.Homes, c.Former, c.Primary, c.Recovery = model.Nodes(1, 2), 0, 1, 3 }
	start := Command{Kind: KindStart, VM: 7, Expect: 5, By: 2, Incarnation: 3, Node: 2, Override: true}

	for _, c := range []struct {
		name string
		cur  Config
		cmd  Command
		want Config
		err  error
	}{
		{"add", ft, cmd(KindAddRecovery, 2, 3, 500), keeps(ft, KindAddRecovery, func(c *Config) { c.Recovery, c.History, c.TargetMS = 3, 6, 500 }), nil},
		{"add a second one", covered, cmd(KindAddRecovery, 1, 4, 500), Config{}, ErrRecovery},
		{"add at home", ft, cmd(KindAddRecovery, 1, 2, 500), Config{}, ErrRecovery},
		{"add nowhere", ft, cmd(KindAddRecovery, 1, 0, 500), Config{}, ErrRecovery},
		{"add without target", ft, cmd(KindAddRecovery, 1, 3, 0), Config{}, ErrTarget},
		{"add while exposed", exposedFT, cmd(KindAddRecovery, 1, 3, 500), Config{}, ErrExposed},
		{"remove", covered, cmd(KindRemoveRecovery, 2, 0, 0), keeps(covered, KindRemoveRecovery, func(c *Config) { c.Recovery, c.History, c.TargetMS = 0, 0, 0 }), nil},
		{"remove nothing", ft, cmd(KindRemoveRecovery, 1, 0, 0), Config{}, ErrRecovery},
		{"remove while exposed", exposed, cmd(KindRemoveRecovery, 1, 0, 0), Config{}, ErrExposed},

		{"fail over", covered, cmd(KindFailOver, 3, 3, 0), moves(covered, KindStart, 3, over), nil},
		{"fail over while exposed", exposed, cmd(KindFailOver, 3, 3, 0), moves(exposed, KindStart, 3, over), nil},
		{"fail over for another", covered, cmd(KindFailOver, 1, 3, 0), Config{}, ErrRecovery},
		{"fail over to a home", covered, cmd(KindFailOver, 2, 2, 0), Config{}, ErrRecovery},
		{"fail over without a copy", ft, cmd(KindFailOver, 3, 3, 0), Config{}, ErrRecovery},
		{"fail over too late", covered, Command{Kind: KindFailOver, VM: 7, Expect: 4, By: 3, Node: 3}, Config{}, ErrStale},
		{"fail over to a former home", away, cmd(KindFailOver, 1, 1, 0), moves(away, KindStart, 1, back), nil},

		{"fail back", away, cmd(KindFailBack, 3, 1, 0), moves(away, KindFailBack, 3, back), nil},
		{"fail back by the copy", away, cmd(KindFailBack, 1, 1, 0), Config{}, ErrProposer},
		{"fail back to the other home", away, cmd(KindFailBack, 3, 2, 0), Config{}, ErrRecovery},
		{"fail back from home", covered, cmd(KindFailBack, 1, 3, 0), Config{}, ErrRecovery},

		{"start a stale copy: the recovery copy may have more", exposed, start, moves(exposed, KindStart, 2, func(c *Config) { c.Primary = 2 }), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Check(c.cur, c.cmd)
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.Equal(t, c.want, got)
				require.NoError(t, got.Validate())
			}
		})
	}
	for name, change := range map[string]func(*Config){
		"a copy without history": func(c *Config) { c.History = 0 },
		"without a target":       func(c *Config) { c.TargetMS = 0 },
		"at home":                func(c *Config) { c.Recovery = 2 },
		"from the future":        func(c *Config) { c.History = 6 },
		"two homes and former":   func(c *Config) { c.Former = model.Nodes(4, 5) },
	} {
		c := covered
		change(&c)
		require.ErrorIs(t, c.Validate(), ErrInvalid, name)
	}
}
