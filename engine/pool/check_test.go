package pool

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
)

// The configurations that the table starts from: homes 1 and 2, primary 1.
var (
	absent    = Config{}
	exposedHA = Config{VM: 7, Gen: 5, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, InSync: model.Nodes(1), Cause: KindStart, By: 1}
	ha        = Config{VM: 7, Gen: 5, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2, InSync: model.Nodes(1, 2), Cause: KindAttach, By: 1}
	remoteHA  = Config{VM: 7, Gen: 5, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2, InSync: model.Nodes(2), Cause: KindDetach, By: 1}
	exposedFT = Config{VM: 7, Gen: 5, Level: model.LevelFT, Homes: model.Nodes(1, 2), Primary: 1, InSync: model.Nodes(1), Cause: KindStart, By: 1}
	ft        = Config{VM: 7, Gen: 5, Level: model.LevelFT, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2, InSync: model.Nodes(1, 2), BaseEpoch: 9, Cause: KindAttach, By: 1}
	restart   = Config{VM: 7, Gen: 5, Level: model.LevelRestart, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2, InSync: model.Nodes(1, 2), Cause: KindAttach, By: 1}
)

// An ft VM that got host 3 in the place of 2, and one that then also lost 1.
var (
	rehomed2 = Config{VM: 7, Gen: 5, Level: model.LevelFT, Homes: model.Nodes(1, 3), Since: [2]model.Gen{0, 4}, Primary: 1, InSync: model.Nodes(1), Cause: KindStart, By: 1}
	rehomed3 = Config{VM: 7, Gen: 5, Level: model.LevelFT, Homes: model.Nodes(1, 3), Since: [2]model.Gen{0, 4}, Primary: 3, InSync: model.Nodes(3), Cause: KindPromote, By: 3}
)

func homes(c Command, nodes ...model.NodeID) Command {
	c.Homes = model.Nodes(nodes...)
	return c
}

func level(c Command, l model.Level) Command {
	c.Level = l
	return c
}

// with returns c changed by change, as the next generation.
func with(c Config, cause Kind, change func(*Config)) Config {
	c.Gen, c.Cause, c.By, c.Incarnation = c.Gen+1, cause, 0, 3
	if change != nil {
		change(&c)
	}
	return c
}

func TestCheck(t *testing.T) {
	cmd := func(kind Kind, by, node model.NodeID) Command {
		return Command{Kind: kind, VM: 7, Expect: 5, By: by, Incarnation: 3, Node: node}
	}
	only := func(node model.NodeID) func(*Config) {
		return func(c *Config) {
			c.Primary, c.Secondary, c.InSync, c.BaseEpoch = node, 0, model.Nodes(node), 0
		}
	}
	create := Command{Kind: KindCreate, VM: 7, By: 2, Incarnation: 3, Node: 1, Level: model.LevelFT, Homes: model.Nodes(1, 2)}
	alter := func(c Command, change func(*Command)) Command { change(&c); return c }

	for _, c := range []struct {
		name string
		cur  Config
		cmd  Command
		want Config
		err  error
	}{
		{"create", absent, create, Config{VM: 7, Gen: 1, Level: model.LevelFT, Homes: model.Nodes(1, 2), Primary: 1, InSync: model.Nodes(1), Cause: KindCreate, Incarnation: 3}, nil},
		{"create again", ft, create, Config{}, ErrExists},
		{"create nothing", absent, alter(create, func(c *Command) { c.VM = 0 }), Config{}, ErrUnknownVM},
		{"create elsewhere", absent, alter(create, func(c *Command) { c.Node = 3 }), Config{}, ErrNotHome},
		{"create with one home", absent, alter(create, func(c *Command) { c.Homes = model.Nodes(1) }), Config{}, ErrHomes},
		{"create with three homes", absent, alter(create, func(c *Command) { c.Homes = model.Nodes(1, 2, 3) }), Config{}, ErrHomes},
		{"create at no level", absent, alter(create, func(c *Command) { c.Level = 9 }), Config{}, ErrLevel},
		{"create by nobody", absent, alter(create, func(c *Command) { c.By = 0 }), Config{}, ErrProposer},

		{"start here", ha, cmd(KindStart, 1, 1), with(ha, KindStart, only(1)), nil},
		{"start there", ha, cmd(KindStart, 2, 2), with(ha, KindStart, only(2)), nil},
		{"start for another", ft, cmd(KindStart, 3, 2), with(ft, KindStart, only(2)), nil},
		{"start a stale copy", exposedHA, cmd(KindStart, 2, 2), Config{}, ErrNotInSync},
		{"start a stale copy by override", exposedHA, alter(cmd(KindStart, 2, 2), func(c *Command) { c.Override = true }), with(exposedHA, KindStart, only(2)), nil},
		{"start where no copy is", ha, alter(cmd(KindStart, 3, 3), func(c *Command) { c.Override = true }), Config{}, ErrNotHome},
		{"start what does not exist", absent, cmd(KindStart, 1, 1), Config{}, ErrUnknownVM},
		{"start too late", ha, alter(cmd(KindStart, 1, 1), func(c *Command) { c.Expect = 4 }), Config{}, ErrStale},
		{"start too early", ha, alter(cmd(KindStart, 1, 1), func(c *Command) { c.Expect = 6 }), Config{}, ErrStale},
		{"start by nobody", ha, cmd(KindStart, 0, 1), Config{}, ErrProposer},

		{"promote", ft, cmd(KindPromote, 2, 2), with(ft, KindPromote, only(2)), nil},
		{"promote the primary", ft, cmd(KindPromote, 1, 1), Config{}, ErrProposer},
		{"promote another", ft, cmd(KindPromote, 1, 2), Config{}, ErrProposer},
		{"promote ha", ha, cmd(KindPromote, 2, 2), Config{}, ErrLevel},
		{"promote when exposed", exposedFT, cmd(KindPromote, 2, 2), Config{}, ErrProposer},
		{"promote nobody", exposedFT, cmd(KindPromote, 2, 0), Config{}, ErrProposer},

		{"detach the secondary", ft, cmd(KindDetach, 1, 2), with(ft, KindDetach, only(1)), nil},
		{"detach the secondary of ha", ha, cmd(KindDetach, 1, 2), with(ha, KindDetach, only(1)), nil},
		{"detach own copy of ha", ha, cmd(KindDetach, 1, 1), with(ha, KindDetach, func(c *Config) { c.InSync = model.Nodes(2) }), nil},
		{"detach own copy of ft", ft, cmd(KindDetach, 1, 1), Config{}, ErrLevel},
		{"detach own copy of restart", restart, cmd(KindDetach, 1, 1), Config{}, ErrLevel},
		{"detach by the secondary", ft, cmd(KindDetach, 2, 1), Config{}, ErrProposer},
		{"detach the last", exposedFT, cmd(KindDetach, 1, 1), Config{}, ErrLastCopy},
		{"detach the last, elsewhere", remoteHA, cmd(KindDetach, 1, 2), Config{}, ErrLastCopy},
		{"detach what is stale", exposedFT, cmd(KindDetach, 1, 2), Config{}, ErrNotInSync},
		{"detach what is nowhere", ft, cmd(KindDetach, 1, 3), Config{}, ErrNotHome},

		{"attach", exposedHA, cmd(KindAttach, 1, 2), with(exposedHA, KindAttach, func(c *Config) { c.InSync, c.Secondary = model.Nodes(1, 2), 2 }), nil},
		{"attach ft", exposedFT, alter(cmd(KindAttach, 1, 2), func(c *Command) { c.BaseEpoch = 4 }), with(exposedFT, KindAttach, func(c *Config) { c.InSync, c.Secondary, c.BaseEpoch = model.Nodes(1, 2), 2, 4 }), nil},
		{"attach ft without epoch", exposedFT, cmd(KindAttach, 1, 2), Config{}, ErrBaseEpoch},
		{"attach ha with epoch", exposedHA, alter(cmd(KindAttach, 1, 2), func(c *Command) { c.BaseEpoch = 4 }), Config{}, ErrBaseEpoch},
		{"attach own copy", remoteHA, cmd(KindAttach, 1, 1), with(remoteHA, KindAttach, func(c *Config) { c.InSync = model.Nodes(1, 2) }), nil},
		{"attach again", ha, cmd(KindAttach, 1, 2), Config{}, ErrInSync},
		{"attach by the other", exposedHA, cmd(KindAttach, 2, 2), Config{}, ErrProposer},
		{"attach what is nowhere", exposedHA, cmd(KindAttach, 1, 3), Config{}, ErrNotHome},

		{"rehome", exposedFT, homes(cmd(KindRehome, 1, 0), 1, 3), with(exposedFT, KindRehome, func(c *Config) { c.Homes, c.Since = model.Nodes(1, 3), [2]model.Gen{0, 6} }), nil},
		{"rehome again", rehomed2, homes(cmd(KindRehome, 1, 0), 1, 2), with(rehomed2, KindRehome, func(c *Config) { c.Homes, c.Since = model.Nodes(1, 2), [2]model.Gen{0, 6} }), nil},
		{"rehome from above", rehomed2, homes(cmd(KindRehome, 1, 0), 1, 4), with(rehomed2, KindRehome, func(c *Config) { c.Homes, c.Since = model.Nodes(1, 4), [2]model.Gen{0, 6} }), nil},
		{"rehome the second", rehomed3, homes(cmd(KindRehome, 3, 0), 2, 3), with(rehomed3, KindRehome, func(c *Config) { c.Homes, c.Since = model.Nodes(2, 3), [2]model.Gen{6, 4} }), nil},
		{"rehome a copy in sync", ft, homes(cmd(KindRehome, 1, 0), 1, 3), Config{}, ErrInSync},
		{"rehome the only copy in sync", remoteHA, homes(cmd(KindRehome, 1, 0), 1, 3), Config{}, ErrInSync},
		{"rehome the primary", exposedFT, homes(cmd(KindRehome, 1, 0), 2, 3), Config{}, ErrNotHome},
		{"rehome both", exposedFT, homes(cmd(KindRehome, 1, 0), 3, 4), Config{}, ErrHomes},
		{"rehome to the same", exposedFT, homes(cmd(KindRehome, 1, 0), 1, 2), Config{}, ErrHomes},
		{"rehome to three", exposedFT, homes(cmd(KindRehome, 1, 0), 1, 2, 3), Config{}, ErrHomes},
		{"rehome by the other", exposedFT, homes(cmd(KindRehome, 2, 0), 1, 3), Config{}, ErrProposer},
		{"rehome too late", exposedFT, alter(homes(cmd(KindRehome, 1, 0), 1, 3), func(c *Command) { c.Expect = 4 }), Config{}, ErrStale},

		{"level ft of ha", ha, level(cmd(KindLevel, 1, 0), model.LevelFT), with(ha, KindLevel, func(c *Config) { only(1)(c); c.Level = model.LevelFT }), nil},
		{"level ha of ft", ft, level(cmd(KindLevel, 1, 0), model.LevelHA), with(ft, KindLevel, func(c *Config) { only(1)(c); c.Level = model.LevelHA }), nil},
		{"level restart of ha", ha, level(cmd(KindLevel, 1, 0), model.LevelRestart), with(ha, KindLevel, func(c *Config) { c.Level = model.LevelRestart }), nil},
		{"level ha of restart", restart, level(cmd(KindLevel, 1, 0), model.LevelHA), with(restart, KindLevel, func(c *Config) { c.Level = model.LevelHA }), nil},
		{"level none of ha", ha, level(cmd(KindLevel, 1, 0), model.LevelNone), with(ha, KindLevel, func(c *Config) { only(1)(c); c.Level = model.LevelNone }), nil},
		{"level restart of ha, elsewhere", remoteHA, level(cmd(KindLevel, 1, 0), model.LevelRestart), Config{}, ErrOwnCopy},
		{"level by the other", ha, level(cmd(KindLevel, 2, 0), model.LevelRestart), Config{}, ErrProposer},
		{"level that it has", ha, level(cmd(KindLevel, 1, 0), model.LevelHA), Config{}, ErrLevel},

		{"bump", ft, cmd(KindBump, 1, 0), with(ft, KindBump, nil), nil},
		{"bump by the secondary", ft, cmd(KindBump, 2, 0), Config{}, ErrProposer},
		{"fault", ft, cmd(KindFault, 1, 1), Config{}, ErrLevel},
		{"no kind", ft, cmd(0, 1, 1), Config{}, ErrLevel},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Check(c.cur, c.cmd)
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				c.want.By = c.cmd.By
				require.Equal(t, c.want, got)
				require.NoError(t, got.Validate())
			} else {
				require.Zero(t, got)
			}
		})
	}
}

func TestValidateFindsEachFault(t *testing.T) {
	for _, c := range []Config{absent, exposedHA, ha, remoteHA, exposedFT, ft, restart} {
		if c.Gen > 0 {
			require.NoError(t, c.Validate())
		}
	}
	for name, change := range map[string]func(*Config){
		"no VM":               func(c *Config) { c.VM = 0 },
		"no generation":       func(c *Config) { c.Gen = 0 },
		"level":               func(c *Config) { c.Level = 9 },
		"one home":            func(c *Config) { c.Homes = model.Nodes(1) },
		"nothing in sync":     func(c *Config) { c.InSync = 0 },
		"a stranger in sync":  func(c *Config) { c.InSync = c.InSync.With(3) },
		"a strange primary":   func(c *Config) { c.Primary = 3 },
		"primary not in sync": func(c *Config) { c.InSync = model.Nodes(2) },
		"same twice":          func(c *Config) { c.Secondary = 1 },
		"secondary stale":     func(c *Config) { c.InSync = model.Nodes(1) },
		"no base epoch":       func(c *Config) { c.BaseEpoch = 0 },
		"base epoch of ha":    func(c *Config) { c.Level = model.LevelHA },
		"a home too early":    func(c *Config) { c.Since[1] = 6 },
		"no cause":            func(c *Config) { c.Cause = 0 },
		"by nobody":           func(c *Config) { c.By = 0 },
		"alone without disk":  func(c *Config) { c.Level, c.Secondary, c.InSync, c.BaseEpoch = model.LevelHA, 0, model.Nodes(2), 0 },
	} {
		c := ft
		change(&c)
		require.ErrorIs(t, c.Validate(), ErrInvalid, name)
	}
}
