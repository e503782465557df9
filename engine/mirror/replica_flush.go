package mirror

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// flush is a primary's flush that waits or was answered a short while ago.
type flush struct {
	id     uint64 // the primary's; 0: empty
	seq    model.Seq
	diskID uint64 // 0: waits for earlier writes
	done   bool
}

// Flush takes the primary's flush: everything up to its Seq is to be durable.
func (r *Replica) Flush(m *model.Message, out *model.Effects) {
	if m.Session != r.session {
		return
	}
	for i := range r.flushes {
		if f := &r.flushes[i]; f.id == m.ID {
			if f.done || r.failed {
				r.ack(f.id, out)
			}
			return
		}
	}
	f := &r.flushes[0]
	for i := range r.flushes {
		c := &r.flushes[i]
		if c.id == 0 || (c.done && (!f.done || c.id < f.id)) {
			f = c
		}
		if c.id == 0 {
			break
		}
	}
	if f.id != 0 && !f.done {
		return // all at work: it will come again
	}
	*f = flush{id: m.ID, seq: m.Seq}
	r.pumpFlushes(out)
}

func (r *Replica) pumpFlushes(out *model.Effects) {
	for i := range r.flushes {
		f := &r.flushes[i]
		if f.id == 0 || f.done || f.diskID != 0 || (r.done < f.seq || !r.onDisk(f.seq)) && !planted.On(planted.FlushEarly) {
			continue
		}
		f.diskID = r.newID()
		e := out.Add(model.EffectDisk, r.vm)
		e.ID, e.IO.Op = f.diskID, model.OpFlush
	}
}

// onDisk reports whether no write up to seq is still held.
func (r *Replica) onDisk(seq model.Seq) bool { return r.heldFrom == 0 || seq < r.heldFrom }

func (r *Replica) flushed(id uint64, failed bool, out *model.Effects) bool {
	for i := range r.flushes {
		f := &r.flushes[i]
		if f.diskID != id || id == 0 || f.done {
			continue
		}
		if failed {
			r.fail(out)
			return true
		}
		f.done = true
		r.ack(f.id, out)
		return true
	}
	return false
}
