package engine

import (
	"holdfast/engine/control"
	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// electorate is what the leader knows when it decides who should learn and who should vote.
type electorate struct {
	members          pool.Members
	want             int // voters; 0: as many as suit the pool
	self             model.NodeID
	voters, learners model.NodeSet // of the control log
	silent           model.NodeSet // not heard at present
	lost             model.NodeSet // not heard for so long that somebody else should vote
	gone             model.NodeSet // know that they left the pool
}

// next returns the next change of the control log's members, 0 if all is well. New voters come
// before old ones go, so that there are never fewer than there were; only a member that
// left the pool stops voting even if nobody can take its place.
func (e *electorate) next() (control.Change, model.NodeID) {
	all := e.members.All()
	want := pool.VotersWanted(all.Len(), e.want)
	if strangers := all &^ (e.voters | e.learners | e.silent); !strangers.Empty() {
		return control.Learn, strangers.First()
	}
	able := e.voters & all &^ e.lost
	if able.Len() < want {
		if id := e.candidate(); id != model.NoNode {
			return control.Vote, id
		}
	}
	if left := e.voters &^ all; !left.Empty() {
		return control.Learn, left.First()
	}
	if e.voters.Len() > want {
		return control.Learn, e.superfluous()
	}
	if left := e.learners & e.gone &^ all; !left.Empty() {
		return control.Remove, left.First()
	}
	return 0, model.NoNode
}

// candidate returns the learner that should vote next: the witness, because it shares the fate
// of no VM, else the lowest host that is heard and stays. One that is leaving votes if there is nobody else: it may
// take long until its copies have another place.
func (e *electorate) candidate() model.NodeID {
	able := e.learners & e.members.All() &^ e.silent
	if able.Has(e.members.Witness) {
		return e.members.Witness
	}
	if staying := able &^ e.members.Leaving; !staying.Empty() {
		return staying.First()
	}
	return able.First()
}

// superfluous returns the voter that is needed least: one that is lost or about to leave, else the highest
// host that does not lead.
func (e *electorate) superfluous() model.NodeID {
	if lost := e.voters & e.lost; !lost.Empty() {
		return lost.First()
	}
	rest := e.voters & e.members.Leaving
	if rest.Empty() {
		rest = e.voters.Without(e.members.Witness).Without(e.self)
	}
	for rest.Len() > 1 {
		rest = rest.Without(rest.First())
	}
	return rest.First()
}
