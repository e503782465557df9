package sim

import (
	"fmt"
	"slices"
	"time"

	"holdfast/engine/model"
)

// recovery is what a place has of a copy at another place: as the VM's home the data that is kept for shipping,
// as the host with the copy its journal. The copy itself is the place's disk.
type recovery struct {
	changed model.Bitmap // durable: the change record of a home
	kept    []kept       // ascending; the daemon's memory

	incoming ring         // entries that came; the daemon's memory
	journal  []journalled // the first sealed ones are durable; of the others nothing survives
	sealed   int
	since    model.Gen // durable: the generation in which the host got the copy; 0: it has none
	history  model.Gen // durable, with the seal
	point    model.Epoch
	maker    model.Gen // durable, with the seal: of the primary that made the point
	applying bool

	opening  opening
	opensFor model.Gen // the generation since which the host has the copy that is being opened
}

// journalled is an entry of a recovery journal.
type journalled struct {
	seq    model.Seq
	sector uint64
	att    *attachment
}

// entryTime is what each entry of a journal adds to the time of a seal or an apply.
const entryTime = 4 * time.Microsecond

func byID(a kept, id uint64) int {
	switch {
	case a.id < id:
		return -1
	case a.id > id:
		return 1
	}
	return 0
}

func (r *recovery) get(id uint64) *attachment {
	if i, found := slices.BinarySearchFunc(r.kept, id, byID); found {
		return r.kept[i].att
	}
	return nil
}

func (r *recovery) keep(id uint64, att *attachment) {
	i, _ := slices.BinarySearchFunc(r.kept, id, byID)
	r.kept = slices.Insert(r.kept, i, kept{id: id, att: att})
}

func (r *recovery) drop(w *World, id uint64) {
	if i, found := slices.BinarySearchFunc(r.kept, id, byID); found {
		w.drop(r.kept[i].att)
		r.kept = slices.Delete(r.kept, i, i+1)
	}
}

// forget drops what the daemon held in memory.
func (r *recovery) forget(w *World) {
	for i := range r.kept {
		w.drop(r.kept[i].att)
	}
	r.kept = r.kept[:0]
	r.incoming.clear(w)
}

// cut drops the journal from entry n on.
func (r *recovery) cut(w *World, n int) {
	for i := range r.journal[n:] {
		w.drop(r.journal[n+i].att)
	}
	r.journal = r.journal[:n]
}

// blank drops the copy's part at another place with the copy.
func (r *recovery) blank(w *World) {
	r.cut(w, 0)
	r.changed.Reset()
	r.sealed, r.applying, r.since, r.history, r.point, r.maker = 0, false, 0, 0, 0, 0
}

func (p *place) recordChanges(data []byte) {
	if extents, ok := model.ParseBitmap(data, diskExtents); ok {
		p.recovery.changed.Union(extents)
	}
}

// performRecovery begins what an effect asks for that is about a copy at another place.
func (p *place) performRecovery(e *model.Effect) {
	r := &p.recovery
	switch e.Kind {
	case model.EffectShipKeep:
		r.keep(e.ID, p.written(&e.IO).share())
	case model.EffectShipDrop:
		r.drop(p.w, e.ID)
	case model.EffectShipRead:
		p.submit(opShipRead, readTime, e, p.w.grab())
	case model.EffectChanged:
		if extents, ok := model.ParseBitmap(e.Data, diskExtents); ok {
			r.changed.Subtract(extents)
		}
	case model.EffectRecoveryOpen:
		p.endOpenings()
		p.applyPart()
		p.endOperations()
		r.opening.id, r.opensFor = e.ID, e.Gen
		p.submitRecovery(opRecoveryOpen, e)
	case model.EffectRecoveryStore:
		p.storeEntry(e)
	case model.EffectRecoverySeal:
		p.submitRecovery(opRecoverySeal, e)
	case model.EffectRecoveryApply:
		r.applying = true
		p.submitRecovery(opRecoveryApply, e)
	case model.EffectRecoveryDrop:
		r.cut(p.w, r.sealed)
	case model.EffectTestStart:
		p.testRun(e)
	}
}

func (p *place) storeEntry(e *model.Effect) {
	j := journalled{seq: e.Seq, sector: e.IO.Sector, att: p.recovery.incoming.get(e.Session, uint64(e.Seq)).share()}
	if j.att == nil {
		p.w.violation("crash", p.vm.id, fmt.Sprintf("%s: the data of entry %d for the recovery copy is gone", p.m.name, e.Seq))
	}
	if e.Flags.Has(model.FlagFull) {
		j.sector = uint64(e.Count) * extentSectors
	}
	p.recovery.journal = append(p.recovery.journal, j)
}

// submitRecovery puts the opening of the copy, a seal or an apply on its way.
func (p *place) submitRecovery(op diskOp, e *model.Effect) {
	d := flushTime
	if op == opRecoveryOpen {
		d = openTime
	}
	d += p.health.WriteDelay() + time.Duration(len(p.recovery.journal))*entryTime
	ev := p.w.after(d+p.w.rDisk.Duration(0, d/4), classDevice, p.m.id, evDisk)
	ev.vm, ev.life, ev.op, ev.att = p.vm.id, p.opsLife, op, nil
	ev.id, ev.gen, ev.epoch, ev.flags = uint64(e.Gen), model.Gen(e.Seq), e.Epoch, 0
	ev.io = model.IO{ID: e.ID}
	if op.opens() {
		ev.life = p.m.life
	}
}

// recoveryDone ends an operation.
func (p *place) recoveryDone(e *event, att *attachment) {
	r := &p.recovery
	op, id, seq, epoch, flags, maker := e.op, e.id, model.Seq(e.gen), e.epoch, e.flags, model.Gen(e.io.ID)
	ev := model.Event{VM: p.vm.id, Epoch: epoch}
	ok := true
	switch op {
	case opShipRead:
		whole := model.IO{Sector: uint64(epoch) * extentSectors, Count: extentSectors}
		if ok = p.read(&whole, att); ok && p.m.node != nil {
			r.keep(id, att.share())
		}
		p.w.drop(att)
		p.report(id, ok)
		return
	case opRecoveryOpen:
		r.opening.tell(p, e.io.ID, p.recoveryOpened)
		return
	case opRecoverySeal:
		if ok = p.health.Write(); ok {
			p.promise()
			for r.sealed < len(r.journal) && r.journal[r.sealed].seq <= seq {
				r.sealed++
			}
			r.history, r.point, r.maker = model.Gen(id), epoch, maker
			p.w.monitor.points[p.vm.id].moved(p.w, p)
			p.w.stage(StagePointSealed, p)
		}
		ev.Kind = model.EventRecoverySealed
	case opRecoveryApply:
		if ok = p.health.Write(); ok {
			p.replaySealed()
			p.w.monitor.points[p.vm.id].moved(p.w, p)
			p.w.stage(StagePointApplied, p)
		}
		r.applying = false
		ev.Kind = model.EventRecoveryApplied
	default:
		ev.Kind, ev.ID = model.EventTested, id
		ok = !flags.Has(model.FlagError)
	}
	if !ok {
		ev.Flags = model.FlagError
	}
	p.m.tell(&ev)
}

// replaySealed writes the sealed part of the journal to the copy, and drops it.
func (p *place) replaySealed() {
	r := &p.recovery
	if r.sealed == 0 {
		return
	}
	for i := range r.journal[:r.sealed] {
		if j := &r.journal[i]; j.att != nil {
			_ = p.disk.Write(j.sector, j.att.sectors, false) // the range was checked when it was first written
		}
	}
	p.flush()
	for i := range r.journal[:r.sealed] {
		p.w.drop(r.journal[i].att)
	}
	r.journal = append(r.journal[:0], r.journal[r.sealed:]...)
	r.sealed = 0
}

// recoveryOpened recovers the copy, and returns what the engine is told of it.
func (p *place) recoveryOpened(id uint64) model.Event {
	r := &p.recovery
	ev := model.Event{Kind: model.EventRecoveryOpened, VM: p.vm.id, ID: id}
	if !p.recoverRecovery(r.opensFor) {
		ev.Flags = model.FlagError
	}
	ev.Gen, ev.Epoch, ev.Maker = r.history, r.point, r.maker
	return ev
}

// recoverRecovery opens the copy that the host has since the generation since; false: it cannot be used. One that was made
// for a later generation is another one: this host does not know the newest configuration yet.
func (p *place) recoverRecovery(since model.Gen) bool {
	r := &p.recovery
	p.inspect()
	if p.liar || p.made > since || p.health.FailWrites < 0 || p.health.FailReads < 0 || p.health.Full {
		return false
	}
	if p.lost { // nobody counts on it any more: it is replaced as a whole
		r.cut(p.w, 0)
		r.sealed, r.history, r.point, r.maker, p.lost = 0, 0, 0, 0, false
	}
	p.made, r.since = 0, max(r.since, since)
	p.replayRecovery()
	return true
}

// replayRecovery recovers the copy: what is sealed is applied, what is not is gone. If there was anything, the copy
// is one of its own history, different from others in every extent.
func (p *place) replayRecovery() {
	r := &p.recovery
	p.replaySealed()
	r.cut(p.w, 0)
	r.applying = false
	if r.point != 0 {
		p.marked.Fill(diskExtents)
		p.w.monitor.points[p.vm.id].moved(p.w, p)
	}
}

// applyPart is what a crash leaves of an apply that was under way: some of the writes, in the cache.
func (p *place) applyPart() {
	r := &p.recovery
	if !r.applying || r.sealed == 0 {
		return
	}
	r.applying = false
	for i := range r.journal[:p.w.rDisk.Below(uint64(r.sealed))] {
		if j := &r.journal[i]; j.att != nil {
			_ = p.disk.Write(j.sector, j.att.sectors, false) // as above
		}
	}
}
