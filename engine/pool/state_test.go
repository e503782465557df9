package pool

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

var three = Members{Hosts: model.Nodes(1, 2, 3), Witness: 4}

func drawCommand(t *rapid.T, s *State) Command {
	node := rapid.Custom(func(t *rapid.T) model.NodeID { return model.NodeID(rapid.IntRange(0, 5).Draw(t, "node")) })
	c := Command{
		Kind: Kind(rapid.IntRange(0, int(numKinds)).Draw(t, "kind")), VM: model.VMID(rapid.IntRange(0, 3).Draw(t, "vm")),
		By: node.Draw(t, "by"), Node: node.Draw(t, "node"), Level: model.Level(rapid.IntRange(0, 4).Draw(t, "level")),
		Homes:       model.Nodes(node.Draw(t, "home"), node.Draw(t, "other home")),
		BaseEpoch:   model.Epoch(rapid.IntRange(0, 2).Draw(t, "epoch")),
		Component:   Component(rapid.IntRange(0, int(numComponents)).Draw(t, "component")),
		Override:    rapid.Bool().Draw(t, "override"),
		Incarnation: rapid.Uint64Range(0, 3).Draw(t, "incarnation"),
		TargetMS:    rapid.Uint32Range(0, 2).Draw(t, "target"),
	}
	c.Expect = s.VM(c.VM).Gen
	if rapid.IntRange(0, 4).Draw(t, "stale") == 0 {
		c.Expect += model.Gen(rapid.IntRange(-1, 1).Draw(t, "by how much"))
	}
	return c
}

// Whatever is proposed, by whomever: every configuration is valid, generations
// rise by one, the in-sync set only shrinks by decision, a refusal changes
// nothing, and what the state says can be stored and read back.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(three)
		index := uint64(1)
		for range rapid.IntRange(0, 60).Draw(t, "commands") {
			cmd := drawCommand(t, s)
			before, overrides, bytes := s.VM(cmd.VM), len(s.Overrides()), s.Snapshot()
			predicted, refusal := s.Check(cmd)
			index += rapid.Uint64Range(1, 3).Draw(t, "gap")
			result := s.Apply(index, cmd)
			after := s.VM(cmd.VM)
			require.Equal(t, result.OK, result.Refused == nil)
			require.Equal(t, after, result.Config)
			switch {
			case !result.OK:
				s.applied = index
				again, err := Restore(bytes)
				require.NoError(t, err)
				again.applied = index
				require.Equal(t, again.Snapshot(), s.Snapshot(), "a refusal changes nothing")
			case cmd.Kind.changes():
				require.NoError(t, refusal)
				require.Equal(t, predicted, after)
				changed(t, before, after, cmd, len(s.Overrides())-overrides)
			}
			again, err := Restore(s.Snapshot())
			require.NoError(t, err)
			require.Equal(t, s.Snapshot(), again.Snapshot())
			require.Equal(t, s.VM(cmd.VM), again.VM(cmd.VM))
		}
	})
}

func changed(t *rapid.T, before, after Config, cmd Command, overrides int) {
	require.NoError(t, after.Validate())
	require.Equal(t, before.Gen+1, after.Gen, "generations rise by one")
	if cmd.Kind == KindFailOver || cmd.Kind == KindFailBack {
		moved(t, before, after, cmd, overrides)
		return
	}
	require.Equal(t, cmd.Kind, after.Cause)
	if before.Gen == 0 {
		return
	}
	require.Equal(t, before.Homes, after.Homes)
	require.Equal(t, before.Level, after.Level)
	stale := after.InSync&^before.InSync != 0
	switch cmd.Kind {
	case KindAttach:
		require.True(t, stale)
	case KindStart:
		require.Equal(t, stale, overrides == 1, "an override is recorded, and nothing else is")
	default:
		require.False(t, stale, "only a resync or an override makes a copy the truth (R5)")
	}
}

// moved checks a step between the VM's homes and the place of its recovery copy.
func moved(t *rapid.T, before, after Config, cmd Command, overrides int) {
	require.Equal(t, before.Recovery, after.Primary, "only the recovery copy takes over")
	require.Equal(t, before.Primary, after.Recovery, "who was primary has the recovery copy")
	require.Equal(t, model.Nodes(after.Primary), after.InSync)
	require.Equal(t, after.Gen, after.History, "every copy belongs to a new history")
	require.Equal(t, cmd.Kind == KindFailOver, overrides == 1, "a start from the recovery copy is recorded")
}

// Of any number of proposals for one generation at most one wins.
func TestOneWinsPerGeneration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(three)
		s.Apply(1, Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelFT, Homes: model.Nodes(1, 2)})
		s.Apply(2, Command{Kind: KindAttach, VM: 1, Expect: 1, By: 1, Node: 2, BaseEpoch: 1})
		gen := s.VM(1).Gen
		won := 0
		for i := range rapid.IntRange(1, 20).Draw(t, "proposals") {
			cmd := drawCommand(t, s)
			cmd.VM, cmd.Expect = 1, gen
			if s.Apply(uint64(3+i), cmd).OK && cmd.Kind > KindCreate && cmd.Kind.changes() {
				won++
			}
		}
		require.LessOrEqual(t, won, 1)
		require.Equal(t, gen+model.Gen(won), s.VM(1).Gen)
	})
}

func TestApply(t *testing.T) {
	s := New(three)
	create := Command{Kind: KindCreate, VM: 9, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)}
	witness := create
	witness.Homes, witness.Node = model.Nodes(1, 4), 1
	require.ErrorIs(t, s.Apply(2, witness).Refused, ErrHomes)
	require.True(t, s.Apply(3, create).OK)
	create.VM = 4
	require.True(t, s.Apply(5, create).OK)
	require.Equal(t, []model.VMID{4, 9}, []model.VMID{s.VMs()[0].VM, s.VMs()[1].VM})

	require.True(t, s.Apply(6, Command{Kind: KindFault, By: 1, Node: 2, Component: ComponentNIC}).OK)
	require.True(t, s.Apply(7, Command{Kind: KindFault, By: 1, Node: 2, Component: ComponentNIC}).OK)
	require.ErrorIs(t, s.Apply(8, Command{Kind: KindFault, By: 1, Node: 9, Component: ComponentNIC}).Refused, ErrMember)
	require.Equal(t, uint64(2), s.Faults(2, ComponentNIC))
	require.Zero(t, s.Faults(2, ComponentDisk))

	require.True(t, s.Apply(9, Command{Kind: KindOverride, By: 1, Incarnation: 4, Node: 2}).OK)
	require.True(t, s.Apply(10, Command{Kind: KindStart, VM: 9, Expect: 1, By: 2, Node: 2, Override: true}).OK)
	require.Equal(t, []Override{{Index: 9, Kind: KindOverride, By: 1, Node: 2, Incarnation: 4}, {Index: 10, Kind: KindStart, VM: 9, By: 2, Node: 2}}, s.Overrides())

	require.Equal(t, uint64(10), s.Applied())
	require.PanicsWithError(t, "pool: commands applied out of order: 10 after 10", func() { s.Apply(10, create) })
}

func TestCommandRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCommand(t, New(three))
		got, err := Decode(c.Encode())
		if c.Kind == 0 || c.Kind >= numKinds || c.Level > model.LevelFT || c.Component >= numComponents {
			require.ErrorIs(t, err, ErrCommand)
			return
		}
		require.NoError(t, err)
		require.Equal(t, c, got)
	})
}

func TestDecodeErrors(t *testing.T) {
	good := Command{Kind: KindStart, VM: 1, Expect: 1, By: 1, Node: 1}.Encode()
	for want, data := range map[string][]byte{
		"byte 0: it is empty":                   nil,
		"format version is 9, want 1":           append([]byte{9}, good[1:]...),
		"byte 13: 1 bytes follow the end":       append(append([]byte{}, good...), 0),
		"byte 11: override: unexpected EOF":     good[:11],
		"byte 1: kind: 0 takes 2 bytes, want 1": {1, 0x80, 0},
		"kind is 13, want less than 13":         {1, 13},
		"byte 13: kind is 0":                    append([]byte{1, 0}, good[2:]...),
	} {
		_, err := Decode(data)
		require.ErrorIs(t, err, ErrCommand)
		require.ErrorContains(t, err, want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelFT, Homes: model.Nodes(1, 2)}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := Decode(data); err == nil {
			require.Equal(t, data, c.Encode())
		}
	})
}

func FuzzRestore(f *testing.F) {
	s := New(three)
	s.Apply(1, Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)})
	s.Apply(2, Command{Kind: KindFault, By: 1, Node: 1, Component: ComponentLink})
	s.Apply(3, Command{Kind: KindOverride, By: 1, Node: 2})
	f.Add(s.Snapshot())
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Restore(data); err == nil {
			require.Equal(t, data, s.Snapshot())
		}
	})
}
