package dr

import "holdfast/engine/model"

// entry is one place in the stream.
type entry struct {
	seq    model.Seq
	id     uint64 // of the kept data
	io     model.IO
	extent uint32
	whole  bool // a whole extent rather than a write
	ready  bool // its data is there
	sends  uint8
	sentAt model.Time
}

// journal holds the entries that the target has not received, oldest first, in a ring of fixed size.
type journal struct {
	ring []entry
	head int
	n    int
}

func newJournal(size int) journal { return journal{ring: make([]entry, size)} }

// at returns the i-th oldest entry.
func (j *journal) at(i int) *entry { return &j.ring[(j.head+i)%len(j.ring)] }

func (j *journal) full() bool { return j.n == len(j.ring) }

// add appends a blank entry; the journal must not be full.
func (j *journal) add() *entry {
	e := j.at(j.n)
	*e = entry{}
	j.n++
	return e
}

func (j *journal) dropOldest() {
	j.head = (j.head + 1) % len(j.ring)
	j.n--
}

func (j *journal) dropNewest() { j.n-- }

// underway is a write of the guest that is not completed.
type underway struct {
	id          uint64 // of the kept data; rises with every write
	guest       uint64 // the guest's number
	io          model.IO
	first, last uint32
	unkept      bool // it was asked for before the source was made: its data is not kept
}

// boundary is the end of an epoch that is not committed.
type boundary struct {
	epoch  model.Epoch
	seq    model.Seq
	floors uint64     // number of floors that were closed
	lack   model.Time // the first write completed after it; Never: none
}
