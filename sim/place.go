package sim

import (
	"holdfast/engine/model"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
)

// place is what one home has of one VM: its disk copy, and what there is of an instance.
type place struct {
	w  *World
	m  *member
	vm *load

	// The disk and what is durable beside it.
	disk    *disk.Disk
	health  disk.Health
	marked  model.Bitmap
	made    model.Gen   // the generation in which the host became a home, when the copy was made
	wanted  model.Gen   // the one for which the daemon opens it
	journal []heldWrite // sealed durably, not yet on the disk

	promises promises
	lied     model.Bitmap // recorded in marked while the disk lied about flushes
	lost     bool         // the copy lacks what it had promised, until the pool counts on it again
	liar     bool         // found out, and not seen to by anybody since

	// Operations under way. A new ops life ends them all, except for openings.
	opsLife uint64
	opening opening
	records []*attachment // intent records on their way
	hung    []event       // those that a hanging disk does not finish
	gone    uint64        // the ops life that ended with the host: what had left it still reaches shared storage

	inst    instance
	late    []call // writes of a guest that crashed, until the daemon has heard of it
	remnant bool   // a creation that failed left a domain behind, which never runs
	plug    plug

	// What the daemon holds in memory.
	staged      *attachment // the last checkpoint taken here
	stagedAs    model.Epoch
	requests    ring       // the guest's writes, by the operation
	answers     shelf      // what was read, for the guest or for a peer's request
	extents     shelf      // what was read here to be copied
	copies      shelf      // what a peer sent: extents, and what mends a copy
	incoming    ring       // a primary's writes, by session and sequence
	inbound     [4]inbound // checkpoints that came
	inboundNext int
	held        []heldWrite // writes of open and sealed epochs
	landing     []heldWrite // writes of applied epochs that the disk refused
	arrived     *attachment // the checkpoint that is being sealed
	asEpoch     model.Epoch
	sealed      model.Epoch // the newest checkpoint that is one unit; its pages are in arrived until applied
	image       *guest.Image
	imageAt     model.Epoch

	acked   model.Epoch // the newest checkpoint that this secondary acknowledged (for checks)
	session uint64      // the session in which this primary asked for acknowledgement last (for checks)

	recovery recovery // what there is of a copy at another place

	learnt   model.Gen  // the generation that the member knows (for checks)
	learntAt model.Time // when it learnt of it

	forwardTo model.NodeID // carries the VM's traffic for this host; NoNode: no
	via       model.NodeID // the instance's traffic goes by way of this host
}

// instance is a guest on this host.
type instance struct {
	present   bool
	booting   bool   // the toolstack is at work, or the guest has not begun to run
	fed       bool   // created from a checkpoint, which the daemon feeds
	voided    uint64 // life of the daemon that took the instance over
	suspended bool
	capturing bool
	final     bool // stay suspended after the capture
	gen       model.Gen
	life      uint64
	machine   *guest.Machine
	turned    model.Time // when its guest began to hang, or went on, last
	base      uint64     // guest time at since
	since     model.Time // on the host's clock
	asked     []uint64   // guest requests that this life of the daemon was told of
	waiting   []guest.Packet
	unseen    []completion  // for a guest that hangs
	capture   *model.Effect // to be begun when the one under way has ended
	launch    *model.Effect // to be begun when the toolstack does not hang any more
	stalled   *model.Effect // to be begun when the disk does not hang any more
	calls     []call        // requests that the guest waits for
}

// completion is the answer to a request of the guest, with what was read.
type completion struct {
	effect model.Effect
	data   *attachment
}

// call is a disk request that the guest waits for, with the data of a write.
type call struct {
	io  model.IO
	at  model.Time
	att *attachment
	// done: the mirror completed it, without an error, and the guest, which hangs, has not been told.
	done bool
}

func newPlace(w *World, m *member, v *load) (*place, error) {
	image, err := guest.NewImage(v.guest)
	if err != nil {
		return nil, err
	}
	p := &place{
		w: w, m: m, vm: v, disk: disk.New(diskSectors + 1), image: image,
		marked: model.NewBitmap(diskExtents), lied: model.NewBitmap(diskExtents),
	}
	if v.shared != nil {
		p.disk = v.shared
	}
	// A new copy has never been compared with the other one: all of it counts as different.
	p.marked.Fill(diskExtents)
	p.recovery.changed = model.NewBitmap(diskExtents)
	p.opsLife = w.nextLife()
	return p, nil
}

// askAnew forgets what the daemon was asked for: it is told of all requests again, also of those that it completed and the guest, which
// hangs, has not seen.
func (p *place) askAnew() {
	for i := range p.inst.unseen {
		p.w.drop(p.inst.unseen[i].data)
	}
	p.inst.asked, p.inst.unseen = p.inst.asked[:0], p.inst.unseen[:0]
}

// forget drops what the daemon held in memory.
func (p *place) forget() {
	w := p.w
	w.drop(p.staged)
	p.staged, p.stagedAs = nil, 0
	p.requests.clear(w)
	p.dropReplica()
	p.dropLanding()
	p.recovery.forget(w)
	p.answers.clear(w)
	p.extents.clear(w)
	p.copies.clear(w)
	p.inst.capture, p.inst.stalled = nil, nil
	p.dropLate()
	p.opening, p.recovery.opening = opening{}, opening{}
	p.askAnew() // the next life
	p.forwardTo = model.NoNode
	if p.inst.fed && p.inst.booting && p.inst.machine == nil {
		p.destroy() // the daemon was building it
	}
}

// dropReplica drops what this host holds of the VM's memory and open writes.
func (p *place) dropReplica() {
	w := p.w
	p.incoming.clear(w)
	for i := range p.inbound {
		w.drop(p.inbound[i].att)
		p.inbound[i] = inbound{}
	}
	p.acked = 0
	for i := range p.held {
		w.drop(p.held[i].att)
	}
	p.held = p.held[:0]
	w.drop(p.arrived)
	p.arrived, p.asEpoch, p.sealed = nil, 0, 0
	p.image.Clear()
	p.imageAt = 0
}

// destroy ends the instance, and has the engine told late what was to be said of it.
func (p *place) destroy() {
	p.lastWord()
	p.endInstance()
}

// endInstance ends the instance; what its plug held is gone.
func (p *place) endInstance() {
	for i := range p.inst.calls {
		if c := &p.inst.calls[i]; c.io.Op == model.OpWrite {
			v := &p.w.monitor.vms[p.vm.id]
			v.orphans = append(v.orphans, c.io)
		}
		p.w.drop(p.inst.calls[i].att)
	}
	p.askAnew()
	p.inst = instance{life: p.w.nextLife(), calls: p.inst.calls[:0], waiting: p.inst.waiting[:0], asked: p.inst.asked[:0]}
	p.plug.reset()
	p.via = model.NoNode
	p.w.tape.instance(p)
}

// powerLoss is what the host's power loss does to the place.
func (p *place) powerLoss(loss disk.Loss) {
	p.forget()
	p.destroy()
	p.remnant = false
	if p.vm.shared != nil {
		p.gone = p.opsLife
		p.endOperations()
		return // the storage has power of its own
	}
	p.applyPart()
	p.endOperations()
	p.disk.PowerLoss(p.w.rDisk, p.losePromises(loss))
}

// endOperations ends the disk operations that are under way; they do not happen any more.
func (p *place) endOperations() {
	p.opsLife = p.w.nextLife()
	p.records = p.records[:0]
	kept := p.hung[:0]
	for i := range p.hung {
		if e := p.hung[i]; e.op.opens() {
			kept = append(kept, e)
		} else {
			p.w.drop(e.att)
		}
	}
	p.hung = kept
}

// endOpenings lets the openings that are under way find what is there now; the engine hears of it when they return.
func (p *place) endOpenings() {
	p.opening.end(p.opened)
	p.recovery.opening.end(p.recoveryOpened)
}

// under reports whether a disk operation is still under way when its event comes.
func (p *place) under(e *event) bool {
	if e.op.opens() {
		return p.m.powered && e.life == p.m.life
	}
	return p.m.powered && e.life == p.opsLife
}

// device handles what a host's hardware and hypervisor report about the VM.
func (p *place) device(e *event) {
	switch e.kind {
	case evLaunched:
		if e.life == p.inst.life && !p.laboursOn(e) {
			p.launched(e.flags, e.gen, e.epoch)
		}
	case evDestroyed:
		if e.life == p.m.life {
			p.m.tell(&model.Event{Kind: model.EventDestroyed, VM: p.vm.id, ID: e.id})
		}
	case evBoot:
		if e.life == p.inst.life && p.m.powered && !p.laboursOn(e) {
			p.boot()
		}
	case evProbe:
		if e.life == p.inst.life {
			p.probe()
		}
	case evResume:
		if e.life == p.inst.life {
			p.captured(e.flags, e.gen, e.epoch)
		}
	case evDisk:
		if !p.under(e) {
			if p.vm.shared != nil && e.life == p.gone {
				p.arriveLate(e)
			}
			p.w.drop(e.att)
			return
		}
		p.diskDone(e)
	case evSealed:
		if e.life == p.m.life {
			p.sealDone(e.id, e.gen, e.epoch, e.flags)
		}
	case evApplied:
		if e.life == p.m.life {
			p.sayApplied(e)
		}
	}
}

// perform performs an effect of the daemon.
func (p *place) perform(e *model.Effect) {
	switch e.Kind {
	case model.EffectStart, model.EffectActivate:
		p.launch(e)
	case model.EffectDestroy:
		if p.inst.present {
			p.w.stage(StageFenced, p)
		}
		p.destroy()
		p.remnant = false
		if e.ID != 0 {
			p.sayDestroyed(e.ID)
		}
	case model.EffectAdopt:
		p.adopt(e)
	case model.EffectCapture:
		p.capture(e)
	case model.EffectHold:
		p.plug.passing = false
	case model.EffectPass:
		p.plug.passing = true
		p.release(model.Epoch(^uint64(0)), true)
	case model.EffectMark:
		p.plug.mark(e.Epoch)
	case model.EffectRelease:
		p.release(e.Epoch, false)
		p.w.stage(StageReleased, p)
	case model.EffectAnnounce:
		p.via = model.NoNode
		p.vm.attached = p.attach(p.vm.attached)
	case model.EffectVia:
		p.via = e.Node
	case model.EffectForward:
		p.forwardTo = model.NoNode
		if e.Flags.Has(model.FlagOn) {
			p.forwardTo = e.Node
			p.vm.attached = p.attach(p.vm.attached)
		}
	case model.EffectSeal:
		p.seal(e)
	case model.EffectApply:
		p.apply(e)
	case model.EffectDiscard:
		p.dropReplica()
		p.dropJournal()
	case model.EffectTrust:
		p.lost = false
	default:
		p.performDisk(e)
	}
}

// attach returns this host if its guest network reaches the switch, else what was attached before.
func (p *place) attach(before model.NodeID) model.NodeID {
	if p.m.nic && !p.m.cut {
		return p.m.id
	}
	return before
}

// guestTime returns the instance's guest-visible time now.
func (p *place) guestTime() uint64 {
	return p.inst.base + uint64(p.m.time()-p.inst.since)
}
