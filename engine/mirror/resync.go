package mirror

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// resync is what it takes to bring the stale copy up to date. At most one copy is stale.
type resync struct {
	target   side   // the stale copy; 0: none under way
	round    uint64 // rises with every end of a resync
	intentID uint64
	intent   model.Bitmap // what is being recorded as intentID
	intentAt model.Time   // since when
	dirty    model.Bitmap // extents that the stale copy lacks
	total    int          // extents to copy when it began
	cursor   uint32
	slots    []copySlot

	joinSent, joinFlushed bool

	cleanDue bool // marks may be forgotten
	cleaning bool

	sendAt model.Time // MsgResync again
}

// copySlot is one extent being copied.
type copySlot struct {
	used    bool
	sent    bool // on its way to the replica, or asked of it
	writing bool // being written to the local copy
	extent  uint32
	id      uint64
	started model.Time
	sentAt  model.Time
}

func (r *resync) init(cfg *Config) {
	r.dirty = model.NewBitmap(cfg.Extents)
	r.slots = make([]copySlot, cfg.CopyDepth)
	r.sendAt = model.Never
}

func (r *resync) stop() {
	r.round++
	r.target, r.intentID, r.sendAt = 0, 0, model.Never
	r.joinSent, r.joinFlushed, r.cleaning, r.cleanDue = false, false, false, false
	for i := range r.slots {
		r.slots[i] = copySlot{}
	}
}

// touches reports whether one of the extents is being copied right now.
func (r *resync) touches(first, last uint32) bool {
	for i := range r.slots {
		if s := &r.slots[i]; s.used && first <= s.extent && s.extent <= last {
			return true
		}
	}
	return false
}

// clean reports whether the stale copy already has all of the extents. If it has
// only some, those count as lacking again, because the write goes to one copy only.
func (r *resync) clean(first, last uint32) bool {
	any := false
	for x := first; x <= last; x++ {
		any = any || r.dirty.Has(x)
	}
	for x := first; any && x <= last; x++ {
		r.dirty.Set(x)
	}
	return !any
}

// intentDone reports whether id is the record that the resync waits for.
func (r *resync) intentDone(id uint64) bool {
	if r.intentID == 0 || id != r.intentID {
		return false
	}
	r.intentID = 0
	return true
}

// Progress returns how many extents the present resync has to copy in all and how many are left.
func (p *Primary) Progress() (total, left int) {
	if p.resync.target == 0 {
		return 0, 0
	}
	return p.resync.total, p.resync.dirty.Len()
}

// Synced reports that a copy holds everything and every write from now on is
// acknowledged only when it has it: it may be proposed for the in-sync set.
func (p *Primary) Synced() (copyIsLocal, ok bool) {
	r := &p.resync
	return r.target == local, r.target != 0 && p.targetState() == Joined && r.joinFlushed && !p.localFailed && !p.remoteFailed
}

// Open begins a session with the replica: to bring it up to date, or, where it is
// itself in sync, to go on with it after contact was lost. session must be new. life is that of the replica's node: no other one is meant.
func (p *Primary) Open(now model.Time, session, life uint64, out *model.Effects) {
	p.session, p.life, p.connected, p.refused, p.openedAt = session, life, false, false, now
	p.remoteFailed = p.remoteState == InSync
	p.lastSeq = 0
	p.resync.stop()
	if p.remoteState != InSync {
		p.remoteState = Opening
	}
	p.sendOpen(now, out)
}

func (p *Primary) sendOpen(now model.Time, out *model.Effects) {
	m := out.Send(model.MsgResync, p.peer, p.vm)
	m.Gen, m.Session, m.ID = p.gen, p.session, p.life
	p.resync.sendAt = now.Add(p.cfg.Resend)
	p.wakeBy(p.resync.sendAt)
}

// Opening reports how long the replica has not answered the opening of the session.
func (p *Primary) Opening(now model.Time) (waiting time.Duration, opening bool) {
	if p.session == 0 || p.connected {
		return 0, false
	}
	return now.Sub(p.openedAt), true
}

// Intent takes the replica's answer to Open: what it may have written since the copies were equal (R7).
func (p *Primary) Intent(now model.Time, m *model.Message, out *model.Effects) {
	if m.Session != p.session || p.connected || p.session == 0 {
		return
	}
	theirs, ok := model.ParseBitmap(m.Data, p.cfg.Extents)
	if m.Flags.Has(model.FlagError) || !ok {
		return // its disk is not ready; Open is repeated
	}
	p.connected = true
	p.resync.sendAt = model.Never
	if planted.On(planted.IntentNotUnited) {
		theirs.Reset()
	}
	if p.remoteState == InSync {
		p.marked.Union(theirs)
		p.resume(now, out)
		return
	}
	p.stampAll(theirs)
	p.marked.Union(theirs)
	p.resync.target = remote
	p.unite(now, theirs, out)
}

// unite records on the local copy what either side may have written; copying begins when that is durable.
func (p *Primary) unite(now model.Time, extents model.Bitmap, out *model.Effects) {
	r := &p.resync
	r.intentID, r.intent, r.intentAt = p.ops.newID(), extents, now
	e := out.Add(model.EffectIntent, p.vm)
	e.ID, e.Data = r.intentID, extents.Bytes()
	p.wakeBy(now.Add(p.cfg.IOTimeout))
}

// stampAll makes the extents count as changed now.
func (p *Primary) stampAll(extents model.Bitmap) {
	for x, ok := extents.Next(0); ok; x, ok = extents.Next(x + 1) {
		p.stamps[x] = p.stamp
	}
}

// resume sends what the only in-sync copy has not acknowledged again, in a new session.
func (p *Primary) resume(now model.Time, out *model.Effects) {
	p.remoteFailed = false
	p.lastSeq = 0 // what was issued since Open was numbered, but not sent
	for i := range p.ops.order {
		o := p.ops.at(i)
		if o.busy&remote == 0 {
			continue
		}
		o.started = now
		switch o.io.Op {
		case model.OpWrite:
			p.lastSeq++
			o.seq = p.lastSeq
			p.sendWrite(now, o, out)
		case model.OpRead:
			p.sendRead(now, o, out)
		default:
			o.seq = p.lastSeq
			p.sendFlush(now, o, out)
		}
	}
	p.settle(now, out)
	p.wakeBy(now.Add(p.cfg.Resend))
}

// LocalOpened tells that the stale local copy can be used again and may have changed in the
// marked extents. It is brought up to date from the replica.
func (p *Primary) LocalOpened(now model.Time, marked model.Bitmap, out *model.Effects) {
	if p.localState != Absent || p.remoteState != InSync || !p.Connected() {
		return
	}
	p.localFailed = false
	p.recorded.Reset()
	p.recorded.Union(marked)
	p.marked.Union(marked)
	p.stampAll(p.marked)
	p.localState = Opening
	p.resync.stop()
	p.resync.target = local
	p.unite(now, p.marked.Clone(), out)
}

func (p *Primary) startCopying(now model.Time, out *model.Effects) {
	r := &p.resync
	copy(r.dirty, p.marked)
	r.total, r.cursor = r.dirty.Len(), 0
	if r.target == local {
		p.localState = Copying
	} else {
		p.remoteState = Copying
	}
	out.Notify(model.NoticeResync, p.vm, p.targetNode())
}

// targetNode returns the peer, or NoNode for this host.
func (p *Primary) targetNode() model.NodeID {
	if p.resync.target == remote {
		return p.peer
	}
	return model.NoNode
}

// pump starts the next copies, lets the copy join when none is left, and forgets marks.
func (p *Primary) pump(now model.Time, out *model.Effects) {
	r := &p.resync
	state := p.targetState()
	if r.target != 0 && state == Copying && !p.localFailed && !p.remoteFailed {
		p.pumpCopies(now, out)
	}
	if r.target != 0 && state == Joined && !r.joinSent && !p.catchingUp() {
		r.joinSent = true
		p.own(now, opJoin, out)
	}
	p.pumpClean(now, out)
}

// targetState returns where the copy stands that is brought up to date.
func (p *Primary) targetState() CopyState {
	if p.resync.target == local {
		return p.localState
	}
	return p.remoteState
}

// catchingUp reports that the target is at work on writes that the guest is told, or was told, are done
// although they need not be on the target: a flush that starts now would not cover them.
func (p *Primary) catchingUp() bool {
	if planted.On(planted.JoinOverLate) {
		return false
	}
	for i := range p.ops.order {
		if o := p.ops.at(i); o.isWrite() && o.busy&^o.need&p.resync.target != 0 {
			return true
		}
	}
	return false
}

// joined takes the end of the flush that makes the target durable. If a copy could not do it,
// the session is given up, and the next one tries again.
func (p *Primary) joined(o *op, failed bool) {
	switch {
	case o.round != p.resync.round: // of a resync that was given up
	case failed:
		p.remoteFailed = true
	default:
		p.resync.joinFlushed = true
	}
}

// own starts a flush of the mirror's own.
func (p *Primary) own(now model.Time, kind opKind, out *model.Effects) {
	o := p.ops.add(kind)
	o.io.Op = model.OpFlush
	o.stamp, o.round = p.stamp, p.resync.round
	p.issueFlush(now, o, out)
	p.finish(o, out)
}

// wakeResync sends again what was not answered and gives up a copy that takes too long.
func (p *Primary) wakeResync(now model.Time, out *model.Effects) {
	r := &p.resync
	if now >= r.sendAt {
		p.sendOpen(now, out)
	} else if r.sendAt != model.Never {
		p.wakeBy(r.sendAt)
	}
	if late := r.intentAt.Add(p.cfg.IOTimeout); r.intentID != 0 && now >= late {
		p.giveUpTarget()
		return
	} else if r.intentID != 0 {
		p.wakeBy(late)
	}
	for i := range r.slots {
		s := &r.slots[i]
		if !s.used {
			continue
		}
		if now >= s.started.Add(2*p.cfg.IOTimeout) {
			p.giveUpTarget()
			return
		}
		if s.sent && !s.writing && now >= s.sentAt.Add(p.cfg.Resend) {
			if r.target == local {
				p.askExtent(now, s, out)
			} else {
				p.sendCopy(now, s, out)
			}
		}
		p.wakeBy(now.Add(p.cfg.Resend))
	}
}

// giveUpTarget ends a resync that does not get on; the node begins another one.
func (p *Primary) giveUpTarget() {
	if p.resync.target == local {
		p.localFailed = true
	} else {
		p.remoteFailed = true
	}
}
