package pair

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Secondary is the secondary's side for one VM. The zero value holds nothing.
type Secondary struct {
	vm      model.VMID
	session uint64

	newest  model.Epoch   // newest sealed and acknowledged checkpoint; 0: none
	arrived model.Message // a checkpoint that came whole and is not sealed; Kind 0: none
	sealing bool
	final   bool        // the newest checkpoint is a hand-over
	landed  model.Epoch // newest checkpoint whose disk writes are on the disk

	renounced model.Gen // acknowledges nothing up to this generation
}

// NewSecondary returns the secondary's side of a VM. It holds nothing.
func NewSecondary(vm model.VMID) *Secondary { return &Secondary{vm: vm} }

// Session returns the session that the secondary follows, or 0.
func (s *Secondary) Session() uint64 { return s.session }

// Reset forgets everything and follows a new session, or none (0). What was
// renounced stays renounced.
func (s *Secondary) Reset(session uint64, out *model.Effects) {
	if s.newest != 0 || s.arrived.Kind != 0 || s.session != 0 {
		out.Add(model.EffectDiscard, s.vm)
	}
	*s = Secondary{vm: s.vm, session: session, renounced: s.renounced}
}

// Holds returns the newest acknowledged checkpoint, or 0.
func (s *Secondary) Holds() model.Epoch { return s.newest }

// HandedOver reports that the newest checkpoint came with the request to take over.
func (s *Secondary) HandedOver() bool { return s.final && s.newest != 0 }

// Landed reports that the disk has what belongs to it by the newest checkpoint, so that the VM can go on from there.
func (s *Secondary) Landed() bool { return s.landed == s.newest }

// Applied tells that the disk writes of the checkpoint epoch are on the disk.
func (s *Secondary) Applied(epoch model.Epoch) { s.landed = max(s.landed, epoch) }

// Renounce makes the secondary acknowledge nothing more of generations up to gen (R3). It
// must be called before a promotion out of gen is proposed.
func (s *Secondary) Renounce(gen model.Gen) {
	if !planted.On(planted.RenounceForgotten) {
		s.renounced = max(s.renounced, gen)
	}
}

// Renounced reports whether acknowledgements of gen have been renounced.
func (s *Secondary) Renounced(gen model.Gen) bool { return gen <= s.renounced }

// Checkpoint takes a checkpoint that arrived whole. ready is the newest disk write that
// is held with all before it; sealing waits for the epoch's last.
func (s *Secondary) Checkpoint(m *model.Message, ready model.Seq, out *model.Effects) {
	switch {
	case m.Session != s.session || s.Renounced(m.Gen):
		s.refuse(m, out)
	case m.Epoch <= s.newest:
		s.ack(m, out) // the acknowledgement was lost
	case s.arrived.Kind != 0:
		// the same one again while it is being sealed
	case !m.Flags.Has(model.FlagFull) && m.Epoch != s.newest+1:
		s.refuse(m, out) // a delta to something that is not held
	default:
		s.arrived = *m
		if planted.On(planted.AckUnsealed) {
			s.ack(m, out)
		}
		s.Poll(ready, out)
	}
}

// Poll seals the checkpoint that waits for disk writes once they are held.
func (s *Secondary) Poll(ready model.Seq, out *model.Effects) {
	m := &s.arrived
	if m.Kind == 0 || s.sealing || s.Renounced(m.Gen) {
		return
	}
	if ready < m.Seq && !planted.On(planted.PromoteUnsealed) {
		return
	}
	s.sealing = true
	e := out.Add(model.EffectSeal, s.vm)
	e.Gen, e.Epoch, e.Seq, e.Session = m.Gen, m.Epoch, m.Seq, m.Session
	e.Flags = m.Flags & model.FlagDurable
}

// Waiting returns the last disk write that the arrived checkpoint needs, or 0.
func (s *Secondary) Waiting() model.Seq {
	if s.arrived.Kind == 0 || s.sealing {
		return 0
	}
	return s.arrived.Seq
}

// Sealed tells that the checkpoint of epoch is one unit with its disk writes, and acknowledges it.
// applied is the last disk write that goes to the disk with it, or 0 if the checkpoint came too
// late to count.
func (s *Secondary) Sealed(epoch model.Epoch, out *model.Effects) (applied model.Seq) {
	m := s.arrived
	if !s.sealing || m.Epoch != epoch {
		return 0
	}
	s.sealing = false
	s.arrived = model.Message{}
	if s.Renounced(m.Gen) {
		return 0 // promotion uses what was acknowledged before
	}
	s.newest = epoch
	s.final = m.Flags.Has(model.FlagFinal)
	s.ack(&m, out)
	e := out.Add(model.EffectApply, s.vm)
	e.Gen, e.Epoch, e.Seq, e.Session = m.Gen, epoch, m.Seq, m.Session
	return m.Seq
}

// Barrier answers a barrier: the partner has not taken over.
func (s *Secondary) Barrier(m *model.Message, out *model.Effects) {
	if m.Session != s.session || s.Renounced(m.Gen) {
		s.refuse(m, out)
		return
	}
	s.ack(m, out)
}

func (s *Secondary) ack(m *model.Message, out *model.Effects) {
	a := out.Send(model.MsgAck, m.From, s.vm)
	a.Gen, a.Epoch, a.Session = m.Gen, m.Epoch, m.Session
}

func (s *Secondary) refuse(m *model.Message, out *model.Effects) {
	r := out.Send(model.MsgRefuse, m.From, s.vm)
	r.Gen, r.Epoch, r.Session = max(m.Gen, s.renounced), m.Epoch, m.Session
}
