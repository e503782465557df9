package sim

import (
	"time"

	"holdfast/engine/model"
	"holdfast/sim/guest"
)

// Durations of the toolstack and the guest.
const (
	createTime   = 250 * time.Millisecond
	activateTime = 12 * time.Millisecond
	bootTime     = 600 * time.Millisecond
	suspendTime  = 1200 * time.Microsecond
	pageTime     = 5 * time.Microsecond
	probeTime    = time.Second // of the guest's watchdog
)

// launch begins to create an instance, or waits for the toolstack.
func (p *place) launch(e *model.Effect) {
	w := p.w
	p.opening, p.recovery.opening = opening{}, opening{}
	p.endOperations()
	p.destroy()
	p.dropLate()
	if e.Kind == model.EffectActivate && p.health.Hang && len(p.landing) > 0 {
		launch := *e
		p.inst.stalled = &launch
		return
	}
	if e.Kind == model.EffectActivate && !p.land() {
		p.sayLater(model.EventStarted, e.Gen, activateTime, model.FlagError)
		return
	}
	p.inst.booting, p.inst.gen, p.inst.present = true, e.Gen, true
	p.inst.voided = p.m.life
	if e.Kind == model.EffectActivate {
		p.inst.fed = true
		w.monitor.activating(p, e.Epoch)
		p.discardOpen(e.Epoch)
	} else {
		w.monitor.starting(p, e.Gen)
		p.replayRecovery()
	}
	w.monitor.points[p.vm.id].launched(w, p)
	launch := *e
	p.inst.launch = &launch
	if p.m.toolHang <= w.now {
		p.create()
	}
	w.tape.instance(p)
}

// create lets the toolstack create the instance that waits for it, if there is one.
func (p *place) create() {
	e := p.inst.launch
	if e == nil {
		return
	}
	p.inst.launch = nil
	d, flags := createTime, model.Flags(0)
	if e.Kind == model.EffectActivate {
		d, flags = activateTime, model.FlagCheckpoint
	}
	ev := p.labour(d, evLaunched)
	ev.gen, ev.epoch, ev.flags = e.Gen, e.Epoch, flags
}

// createAll lets the host's toolstack create what waits for it, unless it hangs.
func (m *member) createAll() {
	if m.toolHang > m.w.now {
		return
	}
	for _, p := range m.vms {
		if p != nil {
			p.create()
		}
	}
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
	if p.createFails() {
		p.w.monitor.notStarted(p, gen)
		p.endInstance() // what there is to say of it is said here
		p.w.stage(StageLaunchFailed, p)
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
	p.inst.machine, p.inst.since = machine, p.m.time()
	life := p.inst.life
	p.m.tell(&model.Event{Kind: model.EventStarted, VM: p.vm.id, Gen: gen})
	if p.inst.life != life { // a fault struck at a stage that the engine reached just now
		return
	}
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
		switch {
		case !machine.CPU().Hung:
		case p.vm.hangs:
			p.probeLater()
		default:
			p.hang(false) // it ended while nobody had the guest
		}
		p.w.stage(StagePromoted, p)
	} else {
		p.inst.base = uint64(p.m.time())
		p.bootLater()
		p.w.stage(StageStarted, p)
	}
	p.w.tape.instance(p)
	p.captureNext()
}

// lastWord lets the engine hear, a moment after the instance has ended, what was on its way to say of it: that its creation
// failed, or that its guest does not respond.
func (p *place) lastWord() {
	after := p.w.rHyper.Duration(0, probeTime)
	switch {
	case p.m.node == nil || !p.inst.present:
	case p.inst.machine == nil:
		p.sayLater(model.EventStarted, p.inst.gen, after, model.FlagError)
	case p.inst.machine.CPU().Hung:
		p.sayLater(model.EventResponding, p.inst.gen, after, 0)
	}
}

// sayLater lets this life of the daemon hear something of an instance of the generation gen.
func (p *place) sayLater(kind model.EventKind, gen model.Gen, after time.Duration, flags model.Flags) {
	ev := p.w.after(after, classDevice, p.m.id, evGuest)
	ev.vm, ev.life, ev.id, ev.gen, ev.io, ev.flags = p.vm.id, p.m.life, uint64(kind), gen, model.IO{}, flags
}

// createFails reports whether a creation that ends now fails, and what it leaves behind.
func (p *place) createFails() bool {
	switch m := p.m; {
	case p.remnant: // the domain exists already
	case m.toolErrors > 0:
		m.toolErrors--
	case m.toolHalves > 0:
		m.toolHalves--
		p.remnant = true
	default:
		return false
	}
	return true
}

// bootLater lets the guest's system start after the time that a boot takes.
func (p *place) bootLater() {
	p.inst.booting = true
	ev := p.labour(bootTime, evBoot)
	ev.flags, ev.gen, ev.epoch = 0, 0, 0
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
	if p.inst.machine.CPU().Hung { // no longer, and the watchdog finds that out too
		p.inst.turned = p.w.now
		p.probeLater()
	}
	p.inst.machine.Boot(p.w.nextLife(), &p.w.guestOut)
	p.w.tape.boots[p.vm.id]++
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
	p.bequeath()
	p.destroy()
	p.m.tell(&model.Event{Kind: model.EventDied, VM: p.vm.id})
}

// adopt gives the instance a new generation and lets it run if it is suspended. When the daemon begins to serve it, it is
// told of everything that the guest waits for.
func (p *place) adopt(e *model.Effect) {
	p.inst.gen, p.inst.final = e.Gen, false
	if e.Flags.Has(model.FlagOn) {
		p.inst.voided = p.m.life
		p.askAnew()
		p.w.stage(StageAdopted, p)
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

// capture suspends the guest and stages its state. It comes after what an earlier life of the daemon
// has begun: a creation, or another capture.
func (p *place) capture(e *model.Effect) {
	w := p.w
	if !p.inst.present {
		return
	}
	if p.inst.capturing || p.inst.machine == nil {
		next := *e
		p.inst.capture = &next
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

// captureNext begins the capture that had to wait, if there is one.
func (p *place) captureNext() bool {
	next := p.inst.capture
	if next == nil {
		return false
	}
	p.inst.capture = nil
	p.capture(next)
	return true
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
	if p.captureNext() {
		return
	}
	if p.m.node == nil || p.staged == nil || p.stagedAs != epoch {
		if p.m.node != nil && p.inst.voided == p.m.life && !p.inst.final {
			p.inst.suspended = false // another life has adopted it, and waits for no state of it
			p.deliverWaiting()
		}
		return // if nobody is there to let it run, it stays suspended until it is adopted
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
