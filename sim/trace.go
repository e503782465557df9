package sim

import "holdfast/engine/model"

// trace is the running digest of a world.
type trace struct{ sum uint64 }

func (t *trace) mix(v uint64) {
	t.sum ^= v
	t.sum *= 0x9e3779b97f4a7c15
	t.sum ^= t.sum >> 29
}

func (t *trace) event(now model.Time, e *event) {
	t.mix(uint64(now))
	t.mix(uint64(e.kind) | uint64(e.node)<<8 | uint64(e.vm)<<16 | uint64(e.client)<<32)
	t.mix(e.id)
	switch e.kind {
	case evMessage:
		m := &e.msg
		t.mix(uint64(m.Kind) | uint64(m.From)<<8 | uint64(e.link)<<16 | uint64(m.Flags)<<24)
		t.mix(uint64(m.Gen) ^ uint64(m.Epoch)<<20 ^ uint64(m.Seq)<<40)
	case evToClient, evToGuest:
		p := &e.pkt
		t.mix(uint64(p.Kind) | uint64(p.Op)<<8 | uint64(p.Status)<<16 | uint64(p.Number)<<32)
		t.mix(uint64(p.Value))
	}
}

func (t *trace) effect(node model.NodeID, e *model.Effect) {
	t.mix(uint64(e.Kind) | uint64(node)<<8 | uint64(e.VM)<<16 | uint64(e.Flags)<<32)
	t.mix(uint64(e.Gen) ^ uint64(e.Epoch)<<20 ^ e.ID<<1)
}
