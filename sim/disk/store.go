package disk

import (
	"holdfast/engine/model"
	"holdfast/sim/random"
)

// Store is the append-only log in which a daemon keeps what its engine must not
// forget. Records become durable with Sync; the unsynced end is lost in a crash. The zero
// value is an empty store.
type Store struct {
	bytes   []byte
	records []stored
	synced  int // so many records are durable
}

type stored struct {
	kind model.RecordKind
	end  int // of its data in bytes
}

// Append adds a record; its data is copied. It is not durable before Sync.
func (s *Store) Append(rec model.Record) {
	s.bytes = append(s.bytes, rec.Data...)
	s.records = append(s.records, stored{kind: rec.Kind, end: len(s.bytes)})
}

// Sync makes everything appended durable. Only then does a RecordBase drop what precedes it.
func (s *Store) Sync() {
	first := s.synced
	s.synced = len(s.records)
	s.truncate(first)
}

// Len returns the number of records, Synced the number of durable ones among them.
func (s *Store) Len() int { return len(s.records) }

// Synced returns the number of durable records.
func (s *Store) Synced() int { return s.synced }

// Crash drops the records that are not durable.
func (s *Store) Crash() { s.cut(s.synced) }

// PowerLoss drops a part of the records that are not durable. As a log is
// written in order, what remains is always a prefix; a torn record is found by its checksum
// and ends the log before it.
func (s *Store) PowerLoss(r *random.Stream, mode Loss) {
	keep := s.synced
	switch mode {
	case KeepAll:
		keep = len(s.records)
	case TornAll, LossDraw:
		keep = r.Int(s.synced, len(s.records))
	}
	s.cut(keep)
	s.Sync()
}

// Records appends what a starting daemon reads to dst, oldest first. The data is
// the store's own: it must not be changed, and is valid until the next change of the store.
func (s *Store) Records(dst []model.Record) []model.Record {
	start := 0
	for _, r := range s.records {
		dst = append(dst, model.Record{Kind: r.kind, Data: s.bytes[start:r.end:r.end]})
		start = r.end
	}
	return dst
}

// Snapshot returns a copy of the durable records: an old disk in the making.
func (s *Store) Snapshot() *Store {
	c := &Store{}
	c.Restore(s)
	return c
}

// Restore replaces everything by the durable records of from, as an old disk does.
func (s *Store) Restore(from *Store) {
	s.records = append(s.records[:0], from.records[:from.synced]...)
	s.bytes = append(s.bytes[:0], from.bytes[:from.end(from.synced)]...)
	s.synced = from.synced
}

// cut drops the records from number n on.
func (s *Store) cut(n int) {
	s.bytes = s.bytes[:s.end(n)]
	s.records = s.records[:n]
	s.synced = min(s.synced, n)
}

// end returns where the data of the first n records ends.
func (s *Store) end(n int) int {
	if n == 0 {
		return 0
	}
	return s.records[n-1].end
}

// truncate drops what precedes the newest RecordBase among the records from number
// first on; earlier ones have been looked at before.
func (s *Store) truncate(first int) {
	base := 0
	for i := len(s.records) - 1; i >= max(first, 1); i-- {
		if s.records[i].kind == model.RecordBase {
			base = i
			break
		}
	}
	if base == 0 {
		return
	}
	from := s.end(base)
	s.bytes = append(s.bytes[:0], s.bytes[from:]...)
	s.records = append(s.records[:0], s.records[base:]...)
	for i := range s.records {
		s.records[i].end -= from
	}
	s.synced -= base
}
