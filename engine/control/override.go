package control

import (
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// ForceAlone makes this member the only voter, at the word of an operator who
// knows that the others are dead. The next Drain applies the whole log, whether it was
// committed or not, applies as its last entry what record returns for the new era, and begins a new log. No other override
// has that era; of two, the log of the higher one goes on when they meet. Others come back
// by Change and lose what they did without this member. Calling it again has no effect beyond a new beginning.
func (l *Log) ForceAlone(now model.Time, record func(era uint64) []byte) {
	l.now, l.alone = now, record
}

// Unapplied visits what this member has in its log and has not applied, be it committed or not: ForceAlone applies it.
func (l *Log) Unapplied(visit func(index uint64, data []byte)) {
	for _, e := range l.entriesAfter(l.applied) {
		if e.GetType() == pb.EntryNormal && len(e.GetData()) > 0 {
			visit(e.GetIndex(), e.GetData())
		}
	}
}

// forceAlone replaces the log by a snapshot that stands one index behind its
// end, in a term of its own. No other log contains that entry, so that everybody who
// returns is given the snapshot and with it the configuration of one voter: a
// log that went on would leave the old configuration in force over there. The entry is the record
// of the override itself, so that nobody ever has the one without the other.
func (l *Log) forceAlone(out *model.Effects, apply func(uint64, []byte)) {
	record := l.alone
	l.alone, l.override = nil, true
	last := l.lastIndex()
	if last > l.state.commit {
		// What apply asks for must not be performed before it is certain to be
		// applied again after a crash.
		l.state.commit = last
		l.persistTail(out, nil)
	}
	l.Unapplied(apply)
	next := Store{state: l.state}
	highest := max(l.state.term, l.state.peak.Term, l.state.floor)
	for _, p := range l.state.known {
		highest = max(highest, p.Term)
	}
	era := eraAfter(highest, l.cfg.ID)
	next.state.term = era << eraShift
	next.state.vote, next.state.commit, next.state.floor = 0, last+1, 0
	apply(last+1, record(era))
	next.snapshot = &pb.Snapshot{Data: l.takeState(), Metadata: &pb.SnapshotMetadata{
		ConfState: confState(model.Nodes(l.cfg.ID), 0), Index: new(last + 1), Term: new(next.state.term),
	}}
	l.mustOpen(next)
	l.probation, l.needBase, l.reset = false, true, false
	l.campaign(l.now)
}

// overruledIn takes it that somebody is in that term. If only an override can have raised it so far, this member
// neither votes nor campaigns, and leads no more, before it has a log from after it: those who were declared dead must not
// decide among themselves once they have heard of anybody who knows better, leader or not, and neither must who was told to
// decide alone in a lower era. It is the floor of a member that forgot, for the same reason: what it knows is not what
// counts. A learner is bound as well: it answers requests for votes.
func (l *Log) overruledIn(term uint64) {
	if planted.On(planted.DeadDecide) {
		return
	}
	own := max(l.state.term, l.state.peak.Term, l.state.floor, l.role.term)
	if !overridden(own, term) || l.Amnesia() || !(l.Voters() | l.Learners()).Has(l.cfg.ID) {
		return
	}
	l.state.floor, l.needState, l.overruled = own, true, true
	l.raiseTerm(own + 1)
}

// overruledBy reports whether a leader's message contradicts what this member
// knows to be committed. Among voters that do not forget that cannot be. It means that an
// operator let others go on without this member, whose part of the history is void.
// raft would panic, or acknowledge what it does not have.
func (l *Log) overruledBy(m *pb.Message) bool {
	if snapshot := m.GetSnapshot(); m.GetType() == pb.MsgSnap {
		return l.contradicts(snapshot.GetMetadata().GetIndex(), snapshot.GetMetadata().GetTerm())
	}
	if m.GetType() != pb.MsgApp {
		return false
	}
	if l.contradicts(m.GetIndex(), m.GetLogTerm()) {
		return true
	}
	for _, e := range m.GetEntries() {
		if l.contradicts(e.GetIndex(), e.GetTerm()) {
			return true
		}
	}
	return false
}

// contradicts reports whether the entry at index, committed here, is not of term.
// Of an entry that was compacted only a bound of its term is known.
func (l *Log) contradicts(index, term uint64) bool {
	if index > l.state.commit || index == 0 {
		return false
	}
	own, err := l.disk.Term(index)
	if err == nil {
		return own != term
	}
	first, err := l.disk.FirstIndex()
	if err != nil {
		return false
	}
	bound, err := l.disk.Term(first - 1)
	return err == nil && term > bound
}

// startOver empties this member's log, for the history of a leader of the given
// term. It does not vote before it has caught up with that leader, and what it voted for in
// this term stays promised.
func (l *Log) startOver(term uint64) {
	floor := min(max(l.state.floor, l.state.peak.Term, l.state.term), term-1)
	voters, learners := members(l.conf)
	next := bootstrap(confState(voters, learners))
	next.state.term, next.state.floor = max(term, floor), floor
	next.state.vote = 0
	if next.state.term == l.state.term {
		next.state.vote = l.state.vote
	}
	next.state.peak, next.state.known = l.state.peak, l.state.known
	l.mustOpen(next)
	l.needBase, l.reset, l.amnesia = true, true, true
}

func (l *Log) mustOpen(s Store) {
	if err := l.open(s); err != nil {
		panic(fmt.Sprintf("control: opening a log of this member's own making: %v", err))
	}
}

func (l *Log) takeState() []byte {
	if l.take == nil {
		return nil
	}
	return l.take()
}

// entriesAfter returns the persisted entries with a higher index.
func (l *Log) entriesAfter(index uint64) []*pb.Entry {
	last := l.lastIndex()
	if last <= index {
		return nil
	}
	entries, err := l.disk.Entries(index+1, last+1, 1<<62)
	if err != nil {
		panic(fmt.Sprintf("control: entries %d to %d of a log in memory: %v", index+1, last, err))
	}
	return entries
}
