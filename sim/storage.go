package sim

import (
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// diskOp says whose disk operation it is.
type diskOp uint8

const (
	opGuest       diskOp = iota + 1 // a request of the guest, or a flush of the mirror
	opCopy                          // a primary's write to this copy
	opPeerRead                      // a read for the peer
	opExtentRead                    // an extent to be copied
	opExtentWrite                   // an extent that came
	opIntent
	opOpen
	opShipRead // an extent for the recovery copy
	opRecoveryOpen
	opRecoverySeal
	opRecoveryApply
	opTest
)

// opens reports whether it is the opening of a copy.
func (op diskOp) opens() bool { return op == opOpen || op == opRecoveryOpen }

// Latencies of a healthy disk.
const (
	readTime  = 90 * time.Microsecond
	writeTime = 60 * time.Microsecond
	flushTime = 450 * time.Microsecond
	openTime  = 3 * time.Millisecond
)

// performDisk begins the disk operation that the effect asks for.
func (p *place) performDisk(e *model.Effect) {
	switch e.Kind {
	case model.EffectOpen:
		p.endOpenings()
		p.endOperations()
		p.renew(e.Gen)
		p.opening.id = e.ID
		p.submit(opOpen, openTime, e, nil)
	case model.EffectIntent:
		att := p.asSectors(p.w.grab(), e.Data)
		p.records = append(p.records, att)
		p.submit(opIntent, flushTime, e, att)
	case model.EffectForget:
		p.recordChanges(e.Data)
		p.clearMarks(e.Data)
	case model.EffectDisk:
		p.submitGuest(e)
	case model.EffectDiskCopy:
		p.submit(opCopy, p.writeTime(&e.IO), e, p.incoming.get(e.Session, uint64(e.Seq)).share())
	case model.EffectDiskHold:
		p.held = append(p.held, heldWrite{seq: e.Seq, epoch: e.Epoch, sector: e.IO.Sector, att: p.incoming.get(e.Session, uint64(e.Seq)).share()})
	case model.EffectDiskRead:
		p.submit(opPeerRead, readTime, e, p.w.grab())
	case model.EffectExtentRead:
		p.submit(opExtentRead, readTime, e, p.w.grab())
	case model.EffectExtentWrite:
		p.recovery.changed.Set(e.Count)
		p.submit(opExtentWrite, flushTime, e, p.copies.take(e.Session, uint64(e.Seq)))
	case model.EffectComplete:
		p.complete(e)
	default:
		p.performRecovery(e)
	}
}

func (p *place) writeTime(io *model.IO) time.Duration {
	d := writeTime + p.health.WriteDelay()
	if io.FUA {
		d += flushTime
	}
	return d
}

// submitGuest begins an operation on the local copy for the guest or the mirror.
func (p *place) submitGuest(e *model.Effect) {
	switch e.IO.Op {
	case model.OpWrite:
		var att *attachment
		if e.Flags.Has(model.FlagRemote) { // mend with what the peer read
			att = p.copies.take(e.Session, e.ID)
			p.w.stage(StageMended, p)
		} else {
			att = p.dataOf(e.ID, &e.IO).share()
		}
		p.submit(opGuest, p.writeTime(&e.IO), e, att)
	case model.OpRead:
		p.submit(opGuest, readTime+p.health.ReadDelay(), e, p.w.grab())
	default:
		p.submit(opGuest, flushTime+p.health.ReadDelay(), e, nil)
	}
}

// asSectors carries a bitmap in an attachment.
func (p *place) asSectors(att *attachment, data []byte) *attachment {
	marks, _ := model.ParseBitmap(data, diskExtents)
	var s disk.Sector
	for i, word := range marks {
		s[i%disk.SectorWords] = word
		if i%disk.SectorWords == disk.SectorWords-1 || i == len(marks)-1 {
			att.sectors = append(att.sectors, s)
			s = disk.Sector{}
		}
	}
	return att
}

// clearMarks takes extents out of what is recorded, and out of the records on their way: they were asked for before.
func (p *place) clearMarks(data []byte) {
	marks, ok := model.ParseBitmap(data, diskExtents)
	if !ok {
		return
	}
	p.marked.Subtract(marks)
	for _, att := range p.records {
		for i, word := range marks {
			att.sectors[i/disk.SectorWords][i%disk.SectorWords] &^= word
		}
	}
}

// submit puts a disk operation on its way.
func (p *place) submit(op diskOp, d time.Duration, e *model.Effect, att *attachment) {
	ev := p.w.after(d+p.w.rDisk.Duration(0, d/4), classDevice, p.m.id, evDisk)
	ev.vm, ev.life, ev.op, ev.io, ev.att = p.vm.id, p.opsLife, op, e.IO, att
	ev.id, ev.gen, ev.epoch, ev.flags = e.ID, model.Gen(e.Seq), model.Epoch(e.Count), 0
	if op.opens() {
		ev.life = p.m.life
	}
}

// diskDone ends a disk operation.
func (p *place) diskDone(e *event) {
	if p.health.Hang || p.vm.shared != nil && p.m.storageCut {
		p.hung = append(p.hung, *e)
		return
	}
	op, id, io, att := e.op, e.id, e.io, e.att
	number, extent := uint64(e.gen), uint32(e.epoch)
	life := p.m.life
	switch op {
	case opOpen:
		p.opening.tell(p, id, p.opened)
	case opIntent:
		p.intentDone(id, att)
	case opGuest:
		ok := p.guestOp(&io, id, att)
		if io.Op == model.OpWrite && ok && life == p.m.life {
			p.w.stage(StageWriteLocal, p)
		}
		p.report(id, ok)
	case opCopy:
		p.report(id, p.write(io.Sector, att, io.FUA))
	case opPeerRead:
		ok := p.read(&io, att)
		p.answers.keep(p.w, 0, number, att.share())
		p.report(id, ok)
	case opExtentRead:
		whole := model.IO{Sector: uint64(extent) * extentSectors, Count: extentSectors}
		ok := p.read(&whole, att)
		p.extents.keep(p.w, 0, id, att.share())
		p.report(id, ok)
	case opExtentWrite:
		p.report(id, p.w.sabotage.SkipCopies && p.health.Write() || p.write(uint64(extent)*extentSectors, att, true))
		p.w.stage(StageExtent, p)
	default:
		p.recoveryDone(e, att)
		return
	}
	p.w.drop(att)
}

// guestOp performs an operation on the local copy.
func (p *place) guestOp(io *model.IO, id uint64, att *attachment) bool {
	switch io.Op {
	case model.OpWrite:
		return p.write(io.Sector, att, io.FUA)
	case model.OpRead:
		if !p.read(io, att) {
			return false
		}
		p.answers.keep(p.w, 0, id, att.share())
		return true
	default:
		if !p.land() || !p.health.Flush() {
			return false
		}
		p.flush()
		return true
	}
}

// write stores the data on the copy, durably if it is forced; false: it failed.
func (p *place) write(sector uint64, att *attachment, force bool) bool {
	p.w.monitor.writing(p)
	if att == nil || !p.land() || !p.health.Write() || p.disk.Write(sector, att.sectors, force && p.forced()) != nil {
		return false
	}
	if force {
		p.promise()
	}
	return true
}

func (p *place) read(io *model.IO, att *attachment) bool {
	if !p.land() || !p.health.Read() {
		return false
	}
	for len(att.sectors) < int(io.Count) {
		att.sectors = append(att.sectors, disk.Sector{})
	}
	att.sectors = att.sectors[:io.Count]
	return p.disk.Read(io.Sector, uint64(io.Count), att.sectors) == nil
}

// report tells the engine that a disk operation ended.
func (p *place) report(id uint64, ok bool) {
	ev := model.Event{Kind: model.EventDisk, VM: p.vm.id, ID: id}
	if !ok {
		ev.Flags = model.FlagError
	}
	p.m.tell(&ev)
}

func (p *place) intentDone(id uint64, att *attachment) {
	p.records = slices.DeleteFunc(p.records, func(a *attachment) bool { return a == att })
	if !p.health.Write() {
		p.m.tell(&model.Event{Kind: model.EventIntent, VM: p.vm.id, ID: id, Flags: model.FlagError})
		return
	}
	for i := range p.marked {
		word := att.sectors[i/disk.SectorWords][i%disk.SectorWords]
		if p.health.IgnoreFlush {
			p.lied[i] |= word &^ p.marked[i]
		}
		p.marked[i] |= word
	}
	p.promise()
	p.w.stage(StageIntent, p)
	p.m.tell(&model.Event{Kind: model.EventIntent, VM: p.vm.id, ID: id})
}

// opened recovers the copy, and returns what the engine is told of it: what was sealed durably goes to the disk.
func (p *place) opened(id uint64) model.Event {
	ev := model.Event{Kind: model.EventOpened, VM: p.vm.id, ID: id, Count: diskExtents}
	p.inspect()
	if p.lost {
		ev.Flags = model.FlagLost
	}
	if p.liar || p.made > p.wanted || p.health.FailWrites < 0 || p.health.FailReads < 0 || p.health.Full || !p.land() {
		ev.Flags |= model.FlagError
	} else {
		if len(p.held) == 0 { // else they are of this life, which applies or discards them
			p.replay()
		}
		p.replayRecovery()
		ev.Data, ev.Changed = p.marked.Bytes(), p.recovery.changed.Bytes()
	}
	return ev
}

// resumeDisk lets the operations that a hanging disk kept finish.
func (p *place) resumeDisk() {
	if e := p.inst.stalled; e != nil {
		p.launch(e)
	}
	hung := p.hung
	p.hung = nil
	for i := range hung {
		ev := p.w.after(readTime, classDevice, p.m.id, evDisk)
		h := &hung[i]
		ev.vm, ev.life, ev.op, ev.io, ev.att = h.vm, h.life, h.op, h.io, h.att
		ev.id, ev.gen, ev.epoch, ev.flags = h.id, h.gen, h.epoch, h.flags
	}
}
