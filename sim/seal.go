package sim

import (
	"slices"
	"time"

	"holdfast/engine/model"
)

// heldWrite is a disk write that waits for its epoch.
type heldWrite struct {
	seq    model.Seq
	epoch  model.Epoch
	sector uint64
	att    *attachment
}

// seal makes the arrived checkpoint and its writes one unit.
func (p *place) seal(e *model.Effect) {
	d := 40 * time.Microsecond
	if e.Flags.Has(model.FlagDurable) {
		d = flushTime
	}
	for i := range p.inbound {
		if in := &p.inbound[i]; in.att != nil && in.session == e.Session && in.epoch == e.Epoch {
			p.w.drop(p.arrived)
			p.arrived, p.asEpoch = in.att.share(), e.Epoch
		}
	}
	p.w.monitor.sealing(p, e.Session, e.Epoch, e.Seq)
	ev := p.w.after(d, classDevice, p.m.id, evSealed)
	ev.vm, ev.life, ev.gen, ev.epoch, ev.flags, ev.id = p.vm.id, p.m.life, model.Gen(e.Seq), e.Epoch, e.Flags, e.Session
}

func (p *place) sealDone(session uint64, last model.Gen, epoch model.Epoch, flags model.Flags) {
	if !p.m.powered || p.asEpoch != epoch {
		return
	}
	durable := flags.Has(model.FlagDurable)
	if p.health.Hang && (durable || len(p.landing) > 0) { // it is waited for
		ev := p.w.after(10*time.Millisecond, classDevice, p.m.id, evSealed)
		ev.vm, ev.life, ev.gen, ev.epoch, ev.flags, ev.id = p.vm.id, p.m.life, last, epoch, flags, session
		return
	}
	if !p.land() || durable && !p.health.Flush() {
		p.m.tell(&model.Event{Kind: model.EventSealed, VM: p.vm.id, Epoch: epoch, ID: session, Flags: model.FlagError})
		return
	}
	if durable {
		p.flush() // what was applied of earlier epochs
		for i := range p.held {
			if h := &p.held[i]; h.seq <= model.Seq(last) {
				p.journal = append(p.journal, heldWrite{seq: h.seq, epoch: h.epoch, sector: h.sector, att: h.att.share()})
			}
		}
	}
	p.sealed = epoch
	life := p.m.life
	p.w.stage(StageSealed, p)
	if p.m.life != life || p.m.node == nil {
		return
	}
	p.m.tell(&model.Event{Kind: model.EventSealed, VM: p.vm.id, Epoch: epoch, ID: session})
}

// apply merges the sealed checkpoint into the image and its writes into the disk.
func (p *place) apply(e *model.Effect) {
	if p.arrived == nil || p.asEpoch != e.Epoch {
		p.w.violation("R3", p.vm.id, p.m.name+" applies a checkpoint that it does not hold")
		return
	}
	if err := p.image.Apply(&p.arrived.ck); err != nil {
		p.w.violation("R3", p.vm.id, p.m.name+" applies a checkpoint that does not fit: "+err.Error())
	}
	p.imageAt = e.Epoch
	p.w.drop(p.arrived)
	p.arrived = nil
	kept := p.held[:0]
	for _, h := range p.held {
		if h.seq > e.Seq {
			kept = append(kept, h)
		} else {
			p.landing = append(p.landing, h)
		}
	}
	p.held = kept
	ev := p.w.add(p.w.now, classDevice, p.m.id, evApplied)
	ev.vm, ev.life, ev.id, ev.epoch, ev.flags = p.vm.id, p.m.life, e.Session, e.Epoch, 0
	if !p.land() && !p.health.Hang {
		ev.flags = model.FlagError
	}
	p.w.monitor.applied(p, e.Session, e.Epoch)
}

// sayApplied tells the engine what became of the writes of a checkpoint, as soon as a disk that hangs goes on.
func (p *place) sayApplied(e *event) {
	if !p.m.powered {
		return
	}
	flags := e.flags
	switch {
	case p.health.Hang && len(p.landing) > 0:
		ev := p.w.after(10*time.Millisecond, classDevice, p.m.id, evApplied)
		ev.vm, ev.life, ev.id, ev.epoch, ev.flags = p.vm.id, p.m.life, e.id, e.epoch, e.flags
		return
	case !p.land():
		flags = model.FlagError
	}
	p.m.tell(&model.Event{Kind: model.EventApplied, VM: p.vm.id, ID: e.id, Epoch: e.epoch, Flags: flags})
}

// land writes to the disk, in their order, what belongs to it by the checkpoints that were applied, and reports whether the
// disk takes it. What it refuses waits here, and everything after it.
func (p *place) land() bool {
	durable := len(p.journal) > 0
	for i := range p.landing {
		h := &p.landing[i]
		if p.health.Hang || !p.health.Write() {
			p.landing = slices.Delete(p.landing, 0, i)
			return false
		}
		if h.att != nil {
			_ = p.disk.Write(h.sector, h.att.sectors, durable && p.forced()) // the range was checked at the primary
		}
		p.w.drop(h.att)
	}
	if len(p.landing) > 0 {
		p.landing = p.landing[:0]
		p.dropJournal()
	}
	return true
}

// dropLanding drops what the disk has not taken.
func (p *place) dropLanding() {
	for i := range p.landing {
		p.w.drop(p.landing[i].att)
	}
	p.landing = p.landing[:0]
}

// discardOpen drops the writes of epochs after the one that is activated (R6).
func (p *place) discardOpen(epoch model.Epoch) {
	for i := range p.held {
		p.w.drop(p.held[i].att)
	}
	p.held = p.held[:0]
	p.w.drop(p.arrived)
	p.arrived = nil
	p.dropJournal()
}

// replay writes what was sealed durably to the disk.
func (p *place) replay() {
	for i := range p.journal {
		h := &p.journal[i]
		if h.att != nil {
			_ = p.disk.Write(h.sector, h.att.sectors, p.forced()) // the range was checked when it was first written
		}
	}
	p.dropJournal()
}

// dropJournal drops the writes that were sealed durably: they are on the disk, or void.
func (p *place) dropJournal() {
	for i := range p.journal {
		p.w.drop(p.journal[i].att)
	}
	p.journal = p.journal[:0]
}
