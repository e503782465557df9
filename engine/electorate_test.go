package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/control"
	"holdfast/engine/model"
	"holdfast/engine/pool"
)

func TestNextChange(t *testing.T) {
	five := pool.Members{Hosts: model.Nodes(1, 2, 3, 4, 5)}
	with := func(change func(*electorate)) electorate {
		e := electorate{members: five, want: 3, self: 1, voters: model.Nodes(1, 3, 5), learners: model.Nodes(2, 4)}
		change(&e)
		return e
	}
	for _, c := range []struct {
		name   string
		e      electorate
		change control.Change
		node   model.NodeID
	}{
		{"all well", with(func(*electorate) {}), 0, 0},
		{"a voter is silent", with(func(e *electorate) { e.silent = model.Nodes(5) }), 0, 0},
		{"a voter is lost", with(func(e *electorate) { e.silent, e.lost = model.Nodes(5), model.Nodes(5) }), control.Vote, 2},
		{"the lowest learner is silent too", with(func(e *electorate) { e.silent, e.lost = model.Nodes(2, 5), model.Nodes(5) }), control.Vote, 4},
		{"nobody can replace it", with(func(e *electorate) { e.silent, e.lost = model.Nodes(2, 4, 5), model.Nodes(5) }), 0, 0},
		{"its successor votes", with(func(e *electorate) {
			e.silent, e.lost, e.voters, e.learners = model.Nodes(5), model.Nodes(5), model.Nodes(1, 2, 3, 5), model.Nodes(4)
		}), control.Learn, 5},
		{"it came back meanwhile", with(func(e *electorate) { e.voters, e.learners = model.Nodes(1, 2, 3, 5), model.Nodes(4) }), control.Learn, 5},
		{"a leader is not superfluous", with(func(e *electorate) { e.self, e.voters, e.learners = 5, model.Nodes(1, 2, 3, 5), model.Nodes(4) }), control.Learn, 3},
		{"the witness may vote", with(func(e *electorate) {
			e.members.Witness, e.learners, e.lost = 6, model.Nodes(2, 4, 6), model.Nodes(5)
		}), control.Vote, 6},
		{"a leaving host gets no vote", with(func(e *electorate) { e.members.Leaving, e.lost = model.Nodes(2), model.Nodes(5) }), control.Vote, 4},
		{"a leaving host votes if there is nobody else", with(func(e *electorate) {
			e.members.Leaving, e.silent, e.lost = model.Nodes(2), model.Nodes(4, 5), model.Nodes(5)
		}), control.Vote, 2},
		{"a host joined", with(func(e *electorate) { e.members.Hosts = e.members.Hosts.With(6) }), control.Learn, 6},
		{"a host joined and is silent", with(func(e *electorate) { e.members.Hosts, e.silent = e.members.Hosts.With(6), model.Nodes(6) }), 0, 0},
		{"a voter left", with(func(e *electorate) { e.members.Hosts = e.members.Hosts.Without(5) }), control.Vote, 2},
		{"a voter left and was replaced", with(func(e *electorate) {
			e.members.Hosts, e.voters, e.learners = e.members.Hosts.Without(5), model.Nodes(1, 2, 3, 5), model.Nodes(4)
		}), control.Learn, 5},
		{"a learner left and does not know", with(func(e *electorate) { e.members.Hosts = e.members.Hosts.Without(4) }), 0, 0},
		{"a learner left and knows", with(func(e *electorate) { e.members.Hosts, e.gone = e.members.Hosts.Without(4), model.Nodes(4) }), control.Remove, 4},
		{"a joining host does not know yet", with(func(e *electorate) { e.gone = model.Nodes(4) }), 0, 0},
		{"after an override", electorate{members: pool.Members{Hosts: model.Nodes(1, 2)}, self: 1, voters: model.Nodes(1)}, control.Learn, 2},
		{"after an override, later", electorate{members: pool.Members{Hosts: model.Nodes(1, 2)}, self: 1, voters: model.Nodes(1), learners: model.Nodes(2)}, control.Vote, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			change, node := c.e.next()
			require.Equal(t, c.change, change)
			require.Equal(t, c.node, node)
		})
	}
}

// Whatever the control log's members are: the changes come to an end, with as many voters as are wanted,
// all of them members, and there are never fewer voters that are heard than before.
func TestChangesEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := func(what string) model.NodeSet {
			return model.NodeSet(rapid.Uint64Range(0, 1<<8-1).Draw(t, what)) &^ 1
		}
		e := electorate{members: pool.Members{Hosts: set("hosts") | model.Nodes(1, 2)}, self: 1, want: rapid.SampledFrom([]int{0, 3, 5}).Draw(t, "want")}
		e.voters = set("voters") | model.Nodes(1)
		e.learners = set("learners") &^ e.voters
		e.gone = ^e.members.All()
		e.lost = set("lost") &^ model.Nodes(1)
		e.silent = e.lost
		heard := (e.voters & e.members.All() &^ e.lost).Len()
		want := pool.VotersWanted(e.members.All().Len(), e.want)
		for steps := 0; ; steps++ {
			require.Less(t, steps, 40, "the changes never end")
			change, id := e.next()
			if change == 0 {
				break
			}
			e.voters, e.learners = e.voters.Without(id), e.learners.Without(id)
			switch change {
			case control.Vote:
				e.voters = e.voters.With(id)
			case control.Learn:
				e.learners = e.learners.With(id)
			}
			now := (e.voters & e.members.All() &^ e.lost).Len()
			require.GreaterOrEqual(t, now, min(heard, want))
			heard = now
		}
		require.Zero(t, e.voters&^e.members.All())
		able := (e.members.All() &^ e.lost).Len()
		require.GreaterOrEqual(t, heard, min(want, able))
		require.LessOrEqual(t, e.voters.Len(), max(want, heard))
	})
}
