package mirror

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// DiskDone tells that the local disk operation id finished.
func (p *Primary) DiskDone(now model.Time, id uint64, failed bool, out *model.Effects) {
	if p.copyDiskDone(now, id, failed, out) {
		return
	}
	o := p.ops.find(id)
	if o == nil || o.busy&local == 0 {
		return
	}
	if failed {
		p.localError(now, o, out)
	} else {
		o.busy &^= local
		o.need &^= local
	}
	if o.isWrite() {
		p.touch(o)
	}
	p.finish(o, out)
	p.settle(now, out)
}

// localError decides what a failed local operation means.
func (p *Primary) localError(now model.Time, o *op, out *model.Effects) {
	switch {
	case o.io.Op == model.OpRead && p.remoteState == InSync && !p.hold:
		// one bad sector: the other copy serves it and mends this one
		o.busy, o.need, o.repair, o.stale = 0, 0, true, p.writing(&o.io)
		p.issueRead(now, o, out)
	case p.localState != InSync || p.remoteState == InSync:
		p.localFailed, o.owed = true, true // o waits for the log
		if planted.On(planted.DetachAfterAck) {
			o.busy &^= local
			o.need &^= local
		}
	case o.isWrite() && p.resync.target == remote:
		// The copy on its way may have what this one lacks. It is given up first, so that
		// the log cannot take it in; then o is tried once more.
		p.remoteFailed, o.owed = true, true
	default:
		o.busy, o.need = 0, 0 // the last copy: the guest must know
		p.sayUnfit("the last copy in sync failed an operation, and the guest was told", out)
		p.complete(o, true, out)
	}
}

// sayUnfit says, once, that the last copy fails: what is lost there is nowhere else.
func (p *Primary) sayUnfit(what string, out *model.Effects) {
	if !p.unfit {
		p.unfit = true
		p.sayFault(what, out)
	}
}

func (p *Primary) sayFault(what string, out *model.Effects) {
	notice := out.Notify(model.NoticeDiskFault, p.vm, model.NoNode)
	notice.Gen, notice.Detail = p.gen, what
}

// MirrorAck takes the replica's acknowledgement.
func (p *Primary) MirrorAck(now model.Time, m *model.Message, out *model.Effects) {
	if m.Session != p.session || p.session == 0 {
		return
	}
	if m.Flags.Has(model.FlagError) {
		p.remoteFailed, p.refused = true, !p.connected
		return
	}
	changed := false
	for i := range p.ops.order {
		o := p.ops.at(i)
		if o.busy&remote == 0 {
			continue
		}
		if done := o.id == m.ID || (o.isWrite() && o.seq != 0 && o.seq <= m.Seq); !done {
			continue
		}
		o.busy &^= remote
		o.need &^= remote
		if o.isWrite() {
			p.touch(o)
		}
		p.finish(o, out)
		changed = true
	}
	if changed {
		p.settle(now, out)
	}
}

// ReadDone takes the answer to a read that the replica was asked for.
func (p *Primary) ReadDone(now model.Time, m *model.Message, out *model.Effects) {
	if m.Session != p.session && !planted.On(planted.LateReadTaken) {
		return // late: its number may be one of another life, and mean another request
	}
	if p.copyReadDone(now, m, out) {
		return
	}
	o := p.ops.find(m.ID)
	if o == nil || o.io.Op != model.OpRead || o.busy&remote == 0 {
		return
	}
	o.busy, o.need = 0, 0
	if m.Flags.Has(model.FlagError) {
		p.complete(o, true, out)
	} else {
		p.complete(o, false, out)
		p.mend(now, o, out)
	}
	p.settle(now, out)
}

// mend rewrites the sectors that the local copy could not read with the answer of the other copy.
func (p *Primary) mend(now model.Time, o *op, out *model.Effects) {
	if !o.repair || o.stale || p.localState != InSync || p.localFailed {
		return
	}
	o.kind, o.phase, o.busy, o.need, o.started = opRepair, phaseIssued, local, local, now
	o.io.Op = model.OpWrite
	e := out.Add(model.EffectDisk, p.vm)
	e.ID, e.IO, e.Session, e.Flags = o.id, o.io, p.session, model.FlagRemote
}

// writing reports whether a write to sectors of io is under way.
func (p *Primary) writing(io *model.IO) bool {
	for i := range p.ops.order {
		if e := p.ops.at(i); e.isWrite() && e.overlaps(io) {
			return true
		}
	}
	return false
}

// finish gives the answer once no needed copy is left.
func (p *Primary) finish(o *op, out *model.Effects) {
	if o.phase == phaseIssued && o.need == 0 {
		p.complete(o, false, out)
	}
}

// complete answers the guest, or takes the next step of one of the mirror's own operations.
func (p *Primary) complete(o *op, failed bool, out *model.Effects) {
	o.phase = phaseDone
	switch o.kind {
	case opGuest:
		e := out.Add(model.EffectComplete, p.vm)
		e.IO = o.io
		e.ID = o.id
		if failed {
			e.Flags |= model.FlagError
		}
	case opJoin:
		p.joined(o, failed)
	case opStable:
		p.forget(o, failed, out)
	}
}

// settle moves on everything that a change may have set free.
func (p *Primary) settle(now model.Time, out *model.Effects) {
	p.ops.sweep()
	for i := 0; i < len(p.ops.order); i++ {
		o := p.ops.at(i)
		if o.phase == phaseBlocked || o.phase == phaseStuck {
			p.admit(now, o, i, out)
		}
		p.finish(o, out)
	}
	p.ops.sweep()
	p.pump(now, out)
}

// Wake does what is due: send again what was not acknowledged, and give up copies that did not answer.
func (p *Primary) Wake(now model.Time, out *model.Effects) {
	if now < p.wakeAt {
		return
	}
	p.wakeAt = model.Never
	for i := range p.ops.order {
		p.wakeOp(now, p.ops.at(i), out)
	}
	p.wakeResync(now, out)
	p.settle(now, out)
}

func (p *Primary) wakeOp(now model.Time, o *op, out *model.Effects) {
	deadline := o.started.Add(p.cfg.IOTimeout)
	switch {
	case o.phase == phaseIntent || o.busy&local != 0:
		if now >= deadline && !p.localFailed {
			p.localFailed = p.localState != InSync || p.remoteState == InSync
			if !p.localFailed && o.phase == phaseIntent {
				// the last copy: without the record the guest would wait for ever
				o.started, deadline = now, now.Add(p.cfg.IOTimeout)
				p.record(o, out)
			}
		}
		p.wakeAfter(now, deadline)
	}
	if o.busy&remote == 0 || p.remoteFailed {
		return
	}
	if now >= deadline && o.kind != opStable {
		p.remoteFailed = true
		if planted.On(planted.WriteTimesOut) {
			o.need &^= remote
		}
		return
	}
	if now >= o.sentAt.Add(p.cfg.Resend) {
		switch o.io.Op {
		case model.OpWrite:
			p.sendWrite(now, o, out)
		case model.OpRead:
			p.sendRead(now, o, out)
		default:
			p.sendFlush(now, o, out)
		}
	}
	p.wakeAfter(now, o.sentAt.Add(p.cfg.Resend))
	p.wakeAfter(now, deadline)
}

// wakeAfter makes sure that Wake is called at t if t is still to come.
func (p *Primary) wakeAfter(now, t model.Time) {
	if t > now {
		p.wakeBy(t)
	}
}
