package dr

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// maxEnds bounds the epochs that wait for their acknowledgement; the pair has one at a time.
const maxEnds = 4

// Boundary tells that the guest of level ft was captured at the end of an epoch. From now on points wait for
// acknowledged epochs.
func (s *Source) Boundary(epoch model.Epoch) {
	if planted.On(planted.PointUncommitted) {
		return
	}
	s.holds = true
	if len(s.ends) == maxEnds {
		s.ends = append(s.ends[:0], s.ends[1:]...)
	}
	s.ends = append(s.ends, boundary{epoch: epoch, seq: s.last, floors: s.floors, lack: model.Never})
}

// Acknowledged tells that the secondary holds the checkpoint epoch, with every write completed before it.
func (s *Source) Acknowledged(now model.Time, epoch model.Epoch, out *model.Effects) {
	for i := len(s.ends) - 1; i >= 0; i-- {
		b := s.ends[i]
		if b.epoch > epoch {
			continue
		}
		s.ends = append(s.ends[:0], s.ends[i+1:]...)
		s.committed, s.lackAfter = max(s.committed, b.seq), b.lack
		s.floorsDone = max(s.floorsDone, b.floors)
		s.pump(now, out)
		return
	}
}

// Hold makes points wait for epochs: from the moment when a secondary may take over.
func (s *Source) Hold() { s.holds = s.holds || !planted.On(planted.PointUncommitted) }

// Exposed tells that this host holds the only copy by the log's word: whatever is completed may be in a point.
func (s *Source) Exposed(now model.Time, out *model.Effects) {
	s.holds, s.ends, s.lackAfter = false, s.ends[:0], model.Never
	s.commit()
	s.pump(now, out)
}

// commit lets points have everything, unless they wait for epochs.
func (s *Source) commit() {
	if !s.holds {
		s.committed, s.floorsDone = s.last, s.floors
	}
}

// openFloor notes that what is under way now may have been seen by a read of an extent.
func (s *Source) openFloor() {
	s.floorOpen, s.floor = true, s.token|s.ids
	s.closeFloor()
}

// closeFloor closes the floor once nothing below it is under way.
func (s *Source) closeFloor() {
	if !s.floorOpen || s.reading > 0 || s.lacks > 0 {
		return
	}
	for i := range s.writes {
		if s.writes[i].id <= s.floor {
			return
		}
	}
	s.floorOpen = false
	s.floors++
	s.commit()
}

// cut makes a new point if there is one.
func (s *Source) cut(now model.Time, out *model.Effects) {
	if s.pointOut || s.lacks > 0 || s.reading > 0 || s.floorOpen || s.floorsDone < s.floors || s.committed <= s.sealedSeq {
		return
	}
	if now < s.cutAt {
		s.wakeBy(s.cutAt)
		return
	}
	s.point++
	s.pointOut, s.pointTold, s.pointSeq, s.pointLack = true, false, s.committed, s.lackAfter
	s.cutAt = now.Add(s.cfg.PointEvery)
}

// announce tells the target of the point once everything in it was sent.
func (s *Source) announce(now model.Time, out *model.Effects) {
	if s.pointOut && !s.pointTold && s.sent >= s.pointSeq {
		s.pointTold = true
		s.sendPoint(now, out)
	}
}

func (s *Source) sendPoint(now model.Time, out *model.Effects) {
	s.pointSent = now
	m := out.Send(model.MsgShipPoint, s.target, s.vm)
	m.Gen, m.Session, m.Epoch, m.Seq = s.gen, s.stream, s.point, s.pointSeq
	s.wakeBy(now.Add(s.rto))
}

// durable takes the target's word that the announced point is durable.
func (s *Source) durable(out *model.Effects) {
	s.pointOut, s.sealed, s.sealedSeq, s.lackSince = false, s.point, s.pointSeq, s.pointLack
	if s.lacks == 0 && s.reading == 0 {
		s.state, s.overflow = Shipping, false
	}
	done := model.NewBitmap(s.cfg.Extents)
	n := 0
	for x, ok := s.unsealed.Next(0); ok; x, ok = s.unsealed.Next(x + 1) {
		if s.stamps[x] <= s.sealedSeq && !s.lacking.Has(x) && !s.writing(x) {
			s.unsealed.Clear(x)
			done.Set(x)
			n++
		}
	}
	for x, ok := s.linger.Next(0); ok; x, ok = s.linger.Next(x + 1) {
		if !s.unsealed.Has(x) {
			s.linger.Clear(x)
			done.Set(x)
			n++
		}
	}
	if n > 0 {
		out.Add(model.EffectChanged, s.vm).Data = done.Bytes()
	}
}

// writing reports whether a write to extent x is under way.
func (s *Source) writing(x uint32) bool {
	for i := range s.writes {
		if w := &s.writes[i]; w.first <= x && x <= w.last {
			return true
		}
	}
	return false
}

// Recorded tells that the mirror has moved extents into the change record.
func (s *Source) Recorded(extents model.Bitmap) { s.linger.Union(extents) }

// Finish tells that the VM has ended here: every completed write is to be in the last point.
func (s *Source) Finish(now model.Time, out *model.Effects) {
	for i := range s.writes {
		s.forget(&s.writes[i], out)
	}
	s.writes = s.writes[:0]
	s.closeFloor()
	s.cutAt = now
	s.Exposed(now, out)
}
