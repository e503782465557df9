package contract

import (
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
	"holdfast/sim"
)

// place is what an operator decided about the loss of a place: hosts that must stay off until it is known.
type place struct {
	there model.NodeID  // the host that goes on, or that the operator spoke to
	vm    model.VMID    // started there; 0: the host was told to decide alone
	off   model.NodeSet // those without power
	since model.Time
}

// recovery keeps what a fail-over rests on, in both modes: F1 does not protect against the operator's word, see the
// section about recovery copies of docs/protocol.md. Hosts that are said to be gone are without power, and come back when
// it is known what became of the VM, with their links.
func (c *Contract) recovery(m *scenarios.Moment) (faults.Fault, string) {
	f := m.Fault
	if !c.covered {
		return f, ""
	}
	c.known(m)
	switch f.Kind {
	case faults.FailOver:
		return c.failOver(m)
	case faults.PowerOn, faults.JoinHost:
		return c.comesBack(m)
	case faults.SetLevel:
		if f.Level == faults.LevelNone && c.vm(f.VM).Recovery != "" {
			return faults.Fault{}, "a VM of level none has no recovery copy"
		}
	case faults.ForceStart, faults.ReplaceHome, faults.LeaveHost:
		return faults.Fault{}, "VMs with recovery copies keep their homes, and are started elsewhere by a fail-over"
	case faults.DiskCorrupt:
		return faults.Fault{}, "nobody reads a recovery copy before it is needed, and then there is no other one"
	}
	if ends[f.Kind] != nil || f.Kind.Class() == faults.ClassOperator && f.Kind != faults.HealAll {
		return f, ""
	}
	return c.stays(m)
}

// vm returns the VM of a name.
func (c *Contract) vm(name string) *script.VM {
	return &c.script.VMs[slices.IndexFunc(c.script.VMs, func(v script.VM) bool { return v.Name == name })]
}

// known forgets what all need not wait for any more: a VM runs where it was ordered to, or the order was refused, or
// those who were declared dead have come back and heard of it.
func (c *Contract) known(m *scenarios.Moment) {
	c.places = slices.DeleteFunc(c.places, func(p place) bool {
		if p.vm != 0 {
			return m.World.Config(p.vm).Primary == p.there || c.told(m, &p)
		}
		for rest := p.off; !rest.Empty(); rest = rest.Without(rest.First()) {
			if !follows(m.World, rest.First(), p.there) {
				return false
			}
		}
		return true
	})
}

// follows reports whether two members have the same leader.
func follows(w *sim.World, a, b model.NodeID) bool {
	one, ok := w.View(a)
	two, also := w.View(b)
	return ok && also && one.Leader == two.Leader && one.Leader != model.NoNode
}

// acts reports whether the daemon of a member runs.
func acts(w *sim.World, id model.NodeID) bool {
	_, ok := w.View(id)
	return ok
}

// told reports whether an order was refused.
func (c *Contract) told(m *scenarios.Moment, p *place) bool {
	list := m.World.Notices()
	for i := len(list) - 1; i >= 0 && list[i].At >= p.since; i-- {
		if n := &list[i]; n.Kind == model.NoticeRefused && n.VM == p.vm && n.Member == p.there {
			return true
		}
	}
	return false
}

// failOver decides about the order to start a VM from its recovery copy.
func (c *Contract) failOver(m *scenarios.Moment) (faults.Fault, string) {
	id := m.World.VM(m.Fault.VM)
	cfg := m.World.Config(id)
	for rest := cfg.Homes; !rest.Empty(); rest = rest.Without(rest.First()) {
		if !c.gone(m, rest.First()) {
			return faults.Fault{}, "a home of " + m.Fault.VM + " has power, or will have it before anybody knows what was decided"
		}
	}
	c.places = append(c.places, place{there: m.Members[0], vm: id, off: cfg.Homes, since: m.World.Now()})
	return m.Fault, ""
}

// gone reports whether a host is off and stays so until it is given power by an action.
func (c *Contract) gone(m *scenarios.Moment, id model.NodeID) bool {
	if c.powered[id] > m.At {
		return false // by a loss of power that was to last so long, whatever has happened since
	}
	stays := false
	for i := range c.active {
		if w := &c.active[i]; w.touches(id) && (w.kind == faults.PowerOff || w.kind == faults.Reboot) {
			if w.until != forever {
				return false
			}
			stays = true
		}
	}
	return stays && !m.World.Powered(id)
}

// comesBack decides about the return of a host.
func (c *Contract) comesBack(m *scenarios.Moment) (faults.Fault, string) {
	for i := range c.places {
		p := &c.places[i]
		switch {
		case len(m.Members) != 1 || !p.off.Has(m.Members[0]):
		case p.vm != 0:
			return faults.Fault{}, "the order to start the VM elsewhere is not decided"
		case !acts(m.World, p.there) || !c.linked():
			return faults.Fault{}, "those who come back have to hear at once of what was decided without them"
		}
	}
	return m.Fault, ""
}

// linked reports whether nothing is wrong but that hosts are off, or boot.
func (c *Contract) linked() bool {
	return !slices.ContainsFunc(c.active, func(w window) bool { return w.kind != faults.PowerOff })
}

// stays keeps the host that goes on, and the links to it, as long as others can come back that do not know of it. At the end
// of the run all of them do, so it must be itself by then.
func (c *Contract) stays(m *scenarios.Moment) (faults.Fault, string) {
	f := m.Fault
	for i := range c.places {
		p := &c.places[i]
		for rest := p.off; !rest.Empty(); rest = rest.Without(rest.First()) {
			if c.hits(m, rest.First()) {
				return faults.Fault{}, "a host that was said to be off has to stay so"
			}
		}
		returned := false
		for rest := p.off; !rest.Empty(); rest = rest.Without(rest.First()) {
			returned = returned || m.World.Powered(rest.First())
		}
		switch {
		case p.vm != 0 && f.Kind == faults.HealAll:
			return faults.Fault{}, "the order to start the VM elsewhere is not decided"
		case p.vm != 0:
		case returned:
			return faults.Fault{}, "a host that comes back has to hear of what was decided without it"
		case f.For == 0 || m.At+f.For+bootTime+c.settle() > c.script.Run:
			return faults.Fault{}, "the only host that knows what was decided must be there when the others come back"
		}
	}
	return f, ""
}

// decidesAlone decides about an override in a pool with recovery copies: nobody is left who could decide otherwise, and
// the host that is to decide alone knows everything that was decided.
func (c *Contract) decidesAlone(m *scenarios.Moment) (faults.Fault, string) {
	acting := m.Members[0]
	off, on := model.NodeSet(0), 0
	view, ok := m.World.View(acting)
	if !ok {
		return faults.Fault{}, "the host that is to decide alone does not act"
	}
	for rest := view.Voters; !rest.Empty(); rest = rest.Without(rest.First()) {
		switch id := rest.First(); {
		case id == acting:
			on++
		case m.World.Powered(id):
			return faults.Fault{}, "others who vote are alive"
		case !c.gone(m, id):
			return faults.Fault{}, "others who vote will be alive soon"
		default:
			off = off.With(id)
		}
	}
	if on == 0 || off.Empty() {
		return faults.Fault{}, "a host that does not vote cannot decide alone"
	}
	for i := range c.script.VMs {
		id := m.World.VM(c.script.VMs[i].Name)
		if cfg := m.World.Config(id); view.Pool.VM(id).Gen != cfg.Gen {
			return faults.Fault{}, "the host that is to decide alone does not know all that was decided"
		}
	}
	c.alone, c.decides = true, acting
	c.places = append(c.places, place{there: acting, off: off, since: m.World.Now()})
	return m.Fault, ""
}

// distance reports whether the fault is how far places are from each other, which is no trouble.
func distance(f *faults.Fault) bool {
	return f.Kind == faults.Delay && f.For == 0 && f.Amount <= 100*time.Millisecond
}
