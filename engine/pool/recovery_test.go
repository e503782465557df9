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
	rehomed, none := ft, exposedHA
	rehomed.Since, none.Level = [2]model.Gen{0, 3}, model.LevelNone
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

		{"add where homes were changed", rehomed, cmd(KindAddRecovery, 1, 3, 500), Config{}, ErrMoved},
		{"add at level none", none, cmd(KindAddRecovery, 1, 3, 500), Config{}, ErrLevel},
		{"change homes", exposed, Command{Kind: KindRehome, VM: 7, Expect: 5, By: 1, Homes: model.Nodes(1, 4)}, Config{}, ErrKeepsHomes},
		{"change the home away", away, Command{Kind: KindRehome, VM: 7, Expect: 5, By: 3, Homes: model.Nodes(3, 4)}, Config{}, ErrKeepsHomes},
		{"level", covered, Command{Kind: KindLevel, VM: 7, Expect: 5, By: 1, Incarnation: 3, Level: model.LevelHA}, keeps(covered, KindLevel, func(c *Config) {
			c.Level, c.By, c.Incarnation, c.Secondary, c.BaseEpoch, c.InSync = model.LevelHA, 1, 3, 0, 0, model.Nodes(1)
		}), nil},
		{"level none", covered, Command{Kind: KindLevel, VM: 7, Expect: 5, By: 2, Level: model.LevelNone}, Config{}, ErrLevel},
		{"level away", away, Command{Kind: KindLevel, VM: 7, Expect: 5, By: 3, Level: model.LevelHA}, Config{}, ErrAway},

		{"fail over", covered, cmd(KindFailOver, 3, 3, 0), moves(covered, KindStart, 3, over), nil},
		{"fail over while exposed", exposed, cmd(KindFailOver, 3, 3, 0), moves(exposed, KindStart, 3, over), nil},
		{"bump by the copy", covered, cmd(KindBump, 3, 0, 0), keeps(covered, KindBump, func(c *Config) { c.By, c.Incarnation = 3, 3 }), nil},
		{"bump by the former home with the copy", away, cmd(KindBump, 1, 0, 0), keeps(away, KindBump, func(c *Config) { c.By, c.Incarnation = 1, 3 }), nil},
		{"bump by another home", covered, cmd(KindBump, 2, 0, 0), Config{}, ErrProposer},
		{"bump without a copy", ft, cmd(KindBump, 3, 0, 0), Config{}, ErrProposer},
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
		"with other homes":       func(c *Config) { c.Since = [2]model.Gen{0, 3} },
		"at level none":          func(c *Config) { c.Level, c.Secondary, c.BaseEpoch = model.LevelNone, 0, 0 },
	} {
		c := covered
		change(&c)
		require.ErrorIs(t, c.Validate(), ErrInvalid, name)
	}
}

// Hosts that keep something of a VM with a recovery copy stay, and such a VM gets its copy on a host that stays. What was
// decided about it can be stored, also when the copy is gone and only the record of its start is left.
func TestRecoveryKeepsHosts(t *testing.T) {
	s, index := New(Members{Hosts: model.Nodes(1, 2, 3, 4, 5)}), uint64(0)
	apply := func(cmd Command) error {
		index++
		cmd.VM, cmd.Expect = 1, s.VM(1).Gen
		if !cmd.Kind.ForVM() {
			cmd.VM, cmd.Expect = 0, 0
		}
		refused := s.Apply(index, cmd).Refused
		again, err := Restore(s.Snapshot())
		require.NoError(t, err)
		require.Equal(t, s.VM(1), again.VM(1))
		require.Equal(t, s.Snapshot(), again.Snapshot())
		return refused
	}
	leaves := func(node model.NodeID) error { return apply(Command{Kind: KindLeave, By: 1, Node: node}) }
	add := func(node model.NodeID) error {
		return apply(Command{Kind: KindAddRecovery, By: 1, Node: node, TargetMS: 500})
	}
	attach := Command{Kind: KindAttach, By: 1, Node: 2}

	require.NoError(t, apply(Command{Kind: KindCreate, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)}))
	require.ErrorIs(t, add(3), ErrExposed)
	require.NoError(t, apply(attach))
	require.ErrorIs(t, add(9), ErrMember)
	require.NoError(t, apply(Command{Kind: KindMaintain, By: 1, Node: 3}))
	require.ErrorIs(t, add(3), ErrMaintenance)
	require.NoError(t, apply(Command{Kind: KindMaintain, By: 1, Node: 3, Override: true}))
	require.NoError(t, leaves(2))
	require.ErrorIs(t, add(3), ErrLeaving)
	require.NoError(t, apply(Command{Kind: KindJoin, By: 1, Node: 2}))
	require.NoError(t, add(3))
	for _, node := range []model.NodeID{2, 3} {
		require.ErrorIs(t, leaves(node), ErrKeepsHomes)
	}
	third, err := s.Third(1, model.Nodes(3, 4))
	require.NoError(t, err)
	require.Equal(t, model.NodeID(4), third, "the host with the recovery copy is no candidate")

	require.NoError(t, apply(Command{Kind: KindFailOver, By: 3, Node: 3}))
	for _, node := range []model.NodeID{1, 2} {
		require.ErrorIs(t, leaves(node), ErrKeepsHomes)
	}
	require.NoError(t, leaves(5))
	require.Equal(t, model.Nodes(1, 2, 3, 4), s.Members().Hosts)
	require.NoError(t, apply(Command{Kind: KindFailBack, By: 3, Node: 1}))
	require.NoError(t, apply(attach))
	require.NoError(t, apply(Command{Kind: KindRemoveRecovery, By: 1}))
	require.NoError(t, apply(Command{Kind: KindDetach, By: 1, Node: 2}))
	require.Equal(t, byte(model.Protocol2), s.Snapshot()[0], "the override is one of the second format")
	require.NoError(t, leaves(3))
	require.Equal(t, model.Nodes(1, 2, 4), s.Members().Hosts)
}

// A recovery copy needs room at its place and another site; it keeps the room while the VM runs there. What is stated and what
// is covered are stored side by side, and a state without either is stored as ever.
func TestRecoveryUnderPolicies(t *testing.T) {
	s, index := New(Members{Hosts: model.Nodes(1, 2, 3, 4)}), uint64(0)
	apply := func(cmd Command) error {
		index++
		if cmd.Kind.ForVM() && cmd.Kind != KindCreate {
			cmd.VM = 1
			cmd.Expect = s.VM(1).Gen
		}
		cmd.By = max(cmd.By, 1)
		refused := s.Apply(index, cmd).Refused
		again, err := Restore(s.Snapshot())
		require.NoError(t, err)
		require.Equal(t, s, again)
		return refused
	}
	host := func(node model.NodeID, site model.Site, memory uint32) error {
		return apply(Command{Kind: KindPolicy, Node: node, Policy: model.Policy{Kind: model.PolicyHost, Site: site, Memory: memory}})
	}
	add := Command{Kind: KindAddRecovery, Node: 3, TargetMS: 1000}
	other := Command{Kind: KindCreate, VM: 2, Node: 4, Level: model.LevelHA, Homes: model.Nodes(3, 4)}

	require.NoError(t, apply(Command{Kind: KindCreate, VM: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)}))
	require.NoError(t, apply(Command{Kind: KindAttach, Node: 2}))
	require.Equal(t, byte(model.Protocol1), s.Snapshot()[0])
	for vm := model.VMID(1); vm <= 2; vm++ {
		require.NoError(t, apply(Command{Kind: KindPolicy, VM: vm, Policy: model.Policy{Kind: model.PolicyVM, Memory: 600}}))
	}
	require.NoError(t, host(2, 7, 0))
	require.NoError(t, host(3, 7, 500))
	require.ErrorIs(t, apply(add), ErrPolicy)
	require.ErrorContains(t, apply(add), "0 of 500 MiB used or reserved, 600 needed")
	require.NoError(t, host(3, 7, 1000))
	require.ErrorContains(t, apply(add), "same site as host 2")
	require.NoError(t, host(3, 8, 1000))
	require.NoError(t, apply(add))

	require.ErrorContains(t, apply(other), "600 of 1000 MiB used or reserved, 600 needed")
	require.NoError(t, apply(Command{Kind: KindFailOver, By: 3, Node: 3}))
	require.ErrorContains(t, apply(other), "600 of 1000 MiB used or reserved, 600 needed")
	require.NoError(t, host(2, 7, 1000))
	other.Homes = model.Nodes(2, 4)
	require.ErrorContains(t, apply(other), "600 of 1000 MiB used or reserved, 600 needed", "the VM is to return there")
	require.NoError(t, apply(Command{Kind: KindFailBack, By: 3, Node: 1}))
	require.ErrorContains(t, apply(other), "600 of 1000 MiB used or reserved, 600 needed")
	require.NoError(t, apply(Command{Kind: KindAttach, Node: 2}))
	require.NoError(t, apply(Command{Kind: KindRemoveRecovery}))
	other.Homes = model.Nodes(3, 4)
	require.NoError(t, apply(other))
}

// Of shared storage there are no copies, so there is none elsewhere.
func TestNoRecoveryOfSharedStorage(t *testing.T) {
	cur, err := Check(Config{}, Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelRestart, Homes: model.Nodes(1, 2), Shared: true})
	require.NoError(t, err)
	for _, kind := range []Kind{KindAddRecovery, KindRemoveRecovery, KindFailOver, KindFailBack} {
		_, err = Check(cur, Command{Kind: kind, VM: 1, Expect: 1, By: 1, Node: 3, TargetMS: 1})
		require.ErrorIs(t, err, ErrShared, kind.String())
	}
	cur.Recovery, cur.History, cur.TargetMS = 3, 1, 1
	require.ErrorIs(t, cur.Validate(), ErrInvalid)
}
