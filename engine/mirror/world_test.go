package mirror

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/internal/golden"
	"holdfast/engine/model"
)

const vmID model.VMID = 1

var testConfig = Config{
	Extents: extents, ExtentSectors: extentSectors, ActiveExtents: 2, CopyDepth: 2,
	IOTimeout: 500 * time.Millisecond, Resend: 100 * time.Millisecond,
}

// world is the two copies of a disk on members 1 and 2, the machines that keep them
// equal, a channel between them that moves only when the test says so, and the part
// of the control log and the node that the mirror works with.
type world struct {
	t   require.TestingT
	ft  bool
	now model.Time

	// The control log: what it says, and whether the primary has learnt it.
	inSync    model.NodeSet
	gen       model.Gen
	proposal  proposal
	unlearned bool

	at       model.NodeID // runs the VM
	p        *Primary
	r        *Replica // nil: closed
	attached uint64   // the session in which the replica was told that it is in sync
	restart  bool     // the replica's daemon began a new life
	lossy    bool     // the replica's host lost power, and the log has not decided about its copy
	disks    [3]*testDisk
	bag      []packet
	late     []packet // that come when the test says so, and again
	sessions uint64
	tokens   [3]uint64 // of each member's daemon, which counts anew in each life
	epoch    model.Epoch

	guest    guest
	kept     map[keptKey][]value  // what was read, here or by the other one
	incoming map[writeKey][]value // data of writes that arrived at the replica
	open     map[writeKey]bool    // those of them that must wait for their epoch
	held     []diskOp             // writes that the replica holds

	out   model.Effects
	trace []string
}

// keptKey names what a runner keeps: by the primary's operation, in its session or, where the operation is this member's
// own, in none.
type keptKey struct {
	node    model.NodeID
	session uint64
	id      uint64
}

type writeKey struct {
	session uint64
	seq     model.Seq
}

// packet is a message with the data that travels with it.
type packet struct {
	model.Message
	data []value
}

func newWorld(t require.TestingT) *world {
	w := &world{
		t: t, at: 1, gen: 1, inSync: model.Nodes(1, 2), epoch: 1,
		kept: map[keptKey][]value{}, incoming: map[writeKey][]value{}, open: map[writeKey]bool{},
	}
	w.disks[1], w.disks[2] = newTestDisk(), newTestDisk()
	w.guest.init()
	return w
}

func (w *world) peer() model.NodeID { return 3 - w.at }

func (w *world) token(node model.NodeID) uint64 {
	w.tokens[node]++
	return w.tokens[node] << 40
}

// run makes the primary of a VM that begins to run on node.
func (w *world) run(node model.NodeID) {
	w.at = node
	w.end(node, func() bool { return false })
	marks := w.disks[node].marks.Clone()
	w.p = NewPrimary(vmID, testConfig, node, w.peer(), w.gen, w.inSync, marks, w.token(node))
}

// openReplica makes a replica of the other copy.
func (w *world) openReplica(happens func() bool) {
	w.end(w.peer(), happens)
	w.r = NewReplica(vmID, testConfig, w.disks[w.peer()].marks.Clone(), w.token(w.peer()))
	w.held, w.attached = nil, 0
}

// end ends the operations under way on a copy; each one happened or not.
func (w *world) end(node model.NodeID, happened func() bool) {
	d := w.disks[node]
	for i := range d.ops {
		if happened() {
			d.do(&d.ops[i])
		}
	}
	d.ops = nil
}

// perform performs the effects of a step on node.
func (w *world) perform(node model.NodeID) {
	list := slices.Clone(w.out.List)
	w.out.Reset()
	for i := range list {
		e := &list[i]
		w.trace = append(w.trace, fmt.Sprintf("%d: %s", node, golden.Effect(e)))
		switch e.Kind {
		case model.EffectSend:
			w.send(node, &e.Message)
		case model.EffectNotify:
		case model.EffectComplete:
			w.guest.complete(w, e)
		case model.EffectForget:
			w.forget(node, e.Data)
		case model.EffectDiskHold:
			w.held = append(w.held, diskOp{effect: *e, data: w.incoming[writeKey{e.Session, e.Seq}]})
		default:
			w.submit(node, e)
		}
	}
}

func (w *world) forget(node model.NodeID, data []byte) {
	marks, ok := model.ParseBitmap(data, extents)
	require.True(w.t, ok)
	for i := range marks {
		w.disks[node].marks[i] &^= marks[i]
	}
	for i := range w.disks[node].ops { // what is being recorded was asked for before
		if e := &w.disks[node].ops[i].effect; e.Kind == model.EffectIntent {
			record, _ := model.ParseBitmap(e.Data, extents)
			record.Subtract(marks)
			e.Data = record.Bytes()
		}
	}
}

func (w *world) submit(node model.NodeID, e *model.Effect) {
	d := w.disks[node]
	op := diskOp{effect: *e, upto: d.writes}
	switch {
	case e.Kind == model.EffectDiskCopy:
		require.False(w.t, w.open[writeKey{e.Session, e.Seq}], "R6: a write of an open epoch goes to the disk")
		op.data = w.incoming[writeKey{e.Session, e.Seq}]
	case e.Kind == model.EffectExtentWrite:
		op.data = w.kept[keptKey{node, e.Session, uint64(e.Seq)}]
	case e.Kind == model.EffectDisk && e.IO.Op == model.OpWrite && e.Flags.Has(model.FlagRemote):
		op.data = w.kept[keptKey{node, e.Session, e.ID}]
	case e.Kind == model.EffectDisk && e.IO.Op == model.OpWrite:
		op.data = w.guest.data(e.IO.ID)
	}
	if op.writes() {
		require.NotEmpty(w.t, op.data, "%s: the runner has no data for it", golden.Effect(e))
	}
	d.ops = append(d.ops, op)
}

func (w *world) send(node model.NodeID, m *model.Message) {
	p := packet{Message: *m}
	p.From = node
	switch m.Kind {
	case model.MsgWrite:
		p.data = w.guest.data(m.IO.ID)
	case model.MsgCopy, model.MsgReadDone:
		p.data = w.kept[keptKey{node, m.Session, m.ID}]
	}
	w.bag = append(w.bag, p)
}

// finish ends the i-th operation under way on a copy.
func (w *world) finish(node model.NodeID, i int, failed bool) {
	d := w.disks[node]
	op := d.ops[i]
	d.ops = append(d.ops[:i:i], d.ops[i+1:]...)
	e := &op.effect
	if !failed {
		data := d.do(&op)
		switch e.Kind {
		case model.EffectExtentRead:
			w.kept[keptKey{node, e.Session, e.ID}] = data
		case model.EffectDiskRead:
			w.kept[keptKey{node, e.Session, uint64(e.Seq)}] = data
		case model.EffectDisk:
			w.kept[keptKey{node, 0, e.ID}] = data
		}
	}
	switch {
	case node == w.at && e.Kind == model.EffectIntent:
		w.p.IntentDone(w.now, e.ID, failed, &w.out)
	case node == w.at:
		w.p.DiskDone(w.now, e.ID, failed, &w.out)
	case w.r == nil:
	case e.Kind == model.EffectIntent:
		w.r.IntentDone(e.ID, failed, &w.out)
	default:
		w.r.DiskDone(e.ID, failed, &w.out)
	}
	w.perform(node)
}

// deliver hands a message to the machine that it is for. happened is asked for each
// operation that the reopening of a copy ends.
func (w *world) deliver(p packet, happened func() bool) {
	m := &p.Message
	if m.To == w.at {
		if m.From != w.at {
			w.toPrimary(p)
		}
		return
	}
	if m.From != w.at {
		return // of an earlier primary
	}
	if m.Kind == model.MsgResync {
		w.resync(m, happened)
	} else if w.r != nil && m.Session == w.r.Session() {
		w.toReplica(p)
	}
	if w.r != nil && w.r.Failed() {
		w.r = nil
	}
}

func (w *world) toPrimary(p packet) {
	m := &p.Message
	switch m.Kind {
	case model.MsgIntent:
		w.p.Intent(w.now, m, &w.out)
	case model.MsgMirrorAck:
		w.p.MirrorAck(w.now, m, &w.out)
	case model.MsgReadDone:
		w.kept[keptKey{w.at, 0, m.ID}] = p.data
		w.kept[keptKey{w.at, m.Session, m.ID}] = p.data
		w.p.ReadDone(w.now, m, &w.out)
	case model.MsgCopied:
		w.p.Copied(w.now, m, &w.out)
	}
	w.perform(w.at)
}

func (w *world) toReplica(p packet) {
	m := &p.Message
	switch m.Kind {
	case model.MsgWrite:
		w.incoming[writeKey{m.Session, m.Seq}] = p.data
		w.open[writeKey{m.Session, m.Seq}] = m.Flags.Has(model.FlagHold)
		w.r.Write(m, &w.out)
	case model.MsgFlush:
		w.r.Flush(m, &w.out)
	case model.MsgStable:
		w.r.Stable(m, &w.out)
	case model.MsgRead:
		w.r.Read(m, &w.out)
	case model.MsgCopy:
		w.kept[keptKey{w.peer(), m.Session, m.ID}] = p.data
		w.r.Copy(m, &w.out)
	}
	w.perform(w.peer())
}

// resync is what a node does with the opening of a session.
func (w *world) resync(m *model.Message, happened func() bool) {
	if m.Gen != w.gen || w.inSync.Len() == 2 {
		return
	}
	if w.r == nil || m.Session != w.r.Session() && w.r.Busy() {
		w.openReplica(happened)
	}
	w.r.Open(m.From, m.Session, &w.out)
	w.perform(w.peer())
}
