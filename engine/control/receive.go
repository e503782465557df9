package control

import (
	"bytes"
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"holdfast/engine/model"
)

// Receive takes the data of a MsgControl that arrived from the given life of the member from. Data
// is not kept. Errors wrap ErrMessage; a message that is merely late, repeated
// or not to be answered now is no error.
func (l *Log) Receive(now model.Time, from model.NodeID, life uint64, data []byte) error {
	l.now = now
	m, err := decodeMessage(data)
	if err != nil {
		return fmt.Errorf("%w: from member %d: %w", ErrMessage, from, err)
	}
	if to := model.NodeID(m.GetTo()); to != l.cfg.ID {
		// Sent through this member because its sender does not hear its receiver. A
		// message that somebody else already passed on goes no further.
		if from == model.NodeID(m.GetFrom()) && !l.suspected.Has(to) {
			l.relays = append(l.relays, relay{to: to, author: from, life: life, data: bytes.Clone(data)})
		}
		return nil
	}
	if m.GetFrom() == uint64(l.cfg.ID) {
		return fmt.Errorf("%w: from member %d: it claims to be from this member", ErrMessage, from)
	}
	l.learn(m)
	if l.admit(m) {
		l.step(m)
	}
	return nil
}

// step hands a message to raft.
func (l *Log) step(m *pb.Message) {
	// raft's errors say that it has no use for the message, such as an answer from
	// somebody who is no member; nothing was changed.
	_ = l.node.Step(m)
	l.settle()
	if fromLeader(m) && l.role.lead == model.NodeID(m.GetFrom()) && m.GetTerm() == l.role.term {
		l.touch()
	}
}

func fromLeader(m *pb.Message) bool {
	switch m.GetType() {
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap:
		return true
	default:
		return false
	}
}

// admit decides whether raft gets to see a message now.
func (l *Log) admit(m *pb.Message) bool {
	if l.probation {
		return false
	}
	switch m.GetType() {
	case pb.MsgVote, pb.MsgPreVote:
		if l.Amnesia() {
			return false
		}
		if m.GetType() == pb.MsgPreVote && l.leaderAlive() && m.GetFrom() != uint64(l.role.lead) {
			l.held[m.GetFrom()] = m
			return false
		}
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap:
		if m.GetTerm() < l.state.term {
			return true // raft tells the sender of the higher term
		}
		if m.GetType() == pb.MsgHeartbeat && m.GetCommit() > l.lastIndex() {
			// The leader counts on entries that this member acknowledged and does
			// not have. raft would panic.
			l.forget(model.Position{Term: m.GetTerm(), Index: m.GetCommit()})
			return false
		}
		if l.overruledBy(m) {
			l.startOver(m.GetTerm())
		}
	}
	return true
}

// releaseHeld answers those who asked for votes before this member gave its
// leader up, so that an election does not depend on who notices first.
func (l *Log) releaseHeld() {
	for id, m := range l.held {
		if m != nil {
			l.held[id] = nil
			if l.admit(m) {
				l.step(m)
			}
		}
	}
}

// learn notes what a message proves about its sender's disk: members persist
// before they send. Pre-votes speak of terms that nobody has persisted; but of an era that somebody is in.
func (l *Log) learn(m *pb.Message) {
	l.overruledIn(m.GetTerm())
	var p model.Position
	switch m.GetType() {
	case pb.MsgPreVote, pb.MsgPreVoteResp, pb.MsgProp:
		return
	case pb.MsgApp:
		p.Index = m.GetIndex() + uint64(len(m.GetEntries()))
	case pb.MsgAppResp:
		if !m.GetReject() {
			p.Index = m.GetIndex()
		}
	}
	p.Term = m.GetTerm()
	l.Observe(model.NodeID(m.GetFrom()), p)
}

// encodeMessage returns the data of a MsgControl: the format's version, then
// the message in the form that raft's protocol definition gives it.
func encodeMessage(m *pb.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend([]byte{model.FormatVersion}, m)
	if err != nil {
		panic(fmt.Sprintf("control: encoding a message of raft: %v", err))
	}
	return b
}

func decodeMessage(data []byte) (*pb.Message, error) {
	if len(data) == 0 || data[0] != model.FormatVersion {
		return nil, fmt.Errorf("format version is not %d", model.FormatVersion)
	}
	m := &pb.Message{}
	if err := proto.Unmarshal(data[1:], m); err != nil {
		return nil, err
	}
	valid := func(id uint64) bool { return id >= 1 && id <= uint64(model.MaxNode) }
	switch {
	case !valid(m.GetFrom()) || !valid(m.GetTo()):
		return nil, fmt.Errorf("from %d to %d", m.GetFrom(), m.GetTo())
	case !travels(m.GetType()):
		return nil, fmt.Errorf("message type %v", m.GetType())
	case (m.GetTerm() == 0) != (m.GetType() == pb.MsgProp):
		return nil, fmt.Errorf("%v of term %d", m.GetType(), m.GetTerm())
	case m.GetType() == pb.MsgProp && len(m.GetEntries()) == 0:
		return nil, errors.New("proposal without entries")
	case m.GetType() == pb.MsgSnap && raft.IsEmptySnap(m.GetSnapshot()):
		return nil, errors.New("empty snapshot")
	}
	if m.GetType() == pb.MsgApp {
		for i, e := range m.GetEntries() {
			if e.GetIndex() != m.GetIndex()+1+uint64(i) || e.GetTerm() > m.GetTerm() {
				return nil, fmt.Errorf("entry %d of term %d at place %d of term %d", e.GetIndex(), e.GetTerm(), m.GetIndex()+1+uint64(i), m.GetTerm())
			}
		}
	}
	return m, nil
}

// travels reports whether members send each other this type. The rest is local
// to raft, or belongs to features that are not used.
func travels(t pb.MessageType) bool {
	switch t {
	case pb.MsgProp, pb.MsgApp, pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgPreVote,
		pb.MsgPreVoteResp, pb.MsgSnap, pb.MsgHeartbeat, pb.MsgHeartbeatResp:
		return true
	default:
		return false
	}
}
