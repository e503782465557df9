package control

import (
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Drain appends to out everything that follows from the calls since the last
// one, and applies newly committed proposals, in order, each with its index. For
// each step of raft the records come first, then the messages that rely on them,
// then what apply adds to out itself. Call it after every other call that takes
// the time, before the step ends.
func (l *Log) Drain(out *model.Effects, apply func(index uint64, data []byte)) {
	if l.alone != nil {
		l.forceAlone(out, apply)
	}
	l.announce(out)
	if l.needBase {
		l.persistBase(out)
	}
	if l.reset {
		l.reset = false
		if l.restore != nil {
			l.restore(nil)
		}
	}
	for l.node.HasReady() {
		ready := l.node.Ready()
		if planted.On(planted.SendBeforePersist) {
			l.send(out, ready.Messages)
			ready.Messages = nil
		}
		l.persist(out, &ready)
		l.send(out, ready.Messages)
		l.commit(ready.CommittedEntries, apply)
		l.node.Advance(ready)
		l.settle()
	}
	if l.needState {
		l.persistTail(out, nil)
	}
	l.pass(out)
	l.compact(out)
	l.adjust()
}

// announce gives the notices that are due.
func (l *Log) announce(out *model.Effects) {
	if l.amnesia {
		l.amnesia = false
		out.Notify(model.NoticeAmnesia, 0, l.cfg.ID).Detail = "does not vote until it has caught up"
	}
	if l.override {
		l.override = false
		out.Notify(model.NoticeOverride, 0, l.cfg.ID).Detail = "decides alone"
	}
	if l.overruled {
		l.overruled = false
		out.Notify(model.NoticeOverride, 0, l.cfg.ID).Detail = "others were told to go on without this member, which does not vote until it has caught up"
	}
}

// persist emits one record with everything that raft wants durable.
func (l *Log) persist(out *model.Effects, ready *raft.Ready) {
	if hard := ready.HardState; !raft.IsEmptyHardState(hard) {
		l.state.term, l.state.vote, l.state.commit = hard.GetTerm(), hard.GetVote(), hard.GetCommit()
		l.needState = true
	}
	snapshot := ready.Snapshot
	if !raft.IsEmptySnap(snapshot) {
		l.must(l.disk.ApplySnapshot(snapshot))
		meta := snapshot.GetMetadata()
		l.conf, l.applied, l.base = meta.GetConfState(), meta.GetIndex(), meta.GetIndex()
		l.needBase = true
	}
	l.must(l.disk.Append(ready.Entries))
	l.must(l.disk.SetHardState(l.state.hardState()))
	switch {
	case l.needBase:
		l.persistBase(out)
	case l.needState || len(ready.Entries) > 0:
		l.persistTail(out, ready.Entries)
	}
	if !raft.IsEmptySnap(snapshot) && l.restore != nil {
		l.restore(snapshot.GetData())
	}
}

// persistBase emits a record that replaces all before it.
func (l *Log) persistBase(out *model.Effects) {
	snapshot, err := l.disk.Snapshot()
	l.must(err)
	l.remember(l.lastIndex())
	f := out.Add(model.EffectPersist, 0)
	f.Record.Kind = model.RecordBase
	f.Record.Data = encodeBase(&l.state, snapshot, l.entriesAfter(snapshot.GetMetadata().GetIndex()))
	l.needBase, l.needState = false, false
}

// persistTail emits a record that adds to those before it.
func (l *Log) persistTail(out *model.Effects, entries []*pb.Entry) {
	l.remember(l.lastIndex())
	f := out.Add(model.EffectPersist, 0)
	f.Record.Kind = model.RecordState
	if len(entries) > 0 {
		f.Record.Kind = model.RecordEntries
	}
	f.Record.Data = encodeTail(&l.state, entries)
	l.needState = false
}

func (l *Log) remember(index uint64) {
	l.state.peak = l.state.peak.Max(model.Position{Term: l.state.term, Index: index})
}

func (l *Log) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("control: member %d: log in memory: %v", l.cfg.ID, err))
	}
}

// send emits raft's messages. One for a member that is not heard goes through
// another that is, so that a cut between two members does not cost the pool its leader.
func (l *Log) send(out *model.Effects, messages []*pb.Message) {
	for _, m := range messages {
		hop := model.NodeID(m.GetTo())
		if l.suspected.Has(hop) {
			if others := l.heard & (l.Voters() | l.Learners()); !others.Empty() {
				hop = others.First()
			}
		}
		out.Send(model.MsgControl, hop, 0).Data = encodeMessage(m)
	}
}

// pass emits other members' messages that are on their way through this one.
func (l *Log) pass(out *model.Effects) {
	for i, r := range l.relays {
		m := out.Send(model.MsgControl, r.to, 0)
		m.Subject, m.ID, m.Data = r.author, r.life, r.data
		l.relays[i] = relay{}
	}
	l.relays = l.relays[:0]
}

// commit applies committed entries.
func (l *Log) commit(entries []*pb.Entry, apply func(uint64, []byte)) {
	for _, e := range entries {
		l.applied = e.GetIndex()
		switch e.GetType() {
		case pb.EntryNormal:
			if len(e.GetData()) > 0 { // a new leader's first entry has none
				apply(e.GetIndex(), e.GetData())
			}
		case pb.EntryConfChange:
			change := &pb.ConfChange{}
			l.must(proto.Unmarshal(e.GetData(), change))
			l.reshape(l.node.ApplyConfChange(change))
		case pb.EntryConfChangeV2:
			change := &pb.ConfChangeV2{}
			l.must(proto.Unmarshal(e.GetData(), change))
			l.reshape(l.node.ApplyConfChange(change))
		}
	}
}

// reshape takes over a configuration that the log has decided. A leader that is no voter any
// more steps down without a word; those who vote need not wait until its silence is noticed.
func (l *Log) reshape(conf *pb.ConfState) {
	l.conf, l.reshaped, l.changeAt = conf, true, 0
	if l.role.lead != model.NoNode && !l.role.leading && !l.Voters().Has(l.role.lead) {
		l.lost = true
		l.campaignAt = min(l.campaignAt, l.now.Add(l.jitter(l.cfg.ResendEvery)))
	}
}

// compact replaces applied entries by a snapshot when there are many. A quarter
// of them stays in memory, so that a follower that lacks a few does not need the
// snapshot. A change of members is always followed by one: a member refuses
// snapshots of configurations that it is not in.
func (l *Log) compact(out *model.Effects) {
	if l.take == nil || l.applied < l.base+l.cfg.CompactAfter && !l.reshaped {
		return
	}
	data := l.take()
	if data == nil {
		return
	}
	l.reshaped = false
	_, err := l.disk.CreateSnapshot(l.applied, l.conf, data)
	l.must(err)
	if first, err := l.disk.FirstIndex(); err == nil {
		if keep := l.applied - min(l.applied, l.cfg.CompactAfter/4); keep >= first {
			l.must(l.disk.Compact(keep))
		}
	}
	l.base = l.applied
	l.persistBase(out)
}
