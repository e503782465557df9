package mirror

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// window is the number of writes that may be under way in one session; a power of two.
const window = 512

// slotPhase is where a write stands at the replica.
type slotPhase uint8

const (
	slotEmpty   slotPhase = iota
	slotArrived           // came, perhaps before an earlier one
	slotIntent            // waits for its intent record
	slotWriting           // on its way to the disk
	slotHeld              // kept until its epoch is sealed
	slotDone
)

type slot struct {
	phase slotPhase
	hold  bool
	io    model.IO
	id    uint64
	seq   model.Seq
	epoch model.Epoch
}

// Replica is the mirror on the other host. See NewReplica.
type Replica struct {
	vm      model.VMID
	cfg     Config
	primary model.NodeID
	session uint64
	failed  bool

	before model.Bitmap // marks from before this session
	marked model.Bitmap // marks of this session

	slots    [window]slot
	received model.Seq // every write up to here came
	done     model.Seq // every write up to here is on the disk or held, its intent durable
	heldFrom model.Seq // no write below it is still held; 0: none is
	heldTo   model.Seq // highest write that was held
	flushes  [8]flush
	answers  [16]answer
	copied   []uint64 // per extent: the newest copy of it that is on the disk
	token    uint64
	next     uint64
}

// NewReplica returns the replica of an opened disk copy with the given recorded
// write intent. token is as for NewPrimary.
func NewReplica(vm model.VMID, cfg Config, marked model.Bitmap, token uint64) *Replica {
	return &Replica{vm: vm, cfg: cfg, before: marked.Clone(), marked: model.NewBitmap(cfg.Extents), token: token}
}

// Session returns the session that the replica follows, or 0.
func (r *Replica) Session() uint64 { return r.session }

// Primary returns the member that opened the present session, or the last one.
func (r *Replica) Primary() model.NodeID { return r.primary }

// Failed reports that the local copy failed an operation.
func (r *Replica) Failed() bool { return r.failed }

// Busy reports that operations of the session are under way on the disk. Before another
// session begins they must have ended.
func (r *Replica) Busy() bool {
	for seq := r.done + 1; seq <= r.received; seq++ {
		if phase := r.slots[seq%window].phase; phase == slotIntent || phase == slotWriting {
			return true
		}
	}
	for i := range r.answers {
		if r.answers[i].used {
			return true
		}
	}
	return false
}

// Marked returns all extents whose content on the other copy is not known.
func (r *Replica) Marked() model.Bitmap {
	all := r.before.Clone()
	all.Union(r.marked)
	return all
}

// Unchanged reports that no write after seq of the given session has arrived.
func (r *Replica) Unchanged(session uint64, seq model.Seq) bool {
	return session == r.session && session != 0 && r.received <= seq
}

// Held returns the newest write that is held or done with all before it.
func (r *Replica) Held() model.Seq { return r.done }

// Open follows a new session of primary and tells it what this copy may have
// written since the copies were last equal (R7).
func (r *Replica) Open(primary model.NodeID, session uint64, out *model.Effects) {
	if session != r.session {
		r.before.Union(r.marked)
		r.marked.Reset()
		*r = Replica{vm: r.vm, cfg: r.cfg, primary: primary, session: session, failed: r.failed,
			copied: make([]uint64, r.cfg.Extents), before: r.before, marked: r.marked, token: r.token, next: r.next}
	}
	m := out.Send(model.MsgIntent, primary, r.vm)
	m.Session, m.Data = session, r.Marked().Bytes()
	if r.failed {
		m.Flags |= model.FlagError
	}
}

// Close ends the session.
func (r *Replica) Close() { r.session = 0 }

// Attached tells that the log has this copy in the in-sync set: marks from before the session are settled. Those that
// are just being recorded anew stay: what is forgotten now would be taken out of that record.
func (r *Replica) Attached(out *model.Effects) {
	settled := r.before.Clone()
	settled.Subtract(r.marked)
	r.before.Reset()
	for i := range r.slots {
		if s := &r.slots[i]; s.phase == slotIntent && !planted.On(planted.RecordForgotten) {
			first, last := s.io.Extents(r.cfg.ExtentSectors)
			for x := first; x <= last; x++ {
				settled.Clear(x)
			}
		}
	}
	if settled.Len() > 0 {
		out.Add(model.EffectForget, r.vm).Data = settled.Bytes()
	}
}

// Stable forgets marks that the primary found equal and durable on both copies. It
// counts only while nothing was written since: a late one would take away the mark of a newer write.
func (r *Replica) Stable(m *model.Message, out *model.Effects) {
	stable, ok := model.ParseBitmap(m.Data, r.cfg.Extents)
	if m.Session != r.session || !ok || r.received > m.Seq {
		return
	}
	r.marked.Subtract(stable)
	r.before.Subtract(stable)
	out.Add(model.EffectForget, r.vm).Data = m.Data
}

func (r *Replica) newID() uint64 {
	r.next++
	return r.token | r.next
}

// Write takes a guest's write from the primary.
func (r *Replica) Write(m *model.Message, out *model.Effects) {
	switch {
	case m.Session != r.session || m.Seq > r.done+window-1:
		return // of another session, or too far ahead: it will come again
	case r.failed:
		r.ack(0, out)
		return
	case m.Seq <= r.done:
		r.ack(0, out)
		return
	}
	s := &r.slots[m.Seq%window]
	if s.seq == m.Seq {
		return // the same one again
	}
	*s = slot{phase: slotArrived, hold: m.Flags.Has(model.FlagHold), io: m.IO, seq: m.Seq, epoch: m.Epoch}
	for {
		next := &r.slots[(r.received+1)%window]
		if next.seq != r.received+1 {
			break
		}
		r.received++
	}
	r.advance(out)
}

// advance starts everything that has arrived in order and has nothing to wait for.
func (r *Replica) advance(out *model.Effects) {
	for seq := r.done + 1; seq <= r.received; seq++ {
		s := &r.slots[seq%window]
		if s.phase == slotArrived && !r.start(s, out) {
			break
		}
	}
	before := r.done
	for r.done < r.received && r.finished(r.done+1) {
		r.done++
	}
	if r.done != before {
		r.ack(0, out)
		r.pumpFlushes(out)
	}
}

func (r *Replica) finished(seq model.Seq) bool {
	phase := r.slots[seq%window].phase
	return phase == slotHeld || phase == slotDone
}

// start records intent for a write and sends it on; false if it has to wait for an earlier one.
func (r *Replica) start(s *slot, out *model.Effects) bool {
	for seq := r.done + 1; seq < s.seq; seq++ {
		e := &r.slots[seq%window]
		if e.phase != slotDone && e.phase != slotHeld && e.io.Sector < s.io.Sector+uint64(s.io.Count) && s.io.Sector < e.io.Sector+uint64(e.io.Count) {
			return false
		}
	}
	s.id = r.newID()
	first, last := s.io.Extents(r.cfg.ExtentSectors)
	cold := false
	for x := first; x <= last; x++ {
		cold = cold || (!r.marked.Has(x) && !r.before.Has(x))
	}
	if !cold {
		for x := first; x <= last; x++ {
			r.marked.Set(x)
		}
		r.place(s, out)
		return true
	}
	fresh := model.NewBitmap(r.cfg.Extents)
	for x := first; x <= last; x++ {
		fresh.Set(x)
	}
	s.phase = slotIntent
	e := out.Add(model.EffectIntent, r.vm)
	e.ID, e.Data = s.id, fresh.Bytes()
	return true
}

// place writes to the disk, or holds for the epoch.
func (r *Replica) place(s *slot, out *model.Effects) {
	if s.hold && !planted.On(planted.ApplyOpenEpoch) {
		s.phase = slotHeld
		if r.heldFrom == 0 || s.seq < r.heldFrom {
			r.heldFrom = s.seq
		}
		r.heldTo = max(r.heldTo, s.seq)
		e := out.Add(model.EffectDiskHold, r.vm)
		e.Session, e.Seq, e.Epoch, e.IO = r.session, s.seq, s.epoch, s.io
		return
	}
	s.phase = slotWriting
	e := out.Add(model.EffectDiskCopy, r.vm)
	e.Session, e.Seq, e.IO, e.ID = r.session, s.seq, s.io, s.id
}

// IntentDone tells that the intent record id is durable, or failed.
func (r *Replica) IntentDone(id uint64, failed bool, out *model.Effects) {
	for seq := r.done + 1; seq <= r.received; seq++ {
		s := &r.slots[seq%window]
		if s.phase != slotIntent || s.id != id {
			continue
		}
		if failed {
			if !planted.On(planted.RecordUntold) {
				r.fail(out)
			}
			return
		}
		first, last := s.io.Extents(r.cfg.ExtentSectors)
		for x := first; x <= last; x++ {
			r.marked.Set(x)
		}
		r.place(s, out)
		r.advance(out)
		return
	}
}

// DiskDone tells that the disk operation id finished.
func (r *Replica) DiskDone(id uint64, failed bool, out *model.Effects) {
	if r.answered(id, failed, out) || r.flushed(id, failed, out) {
		return
	}
	for seq := r.done + 1; seq <= r.received; seq++ {
		s := &r.slots[seq%window]
		if s.phase != slotWriting || s.id != id {
			continue
		}
		if failed {
			r.fail(out)
			return
		}
		s.phase = slotDone
		r.advance(out)
		return
	}
}

// Refused tells that the disk refuses what belongs to it by an acknowledged checkpoint: the copy is of no use for now.
func (r *Replica) Refused(out *model.Effects) { r.fail(out) }

func (r *Replica) fail(out *model.Effects) {
	r.failed = true
	r.ack(0, out)
}

// ack tells the primary how far the writes are done, and which flush.
func (r *Replica) ack(flushID uint64, out *model.Effects) {
	if r.session == 0 {
		return
	}
	m := out.Send(model.MsgMirrorAck, r.primary, r.vm)
	m.Session, m.Seq, m.ID = r.session, r.done, flushID
	if r.failed {
		m.Flags |= model.FlagError
	}
}

// Applied tells that the held writes up to seq are going to the disk.
func (r *Replica) Applied(seq model.Seq, out *model.Effects) {
	switch {
	case r.heldFrom == 0 || seq < r.heldFrom:
	case seq >= r.heldTo:
		r.heldFrom = 0
	default:
		r.heldFrom = seq + 1
	}
	r.pumpFlushes(out)
}
