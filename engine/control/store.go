package control

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"holdfast/engine/model"
)

// ErrStore is wrapped by Fold when the persisted records do not describe a log
// that this package wrote. The store is damaged or of another version; restart
// the member with an empty store and let the others teach it.
var ErrStore = errors.New("control: invalid store")

// bootstrapIndex and bootstrapTerm are the common beginning of every log: a snapshot
// that nobody took, which holds the first voters. raft recommends it instead of
// configuration entries in the log.
const (
	bootstrapIndex = 1
	bootstrapTerm  = 1
)

// Store is what a member has persisted of its control log. The zero value is an
// empty store: a member that starts for the first time, or lost its disk.
type Store struct {
	state    state
	snapshot *pb.Snapshot
	entries  []*pb.Entry // from the snapshot's index + 1, without gaps
}

// Empty reports whether nothing was ever persisted.
func (s Store) Empty() bool { return s.snapshot == nil }

// Fold returns the store that the records make up, in the order in which they
// were persisted. Errors wrap ErrStore and name the record.
func Fold(records []model.Record) (Store, error) {
	var s Store
	for i, r := range records {
		if err := s.add(r); err != nil {
			return Store{}, fmt.Errorf("%w: record %d: %w", ErrStore, i, err)
		}
	}
	return s, nil
}

func (s *Store) add(r model.Record) error {
	switch r.Kind {
	case model.RecordBase:
		next, err := decodeBase(r.Data)
		if err != nil {
			return err
		}
		*s = next
	case model.RecordState, model.RecordEntries:
		if s.Empty() {
			return errors.New("nothing precedes it: the base record is missing")
		}
		st, entries, err := decodeTail(r.Data)
		if err != nil {
			return err
		}
		if (r.Kind == model.RecordEntries) != (len(entries) > 0) {
			return fmt.Errorf("kind %d with %d entries", r.Kind, len(entries))
		}
		if err := s.extend(entries); err != nil {
			return err
		}
		s.state = st
	default:
		return fmt.Errorf("unknown kind %d", r.Kind)
	}
	return s.check()
}

// extend puts entries in place of those with the same or a higher index.
func (s *Store) extend(entries []*pb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	first, base := entries[0].GetIndex(), s.snapshot.GetMetadata().GetIndex()
	if first <= s.state.commit || first > s.lastIndex()+1 {
		return fmt.Errorf("entries start at %d, want %d to %d", first, s.state.commit+1, s.lastIndex()+1)
	}
	s.entries = append(slices.Clip(s.entries[:first-base-1]), entries...)
	return nil
}

func (s *Store) lastIndex() uint64 {
	return s.snapshot.GetMetadata().GetIndex() + uint64(len(s.entries))
}

// check holds the invariants that raft takes for granted and answers with a panic.
func (s *Store) check() error {
	meta := s.snapshot.GetMetadata()
	term, index := meta.GetTerm(), meta.GetIndex()
	for _, e := range s.entries {
		if e.GetIndex() != index+1 || e.GetTerm() < term {
			return fmt.Errorf("entry %d of term %d follows entry %d of term %d", e.GetIndex(), e.GetTerm(), index, term)
		}
		index, term = e.GetIndex(), e.GetTerm()
	}
	if s.state.term < term {
		return fmt.Errorf("election term %d is below the last entry's term %d", s.state.term, term)
	}
	if s.state.commit < meta.GetIndex() || s.state.commit > index {
		return fmt.Errorf("commit %d is outside of the log, %d to %d", s.state.commit, meta.GetIndex(), index)
	}
	return nil
}

// bootstrap returns the beginning of every log of a pool with these members.
func bootstrap(conf *pb.ConfState) Store {
	return Store{
		state: state{term: bootstrapTerm, commit: bootstrapIndex},
		snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{
			ConfState: conf, Index: new(uint64(bootstrapIndex)), Term: new(uint64(bootstrapTerm)),
		}},
	}
}

// countLearners makes a learner count itself and the other learners as voters: planted.LearnerVotes.
func (s *Store) countLearners(self model.NodeID) {
	voters, learners := members(s.snapshot.GetMetadata().GetConfState())
	if learners.Has(self) {
		s.snapshot.Metadata.ConfState = confState(voters|learners, 0)
	}
}

// load returns raft's view of the store.
func (s Store) load() (*raft.MemoryStorage, error) {
	m := raft.NewMemoryStorage()
	if err := m.ApplySnapshot(s.snapshot); err != nil {
		return nil, err
	}
	if err := m.Append(s.entries); err != nil {
		return nil, err
	}
	return m, m.SetHardState(s.state.hardState())
}

// members returns the voters and learners of a configuration. A pool never uses
// joint configurations: it changes one member at a time.
func members(conf *pb.ConfState) (voters, learners model.NodeSet) {
	for _, id := range conf.GetVoters() {
		voters = voters.With(model.NodeID(id))
	}
	for _, id := range conf.GetLearners() {
		learners = learners.With(model.NodeID(id))
	}
	return voters, learners
}

func confState(voters, learners model.NodeSet) *pb.ConfState {
	conf := &pb.ConfState{AutoLeave: new(false)}
	for rest := voters; !rest.Empty(); rest = rest.Without(rest.First()) {
		conf.Voters = append(conf.Voters, uint64(rest.First()))
	}
	for rest := learners; !rest.Empty(); rest = rest.Without(rest.First()) {
		conf.Learners = append(conf.Learners, uint64(rest.First()))
	}
	return conf
}
