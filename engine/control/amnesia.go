package control

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Observe notes that subject's disk holds, or once held, pos. It comes from
// subject itself or from a third member; what is known only rises.
func (l *Log) Observe(subject model.NodeID, pos model.Position) {
	if subject != model.NoNode && subject <= model.MaxNode && subject != l.cfg.ID {
		l.state.known[subject] = l.state.known[subject].Max(pos)
		l.overruledIn(pos.Term)
	}
}

// Known returns the most that is known of subject's disk, to be told to subject and
// to others. Zero: nothing.
func (l *Log) Known(subject model.NodeID) model.Position {
	switch {
	case subject == l.cfg.ID:
		return l.state.peak
	case subject > model.MaxNode:
		return model.Position{}
	default:
		return l.state.known[subject]
	}
}

// Probation reports whether this member still waits for a peer to confirm that
// its disk has not gone back. Until then it takes no part.
func (l *Log) Probation() bool { return l.probation }

// Amnesia reports whether this member forgot something, or an override voids what it knows, and has not caught up
// with a leader that does not rely on it. Until then it does not vote. A member may have got into the term of
// an override without its log, by any message; with another log it must not take part in the elections of that era.
func (l *Log) Amnesia() bool {
	own := l.lastTerm()
	void := overridden(own, max(l.state.term, l.role.term)) && !planted.On(planted.DeadDecide)
	return l.state.floor > 0 && own <= l.state.floor || void
}

// Confirm tells this member what a peer remembers of it: the peer's Known of
// this member, asked after this member's start. The first call ends the probation. Calls after that
// matter too: a peer that was away may remember more than the first one did.
func (l *Log) Confirm(now model.Time, known model.Position) {
	l.now = now
	if l.probation {
		l.probation = false
		l.campaignAt = now.Add(l.jitter(l.pace()))
	}
	if l.state.peak.Before(known) {
		l.forget(known)
	}
}

// forget draws the consequences of having lost the end of the log: see the
// package comment. The floor covers the highest term in which this member can
// have promised anything, as far as anybody knows.
func (l *Log) forget(known model.Position) {
	if planted.On(planted.AmnesiaIgnored) {
		return
	}
	l.state.floor = max(l.state.floor, l.state.peak.Term, l.state.term, l.role.term, known.Term)
	l.state.peak = l.state.peak.Max(known)
	l.needState, l.amnesia = true, true
	l.raiseTerm(l.state.floor + 1)
}

// PeerAmnesia says that node's disk went back. If this member leads in a term
// in which node may have acknowledged what it forgot, it gives that term up and
// campaigns for a new one, whose votes and acknowledgements are all new. It would do so anyway
// when node answers; this is faster.
func (l *Log) PeerAmnesia(now model.Time, node model.NodeID) {
	l.now = now
	if !l.role.leading || l.role.term > l.Known(node).Term {
		return
	}
	l.raiseTerm(l.role.term + 1)
	if l.mayCampaign() {
		l.campaign(now)
	}
}

// raiseTerm makes raft a follower without a leader in a higher term. raft does
// so for every message of a higher term; this type does nothing else.
func (l *Log) raiseTerm(term uint64) {
	if term > l.role.term {
		l.step(&pb.Message{Type: pb.MsgForgetLeader.Enum(), From: new(uint64(l.cfg.ID)), Term: new(term)})
	}
}
