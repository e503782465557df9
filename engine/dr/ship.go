package dr

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// pump reads what lacks, sends what is ready, and announces a point.
func (s *Source) pump(now model.Time, out *model.Effects) {
	if !s.running() {
		return
	}
	s.read(now, out)
	s.send(now, out)
	s.cut(now, out)
	s.announce(now, out)
}

// read begins to read extents that lack, as many as the throttle allows.
func (s *Source) read(now model.Time, out *model.Effects) {
	if s.lacks > 0 && now < s.retryAt {
		s.wakeBy(s.retryAt)
		return
	}
	for !s.blind && s.lacks > 0 && s.reading < s.cfg.CopyDepth && s.queue.n < s.cfg.Window && !s.queue.full() {
		x, _ := s.lacking.Next(0)
		s.lacking.Clear(x)
		s.lacks--
		s.reading++
		s.last++
		e := s.queue.add()
		e.seq, e.id, e.extent, e.whole = s.last, s.newID(), x, true
		s.stamps[x] = s.last
		r := out.Add(model.EffectShipRead, s.vm)
		r.ID, r.Count = e.id, x
	}
}

// DiskDone tells that the disk operation id finished; it returns false if that is not one of this source.
func (s *Source) DiskDone(now model.Time, id uint64, failed bool, out *model.Effects) bool {
	if id&^(1<<40-1) != s.token {
		return false
	}
	for i := range s.queue.n {
		e := s.queue.at(i)
		if e.id != id || !e.whole || e.ready {
			continue
		}
		if failed {
			s.giveUp(e.seq-1, out) // nothing after it was sent
			s.retryAt = now.Add(4 * s.cfg.Resend)
			out.Notify(model.NoticeDiskFault, s.vm, model.NoNode).Gen = s.gen
		} else {
			e.ready = true
			s.reading--
			s.openFloor()
			s.commit()
		}
		s.pump(now, out)
		return true
	}
	out.Add(model.EffectShipDrop, s.vm).ID = id // it was given up meanwhile
	return true
}

// Reopened tells that the local copy is opened anew, which ends the reads under way: they are begun again later.
func (s *Source) Reopened(now model.Time, out *model.Effects) {
	if planted.On(planted.ReadsAbandoned) {
		return
	}
	for i := range s.queue.n {
		if e := s.queue.at(i); e.whole && !e.ready {
			s.giveUp(e.seq-1, out) // nothing after it was sent
			s.retryAt = now.Add(4 * s.cfg.Resend)
			s.wakeBy(s.retryAt)
			return
		}
	}
}

// send sends the entries that are ready, in their order, as far as the window allows.
func (s *Source) send(now model.Time, out *model.Effects) {
	for s.sent < s.last && int(s.sent-s.received) < s.cfg.Window {
		e := s.queue.at(int(s.sent - s.received))
		if !e.ready {
			return
		}
		s.sent++
		s.sendEntry(now, e, out)
	}
}

func (s *Source) sendEntry(now model.Time, e *entry, out *model.Effects) {
	kind := model.MsgShipWrite
	if e.whole {
		kind = model.MsgShipExtent
	}
	m := out.Send(kind, s.target, s.vm)
	m.Gen, m.Session, m.Seq, m.ID, m.IO, m.Count = s.gen, s.stream, e.seq, e.id, e.io, e.extent
	e.sentAt = now
	if e.sends < 2 {
		e.sends++
	}
	s.wakeBy(now.Add(s.rto))
}

// Ack takes the target's word on what it has.
func (s *Source) Ack(now model.Time, m *model.Message, out *model.Effects) {
	if s.foreign(m) || !s.running() || m.Seq > s.sent {
		return
	}
	if m.ID != s.life || m.Flags.Has(model.FlagError) {
		s.Close(out) // what was not durable is gone
		return
	}
	progress, once := s.received < m.Seq, true
	for s.received < m.Seq {
		e := s.queue.at(0)
		once = once && e.sends == 1
		if m.Seq == e.seq && once { // it did not wait for one that was lost
			s.rtt = now.Sub(e.sentAt)
		}
		out.Add(model.EffectShipDrop, s.vm).ID = e.id
		s.received = e.seq
		s.queue.dropOldest()
		s.rto = max(s.cfg.Resend, 2*s.rtt)
	}
	if s.pointOut && m.Epoch >= s.point {
		s.durable(out)
	}
	switch {
	case progress:
		s.idle = 0
		s.resend(now, resendBurst, out)
	case s.sent > s.received:
		s.missing(now, out)
	}
	s.pump(now, out)
}

// resendBurst is the number of late entries that are sent again at once when the target has taken one: the link
// works again. Before that only the oldest is repeated, so that a link that is merely slow does not fill with copies.
const resendBurst = 32

// missing counts acknowledgements without progress: later entries arrive, and the oldest one does not. It is
// repeated before its time, as TCP does (RFC 5681, fast retransmit).
func (s *Source) missing(now model.Time, out *model.Effects) {
	if s.idle++; s.idle < idleAcks {
		return
	}
	s.idle = 0
	if e := s.queue.at(0); now >= e.sentAt.Add(s.rtt) {
		s.sendEntry(now, e, out)
	}
}

// idleAcks is the number of acknowledgements without progress that mean a loss rather than a different order.
const idleAcks = 3

// resend sends those of the oldest n entries again that are late, and reports whether there was one.
func (s *Source) resend(now model.Time, n int, out *model.Effects) (late bool) {
	for i := 0; i < int(s.sent-s.received) && i < n; i++ {
		e := s.queue.at(i)
		if due := e.sentAt.Add(s.rto); now < due {
			s.wakeBy(due)
			continue
		}
		late = true
		s.sendEntry(now, e, out)
	}
	return late
}

// Wake sends again what was not answered and does what is due.
func (s *Source) Wake(now model.Time, out *model.Effects) {
	if now < s.wakeAt {
		return
	}
	s.wakeAt = model.Never
	if s.state == Opening {
		if now >= s.openAt {
			s.sendOpen(now, out)
		}
		s.wakeBy(s.openAt)
		return
	}
	if !s.running() {
		return
	}
	late := s.resend(now, 1, out)
	if s.pointOut && s.pointTold {
		if due := s.pointSent.Add(s.rto); now < due {
			s.wakeBy(due)
		} else {
			late = true
			s.sendPoint(now, out)
		}
	}
	if late {
		s.backOff()
	}
	s.pump(now, out)
}
