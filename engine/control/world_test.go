package control

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/raft/v3/raftpb"

	"holdfast/engine/model"
)

// entry is one applied command.
type entry struct {
	Index uint64
	Data  string
}

// member is one node: its disk, and its log while it is up.
type member struct {
	id          model.NodeID
	incarnation uint64
	history     []model.Record // everything ever persisted, in order
	log         *Log           // nil while down
	applied     []entry
	seen        [8]uint64 // the others' incarnations, as last heard
}

// packet is a message on its way from one member's runner to another's.
type packet struct {
	from, to model.NodeID
	data     []byte
}

// world is a pool whose messages, crashes and clock the test controls.
type world struct {
	t        require.TestingT
	cfg      Config
	now      model.Time
	nextBeat model.Time
	members  []*member // in the order of their ids, from 1
	bag      []packet
	cut      map[[2]model.NodeID]bool
	trace    *strings.Builder // nil: no trace

	crashAfter int // effects until the acting member crashes; -1: never
	onApply    func(m *member, e entry)
	onLeading  func(m *member)
}

func newWorld(t require.TestingT, n int) *world {
	w := &world{t: t, now: model.Time(time.Second), cut: map[[2]model.NodeID]bool{}, crashAfter: -1}
	for id := 1; id <= n; id++ {
		w.members = append(w.members, &member{id: model.NodeID(id)})
		w.cfg.Voters = w.cfg.Voters.With(model.NodeID(id))
	}
	return w
}

func (w *world) member(id model.NodeID) *member { return w.members[id-1] }

func (w *world) logf(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, format+"\n", args...)
	}
}

// start opens m's log over the first records of its history.
func (w *world) start(m *member, records []model.Record) {
	m.incarnation++
	m.history = records
	m.applied = nil
	store, err := Fold(records)
	require.NoError(w.t, err)
	cfg := w.cfg
	cfg.ID, cfg.Seed, cfg.Incarnation = m.id, 1, m.incarnation
	cfg.Witness = len(w.members) == 3 && m.id == 3
	m.log, err = New(cfg, store)
	require.NoError(w.t, err)
	m.log.SetSnapshot(
		func() []byte { b, _ := json.Marshal(m.applied); return b },
		func(b []byte) {
			m.applied = nil
			if b != nil {
				require.NoError(w.t, json.Unmarshal(b, &m.applied))
			}
		})
	m.log.Wake(w.now)
	w.drain(m)
}

func (w *world) startAll() {
	for _, m := range w.members {
		w.start(m, nil)
	}
}

func (w *world) crash(m *member) {
	w.logf("%d crashes", m.id)
	m.log = nil
}

// drain performs what follows from the last calls, or a part of it if m is to crash.
func (w *world) drain(m *member) {
	if m.log == nil {
		return
	}
	var out model.Effects
	var applied []entry
	m.log.Drain(&out, func(index uint64, data []byte) {
		e := entry{index, string(data)}
		m.applied = append(m.applied, e)
		applied = append(applied, e)
	})
	for i := range out.List {
		if w.crashAfter == i {
			w.crashAfter = -1
			w.crash(m)
			return
		}
		w.perform(m, &out.List[i])
	}
	for _, e := range applied {
		w.logf("%d applies %d %s", m.id, e.Index, e.Data)
		if w.onApply != nil {
			w.onApply(m, e)
		}
	}
	if m.log.Leading() && w.onLeading != nil {
		w.onLeading(m)
	}
	if m.log.Leading() {
		require.LessOrEqual(w.t, m.log.undecidedChanges(), 1, "two changes of the members are under way at once")
	}
}

// undecidedChanges counts the changes of the members in the log that are not applied yet.
func (l *Log) undecidedChanges() (n int) {
	for _, e := range l.entriesAfter(l.applied) {
		if e.GetType() != pb.EntryNormal {
			n++
		}
	}
	return n
}

func (w *world) perform(m *member, f *model.Effect) {
	switch f.Kind {
	case model.EffectPersist:
		m.history = append(m.history, f.Record)
		w.logf("%d persists %s", m.id, describeRecord(f.Record))
	case model.EffectSend:
		require.Equal(w.t, model.MsgControl, f.Message.Kind)
		w.bag = append(w.bag, packet{m.id, f.Message.To, f.Message.Data})
	case model.EffectNotify:
		w.logf("%d notifies %v: %s", m.id, f.Notice.Kind, f.Notice.Detail)
	}
}

// connected reports whether messages from one member reach the other.
func (w *world) connected(from, to model.NodeID) bool {
	return w.member(from).log != nil && w.member(to).log != nil && !w.cut[[2]model.NodeID{min(from, to), max(from, to)}]
}

func (w *world) setCut(a, b model.NodeID, cut bool) {
	w.cut[[2]model.NodeID{min(a, b), max(a, b)}] = cut
}

// deliver hands over the i-th packet in the bag; keep leaves a copy there.
func (w *world) deliver(i int, keep bool) {
	p := w.bag[i]
	if !keep {
		w.bag = append(w.bag[:i:i], w.bag[i+1:]...)
	}
	if w.member(p.to).log == nil || w.cut[[2]model.NodeID{min(p.from, p.to), max(p.from, p.to)}] {
		w.logf("%s is lost", describePacket(p))
		return
	}
	w.logf("%s", describePacket(p))
	require.NoError(w.t, w.member(p.to).log.Receive(w.now, p.from, 1, p.data))
	w.drain(w.member(p.to))
}

// beat is one exchange of node heartbeats between all that are connected, and
// the suspicion that follows from silence.
func (w *world) beat() {
	for _, to := range w.members {
		for _, from := range w.members {
			if from == to || to.log == nil {
				continue
			}
			if !w.connected(from.id, to.id) {
				to.log.Suspect(w.now, from.id)
			} else {
				w.heartbeat(from, to)
			}
			w.drain(to)
		}
	}
}

// heartbeat does what a node does with another's heartbeat.
func (w *world) heartbeat(from, to *member) {
	if to.seen[from.id] != from.incarnation {
		to.seen[from.id] = from.incarnation
		to.log.Suspect(w.now, from.id)
	}
	to.log.Heard(w.now, from.id)
	if from.log.Position().Before(to.log.Known(from.id)) {
		to.log.PeerAmnesia(w.now, from.id)
	}
	to.log.Observe(from.id, from.log.Position())
	for _, third := range w.members {
		if third != from && third != to {
			to.log.Observe(third.id, from.log.Known(third.id))
		}
	}
	to.log.Confirm(w.now, from.log.Known(to.id))
}

// advance lets time pass and wakes members that have something to do.
func (w *world) advance(d time.Duration) {
	w.now = w.now.Add(d)
	for _, m := range w.members {
		if m.log != nil && m.log.NextWake() <= w.now {
			m.log.Wake(w.now)
			w.drain(m)
		}
	}
}

// run lets the pool work without faults for d: heartbeats every 100ms, and each message
// is delivered at once, in order.
func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.now < end; {
		w.advance(10 * time.Millisecond)
		if w.now >= w.nextBeat {
			w.nextBeat = w.now.Add(100 * time.Millisecond)
			w.beat()
		}
		w.flush()
	}
}

func (w *world) flush() {
	for n := 0; len(w.bag) > 0; n++ {
		require.Less(w.t, n, 100000, "messages never end")
		w.deliver(0, false)
	}
}

// until runs until cond holds.
func (w *world) until(what string, cond func() bool) {
	for end := w.now.Add(60 * time.Second); !cond(); {
		require.Less(w.t, w.now, end, "not within a minute: %s", what)
		w.run(100 * time.Millisecond)
	}
}

func (w *world) leader() *member {
	for _, m := range w.members {
		if m.log != nil && m.log.Leading() && m.log.Quorate() {
			return m
		}
	}
	return nil
}

// propose asks m and retries until it is applied there.
func (w *world) propose(m *member, data string) {
	next := w.now
	w.until("apply "+data, func() bool {
		if m.log.has(m, data) {
			return true
		}
		if w.now >= next {
			next = w.now.Add(500 * time.Millisecond)
			_ = m.log.Propose([]byte(data))
			w.drain(m)
			w.flush()
		}
		return m.log.has(m, data)
	})
}

func (l *Log) has(m *member, data string) bool {
	for _, e := range m.applied {
		if e.Data == data {
			return true
		}
	}
	return false
}

func describePacket(p packet) string {
	m, err := decodeMessage(p.data)
	if err != nil {
		return err.Error()
	}
	s := fmt.Sprintf("%d>%d %s term %d", m.GetFrom(), m.GetTo(), strings.TrimPrefix(m.GetType().String(), "Msg"), m.GetTerm())
	switch m.GetType() {
	case pb.MsgVote, pb.MsgPreVote:
		s += fmt.Sprintf(" log %d/%d", m.GetLogTerm(), m.GetIndex())
	case pb.MsgApp:
		s += fmt.Sprintf(" after %d/%d commit %d", m.GetLogTerm(), m.GetIndex(), m.GetCommit())
	case pb.MsgHeartbeat:
		s += fmt.Sprintf(" commit %d", m.GetCommit())
	case pb.MsgAppResp:
		s += fmt.Sprintf(" index %d", m.GetIndex())
	case pb.MsgSnap:
		meta := m.GetSnapshot().GetMetadata()
		s += fmt.Sprintf(" snapshot %d/%d voters %v", meta.GetTerm(), meta.GetIndex(), meta.GetConfState().GetVoters())
	}
	if m.GetReject() {
		s += " rejected"
	}
	s += describeEntries(m.GetEntries())
	if uint64(p.from) != m.GetFrom() || uint64(p.to) != m.GetTo() {
		s += fmt.Sprintf(" (%d to %d)", p.from, p.to)
	}
	return s
}

func describeEntries(entries []*pb.Entry) string {
	s := ""
	for _, e := range entries {
		s += fmt.Sprintf(" [%d/%d", e.GetTerm(), e.GetIndex())
		switch {
		case e.GetType() != pb.EntryNormal:
			s += " members"
		case len(e.GetData()) > 0:
			s += " " + string(e.GetData())
		}
		s += "]"
	}
	return s
}

func describeRecord(r model.Record) string {
	if r.Kind == model.RecordBase {
		s, err := decodeBase(r.Data)
		if err != nil {
			return err.Error()
		}
		voters, learners := members(s.snapshot.GetMetadata().GetConfState())
		meta := s.snapshot.GetMetadata()
		return fmt.Sprintf("base %d/%d voters %v learners %v %s%s", meta.GetTerm(), meta.GetIndex(), voters, learners,
			describeState(s.state), describeEntries(s.entries))
	}
	st, entries, err := decodeTail(r.Data)
	if err != nil {
		return err.Error()
	}
	return describeState(st) + describeEntries(entries)
}

func describeState(s state) string {
	text := fmt.Sprintf("term %d vote %d commit %d", s.term, s.vote, s.commit)
	if s.floor > 0 {
		text += fmt.Sprintf(" floor %d", s.floor)
	}
	return text
}

func TestElectsAndCommits(t *testing.T) {
	for n := 1; n <= 5; n++ {
		w := newWorld(t, n)
		w.startAll()
		w.until("a leader", func() bool { return w.leader() != nil })
		w.propose(w.members[n-1], "x")
		w.run(time.Second)
		for _, m := range w.members {
			require.True(t, m.log.has(m, "x"), "member %d of %d", m.id, n)
		}
	}
}
