package wire

import (
	"fmt"

	"github.com/jonboulle/clockwork"

	"holdfast/faults"
	"holdfast/xen/lab/wire/bridge"
)

// Topology returns the machines that were plugged in so far, and their networks.
func (n *Network) Topology() Topology {
	n.mu.Lock()
	t := make(Topology, 0, len(n.members))
	for _, name := range n.members {
		t = append(t, Member{Name: name})
	}
	n.mu.Unlock()
	for _, s := range n.segments {
		s.mu.Lock()
		for i := range t {
			if _, ok := s.bridge.Port(t[i].Name); ok {
				t[i].On = append(t[i].On, s.name)
			}
		}
		s.mu.Unlock()
	}
	return t
}

// Inject does a fault of a network to the machines that are plugged in: see Translate for what it means and for errors. All of
// it takes effect at one instant: between its first and its last change no frame passes any network. If the fault has a
// duration, it ends by itself. It returns what it did.
func (n *Network) Inject(f faults.Fault, who Resolve) (Plan, error) {
	n.injecting.Lock()
	defer n.injecting.Unlock()
	plan, err := Translate(f, n.Topology(), who)
	if err != nil {
		return Plan{}, err
	}
	if err := n.apply(plan.Begin); err != nil {
		return Plan{}, fmt.Errorf("%s: %w", f, err)
	}
	n.cfg.Log.Info("fault", "text", f.String(), "changes", len(plan.Begin))
	if plan.For > 0 {
		n.later(plan, f.String())
	}
	return plan, nil
}

// ending is the end of a fault that is to come.
type ending struct{ timer clockwork.Timer }

// later has the fault end after its duration.
func (n *Network) later(plan Plan, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	e := &ending{}
	e.timer = n.cfg.Clock.AfterFunc(plan.For, func() {
		n.injecting.Lock()
		defer n.injecting.Unlock()
		n.mu.Lock()
		delete(n.ends, e)
		closed := n.closed
		n.mu.Unlock()
		if closed {
			return
		}
		if err := n.apply(plan.End); err != nil {
			n.cfg.Log.Error("fault does not end", "text", text, "because", err)
			return
		}
		n.cfg.Log.Info("fault ends", "text", text)
	})
	n.ends[e] = struct{}{}
}

// carrier is a change of what a machine sees of its cable.
type carrier struct {
	host string
	on   Segment
	up   bool
}

// apply does changes, all of them or, with an error, none.
func (n *Network) apply(changes []Change) error {
	seen, err := n.applyLocked(changes)
	if n.cfg.Carrier != nil {
		for _, c := range seen {
			n.cfg.Carrier(c.host, c.on, c.up)
		}
	}
	return err
}

func (n *Network) applyLocked(changes []Change) (seen []carrier, err error) {
	for _, s := range n.segments { // always in the order of Segments
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bridge.Advance(s.now()) // what was due before this instant passed before it
	}
	for _, do := range []bool{false, true} { // look first, then change
		for i := range changes {
			c, err := n.change(&changes[i], do)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", changes[i], err)
			}
			if c != nil {
				seen = append(seen, *c)
			}
		}
	}
	return seen, nil
}

// change does one change, or only looks whether it can be done. All locks are held.
func (n *Network) change(c *Change, do bool) (*carrier, error) {
	s, err := n.segment(c.On)
	if err != nil {
		return nil, err
	}
	if !c.ofPort() {
		d, err := s.direction(c.From, c.To)
		if err != nil {
			return nil, err
		}
		next := d.Faults
		c.toDirection(&next)
		if do {
			d.Faults = next
		}
		return nil, next.Validate()
	}
	id, err := s.port(c.From)
	if err != nil || !do {
		return nil, err
	}
	return s.changePort(c, id), nil
}

// changePort does a change of a port, and says what the machine sees of it.
func (s *segment) changePort(c *Change, id bridge.PortID) *carrier {
	was := s.bridge.State(id)
	next := was
	c.toPort(&next)
	s.bridge.SetState(id, next)
	if was.NICDown == next.NICDown {
		return nil
	}
	return &carrier{c.From, s.name, !next.NICDown}
}
