package sim

import "time"

// labourStep is how much work a slow CPU does at a time: the factor of its slowness counts for each step anew.
const labourStep = 10 * time.Millisecond

// labour lets the event kind of the instance come when the host's CPU has done work that takes d on a
// CPU which is not slow. The caller fills in what the event is about, apart from id, which is the work that is left then.
func (p *place) labour(d time.Duration, kind eventKind) *event {
	step := d
	if p.m.slow > 1 {
		step = min(d, labourStep)
	}
	ev := p.w.after(step*time.Duration(p.m.slow), classDevice, p.m.id, kind)
	ev.vm, ev.life, ev.id = p.vm.id, p.inst.life, uint64(d-step)
	return ev
}

// laboursOn reports whether work is left when the event comes, and goes on with it.
func (p *place) laboursOn(e *event) bool {
	if e.id == 0 {
		return false
	}
	flags, gen, epoch := e.flags, e.gen, e.epoch
	ev := p.labour(time.Duration(e.id), e.kind)
	ev.flags, ev.gen, ev.epoch = flags, gen, epoch
	return true
}
