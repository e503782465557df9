package control

import (
	"errors"
	"fmt"
	"math"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

var (
	// ErrNoLeader is returned by Propose when no leader is known here, or this
	// member may not take part yet. Nothing was sent; propose again later.
	ErrNoLeader = errors.New("control: no leader is known")
	// ErrEmpty is returned by Propose for a proposal without data.
	ErrEmpty = errors.New("control: empty proposal")
	// ErrMessage is wrapped by Receive when data is not a control log message for
	// this member. Nothing was changed.
	ErrMessage = errors.New("control: invalid message")
)

// Log is one member's copy of the control log. It is not safe for concurrent
// use. The package comment says in which order to call its methods.
type Log struct {
	cfg  Config
	node *raft.RawNode
	disk *raft.MemoryStorage
	conf *pb.ConfState // as of applied

	state   state // what is persisted, but for known, which may be ahead
	applied uint64
	base    uint64 // index of the snapshot that the persisted log begins with

	take    func() []byte
	restore func([]byte)

	role role
	clock

	heard, suspected model.NodeSet
	held             [model.MaxNode + 1]*pb.Message // pre-votes asked for while the leader seemed alive
	relays           []relay

	probation           bool
	needState, needBase bool                    // something is to be persisted
	reset               bool                    // the state machine is to begin anew
	alone               func(era uint64) []byte // ForceAlone was called: what to record; nil: it was not
	reshaped            bool                    // the members changed since the last snapshot
	amnesia, override   bool                    // notices to give
	overruled           bool                    // another one
}

// role is what raft said last about elections.
type role struct {
	lead    model.NodeID
	leading bool
	term    uint64
	vote    uint64
}

// relay is a message that goes through this member.
type relay struct {
	to, author model.NodeID
	life       uint64 // of the author, when it wrote the message
	data       []byte
}

// Limits of what raft sends and keeps. Commands are tens of bytes, so these
// bound mistakes rather than throughput.
const (
	maxMessageBytes     = 64 << 10
	maxInflightMessages = 64
	maxUncommittedBytes = 1 << 20
)

// New opens the control log over what was persisted. An empty store begins a
// new log with cfg.Voters. Except in a pool of one voter the member is then in
// probation until Confirm. Call SetSnapshot next. Errors wrap ErrConfig or ErrStore.
func New(cfg Config, store Store) (*Log, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, clock: newClock(cfg)}
	if store.Empty() {
		store = bootstrap(confState(cfg.Voters, cfg.Learners))
		l.needBase = true
	}
	if err := store.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStore, err)
	}
	if err := l.open(store); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStore, err)
	}
	l.probation = l.Voters() != model.Nodes(cfg.ID)
	return l, nil
}

// open replaces raft and its log by those of the store.
func (l *Log) open(store Store) error {
	if planted.On(planted.LearnerVotes) {
		store.countLearners(l.cfg.ID)
	}
	disk, err := store.load()
	if err != nil {
		return err
	}
	meta := store.snapshot.GetMetadata()
	l.disk, l.state, l.conf = disk, store.state, meta.GetConfState()
	l.applied, l.base = meta.GetIndex(), meta.GetIndex()
	l.node, err = raft.NewRawNode(&raft.Config{
		ID: uint64(l.cfg.ID), Storage: disk, Applied: l.applied,
		HeartbeatTick: 1, ElectionTick: electionTick,
		PreVote: true, CheckQuorum: false, StepDownOnRemoval: true,
		DisableConfChangeValidation: planted.On(planted.TwoChanges),
		MaxSizePerMsg:               maxMessageBytes, MaxCommittedSizePerReady: math.MaxUint64,
		MaxUncommittedEntriesSize: maxUncommittedBytes, MaxInflightMsgs: maxInflightMessages,
		Logger: quiet{},
	})
	if err != nil {
		return err
	}
	l.remember(l.lastIndex())
	l.role = role{term: l.state.term, vote: l.state.vote}
	return nil
}

// SetSnapshot supplies the state machine's whole state: take encodes it as of the last
// applied entry, or returns nil if there is none to be kept; restore replaces it. restore(nil) means the state before the
// first entry. SetSnapshot calls restore at once with what the store holds; entries after it
// come through the next Drain. It must be called once, before anything else.
func (l *Log) SetSnapshot(take func() []byte, restore func([]byte)) {
	l.take, l.restore = take, restore
	snapshot, err := l.disk.Snapshot()
	if err == nil {
		restore(snapshot.GetData())
	}
}

// Propose asks for data to be appended to the log. A nil error means that the leader
// was asked, not that it will happen: proposals are lost with messages and
// leaders, and callers repeat them until they see them, or something that
// excludes them, applied. Errors: ErrNoLeader, ErrEmpty.
func (l *Log) Propose(data []byte) error {
	if len(data) == 0 {
		return ErrEmpty
	}
	if l.probation {
		return ErrNoLeader
	}
	if err := l.node.Propose(data); err != nil {
		return fmt.Errorf("%w: %w", ErrNoLeader, err)
	}
	return nil
}

// Leader returns the member that leads as far as is known here, or NoNode.
func (l *Log) Leader() model.NodeID { return l.role.lead }

// Leading reports whether this member is the leader. It may have been replaced
// without knowing: what matters must be proposed, not read.
func (l *Log) Leading() bool { return l.role.leading }

// CaughtUp reports whether this member leads and has applied all that was decided before it did: its own term's first entry
// is behind it.
func (l *Log) CaughtUp() bool {
	if !l.role.leading {
		return false
	}
	term, err := l.disk.Term(l.applied)
	return err == nil && term == l.role.term
}

// Term returns the election term. It never falls.
func (l *Log) Term() uint64 { return l.state.term }

// Applied returns the index of the last entry applied.
func (l *Log) Applied() uint64 { return l.applied }

// Voters returns the members that decide, as of the last applied entry.
func (l *Log) Voters() model.NodeSet {
	voters, _ := members(l.conf)
	return voters
}

// Learners returns the members that receive the log but do not decide.
func (l *Log) Learners() model.NodeSet {
	_, learners := members(l.conf)
	return learners
}

// Quorate reports whether this member and those being heard (Heard, without a
// later Suspect) are enough voters to decide.
func (l *Log) Quorate() bool {
	voters := l.Voters()
	return 2*(voters&l.heard.With(l.cfg.ID)).Len() > voters.Len()
}

// Position returns the highest election term and the highest index that were
// ever persisted here. It never falls unless the disk forgets.
func (l *Log) Position() model.Position { return l.state.peak }

func (l *Log) lastIndex() uint64 {
	last, err := l.disk.LastIndex()
	if err != nil {
		panic(fmt.Sprintf("control: last index of a log in memory: %v", err))
	}
	return last
}

// lastTerm is the term of the last persisted entry.
func (l *Log) lastTerm() uint64 {
	term, err := l.disk.Term(l.lastIndex())
	if err != nil {
		panic(fmt.Sprintf("control: last term of a log in memory: %v", err))
	}
	return term
}

// quiet drops raft's log lines, which nobody could read in a deterministic
// engine, and turns its fatal ones into panics that name the cause.
type quiet struct{}

func (quiet) Debug(...any)            {}
func (quiet) Debugf(string, ...any)   {}
func (quiet) Info(...any)             {}
func (quiet) Infof(string, ...any)    {}
func (quiet) Warning(...any)          {}
func (quiet) Warningf(string, ...any) {}
func (quiet) Error(...any)            {}
func (quiet) Errorf(string, ...any)   {}
func (quiet) Fatal(v ...any)          { panic("control: raft: " + fmt.Sprint(v...)) }
func (quiet) Panic(v ...any)          { panic("control: raft: " + fmt.Sprint(v...)) }
func (quiet) Fatalf(format string, v ...any) {
	panic("control: raft: " + fmt.Sprintf(format, v...))
}
func (quiet) Panicf(format string, v ...any) {
	panic("control: raft: " + fmt.Sprintf(format, v...))
}
