package sim

import (
	"time"

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
	journal []heldWrite // sealed durably, not yet on the disk

	// Operations under way. A new ops life ends them all.
	opsLife uint64
	hung    []event // those that a hanging disk does not finish

	inst instance
	plug plug

	// What the daemon holds in memory.
	staged      *attachment // the last checkpoint taken here
	stagedAs    model.Epoch
	requests    ring       // the guest's writes, by its number
	answers     [16]answer // data read for a peer or by a peer
	copies      [16]answer // extents on their way
	incoming    ring       // a primary's writes, by session and sequence
	inbound     [4]inbound // checkpoints that came
	inboundNext int
	held        []heldWrite // writes of open and sealed epochs
	arrived     *attachment // the checkpoint that is being sealed
	asEpoch     model.Epoch
	sealed      model.Epoch // the newest checkpoint that is one unit; its pages are in arrived until applied
	image       *guest.Image
	imageAt     model.Epoch

	acked   model.Epoch // the newest checkpoint that this secondary acknowledged (for checks)
	session uint64      // the session in which this primary asked for acknowledgement last (for checks)

	forwardTo model.NodeID // carries the VM's traffic for this host; NoNode: no
	via       model.NodeID // the instance's traffic goes by way of this host
}

// heldWrite is a disk write that waits for its epoch.
type heldWrite struct {
	seq    model.Seq
	epoch  model.Epoch
	sector uint64
	att    *attachment
}

// answer is data that waits for the message or operation that it belongs to.
type answer struct {
	id  uint64
	att *attachment
}

// ring remembers the data of the newest writes by a number that rises.
type ring struct {
	entries [1024]answer
	next    int
}

func (r *ring) put(w *World, id uint64, att *attachment) {
	e := &r.entries[r.next]
	r.next = (r.next + 1) % len(r.entries)
	w.drop(e.att)
	*e = answer{id: id, att: att}
}

// get returns the newest data for id, or nil.
func (r *ring) get(id uint64) *attachment {
	for i := 1; i <= len(r.entries); i++ {
		e := &r.entries[(r.next-i+len(r.entries))%len(r.entries)]
		if e.att == nil {
			return nil
		}
		if e.id == id {
			return e.att
		}
	}
	return nil
}

func (r *ring) clear(w *World) {
	for i := range r.entries {
		if r.entries[i].att != nil {
			w.drop(r.entries[i].att)
			r.entries[i] = answer{}
		}
	}
	r.next = 0
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
	base      uint64     // guest time at since
	since     model.Time // on the host's clock
	asked     []uint64   // guest requests that this life of the daemon was told of
	waiting   []guest.Packet
	calls     []call // requests that the guest waits for
}

// call is a disk request that the guest waits for, with the data of a write.
type call struct {
	io  model.IO
	at  model.Time
	att *attachment
}

func newPlace(w *World, m *member, v *load) (*place, error) {
	image, err := guest.NewImage(v.guest)
	if err != nil {
		return nil, err
	}
	p := &place{
		w: w, m: m, vm: v, disk: disk.New(diskSectors), image: image,
		marked: model.NewBitmap(diskSectors / extentSectors),
	}
	// A new copy has never been compared with the other one: all of it counts as different.
	for x := range uint32(diskSectors / extentSectors) {
		p.marked.Set(x)
	}
	p.opsLife = w.nextLife()
	return p, nil
}

// forget drops what the daemon held in memory.
func (p *place) forget() {
	w := p.w
	w.drop(p.staged)
	p.staged, p.stagedAs = nil, 0
	p.requests.clear(w)
	p.dropReplica()
	for i := range p.answers {
		w.drop(p.answers[i].att)
		w.drop(p.copies[i].att)
		p.answers[i], p.copies[i] = answer{}, answer{}
	}
	p.inst.asked = p.inst.asked[:0]
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

// destroy ends the instance; what its plug held is gone.
func (p *place) destroy() {
	for i := range p.inst.calls {
		p.w.drop(p.inst.calls[i].att)
	}
	p.inst = instance{life: p.w.nextLife(), calls: p.inst.calls[:0], waiting: p.inst.waiting[:0], asked: p.inst.asked[:0]}
	p.plug.reset()
	p.via = model.NoNode
	p.w.tape.instance(p)
}

// powerLoss is what the host's power loss does to the place.
func (p *place) powerLoss(loss disk.Loss) {
	p.forget()
	p.destroy()
	p.endOperations()
	p.disk.PowerLoss(p.w.rDisk, loss)
}

// endOperations ends the disk operations that are under way; they do not happen any more.
func (p *place) endOperations() {
	p.opsLife = p.w.nextLife()
	for i := range p.hung {
		p.w.drop(p.hung[i].att)
	}
	p.hung = p.hung[:0]
}

// device handles what a host's hardware and hypervisor report about the VM.
func (p *place) device(e *event) {
	switch e.kind {
	case evLaunched:
		if e.life == p.inst.life {
			p.launched(e.flags, e.gen, e.epoch)
		}
	case evBoot:
		if e.life == p.inst.life && p.m.powered {
			p.boot()
		}
	case evResume:
		if e.life == p.inst.life {
			p.captured(e.flags, e.gen, e.epoch)
		}
	case evDisk:
		if e.life != p.opsLife || !p.m.powered {
			p.w.drop(e.att)
			return
		}
		p.diskDone(e)
	case evSealed:
		if e.life == p.m.life {
			p.sealDone(e.id, e.gen, e.epoch, e.flags)
		}
	}
}

// perform performs an effect of the daemon.
func (p *place) perform(e *model.Effect) {
	switch e.Kind {
	case model.EffectStart, model.EffectActivate:
		p.launch(e)
	case model.EffectDestroy:
		p.w.stage(StageFenced, p)
		p.destroy()
	case model.EffectAdopt:
		p.adopt(e.Gen)
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
	return p.inst.base + uint64(p.m.clock()-p.inst.since)
}

// Durations of the toolstack and the guest.
const (
	createTime   = 250 * time.Millisecond
	activateTime = 12 * time.Millisecond
	bootTime     = 600 * time.Millisecond
	suspendTime  = 1200 * time.Microsecond
	pageTime     = 5 * time.Microsecond
)

// launch begins to create an instance.
func (p *place) launch(e *model.Effect) {
	w := p.w
	p.endOperations()
	p.destroy()
	p.inst.booting, p.inst.gen, p.inst.present = true, e.Gen, true
	d := createTime
	if e.Kind == model.EffectActivate {
		p.inst.fed = true
		d = activateTime
		w.monitor.activating(p, e.Epoch)
		p.discardOpen(e.Epoch)
	} else {
		w.monitor.starting(p, e.Gen)
	}
	if p.m.toolHang > w.now {
		d += p.m.toolHang.Sub(w.now)
	}
	ev := w.after(d*time.Duration(p.m.slow), classDevice, p.m.id, evLaunched)
	ev.vm, ev.life, ev.gen, ev.epoch, ev.flags = p.vm.id, p.inst.life, e.Gen, e.Epoch, 0
	if e.Kind == model.EffectActivate {
		ev.flags = model.FlagCheckpoint
	}
	w.tape.instance(p)
}

// launched ends the creation of an instance.
func (p *place) launched(flags model.Flags, gen model.Gen, epoch model.Epoch) {
	if !p.m.powered {
		return
	}
	if p.m.frozen { // the toolstack goes on when the host does
		ev := p.w.after(10*time.Millisecond, classDevice, p.m.id, evLaunched)
		ev.vm, ev.life, ev.gen, ev.epoch, ev.flags = p.vm.id, p.inst.life, gen, epoch, flags
		return
	}
	if p.m.toolErrors > 0 {
		p.m.toolErrors--
		p.w.monitor.notStarted(p, gen)
		p.destroy()
		p.m.tell(&model.Event{Kind: model.EventStarted, VM: p.vm.id, Gen: gen, Flags: model.FlagError})
		return
	}
	machine, err := guest.NewMachine(p.vm.guest)
	if err == nil && flags.Has(model.FlagCheckpoint) {
		err = machine.LoadImage(p.image, p.w.nextLife())
	}
	if err != nil {
		p.w.violation("R3", p.vm.id, p.m.name+" activates what it does not hold: "+err.Error())
		return
	}
	p.inst.machine, p.inst.since, p.inst.voided = machine, p.m.clock(), p.m.life
	p.m.tell(&model.Event{Kind: model.EventStarted, VM: p.vm.id, Gen: gen})
	if flags.Has(model.FlagCheckpoint) {
		p.inst.base = machine.CPU().Time
		p.inst.booting = false
		p.dropReplica()
		if machine.CPU().Boot == 0 { // the checkpoint is from before its system came up
			p.bootLater()
		}
		p.w.guestOut.Reset()
		machine.Pending(&p.w.guestOut)
		p.takeOut()
		p.w.stage(StagePromoted, p)
	} else {
		p.inst.base = uint64(p.m.clock())
		p.bootLater()
		p.w.stage(StageStarted, p)
	}
	p.w.tape.instance(p)
}

// bootLater lets the guest's system start after the time that a boot takes.
func (p *place) bootLater() {
	p.inst.booting = true
	ev := p.w.after(bootTime*time.Duration(p.m.slow), classDevice, p.m.id, evBoot)
	ev.vm, ev.life = p.vm.id, p.inst.life
}

// boot lets the guest's system start.
func (p *place) boot() {
	if p.m.frozen {
		ev := p.w.after(10*time.Millisecond, classDevice, p.m.id, evBoot)
		ev.vm, ev.life = p.vm.id, p.inst.life
		return
	}
	p.inst.booting = false
	p.w.guestOut.Reset()
	p.inst.machine.SetTime(p.guestTime())
	p.inst.machine.Boot(p.w.nextLife(), &p.w.guestOut)
	p.takeOut()
	p.w.tape.instance(p)
}

// runs reports whether the guest executes.
func (p *place) runs() bool {
	return p.inst.present && !p.inst.booting && !p.inst.suspended && p.inst.machine != nil && p.m.alive()
}

// crashGuest is the guest's own crash.
func (p *place) crashGuest() {
	if !p.inst.present {
		return
	}
	p.destroy()
	p.m.tell(&model.Event{Kind: model.EventDied, VM: p.vm.id})
}

// adopt gives the instance a new generation and lets it run if it is suspended. Requests
// that an earlier life of the daemon took with it are asked again.
func (p *place) adopt(gen model.Gen) {
	p.inst.gen, p.inst.final = gen, false
	if p.inst.voided != p.m.life {
		p.inst.voided = p.m.life
		p.voidMarks()
	}
	if p.inst.suspended && !p.inst.capturing {
		p.inst.suspended = false
		p.deliverWaiting()
	}
	for i := range p.inst.calls {
		p.ask(&p.inst.calls[i])
	}
	p.w.tape.instance(p)
}

// capture suspends the guest and stages its state.
func (p *place) capture(e *model.Effect) {
	w := p.w
	if !p.inst.present || p.inst.machine == nil || p.inst.capturing {
		return
	}
	p.inst.suspended, p.inst.capturing, p.inst.final = true, true, e.Flags.Has(model.FlagFinal)
	p.plug.mark(e.Epoch)
	w.drop(p.staged)
	p.staged, p.stagedAs = w.grab(), e.Epoch
	p.inst.machine.SetTime(p.guestTime())
	p.inst.machine.Capture(e.Flags.Has(model.FlagFull), &p.staged.ck)
	p.staged.state = p.inst.life
	w.monitor.captured(p, e.Epoch, e.Flags.Has(model.FlagFull))
	d := (suspendTime + time.Duration(len(p.staged.ck.Pages))*pageTime) * time.Duration(p.m.slow)
	w.tape.stopped(d)
	ev := w.after(d, classDevice, p.m.id, evResume)
	ev.vm, ev.life, ev.gen, ev.epoch, ev.flags = p.vm.id, p.inst.life, e.Gen, e.Epoch, e.Flags
	w.stage(StageCapturing, p)
}

// captured ends the capture.
func (p *place) captured(flags model.Flags, gen model.Gen, epoch model.Epoch) {
	if !p.m.powered {
		return
	}
	if p.m.frozen {
		ev := p.w.after(10*time.Millisecond, classDevice, p.m.id, evResume)
		ev.vm, ev.life, ev.gen, ev.epoch, ev.flags = p.vm.id, p.inst.life, gen, epoch, flags
		return
	}
	p.inst.capturing = false
	if p.m.node == nil || p.staged == nil || p.stagedAs != epoch {
		return // nobody is there to let it run: it stays suspended until it is adopted
	}
	pages := uint32(len(p.staged.ck.Pages))
	life := p.inst.life
	p.w.stage(StageCaptured, p)
	if p.inst.life != life {
		return
	}
	if !p.inst.final {
		p.inst.suspended = false
		p.deliverWaiting()
		p.w.stage(StageEpoch, p)
	}
	if p.inst.life != life {
		return
	}
	p.m.tell(&model.Event{Kind: model.EventCaptured, VM: p.vm.id, Gen: gen, Epoch: epoch, Count: pages})
}

// deliver hands the guest a packet from outside.
func (p *place) deliver(pkt *guest.Packet) {
	if !p.inst.present || p.inst.booting || p.inst.machine == nil || !p.m.alive() {
		return
	}
	if p.inst.suspended {
		if len(p.inst.waiting) < 64 {
			p.inst.waiting = append(p.inst.waiting, *pkt)
		}
		return
	}
	p.w.guestOut.Reset()
	p.inst.machine.SetTime(p.guestTime())
	p.inst.machine.Deliver(pkt, &p.w.guestOut)
	p.takeOut()
}

func (p *place) deliverWaiting() {
	for i := 0; i < len(p.inst.waiting) && !p.inst.suspended; i++ {
		p.deliver(&p.inst.waiting[i])
	}
	p.inst.waiting = p.inst.waiting[:0]
}

// takeOut takes what the guest wants done.
func (p *place) takeOut() {
	out := &p.w.guestOut
	for i := range out.Packets {
		p.output(&out.Packets[i])
	}
	for i := range out.Requests {
		r := &out.Requests[i]
		c := call{io: r.IO, at: p.w.now}
		if r.IO.Op == model.OpWrite {
			c.att = p.w.grab()
			c.att.sectors = append(c.att.sectors, r.Data...)
		}
		p.w.monitor.asked(p, &c)
		p.inst.calls = append(p.inst.calls, c)
		p.ask(&p.inst.calls[len(p.inst.calls)-1])
	}
	out.Reset()
}

// ask tells this life of the daemon of a request, once.
func (p *place) ask(c *call) {
	for _, id := range p.inst.asked {
		if id == c.io.ID {
			return
		}
	}
	if p.m.node == nil || p.inst.voided != p.m.life {
		return // it is asked when the instance is taken over
	}
	p.inst.asked = append(p.inst.asked, c.io.ID)
	if c.att != nil {
		p.requests.put(p.w, c.io.ID, c.att.share())
	}
	ev := p.w.add(p.w.now, classDevice, p.m.id, evGuest)
	ev.vm, ev.life, ev.id, ev.io = p.vm.id, p.m.life, uint64(model.EventRequest), c.io
	ev.gen, ev.flags = 0, 0
	if c.io.Op == model.OpWrite {
		p.w.stage(StageWriteIssued, p)
	}
}

// complete answers a request of the guest.
func (p *place) complete(e *model.Effect) {
	for i := range p.inst.asked {
		if p.inst.asked[i] == e.IO.ID {
			p.inst.asked = append(p.inst.asked[:i], p.inst.asked[i+1:]...)
			break
		}
	}
	for i := range p.inst.calls {
		c := &p.inst.calls[i]
		if c.io.ID != e.IO.ID {
			continue
		}
		failed := e.Flags.Has(model.FlagError)
		p.w.monitor.completed(p, c, failed)
		data := p.take(&p.answers, e.ID)
		p.w.drop(c.att)
		p.inst.calls = append(p.inst.calls[:i], p.inst.calls[i+1:]...)
		p.answerGuest(e.IO.ID, !failed, data)
		p.w.drop(data)
		return
	}
}

func (p *place) answerGuest(id uint64, ok bool, data *attachment) {
	var sectors []disk.Sector
	if data != nil {
		sectors = data.sectors
	}
	p.w.guestOut.Reset()
	p.inst.machine.SetTime(p.guestTime())
	p.inst.machine.DiskDone(id, ok, sectors, &p.w.guestOut)
	p.takeOut()
	if p.w.tape.booting(p) && p.inst.machine.Serving() {
		p.w.tape.instance(p)
	}
}

// keep stores data under id; take removes it.
func (p *place) keep(list *[16]answer, id uint64, att *attachment) {
	slot := &list[id%uint64(len(list))]
	for i := range list {
		if list[i].att == nil || list[i].id == id {
			slot = &list[i]
			break
		}
	}
	p.w.drop(slot.att)
	*slot = answer{id: id, att: att}
}

func (p *place) take(list *[16]answer, id uint64) *attachment {
	for i := range list {
		if list[i].id == id && list[i].att != nil {
			att := list[i].att
			list[i] = answer{}
			return att
		}
	}
	return nil
}

func (p *place) peek(list *[16]answer, id uint64) *attachment {
	for i := range list {
		if list[i].id == id {
			return list[i].att
		}
	}
	return nil
}
