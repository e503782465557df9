package pool

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
)

func TestCheckMembers(t *testing.T) {
	members := Members{Hosts: model.Nodes(1, 2, 3, 4), Witness: 9, Leaving: model.Nodes(4)}
	two := Members{Hosts: model.Nodes(1, 2), Witness: 9}
	full := Members{Hosts: 1<<17 - 2}
	vms := []Config{
		{VM: 3, Homes: model.Nodes(1, 4), Primary: 1, InSync: model.Nodes(1, 4)},
		{VM: 5, Homes: model.Nodes(2, 4), Primary: 2, InSync: model.Nodes(2)},
	}
	cmd := func(kind Kind, by, node model.NodeID) Command { return Command{Kind: kind, By: by, Node: node} }
	for _, c := range []struct {
		name string
		m    Members
		cmd  Command
		want Members
		err  error
	}{
		{"join", members, cmd(KindJoin, 1, 7), Members{Hosts: model.Nodes(1, 2, 3, 4, 7), Witness: 9, Leaving: model.Nodes(4)}, nil},
		{"join by the witness", members, cmd(KindJoin, 9, 7), Members{Hosts: model.Nodes(1, 2, 3, 4, 7), Witness: 9, Leaving: model.Nodes(4)}, nil},
		{"join by a stranger", members, cmd(KindJoin, 7, 7), Members{}, ErrProposer},
		{"join nobody", members, cmd(KindJoin, 1, 0), Members{}, ErrMember},
		{"join a host", members, cmd(KindJoin, 1, 2), Members{}, ErrIsMember},
		{"join the witness", members, cmd(KindJoin, 1, 9), Members{}, ErrIsMember},
		{"join a seventeenth", full, cmd(KindJoin, 1, 17), Members{}, ErrPoolSize},
		{"stay", members, cmd(KindJoin, 1, 4), Members{Hosts: model.Nodes(1, 2, 3, 4), Witness: 9}, nil},
		{"leave", members, cmd(KindLeave, 1, 1), Members{Hosts: model.Nodes(1, 2, 3, 4), Witness: 9, Leaving: model.Nodes(1, 4)}, nil},
		{"leave with the only copy", members, cmd(KindLeave, 1, 2), Members{}, ErrOnlyCopy},
		{"leave twice", members, cmd(KindLeave, 1, 4), Members{}, ErrLeaving},
		{"leave as a witness", members, cmd(KindLeave, 1, 9), Members{}, ErrMember},
		{"leave one alone", two, cmd(KindLeave, 1, 1), Members{}, ErrPoolSize},
		{"leave by a stranger", members, cmd(KindLeave, 7, 1), Members{}, ErrProposer},
		{"override", members, cmd(KindOverride, 1, 2), members, nil},
		{"override a stranger", members, cmd(KindOverride, 1, 8), Members{}, ErrMember},
		{"a command for a VM", members, cmd(KindBump, 1, 2), Members{}, ErrMember},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := CheckMembers(c.m, vms, c.cmd)
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.Equal(t, c.want, got)
			} else {
				require.Equal(t, c.m, got)
			}
		})
	}
}

// A host that leaves is let go when the last VM has another home, and what was counted against it is forgotten.
func TestLeaving(t *testing.T) {
	s := New(Members{Hosts: model.Nodes(1, 2, 3)})
	require.True(t, s.Apply(1, Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)}).OK)
	require.True(t, s.Apply(2, Command{Kind: KindFault, By: 1, Node: 2, VM: 1, Component: model.ComponentDisk}).OK)
	require.True(t, s.Apply(3, Command{Kind: KindLeave, By: 1, Node: 2}).OK)
	require.Equal(t, Members{Hosts: model.Nodes(1, 2, 3), Leaving: model.Nodes(2)}, s.Members())
	create := Command{Kind: KindCreate, VM: 2, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)}
	require.ErrorIs(t, s.Apply(4, create).Refused, ErrLeaving)
	require.Equal(t, model.NodeID(3), third(s, 1, model.Nodes(2, 3)))
	require.True(t, s.Apply(5, Command{Kind: KindRehome, VM: 1, Expect: 1, By: 1, Homes: model.Nodes(1, 3)}).OK)
	require.Equal(t, Members{Hosts: model.Nodes(1, 3)}, s.Members())
	require.Empty(t, s.Parts())
	require.ErrorIs(t, s.Apply(6, create).Refused, ErrHomes)
}

// third returns where a VM's second copy should go, NoNode if nowhere.
func third(s *State, vm model.VMID, candidates model.NodeSet) model.NodeID {
	id, _ := s.Third(vm, candidates)
	return id
}

func TestThirdHasTheFewestCopies(t *testing.T) {
	s := New(Members{Hosts: model.Nodes(1, 2, 3, 4, 5)})
	for i, homes := range []model.NodeSet{model.Nodes(1, 2), model.Nodes(3, 4), model.Nodes(3, 5)} {
		s.Apply(uint64(i+1), Command{Kind: KindCreate, VM: model.VMID(i + 1), By: 1, Node: homes.First(), Level: model.LevelFT, Homes: homes})
	}
	all := s.Members().Hosts
	require.Equal(t, model.NodeID(4), third(s, 1, all), "4 and 5 have one copy, 3 has two")
	require.Equal(t, model.NodeID(5), third(s, 1, all.Without(4)))
	require.Equal(t, model.NodeID(3), third(s, 1, model.Nodes(1, 2, 3)))
	require.Equal(t, model.NoNode, third(s, 1, model.Nodes(1, 2, 6)))
}

func TestFirstVoters(t *testing.T) {
	for _, c := range []struct {
		hosts   int
		witness model.NodeID
		want    int
		voters  model.NodeSet
	}{
		{2, 0, 0, model.Nodes(1, 2)},
		{2, 3, 0, model.Nodes(1, 2, 3)},
		{3, 0, 0, model.Nodes(1, 2, 3)},
		{3, 4, 0, model.Nodes(1, 3, 4)},
		{4, 0, 0, model.Nodes(1, 3, 4)},
		{5, 0, 3, model.Nodes(1, 3, 5)},
		{5, 0, 5, model.Nodes(1, 2, 3, 4, 5)},
		{6, 7, 0, model.Nodes(1, 3, 4, 6, 7)},
		{16, 0, 0, model.Nodes(1, 5, 8, 11, 14)},
		{16, 17, 3, model.Nodes(1, 9, 17)},
	} {
		m := Members{Hosts: 1<<(c.hosts+1) - 2, Witness: c.witness}
		require.Equal(t, c.voters, FirstVoters(m, c.want), "%d hosts, witness %d, want %d", c.hosts, c.witness, c.want)
	}
}
