package dr

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// targetPhase is what a target's disk is at work on; see the package comment.
type targetPhase uint8

const (
	idle targetPhase = iota
	sealing
	applying
)

// Target keeps the recovery copy on this host. See NewTarget.
type Target struct {
	vm      model.VMID
	cfg     Config
	life    uint64 // number of this opening of the copy
	source  model.NodeID
	gen     model.Gen // of the source, at first of the one that made the newest durable point
	maker   model.Gen // of the source that made the newest durable point
	stream  uint64
	history model.Gen // of the copy
	follows model.Gen // history of the stream
	phase   targetPhase
	failed  bool
	frozen  bool // nothing moves: the copy is about to become the VM's disk

	slots    [MaxWindow]model.Message // arrived, not in the journal; Seq 0: empty
	received model.Seq

	point   model.Epoch // newest durable one
	want    model.Epoch // announced one; 0: none
	wantSeq model.Seq
	wantAt  model.Time
	sealSeq model.Seq  // what is being sealed or applied
	pointAt model.Time // when the newest durable point was announced here
}

// NewTarget returns the target of an opened recovery copy that is the point of a history (0 and 0: of none), made by a
// source in generation gen: an older one is not followed any more, whatever this host knows of the log. life is the
// number of this opening of the copy, another one each time, also in one life of the node: by it the source learns that
// what it shipped and what is not durable is gone (D4).
func NewTarget(now model.Time, vm model.VMID, cfg Config, life uint64, history, gen model.Gen, point model.Epoch) *Target {
	return &Target{vm: vm, cfg: cfg, life: life, history: history, gen: gen, maker: gen, point: point, pointAt: now}
}

// Point returns the newest durable point and the history that it belongs to; 0 and 0: there is none.
func (t *Target) Point() (history model.Gen, point model.Epoch) { return t.history, t.point }

// Age returns how long ago the newest durable point was announced, or the copy opened.
func (t *Target) Age(now model.Time) time.Duration { return now.Sub(t.pointAt) }

// Failed reports that the copy failed an operation. It has to be opened again.
func (t *Target) Failed() bool { return t.failed }

// Settled reports that the copy is its newest durable point, with nothing under way.
func (t *Target) Settled() bool { return t.phase == idle && !t.failed }

// Freeze stops the copy at its newest durable point, or lets it go on. Frozen, it answers nobody.
func (t *Target) Freeze(on bool) { t.frozen = on }

// Open follows a stream of source, unless an older generation opens it. To a source of another era than that of the newest
// point it denies the history: an override lies between them, the point may have what that discarded, and nobody knows how the
// copy differs from the disk that goes on. So it is replaced as a whole, and stays that point until then.
func (t *Target) Open(m *model.Message, out *model.Effects) {
	older := m.Gen < t.gen || m.Gen == t.gen && m.Session < t.stream
	if t.frozen || older || t.phase == sealing && m.Session != t.stream {
		return // it asks again; the seal that is under way decides what the copy is
	}
	if m.Session != t.stream {
		if t.received > 0 {
			out.Add(model.EffectRecoveryDrop, t.vm)
		}
		t.slots = [MaxWindow]model.Message{}
		t.received, t.want, t.stream = 0, 0, m.Session
	}
	t.source, t.gen, t.follows = m.From, m.Gen, model.Gen(m.Epoch)
	a := t.answer(model.MsgShipState, out)
	if t.maker.Era() == m.Gen.Era() || planted.On(planted.EraIgnored) {
		a.Gen = t.history
	}
}

func (t *Target) answer(kind model.MessageKind, out *model.Effects) *model.Message {
	a := out.Send(kind, t.source, t.vm)
	a.Session, a.ID, a.Seq, a.Epoch = t.stream, t.life, t.received, t.point
	if t.failed {
		a.Flags |= model.FlagError
	}
	return a
}

// ignores reports whether a message does not belong to the stream. The source of a stream that an earlier
// opening followed, or that was followed before an override, learns from the answer that it is over.
func (t *Target) ignores(m *model.Message, out *model.Effects) bool {
	if t.frozen || m.Gen < t.gen {
		return true
	}
	if m.Session == t.stream && m.From == t.source {
		return false
	}
	if m.Gen > t.gen || m.Session > t.stream {
		a := out.Send(model.MsgShipAck, m.From, t.vm)
		a.Session, a.ID, a.Epoch, a.Flags = m.Session, t.life, t.point, model.FlagError
	}
	return true
}

// Entry takes an entry of the stream.
func (t *Target) Entry(m *model.Message, out *model.Effects) {
	if t.ignores(m, out) {
		return
	}
	switch {
	case t.failed || m.Seq <= t.received:
		t.answer(model.MsgShipAck, out)
		return
	case m.Seq > t.received+MaxWindow:
		return
	}
	s := &t.slots[m.Seq%MaxWindow]
	if s.Seq == m.Seq {
		return // the same one again
	}
	*s = *m
	if planted.On(planted.JournalReversed) {
		t.store(s, out)
	}
	for {
		next := &t.slots[(t.received+1)%MaxWindow]
		if next.Seq != t.received+1 {
			break
		}
		t.received++
		if !planted.On(planted.JournalReversed) {
			t.store(next, out)
		}
	}
	t.answer(model.MsgShipAck, out)
	t.seal(out)
}

// store appends an entry to the journal.
func (t *Target) store(m *model.Message, out *model.Effects) {
	e := out.Add(model.EffectRecoveryStore, t.vm)
	e.Session, e.Seq, e.IO, e.Count = m.Session, m.Seq, m.IO, m.Count
	if m.Kind == model.MsgShipExtent {
		e.Flags = model.FlagFull
	}
}

// Announce takes the announcement of a point.
func (t *Target) Announce(now model.Time, m *model.Message, out *model.Effects) {
	if t.ignores(m, out) {
		return
	}
	if m.Epoch <= t.point || t.failed {
		t.answer(model.MsgShipAck, out)
		return
	}
	if t.want != m.Epoch {
		t.want, t.wantSeq, t.wantAt = m.Epoch, m.Seq, now
	}
	t.seal(out)
}

// seal makes the announced point durable once the journal has all of it (D1).
func (t *Target) seal(out *model.Effects) {
	whole := t.received >= t.wantSeq || planted.On(planted.PointTorn)
	if t.phase != idle || t.want == 0 || !whole || t.failed || t.frozen {
		return
	}
	t.phase, t.sealSeq = sealing, t.wantSeq
	e := out.Add(model.EffectRecoverySeal, t.vm)
	e.Session, e.Seq, e.Epoch, e.Gen, e.ID = t.stream, t.wantSeq, t.want, t.follows, uint64(t.gen)
	if planted.On(planted.PointUnsealed) {
		t.point = t.want
		t.answer(model.MsgShipAck, out)
	}
}

// Sealed tells that the point is durable. Only now it is told (D2), and only now it is applied.
func (t *Target) Sealed(point model.Epoch, failed bool, out *model.Effects) {
	if t.phase != sealing || point != t.want {
		return
	}
	if failed {
		t.fail(out)
		return
	}
	t.point, t.history, t.maker, t.pointAt, t.want = point, t.follows, t.gen, t.wantAt, 0
	t.phase = applying
	t.answer(model.MsgShipAck, out)
	e := out.Add(model.EffectRecoveryApply, t.vm)
	e.Session, e.Seq, e.Epoch = t.stream, t.sealSeq, point
}

// Applied tells that the sealed point is on the copy.
func (t *Target) Applied(point model.Epoch, failed bool, out *model.Effects) {
	if t.phase != applying || point != t.point {
		return
	}
	if failed {
		t.fail(out)
		return
	}
	t.phase = idle
	t.seal(out)
}

func (t *Target) fail(out *model.Effects) {
	t.failed = true
	t.answer(model.MsgShipAck, out)
}
