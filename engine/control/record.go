package control

import (
	"bytes"
	"errors"
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"

	"holdfast/engine/model"
)

// Every record's Data is
//
//	version state count entry…            RecordState (count 0), RecordEntries
//	version state conf index term data count entry…        RecordBase
//
// with
//
//	state = term vote commit floor peak.term peak.index count (node term index)…
//	conf  = voters learners
//	entry = index term type data
//
// where numbers are base-128 varints and data is preceded by its length. The
// state is in every record, so that one record moves a member from one
// consistent store to the next, and so that what it knows of the others becomes
// durable with the commit that relied on them.

// state is the part of a store that is rewritten with every record.
type state struct {
	term, vote, commit uint64
	floor              uint64         // no vote until the log's last term exceeds it; 0: none
	peak               model.Position // highest term and index ever persisted
	known              [model.MaxNode + 1]model.Position
}

func (s *state) hardState() *pb.HardState {
	return &pb.HardState{Term: new(s.term), Vote: new(s.vote), Commit: new(s.commit)}
}

func appendNumbers(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = protowire.AppendVarint(b, n)
	}
	return b
}

func (s *state) append(b []byte) []byte {
	b = appendNumbers(b, s.term, s.vote, s.commit, s.floor, s.peak.Term, s.peak.Index)
	count := uint64(0)
	for _, p := range s.known {
		if p != (model.Position{}) {
			count++
		}
	}
	b = appendNumbers(b, count)
	for id, p := range s.known {
		if p != (model.Position{}) {
			b = appendNumbers(b, uint64(id), p.Term, p.Index)
		}
	}
	return b
}

func appendEntries(b []byte, entries []*pb.Entry) []byte {
	b = appendNumbers(b, uint64(len(entries)))
	for _, e := range entries {
		b = appendNumbers(b, e.GetIndex(), e.GetTerm(), uint64(e.GetType()))
		b = protowire.AppendBytes(b, e.GetData())
	}
	return b
}

func encodeTail(s *state, entries []*pb.Entry) []byte {
	return appendEntries(s.append([]byte{model.FormatVersion}), entries)
}

func encodeBase(s *state, snapshot *pb.Snapshot, entries []*pb.Entry) []byte {
	b := s.append([]byte{model.FormatVersion})
	meta := snapshot.GetMetadata()
	voters, learners := members(meta.GetConfState())
	b = appendNumbers(b, uint64(voters), uint64(learners), meta.GetIndex(), meta.GetTerm())
	b = protowire.AppendBytes(b, snapshot.GetData())
	return appendEntries(b, entries)
}

// decoder reads a record. The first error sticks, and everything after it reads as zero.
type decoder struct {
	rest []byte
	err  error
}

func newDecoder(data []byte) *decoder {
	d := &decoder{rest: data}
	if len(data) == 0 || data[0] != model.FormatVersion {
		d.fail(fmt.Errorf("format version is not %d", model.FormatVersion))
		return d
	}
	d.rest = data[1:]
	return d
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err, d.rest = err, nil
	}
}

func (d *decoder) number() uint64 {
	v, n := protowire.ConsumeVarint(d.rest)
	if n < 0 {
		d.fail(errors.New("it ends early"))
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte {
	v, n := protowire.ConsumeBytes(d.rest)
	if n < 0 {
		d.fail(errors.New("it ends early"))
		return nil
	}
	d.rest = d.rest[n:]
	if len(v) == 0 {
		return nil
	}
	return bytes.Clone(v)
}

func (d *decoder) state() (s state) {
	s.term, s.vote, s.commit, s.floor = d.number(), d.number(), d.number(), d.number()
	s.peak = model.Position{Term: d.number(), Index: d.number()}
	last := uint64(0)
	for n := d.number(); n > 0 && d.err == nil; n-- {
		id := d.number()
		if id <= last || id > uint64(model.MaxNode) {
			d.fail(fmt.Errorf("member %d after member %d", id, last))
			break
		}
		last = id
		s.known[id] = model.Position{Term: d.number(), Index: d.number()}
	}
	if s.vote > uint64(model.MaxNode) {
		d.fail(fmt.Errorf("vote for member %d", s.vote))
	}
	return s
}

func (d *decoder) entries() (entries []*pb.Entry) {
	for n := d.number(); n > 0 && d.err == nil; n-- {
		e := &pb.Entry{Index: new(d.number()), Term: new(d.number())}
		kind := d.number()
		if kind > uint64(pb.EntryConfChangeV2) {
			d.fail(fmt.Errorf("entry type %d", kind))
		}
		e.Type, e.Data = pb.EntryType(kind).Enum(), d.bytes()
		entries = append(entries, e)
	}
	return entries
}

// end returns the first error; bytes that are left over are one.
func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.err = fmt.Errorf("%d bytes follow its end", len(d.rest))
	}
	return d.err
}

func decodeTail(data []byte) (state, []*pb.Entry, error) {
	d := newDecoder(data)
	s, entries := d.state(), d.entries()
	return s, entries, d.end()
}

func decodeBase(data []byte) (Store, error) {
	d := newDecoder(data)
	s := Store{state: d.state()}
	voters, learners := model.NodeSet(d.number()), model.NodeSet(d.number())
	if d.err == nil && (voters.Empty() || (voters|learners)&1 != 0 || voters&learners != 0) {
		d.fail(fmt.Errorf("voters %v and learners %v", voters, learners))
	}
	s.snapshot = &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: confState(voters, learners)}}
	s.snapshot.Metadata.Index, s.snapshot.Metadata.Term = new(d.number()), new(d.number())
	if d.err == nil && s.snapshot.GetMetadata().GetIndex() == 0 {
		d.fail(errors.New("snapshot at index 0"))
	}
	s.snapshot.Data = d.bytes()
	s.entries = d.entries()
	return s, d.end()
}
