package mirror

import "holdfast/engine/model"

// opKind says whose operation it is.
type opKind uint8

const (
	opFree   opKind = iota
	opGuest         // the guest waits for it
	opRepair        // rewrites what a copy could not read
	opJoin          // makes a copy durable before it may join the in-sync set
	opStable        // makes both copies durable before marks are forgotten
)

// opPhase says what an operation waits for.
type opPhase uint8

const (
	phaseBlocked opPhase = iota // an earlier operation on the same sectors, or a copy of the extent
	phaseIntent                 // the intent record
	phaseIssued                 // the copies
	phaseStuck                  // a copy that could serve it; only a change of configuration helps
	phaseDone                   // the guest has its answer, a copy is still at work
)

// op is one operation under way.
type op struct {
	kind    opKind
	phase   opPhase
	need    side // copies that must finish before the guest gets its answer
	busy    side // copies at work; the slot is free when there is none
	owed    bool // the local copy is to do it, but has failed or was not asked
	repair  bool // the local copy could not read it
	stale   bool // a write to the sectors of this read was under way meanwhile: its answer must not mend them
	intents bool // its intent record is durable
	io      model.IO
	id      uint64
	seq     model.Seq
	stamp   uint64
	round   uint64 // of the mirror's own operations: the resync that began it
	epoch   model.Epoch
	hold    bool
	started model.Time // when it was issued to the copies
	sentAt  model.Time
}

func (o *op) overlaps(io *model.IO) bool {
	return o.io.Sector < io.Sector+uint64(io.Count) && io.Sector < o.io.Sector+uint64(o.io.Count)
}

// isWrite reports whether the operation changes sectors of a copy.
func (o *op) isWrite() bool { return o.io.Op == model.OpWrite }

// table holds the operations under way in the order of their arrival. Its slots are reused.
type table struct {
	slots []op
	free  []uint16
	order []uint16 // slots in use, oldest first
	token uint64   // makes ids unique over all machines of a node: high bits
	next  uint64
}

// add returns a blank operation with a new id. The pointer is valid until the next add.
func (t *table) add(kind opKind) *op {
	if len(t.free) == 0 {
		t.slots = append(t.slots, op{})
		t.free = append(t.free, uint16(len(t.slots)-1))
	}
	slot := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	t.order = append(t.order, slot)
	o := &t.slots[slot]
	*o = op{kind: kind, id: t.newID()}
	return o
}

func (t *table) newID() uint64 {
	t.next++
	return t.token | t.next
}

// find returns the operation with the given id, or nil.
func (t *table) find(id uint64) *op {
	for _, slot := range t.order {
		if o := &t.slots[slot]; o.id == id {
			return o
		}
	}
	return nil
}

// at returns the i-th oldest operation.
func (t *table) at(i int) *op { return &t.slots[t.order[i]] }

// sweep frees the operations that are finished.
func (t *table) sweep() {
	kept := t.order[:0]
	for _, slot := range t.order {
		o := &t.slots[slot]
		if o.phase == phaseDone && o.busy == 0 {
			o.kind = opFree
			t.free = append(t.free, slot)
			continue
		}
		kept = append(kept, slot)
	}
	t.order = kept
}
