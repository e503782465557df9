package control

import (
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"holdfast/engine/model"
)

// electionTick is raft's own election timeout in ticks. raft adds jitter from
// crypto/rand to it whenever its role changes (resetRandomizedElectionTimeout)
// and looks at the sum in one place only, tickElection, which is what Tick does
// on members that do not lead. Tick is called on leaders only (see Wake), so the
// random number is drawn but decides nothing. On a leader the plain timeout does two
// things: it asks for a quorum check, which CheckQuorum turns off, and ends a
// leadership transfer, which is never begun. The lease that refuses votes
// (inLease) needs CheckQuorum as well. raft reads no clock; its other uses of maps
// (voters when campaigning, progress in Visit) sort before they act.
const electionTick = 1 << 20

// clock holds the instants at which this member acts by itself.
type clock struct {
	random  uint64
	now     model.Time // of the last call
	contact model.Time // last control log message from the leader
	lost    bool       // the leader was suspected and has not been heard in the log since

	campaignAt model.Time // when not leading
	tickedAt   model.Time // when leading
	tickEvery  time.Duration
	changeAt   model.Time                    // when leading: no change of members is proposed before
	snapshotAt [model.MaxNode + 1]model.Time // when a follower was first seen to wait for a snapshot
}

func newClock(cfg Config) clock {
	return clock{random: cfg.Seed ^ uint64(cfg.ID)<<56 ^ cfg.Incarnation<<32}
}

// jitter returns d plus up to as much again. The generator is splitmix64
// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
func (c *clock) jitter(d time.Duration) time.Duration {
	c.random += 0x9e3779b97f4a7c15
	z := c.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return d + time.Duration(z%uint64(d))
}

// pace is the rest between campaigns while there is no leader.
func (l *Log) pace() time.Duration {
	if l.cfg.Witness {
		return l.cfg.ElectionTimeout / 2
	}
	return l.cfg.ElectionTimeout / 4
}

// NextWake returns the instant at which Wake has something to do, which may have
// passed; model.Never if nothing.
func (l *Log) NextWake() model.Time {
	switch {
	case l.role.leading:
		return l.tickedAt.Add(l.tickEvery)
	case l.mayCampaign():
		return l.campaignAt
	default:
		return model.Never
	}
}

// Wake does what is due at now. It may be called at any time, and must be soon
// after NextWake.
func (l *Log) Wake(now model.Time) {
	l.now = now
	if now < l.NextWake() {
		return
	}
	if l.role.leading {
		l.tickedAt = now
		l.retrySnapshots(now)
		l.node.Tick()
		return
	}
	if l.campaignAt == 0 && l.Voters() != model.Nodes(l.cfg.ID) { // the first call of this life
		l.campaignAt = now.Add(l.jitter(l.pace()))
		return
	}
	l.lost = true
	l.releaseHeld()
	l.campaign(now)
}

// Suspect says that node is no longer heard on any link, or that it has
// restarted. If it leads, this member campaigns at once, unless others come before it; a witness a moment later.
func (l *Log) Suspect(now model.Time, node model.NodeID) {
	l.now = now
	l.heard, l.suspected = l.heard.Without(node), l.suspected.With(node)
	switch {
	case l.role.leading:
		l.node.ReportUnreachable(uint64(node))
	case node == l.role.lead && node != model.NoNode && !l.lost:
		l.lost = true
		l.releaseHeld()
		if l.cfg.Witness {
			l.campaignAt = min(l.campaignAt, now.Add(l.jitter(l.pace())))
		} else if rank := l.rank(); l.mayCampaign() && rank == 0 {
			l.campaign(now)
		} else {
			l.campaignAt = min(l.campaignAt, now.Add(time.Duration(rank)*l.cfg.ResendEvery))
		}
	}
}

// rank returns how many voters that are not suspected come before this member. Those who notice a loss
// at the same time campaign one after the other: at once they would split the votes.
func (l *Log) rank() int {
	return ((l.Voters() &^ l.suspected) & (1<<l.cfg.ID - 1)).Len()
}

// Heard says that node is being heard. It is cheap enough for every heartbeat. A
// leader resends quickly to members that are heard, and messages for members
// that are not go through one that is.
func (l *Log) Heard(now model.Time, node model.NodeID) {
	l.now = now
	l.heard, l.suspected = l.heard.With(node), l.suspected.Without(node)
}

// mayCampaign reports whether this member may ask for votes: it must be a voter,
// and sure that it has not forgotten what it once promised.
func (l *Log) mayCampaign() bool {
	return !l.probation && !l.Amnesia() && l.Voters().Has(l.cfg.ID)
}

func (l *Log) campaign(now model.Time) {
	// The error says that raft refuses, because a configuration change is not
	// applied yet; the timer tries again.
	_ = l.node.Campaign()
	l.campaignAt = now.Add(l.jitter(l.pace()))
	l.settle()
}

// leaderAlive reports whether somebody who asks for votes should be ignored,
// because this member is content with the leader it has. raft's own form of
// this rule needs CheckQuorum. It is about stability only: safety is in the votes. A
// leader that is known by relayed messages only, and that even those who asked no longer
// hear, is nobody to be content with.
func (l *Log) leaderAlive() bool {
	if l.role.leading {
		return l.Quorate()
	}
	return !l.suspected.Has(l.role.lead) && l.role.lead != model.NoNode && !l.lost && l.now.Sub(l.contact) < l.cfg.ElectionTimeout
}

// settle follows raft's changes of role with the timers.
func (l *Log) settle() {
	was := l.role
	status := l.node.BasicStatus()
	l.role = role{
		lead: model.NodeID(status.Lead), leading: status.RaftState == raft.StateLeader,
		term: status.HardState.GetTerm(), vote: status.HardState.GetVote(),
	}
	switch {
	case l.role.leading && !was.leading:
		l.tickedAt, l.tickEvery, l.changeAt = l.now, l.cfg.ResendEvery, 0
		clear(l.snapshotAt[:])
		clear(l.held[:])
	case l.role.lead == model.NoNode && (was.lead != model.NoNode || l.role.vote != was.vote):
		// Either somebody is about to win, and will be heard before this expires, or nobody is.
		l.campaignAt = l.now.Add(l.jitter(l.pace()))
	}
	if l.role.lead != was.lead && l.role.lead != model.NoNode {
		l.touch()
	}
}

// touch notes a sign of life from the leader.
func (l *Log) touch() {
	l.contact, l.lost = l.now, false
	l.campaignAt = l.now.Add(l.jitter(l.cfg.ElectionTimeout))
}

// adjust chooses how soon a leader speaks again: quickly while a follower that
// is heard lacks something.
func (l *Log) adjust() {
	if !l.role.leading {
		return
	}
	last, every := l.lastIndex(), l.cfg.HeartbeatEvery
	l.node.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
		if l.heard.Has(model.NodeID(id)) && (p.Match < last || p.State != tracker.StateReplicate) {
			every = l.cfg.ResendEvery
		}
	})
	l.tickEvery = every
}

// retrySnapshots tells raft that a snapshot was lost when its receiver has not
// answered for a heartbeat period. raft waits for that word for ever.
func (l *Log) retrySnapshots(now model.Time) {
	var late model.NodeSet
	l.node.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
		since := &l.snapshotAt[id]
		switch {
		case p.State != tracker.StateSnapshot:
			*since = 0
		case *since == 0:
			*since = now
		case now.Sub(*since) >= l.cfg.HeartbeatEvery:
			*since = 0
			late = late.With(model.NodeID(id))
		}
	})
	for ; !late.Empty(); late = late.Without(late.First()) {
		l.node.ReportSnapshot(uint64(late.First()), raft.SnapshotFailure)
	}
}
