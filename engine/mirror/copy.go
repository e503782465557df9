package mirror

import (
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// pumpCopies starts the next copies. When none is left and none under way the target joins.
func (p *Primary) pumpCopies(now model.Time, out *model.Effects) {
	r := &p.resync
	limit := len(r.slots)
	if len(p.ops.order) > 0 {
		limit = 1 // the guest comes first
	}
	active := 0
	for i := range r.slots {
		if r.slots[i].used {
			active++
		}
	}
	for i := range r.slots {
		if s := &r.slots[i]; !s.used && active < limit {
			x, ok := p.nextDirty()
			if !ok {
				break
			}
			p.startCopy(now, s, x, out)
			active++
		}
	}
	early := planted.On(planted.AttachEarly) && r.dirty.Len() <= r.total/2
	if (r.dirty.Len() == 0 && active == 0) || early {
		r.dirty.Reset()
		if r.target == local {
			p.localState = Joined
		} else {
			p.remoteState = Joined
		}
		out.Notify(model.NoticeCopied, p.vm, p.targetNode())
		p.settle(now, out)
	}
}

// nextDirty returns an extent to copy that no write is working on and no slot has.
func (p *Primary) nextDirty() (uint32, bool) {
	r := &p.resync
	start := r.cursor
	for wrapped := false; ; {
		x, ok := r.dirty.Next(start)
		if !ok {
			if wrapped || r.cursor == 0 {
				return 0, false
			}
			wrapped, start = true, 0
			continue
		}
		if wrapped && x >= r.cursor {
			return 0, false
		}
		if !r.touches(x, x) && !p.writesTo(x, phaseIssued, phaseDone) {
			r.cursor = x + 1
			return x, true
		}
		start = x + 1
		if int(start) >= p.cfg.Extents {
			if wrapped || r.cursor == 0 {
				return 0, false
			}
			wrapped, start = true, 0
		}
	}
}

// writesTo reports whether a write to extent x is under way in one of the phases.
func (p *Primary) writesTo(x uint32, phases ...opPhase) bool {
	for i := range p.ops.order {
		if o := p.ops.at(i); o.isWrite() && slices.Contains(phases, o.phase) {
			if first, last := o.io.Extents(p.cfg.ExtentSectors); first <= x && x <= last {
				return true
			}
		}
	}
	return false
}

func (p *Primary) startCopy(now model.Time, s *copySlot, x uint32, out *model.Effects) {
	*s = copySlot{used: true, extent: x, id: p.ops.newID(), started: now, sentAt: now}
	if p.resync.target == local {
		s.sent = true
		p.askExtent(now, s, out)
	} else {
		e := out.Add(model.EffectExtentRead, p.vm)
		e.ID, e.Count, e.Session = s.id, x, p.session
	}
	p.wakeBy(now.Add(p.cfg.Resend))
}

func (p *Primary) askExtent(now model.Time, s *copySlot, out *model.Effects) {
	s.sentAt = now
	m := out.Send(model.MsgRead, p.peer, p.vm)
	m.Gen, m.Session, m.ID, m.Count = p.gen, p.session, s.id, s.extent
	m.IO = model.IO{ID: s.id, Op: model.OpRead, Sector: uint64(s.extent) * uint64(p.cfg.ExtentSectors), Count: p.cfg.ExtentSectors}
}

func (p *Primary) sendCopy(now model.Time, s *copySlot, out *model.Effects) {
	s.sentAt = now
	m := out.Send(model.MsgCopy, p.peer, p.vm)
	m.Gen, m.Session, m.Count, m.ID = p.gen, p.session, s.extent, s.id
}

func (p *Primary) slot(id uint64) *copySlot {
	for i := range p.resync.slots {
		if s := &p.resync.slots[i]; s.used && s.id == id {
			return s
		}
	}
	return nil
}

// copyDiskDone handles the end of a local operation that belongs to a copy.
func (p *Primary) copyDiskDone(now model.Time, id uint64, failed bool, out *model.Effects) bool {
	s := p.slot(id)
	switch {
	case s == nil:
		return false
	case failed && p.resync.target == remote:
		// The source cannot read the extent. The copy stays stale; the node tries again later.
		p.remoteFailed = true
		p.sayUnfit("the last copy in sync cannot read a block; the other one cannot be completed before the guest writes it anew", out)
	case failed:
		p.localFailed = true
	case p.resync.target == remote:
		s.sent = true
		p.sendCopy(now, s, out)
	default:
		p.copied(now, s, out)
	}
	return true
}

// copyReadDone handles the replica's answer for an extent that the local copy lacks.
func (p *Primary) copyReadDone(now model.Time, m *model.Message, out *model.Effects) bool {
	s := p.slot(m.ID)
	switch {
	case s == nil:
		return false
	case m.Flags.Has(model.FlagError):
		p.localFailed = true
	case !s.writing:
		s.writing = true
		e := out.Add(model.EffectExtentWrite, p.vm)
		e.ID, e.Count, e.Session, e.Seq = s.id, s.extent, p.session, model.Seq(s.id)
	}
	return true
}

// Copied takes the replica's word that it wrote an extent durably.
func (p *Primary) Copied(now model.Time, m *model.Message, out *model.Effects) {
	s := p.slot(m.ID)
	if s == nil || m.Session != p.session {
		return
	}
	if m.Flags.Has(model.FlagError) {
		p.remoteFailed = true
		return
	}
	p.copied(now, s, out)
}

func (p *Primary) copied(now model.Time, s *copySlot, out *model.Effects) {
	p.resync.dirty.Clear(s.extent)
	*s = copySlot{}
	p.settle(now, out)
}
