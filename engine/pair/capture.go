package pair

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// WantsCapture reports whether the running epoch should end now. A capture that a given-up pair
// began has to end first: a hypervisor takes one at a time.
func (p *Primary) WantsCapture(now model.Time) bool {
	return p.checkpoints && now >= p.captureAt && p.capturing == 0 && p.sent.Kind == 0 && !p.final && !p.failed
}

// staging reports that the checkpoint in sent is not staged yet.
func (p *Primary) staging() bool { return p.sent.Kind != 0 && p.capturing == p.sent.Epoch }

// HandOver ends the running epoch as soon as possible and leaves the guest suspended, so that
// the secondary can take over without losing anything.
func (p *Primary) HandOver(now model.Time) {
	if p.checkpoints && p.state == Holding && !p.final {
		p.captureAt = min(p.captureAt, now)
	}
}

// Capture ends the running epoch. last is the newest disk write of the epoch, durable whether
// the guest asked for durability in it, final whether the guest is to stay suspended.
func (p *Primary) Capture(now model.Time, gen model.Gen, last model.Seq, durable, final bool, out *model.Effects) {
	full := p.state == Baseline
	e := out.Add(model.EffectCapture, p.vm)
	e.Gen, e.Epoch = gen, p.epoch
	m := &p.sent
	*m = model.Message{Kind: model.MsgCheckpoint, To: p.peer, VM: p.vm, Gen: gen, Epoch: p.epoch, Session: p.session, Seq: last}
	if full {
		e.Flags |= model.FlagFull
		m.Flags |= model.FlagFull
	}
	if final {
		e.Flags |= model.FlagFinal
		m.Flags |= model.FlagFinal
		p.final = true
	}
	if durable {
		m.Flags |= model.FlagDurable
	}
	p.capturing, p.lostAt = p.epoch, now.Add(capturePatience*p.timing.AckTimeout)
	p.captureAt, p.waiting = model.Never, false
	p.epoch++
}

// Captured tells that the checkpoint of epoch is staged with the given number of pages: it goes out.
func (p *Primary) Captured(now model.Time, epoch model.Epoch, pages uint32, out *model.Effects) {
	staged := p.staging()
	if epoch == p.capturing {
		p.capturing = 0
	}
	if !staged || epoch != p.sent.Epoch {
		return // of a pair that was given up meanwhile
	}
	p.sent.Count = pages
	p.adapt(now, pages)
	p.sentAt, p.interval = now, max(p.timing.Resend, 2*p.usual)
	p.transmit(now, out)
	if planted.On(planted.ReleaseOnSend) && p.state == Holding {
		out.Add(model.EffectRelease, p.vm).Epoch = epoch
	}
}

func (p *Primary) transmit(now model.Time, out *model.Effects) {
	*out.Send(p.sent.Kind, p.sent.To, p.vm) = p.sent
	p.resendAt = now.Add(p.interval)
	if p.usual == 0 {
		p.interval *= 2
	}
}

// Output tells that output waits in the plug. For a barrier pair it starts a round; with
// checkpoints it makes the running epoch a short one.
func (p *Primary) Output(now model.Time, gen model.Gen, out *model.Effects) {
	if p.state != Holding {
		return
	}
	p.waiting = true
	if p.checkpoints {
		p.schedule(now)
	}
	p.barrier(now, gen, out)
}

// schedule decides when the running epoch ends, if a checkpoint could be sent then.
func (p *Primary) schedule(now model.Time) {
	if p.sent.Kind != 0 || p.final || p.failed || p.session == 0 {
		return // Ack comes back to it, or nobody is there
	}
	length := p.timing.Epoch
	if !p.waiting {
		length = max(length, min(p.timing.EpochMax, p.longest))
	}
	p.captureAt = max(now, p.beganAt.Add(length))
}

// adapt learns from the pages of the epoch that ended how long one may be.
func (p *Primary) adapt(now model.Time, pages uint32) {
	took := now.Sub(p.beganAt)
	p.beganAt, p.longest = now, p.timing.EpochMax
	if p.timing.DirtyPages > 0 && pages > 0 && took > 0 && !p.sent.Flags.Has(model.FlagFull) {
		p.longest = min(p.longest, took/time.Duration(pages)*time.Duration(p.timing.DirtyPages))
	}
}
