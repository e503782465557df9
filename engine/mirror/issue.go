package mirror

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// writeSides returns the copies that a write to the extents of io goes to, and those that must finish first.
func (p *Primary) writeSides(io *model.IO) (to, need side) {
	add := func(s side, state CopyState) {
		switch {
		case state == InSync || state == Joined:
			to |= s
			need |= s
		case state == Copying && p.resync.clean(io.Extents(p.cfg.ExtentSectors)):
			to |= s
		}
	}
	add(local, p.localState)
	add(remote, p.remoteState)
	if p.hold && len(p.ops.order) < maxUnacknowledged || planted.On(planted.AckLocal) && need&local != 0 {
		need &^= remote
	}
	return to, need
}

func (p *Primary) issueWrite(now model.Time, o *op, out *model.Effects) {
	o.busy, o.need = p.writeSides(&o.io)
	o.phase, o.started = phaseIssued, now
	p.touch(o)
	if o.io.FUA && p.hold {
		p.durable = true
	}
	p.askLocal(o, out)
	if o.busy&remote != 0 {
		p.lastSeq++
		o.seq, o.epoch, o.hold = p.lastSeq, p.epoch, p.hold
		if !p.remoteFailed {
			p.sendWrite(now, o, out)
		}
	}
	p.wakeBy(now.Add(p.cfg.Resend))
}

// askLocal gives o to the local copy, if it is to do it.
func (p *Primary) askLocal(o *op, out *model.Effects) {
	switch {
	case o.busy&local == 0:
	case p.localFailed:
		o.owed = true
	default:
		e := out.Add(model.EffectDisk, p.vm)
		e.ID, e.IO = o.id, o.io
	}
}

func (p *Primary) sendWrite(now model.Time, o *op, out *model.Effects) {
	o.sentAt = now
	m := out.Send(model.MsgWrite, p.peer, p.vm)
	m.Gen, m.Session, m.Seq, m.IO, m.Epoch, m.ID = p.gen, p.session, o.seq, o.io, o.epoch, o.id
	if o.hold {
		m.Flags |= model.FlagHold
	}
}

// touch remembers that the extents of o changed after the present stamp.
func (p *Primary) touch(o *op) {
	first, last := o.io.Extents(p.cfg.ExtentSectors)
	for x := first; x <= last; x++ {
		p.stamps[x] = p.stamp
		p.marked.Set(x)
	}
}

func (p *Primary) issueFlush(now model.Time, o *op, out *model.Effects) {
	o.phase, o.started = phaseIssued, now
	sides := func(s side, state CopyState) {
		if state == InSync || state == Joined {
			o.busy |= s
		}
	}
	sides(local, p.localState)
	sides(remote, p.remoteState)
	if p.hold && o.kind == opGuest {
		p.durable = true // the checkpoint carries it
		o.busy &^= remote
	}
	if planted.On(planted.FlushLocalOnly) && o.kind == opGuest {
		o.busy &^= remote
	}
	o.need = o.busy
	p.askLocal(o, out)
	if o.busy&remote != 0 {
		o.seq = p.lastSeq
		if !p.remoteFailed {
			p.sendFlush(now, o, out)
		}
	}
	p.wakeBy(now.Add(p.cfg.Resend))
}

func (p *Primary) sendFlush(now model.Time, o *op, out *model.Effects) {
	o.sentAt = now
	m := out.Send(model.MsgFlush, p.peer, p.vm)
	m.Gen, m.Session, m.Seq, m.ID = p.gen, p.session, o.seq, o.id
}

func (p *Primary) issueRead(now model.Time, o *op, out *model.Effects) {
	o.started = now
	remoteReads := p.remoteState == InSync && !p.hold // a holding replica lags behind
	switch {
	case p.localState == InSync && !p.localFailed && !o.repair:
		o.phase, o.busy, o.need = phaseIssued, local, local
		p.askLocal(o, out)
	case remoteReads && !p.remoteFailed:
		o.phase, o.busy, o.need = phaseIssued, remote, remote
		p.sendRead(now, o, out)
	default:
		o.phase, o.busy, o.need = phaseStuck, 0, 0
	}
	p.wakeBy(now.Add(p.cfg.Resend))
}

func (p *Primary) sendRead(now model.Time, o *op, out *model.Effects) {
	o.sentAt = now
	m := out.Send(model.MsgRead, p.peer, p.vm)
	m.Gen, m.Session, m.ID, m.IO = p.gen, p.session, o.id, o.io
}
