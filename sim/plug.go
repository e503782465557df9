package sim

import (
	"holdfast/engine/model"
	"holdfast/sim/guest"
)

// plug holds a guest's network output.
type plug struct {
	passing bool
	asked   bool // the engine knows that output waits
	queue   []output
	newest  model.Epoch // newest mark
}

// output is one packet in a plug. epoch is set when a mark covers it; 0: no mark yet.
type output struct {
	pkt   guest.Packet
	epoch model.Epoch
	at    model.Time
}

func (g *plug) reset() { *g = plug{queue: g.queue[:0]} }

// mark makes everything without a mark belong to epoch.
func (g *plug) mark(epoch model.Epoch) {
	for i := len(g.queue) - 1; i >= 0 && g.queue[i].epoch == 0; i-- {
		g.queue[i].epoch = epoch
	}
	g.newest = epoch
	g.asked = false
}

// voidMarks takes back the marks of an earlier life of the daemon.
func (p *place) voidMarks() {
	for i := range p.plug.queue {
		p.plug.queue[i].epoch = 0
	}
	p.plug.asked = false
	p.askOutput()
}

// askOutput tells the engine, once until the next mark, that output waits.
func (p *place) askOutput() {
	if p.plug.asked || len(p.plug.queue) == 0 || p.m.node == nil || p.inst.voided != p.m.life {
		return
	}
	p.plug.asked = true
	ev := p.w.add(p.w.now, classDevice, p.m.id, evGuest)
	ev.vm, ev.life, ev.id = p.vm.id, p.m.life, uint64(model.EventOutput)
	ev.gen, ev.flags, ev.io = 0, 0, model.IO{}
}

// output takes a packet from the guest.
func (p *place) output(pkt *guest.Packet) {
	g := &p.plug
	if g.passing || p.w.sabotage.LeakOutput {
		p.w.monitor.released(p, 0)
		p.leave(pkt)
		return
	}
	g.queue = append(g.queue, output{pkt: *pkt, at: p.w.now})
	p.askOutput()
}

// release lets held output go: what is marked up to epoch, or everything.
func (p *place) release(epoch model.Epoch, all bool) {
	g := &p.plug
	n := 0
	for n < len(g.queue) && (all || g.queue[n].epoch != 0 && g.queue[n].epoch <= epoch) {
		o := &g.queue[n]
		if all {
			p.w.monitor.released(p, 0)
		} else {
			p.w.monitor.released(p, o.epoch)
		}
		p.w.tape.delayed(p.w.now.Sub(o.at))
		p.leave(&o.pkt)
		n++
	}
	g.queue = append(g.queue[:0], g.queue[n:]...)
}
