package dr

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/internal/golden"
	"holdfast/engine/model"
)

// The shape of the disks in the tests.
const (
	sectors       = 12
	extentSectors = 2
	extents       = sectors / extentSectors
)

const vmID model.VMID = 1

var testConfig = Config{
	Extents: extents, ExtentSectors: extentSectors, Journal: 8, Window: 4, CopyDepth: 2,
	PointEvery: 20 * time.Millisecond, Resend: 50 * time.Millisecond,
}

// value is the content of a sector; every write writes values that were never used before.
type value uint32
type content [sectors]value

// write is a write of the guest under way.
type write struct {
	io   model.IO
	data []value
	done bool // the disk has it; the guest was not told
}

// stored is an entry of the target's journal.
type stored struct {
	session uint64
	seq     model.Seq
	sector  int
	data    []value
}

type packet struct {
	model.Message
	data []value
}

// world is a naive model: a guest whose completed writes make a list of disks, one for each prefix; the
// source beside it on member 1 (or 2, after a promotion) and the target on member 3.
type world struct {
	t                      require.TestingT
	ft                     bool
	now                    model.Time
	gen                    model.Gen
	lives, streams, tokens uint64

	disk   content   // of the truth
	states []content // after each completed write, or other change of the truth
	writes []write
	values value
	ids    uint64

	epoch    model.Epoch
	captured []capture // not acknowledged
	safe     int       // ft: the newest state that the secondary has
	exposed  bool

	marks, changed model.Bitmap // durable beside each home's copy
	src            *Source
	kept           map[uint64][]value

	tgt     *Target
	copyOf  content
	history model.Gen // what is durable beside the copy
	point   model.Epoch
	maker   model.Gen // of the source that made it
	journal []stored
	sealed  int            // entries of the journal that are sealed
	at      int            // the newest state that the copy was seen at; -1: none
	ops     []model.Effect // under way at the target's disk
	reads   []model.Effect // at the source's
	bag     []packet
	arrived map[model.Seq]packet
	stored  model.Seq // newest entry in the journal since the copy was opened, or dropped what it had

	out   model.Effects
	trace []string
}

type capture struct {
	epoch model.Epoch
	state int
}

func newWorld(t require.TestingT) *world {
	w := &world{t: t, gen: 5, states: make([]content, 1), marks: model.NewBitmap(extents), changed: model.NewBitmap(extents),
		kept: map[uint64][]value{}, arrived: map[model.Seq]packet{}, at: -1, exposed: true}
	return w
}

// run begins a source at the home that runs the VM. What the guest asked for before counts as under way.
func (w *world) run() {
	lacking := w.marks.Clone()
	lacking.Union(w.changed)
	w.tokens++
	w.src = NewSource(w.now, vmID, testConfig, 3, w.gen, 2, lacking, w.tokens<<40)
	w.kept, w.reads = map[uint64][]value{}, nil
	for i := range w.writes {
		w.src.Underway(&w.writes[i].io)
	}
	if w.ft && !w.exposed {
		w.src.Hold()
	}
}

func (w *world) open() {
	if w.src.State() == Closed {
		w.streams++
		w.src.Open(w.now, w.streams, &w.out)
		w.perform(1)
	}
}

// openTarget begins a life of the target.
func (w *world) openTarget() {
	w.recover()
	w.lives++
	w.tgt = NewTarget(w.now, vmID, testConfig, w.lives, w.history, w.maker, w.point)
	w.arrived, w.stored = map[model.Seq]packet{}, 0
}

// recover is what a runner does with a copy that it opens.
func (w *world) recover() {
	w.copyOf = w.recovered()
	w.journal, w.sealed, w.ops = nil, 0, nil
}

// recovered is the copy as it would be after a crash now.
func (w *world) recovered() content {
	c := w.copyOf
	for _, e := range w.journal[:w.sealed] {
		copy(c[e.sector:], e.data)
	}
	return c
}

// check checks that the recovered copy is the disk at a moment, and that moments only move forward (D1, D2).
func (w *world) check() {
	if w.history != 2 {
		return // no point yet
	}
	got := w.recovered()
	for i := max(w.at, 0); i < len(w.states); i++ {
		if w.states[i] == got {
			w.at = i
			require.True(w.t, !w.ft || w.exposed || i <= w.safe, "R6: the copy is at state %d; the secondary has state %d only", i, w.safe)
			return
		}
	}
	require.Fail(w.t, "R6: the copy is torn", "%v is no disk after state %d of %v", got, w.at, w.states)
}

func (w *world) perform(node model.NodeID) {
	list := slices.Clone(w.out.List)
	w.out.Reset()
	for i := range list {
		e := &list[i]
		w.trace = append(w.trace, fmt.Sprintf("%d: %s", node, golden.Effect(e)))
		switch e.Kind {
		case model.EffectSend:
			p := packet{Message: e.Message, data: w.kept[e.Message.ID]}
			p.From = node
			if k := e.Message.Kind; k == model.MsgShipAck || k == model.MsgShipState {
				require.LessOrEqual(w.t, e.Message.Epoch, w.point, "D2: a point was acknowledged that is not durable")
			}
			if k := e.Message.Kind; k == model.MsgShipWrite || k == model.MsgShipExtent {
				require.NotNil(w.t, p.data, "%s: its data was dropped", golden.Message(&e.Message))
			} else {
				p.data = nil
			}
			w.bag = append(w.bag, p)
		case model.EffectShipKeep:
			w.kept[e.ID] = w.write(e.IO.ID).data
		case model.EffectShipDrop:
			delete(w.kept, e.ID)
		case model.EffectShipRead:
			w.reads = append(w.reads, *e)
		case model.EffectChanged:
			done, _ := model.ParseBitmap(e.Data, extents)
			for i := range done {
				w.changed[i] &^= done[i]
			}
		case model.EffectRecoveryStore:
			w.store(e)
		case model.EffectRecoveryDrop:
			w.journal = w.journal[:w.sealed]
			w.arrived, w.stored = map[model.Seq]packet{}, 0
		case model.EffectRecoverySeal, model.EffectRecoveryApply:
			if e.Kind == model.EffectRecoverySeal {
				require.GreaterOrEqual(w.t, w.stored, e.Seq, "R6: a point is sealed that lacks entries")
			}
			w.ops = append(w.ops, *e)
		}
	}
	w.check()
}

func (w *world) write(guest uint64) *write {
	for i := range w.writes {
		if w.writes[i].io.ID == guest {
			return &w.writes[i]
		}
	}
	return nil
}

func (w *world) store(e *model.Effect) {
	p, ok := w.arrived[e.Seq]
	require.True(w.t, ok && p.Session == e.Session, "the runner has no entry %d", e.Seq)
	delete(w.arrived, e.Seq)
	s := stored{session: e.Session, seq: e.Seq, sector: int(e.IO.Sector), data: p.data}
	if e.Flags.Has(model.FlagFull) {
		s.sector = int(e.Count) * extentSectors
	}
	w.journal = append(w.journal, s)
	w.stored = e.Seq
}

// request lets the guest ask for a write; false if one to the same sectors is under way.
func (w *world) request(sector, count int) bool {
	for _, x := range w.writes {
		if int(x.io.Sector) < sector+count && sector < int(x.io.Sector)+len(x.data) {
			return false
		}
	}
	w.ids++
	wr := write{io: model.IO{ID: w.ids, Op: model.OpWrite, Sector: uint64(sector), Count: uint32(count)}}
	for range count {
		w.values++
		wr.data = append(wr.data, w.values)
	}
	first, last := wr.io.Extents(testConfig.ExtentSectors)
	for x := first; x <= last; x++ {
		w.marks.Set(x)
	}
	w.writes = append(w.writes, wr)
	w.src.Write(&wr.io, &w.out)
	w.perform(1)
	return true
}

// reach lets the disk have a write of which the guest is not told yet; complete tells it.
func (w *world) reach(i int) {
	copy(w.disk[w.writes[i].io.Sector:], w.writes[i].data)
	w.writes[i].done = true
}

func (w *world) complete(i int, failed bool) {
	wr := w.writes[i]
	if !failed || wr.done {
		w.reach(i)
	}
	w.writes = append(w.writes[:i:i], w.writes[i+1:]...)
	next := w.states[len(w.states)-1]
	if !failed || wr.done {
		copy(next[wr.io.Sector:], wr.data)
	}
	w.states = append(w.states, next)
	w.src.Completed(w.now, wr.io.ID, failed, &w.out)
	w.perform(1)
}

// forget lets the mirror move the marks of extents without writes under way into the change record.
func (w *world) forget() {
	gone := w.marks.Clone()
	for _, wr := range w.writes {
		first, last := wr.io.Extents(testConfig.ExtentSectors)
		for x := first; x <= last; x++ {
			gone.Clear(x)
		}
	}
	for i := range gone {
		w.marks[i] &^= gone[i]
	}
	w.changed.Union(gone)
	w.src.Recorded(gone)
}

// readDone ends the read of an extent for copying.
func (w *world) readDone(i int, failed bool) {
	e := w.reads[i]
	w.reads = append(w.reads[:i:i], w.reads[i+1:]...)
	if !failed {
		w.kept[e.ID] = slices.Clone(w.disk[e.Count*extentSectors : (e.Count+1)*extentSectors])
	}
	w.src.DiskDone(w.now, e.ID, failed, &w.out)
	w.perform(1)
}

// diskDone ends an operation at the target.
func (w *world) diskDone(failed bool) {
	e := w.ops[0]
	w.ops = w.ops[1:]
	if !failed {
		w.effective(&e)
	}
	if w.tgt == nil {
		return
	}
	if e.Kind == model.EffectRecoverySeal {
		w.tgt.Sealed(e.Epoch, failed, &w.out)
	} else {
		w.tgt.Applied(e.Epoch, failed, &w.out)
	}
	w.perform(3)
}

// effective lets a seal or an apply happen.
func (w *world) effective(e *model.Effect) {
	if e.Kind == model.EffectRecoverySeal {
		for w.sealed < len(w.journal) && w.journal[w.sealed].seq <= e.Seq {
			w.sealed++
		}
		w.history, w.point, w.maker = e.Gen, e.Epoch, model.Gen(e.ID)
	} else {
		w.copyOf = w.recovered()
		w.journal, w.sealed = w.journal[w.sealed:], 0
	}
	w.check()
}

func (w *world) deliver(p packet) {
	m := &p.Message
	switch {
	case m.To == 3 && w.tgt == nil:
	case m.Kind == model.MsgShipOpen:
		w.tgt.Open(m, &w.out)
		w.perform(3)
	case m.To == 3:
		if m.Kind == model.MsgShipPoint {
			w.tgt.Announce(w.now, m, &w.out)
		} else {
			w.arrived[m.Seq] = p
			w.tgt.Entry(m, &w.out)
		}
		w.perform(3)
	case m.Kind == model.MsgShipState:
		w.src.Answer(w.now, m, &w.out)
		w.perform(1)
	default:
		w.src.Ack(w.now, m, &w.out)
		w.perform(1)
	}
}
