package sim

import (
	"fmt"
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
)

// deliver hands the guest a packet from outside.
func (p *place) deliver(pkt *guest.Packet) {
	if !p.inst.present || p.inst.booting || p.inst.machine == nil || p.inst.machine.CPU().Hung || !p.m.alive() {
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
	ev := p.w.add(p.w.now, classDevice, p.m.id, evGuest)
	ev.vm, ev.life, ev.id, ev.io = p.vm.id, p.m.life, uint64(model.EventRequest), c.io
	ev.gen, ev.flags = 0, 0
	if c.io.Op == model.OpWrite {
		p.w.stage(StageWriteIssued, p)
	}
}

// dataOf returns the data of the guest's write io, which the operation op stands for from the first effect that names it: the
// guest may give its own number to another request while that of the operation is still asked for.
func (p *place) dataOf(op uint64, io *model.IO) *attachment {
	if att := p.requests.get(0, op); att != nil {
		return att
	}
	att := p.written(io)
	if att == nil {
		p.w.violation("crash", p.vm.id, fmt.Sprintf("%s: the data of the guest's write %d, operation %d, is gone", p.m.name, io.ID, op))
		return nil
	}
	p.requests.put(p.w, 0, op, att.share())
	return att
}

// written returns the data of a write that the guest waits for, or waited for when it crashed; nil: there is none. One that
// hangs waits also for what was completed: the next life of the daemon is asked for it again.
func (p *place) written(io *model.IO) *attachment {
	for _, calls := range [][]call{p.inst.calls, p.late} {
		for i := range calls {
			if c := &calls[i]; c.io == *io {
				return c.att
			}
		}
	}
	return nil
}

// complete answers a request of the guest; one that hangs is told when it goes on.
func (p *place) complete(e *model.Effect) {
	failed := e.Flags.Has(model.FlagError)
	hung := p.inst.machine != nil && p.inst.machine.CPU().Hung
	p.noteDone(p.inst.calls, e, hung && !failed)
	p.noteDone(p.late, e, !failed)
	answer := completion{effect: *e, data: p.answers.take(0, e.ID)}
	if hung {
		p.inst.unseen = append(p.inst.unseen, answer)
		return
	}
	p.answer(&answer)
}

// noteDone tells the monitor that a request is completed, the first time. One that failed may be asked for again, and succeed.
func (p *place) noteDone(calls []call, e *model.Effect, done bool) {
	for i := range calls {
		if c := &calls[i]; c.io.ID == e.IO.ID && !c.done {
			p.w.monitor.points[p.vm.id].completed(p.w, p, c, e.Flags.Has(model.FlagError))
			c.done = done
		}
	}
}

// answer gives the guest the answer to a request that it waits for.
func (p *place) answer(a *completion) {
	defer p.w.drop(a.data)
	id, failed := a.effect.IO.ID, a.effect.Flags.Has(model.FlagError)
	if i := slices.Index(p.inst.asked, id); i >= 0 {
		p.inst.asked = slices.Delete(p.inst.asked, i, i+1)
	}
	for i := range p.inst.calls {
		c := &p.inst.calls[i]
		if c.io.ID != id {
			continue
		}
		p.w.monitor.completed(p, c, failed)
		p.w.drop(c.att)
		p.inst.calls = append(p.inst.calls[:i], p.inst.calls[i+1:]...)
		p.answerGuest(id, !failed, a.data)
		return
	}
}

// bequeath keeps the writes that a crashing guest asked for: until the daemon hears of the crash it completes them, and they
// belong to the VM's disk as any other. Among them are those that were completed while the guest hung: another life of the
// daemon is asked for them again.
func (p *place) bequeath() {
	p.dropLate()
	for i := range p.inst.calls {
		if c := p.inst.calls[i]; c.io.Op == model.OpWrite {
			c.att = c.att.share()
			p.late = append(p.late, c)
		}
	}
}

func (p *place) dropLate() {
	for i := range p.late {
		p.w.drop(p.late[i].att)
	}
	p.late = p.late[:0]
}

// hang makes the guest hang, or lets it go on with what its devices have for it.
func (p *place) hang(on bool) {
	if p.inst.machine == nil || p.inst.machine.CPU().Hung == on {
		return
	}
	p.inst.machine.SetHung(on)
	p.inst.turned = p.w.now
	p.probeLater()
	unseen := p.inst.unseen
	p.inst.unseen = nil
	for i := range unseen {
		p.answer(&unseen[i])
	}
}

// probeLater lets the hypervisor's watchdog find out, after its time, whether the guest responds.
func (p *place) probeLater() {
	ev := p.w.after(probeTime, classDevice, p.m.id, evProbe)
	ev.vm, ev.life = p.vm.id, p.inst.life
}

// probe tells the engine whether the guest responds.
func (p *place) probe() {
	if !p.m.powered || p.inst.machine == nil {
		return
	}
	if p.m.frozen { // the watchdog goes on when the host does
		ev := p.w.after(10*time.Millisecond, classDevice, p.m.id, evProbe)
		ev.vm, ev.life = p.vm.id, p.inst.life
		return
	}
	ev := model.Event{Kind: model.EventResponding, VM: p.vm.id, Gen: p.inst.gen}
	if !p.inst.machine.CPU().Hung {
		ev.Flags = model.FlagOn
	}
	p.m.tell(&ev)
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
