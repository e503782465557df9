package mirror

import "holdfast/engine/model"

// answer is a read or an extent copy under way.
type answer struct {
	used   bool
	copy   bool
	diskID uint64
	id     uint64
	extent uint32
}

// Read serves the primary from this copy.
func (r *Replica) Read(m *model.Message, out *model.Effects) {
	a := r.answer(m, false)
	if a == nil || m.Session != r.session {
		return
	}
	a.diskID = r.newID()
	e := out.Add(model.EffectDiskRead, r.vm)
	e.ID, e.Node, e.IO, e.Session, e.Seq = a.diskID, m.From, m.IO, m.Session, model.Seq(m.ID)
}

// Copy writes an extent that this copy lacks. A repetition of one that is on the disk
// already is only answered: the guest may have written to the extent since.
func (r *Replica) Copy(m *model.Message, out *model.Effects) {
	if m.Session != r.session || int(m.Count) >= len(r.copied) {
		return
	}
	if m.ID <= r.copied[m.Count] {
		c := out.Send(model.MsgCopied, r.primary, r.vm)
		c.Session, c.ID, c.Count = r.session, m.ID, m.Count
		return
	}
	a := r.answer(m, true)
	if a == nil {
		return
	}
	a.diskID = r.newID()
	e := out.Add(model.EffectExtentWrite, r.vm)
	e.ID, e.Count, e.Session, e.Seq = a.diskID, m.Count, m.Session, model.Seq(m.ID)
}

// answer returns a free place for the request m, or nil if it is under way already.
func (r *Replica) answer(m *model.Message, copy bool) *answer {
	var free *answer
	for i := range r.answers {
		a := &r.answers[i]
		if a.used && a.id == m.ID {
			return nil
		}
		if !a.used && free == nil {
			free = a
		}
	}
	if free != nil && m.Session == r.session {
		*free = answer{used: true, copy: copy, id: m.ID, extent: m.Count}
	}
	return free
}

func (r *Replica) answered(id uint64, failed bool, out *model.Effects) bool {
	for i := range r.answers {
		a := &r.answers[i]
		if !a.used || a.diskID != id {
			continue
		}
		kind := model.MsgReadDone
		if a.copy {
			kind = model.MsgCopied
		}
		m := out.Send(kind, r.primary, r.vm)
		m.Session, m.ID, m.Count = r.session, a.id, a.extent
		switch {
		case failed:
			m.Flags |= model.FlagError
			r.failed = r.failed || a.copy
		case a.copy:
			r.copied[a.extent] = a.id
		}
		a.used = false
		return true
	}
	return false
}
