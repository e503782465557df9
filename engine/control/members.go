package control

import (
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Change is one step in the life of a member of the control log:
//
//	         Learn             Vote
//	nobody ─────────► learner ─────────► voter
//	  ▲      Remove      │ ▲     Learn     │
//	  └──────────────────┘ └───────────────┘
type Change uint8

const (
	// Learn makes a node a learner: it gets the log, may propose, and does not decide.
	Learn Change = iota + 1
	// Vote makes a learner that has the log a voter.
	Vote
	// Remove ends the membership of a learner.
	Remove
)

var changeNames = [...]string{Learn: "learn", Vote: "vote", Remove: "remove"}

func (c Change) String() string {
	if c >= Learn && c <= Remove {
		return changeNames[c]
	}
	return fmt.Sprintf("change(%d)", uint8(c))
}

// minVoters is the number of voters from which on none is taken away: a single one would have nobody to tell it what
// it forgot. Only an override makes a pool of one.
const minVoters = 2

// Change proposes one change of the members. It is for the leader and does nothing elsewhere, nor
// while an earlier change of this leader is not decided, nor if node is not where the picture above
// has the change begin, nor for one of the last two voters, nor for a learner that lacks a part of the log: as a voter it
// could cost the pool its quorum. Call it again until Voters and Learners are as they should be. It reports
// whether something was proposed.
func (l *Log) Change(now model.Time, change Change, node model.NodeID) bool {
	l.now = now
	if !l.role.leading || node == model.NoNode || node > model.MaxNode || now < l.changeAt && !planted.On(planted.TwoChanges) {
		return false
	}
	var kind pb.ConfChangeType
	switch learner, voter := l.Learners().Has(node), l.Voters().Has(node); {
	case change == Learn && !learner && (!voter || l.Voters().Len() > minVoters):
		kind = pb.ConfChangeAddLearnerNode
	case change == Vote && learner && l.hasLog(node):
		kind = pb.ConfChangeAddNode
	case change == Remove && learner:
		kind = pb.ConfChangeRemoveNode
	default:
		return false
	}
	// raft refuses while another change is pending; the caller repeats.
	if l.node.ProposeConfChange(&pb.ConfChange{Type: kind.Enum(), NodeId: new(uint64(node))}) != nil {
		return false
	}
	l.changeAt = now.Add(l.cfg.HeartbeatEvery)
	return true
}

// hasLog reports whether a follower has acknowledged everything that is applied here.
func (l *Log) hasLog(node model.NodeID) bool {
	p, found := l.node.Status().Progress[uint64(node)]
	return found && p.Match >= l.applied
}
