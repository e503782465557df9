package pool

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

// onlyTheHolderStarts demands that a VM on shared storage changes hands by a claim, a release or an operator only,
// and that whoever claimed it starts it before it is passed on.
func onlyTheHolderStarts(t *rapid.T, before, after Config, cmd Command) {
	moved := after.Primary != before.Primary
	switch cmd.Kind {
	case KindStart:
		require.Equal(t, cmd.Node, after.Primary)
		require.True(t, !moved && cmd.By == before.Primary || cmd.Override)
	case KindClaim:
		require.True(t, moved && cmd.By == after.Primary)
	case KindRelease:
		require.True(t, moved && cmd.By == before.Primary && before.Cause != KindClaim)
	case KindBump:
		require.True(t, !moved && before.Cause != KindClaim)
	default:
		t.Fatalf("%v changed a VM on shared storage", cmd.Kind)
	}
}

func TestCheckShared(t *testing.T) {
	held := Config{VM: 7, Gen: 5, Level: model.LevelRestart, Shared: true, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2, InSync: model.Nodes(1, 2), Cause: KindStart, By: 1}
	claimed := held
	claimed.Primary, claimed.Secondary, claimed.Cause, claimed.By = 2, 1, KindClaim, 2
	cmd := func(kind Kind, by, node model.NodeID) Command {
		return Command{Kind: kind, VM: 7, Expect: 5, By: by, Node: node}
	}
	override := cmd(KindStart, 2, 2)
	override.Override = true
	for _, c := range []struct {
		name    string
		cur     Config
		cmd     Command
		primary model.NodeID // 0: refused
		err     error
	}{
		{"start by the holder", held, cmd(KindStart, 1, 1), 1, nil},
		{"start by the other", held, cmd(KindStart, 2, 2), 0, ErrHolder},
		{"start of the holder by the other", held, cmd(KindStart, 2, 1), 0, ErrHolder},
		{"start by a stranger", held, cmd(KindStart, 3, 3), 0, ErrNotHome},
		{"start by an operator", held, override, 2, nil},
		{"claim", held, cmd(KindClaim, 2, 2), 2, nil},
		{"claim by the holder", held, cmd(KindClaim, 1, 1), 0, ErrProposer},
		{"claim by a stranger", held, cmd(KindClaim, 3, 3), 0, ErrProposer},
		{"claim for another", held, cmd(KindClaim, 1, 2), 0, ErrProposer},
		{"start after a claim", claimed, cmd(KindStart, 2, 2), 2, nil},
		{"start by the old holder", claimed, cmd(KindStart, 1, 1), 0, ErrHolder},
		{"claim back", claimed, cmd(KindClaim, 1, 1), 1, nil},
		{"release", held, cmd(KindRelease, 1, 2), 2, nil},
		{"release by the other", held, cmd(KindRelease, 2, 2), 0, ErrProposer},
		{"release to oneself", held, cmd(KindRelease, 1, 1), 0, ErrNotHome},
		{"release of what was claimed", claimed, cmd(KindRelease, 2, 1), 0, ErrHolder},
		{"bump", held, cmd(KindBump, 1, 0), 1, nil},
		{"bump of what was claimed", claimed, cmd(KindBump, 2, 0), 0, ErrHolder},
		{"attach", held, cmd(KindAttach, 1, 2), 0, ErrShared},
		{"detach", held, cmd(KindDetach, 1, 2), 0, ErrShared},
		{"promote", held, cmd(KindPromote, 2, 2), 0, ErrShared},
		{"level", held, cmd(KindLevel, 1, 1), 0, ErrShared},
		{"rehome", held, cmd(KindRehome, 1, 3), 0, ErrShared},
		{"claim of a mirrored VM", restart, cmd(KindClaim, 2, 2), 0, ErrLevel},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Check(c.cur, c.cmd)
			require.ErrorIs(t, err, c.err)
			if c.err != nil {
				return
			}
			want := heldBy(c.cur, c.primary)
			want.Gen, want.Cause, want.By = 6, c.cmd.Kind, c.cmd.By
			require.Equal(t, want, got)
			require.NoError(t, got.Validate())
		})
	}
}

func TestCreateShared(t *testing.T) {
	s := New(three)
	create := Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2), Shared: true}
	require.ErrorIs(t, s.Apply(1, create).Refused, ErrShared)
	create.Level = model.LevelRestart
	require.True(t, s.Apply(2, create).OK)
	require.Equal(t, Config{
		VM: 1, Gen: 1, Level: model.LevelRestart, Shared: true, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2,
		InSync: model.Nodes(1, 2), Cause: KindCreate, By: 1,
	}, s.VM(1))
	bytes := s.Snapshot()
	require.Equal(t, byte(model.Protocol2), bytes[0], "the first version has no shared storage")
	require.Equal(t, byte(model.Protocol2), create.Encode()[0])
	require.Equal(t, byte(model.Protocol1), Command{Kind: KindStart, VM: 1, Expect: 1, By: 1, Node: 1}.Encode()[0])
	_, err := Decode(append([]byte{model.Protocol1}, create.Encode()[1:]...))
	require.ErrorIs(t, err, ErrCommand)
	require.ErrorIs(t, s.Apply(3, Command{Kind: KindRenew, By: 4}).Refused, ErrProposer, "a witness runs nothing")
	require.True(t, s.Apply(4, Command{Kind: KindRenew, By: 1, Expect: 9}).OK)
	s.applied = 2
	require.Equal(t, bytes, s.Snapshot(), "a renewal changes nothing")
	require.ErrorIs(t, s.Apply(5, Command{Kind: KindLeave, By: 1, Node: 2}).Refused, ErrShared)
}
