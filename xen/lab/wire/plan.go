package wire

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/faults"
	"holdfast/xen/lab/wire/bridge"
	"holdfast/xen/lab/wire/link"
)

// Change is one thing done to the network. Its What is the kind of fault that it makes or takes back:
//
//	Cut, Loss, Corrupt, Duplicate, Reorder, Delay, Jitter, Slow   the direction From → To, Value as in link.Faults; 0: well
//	Heal                                                          the direction From → To becomes well in all respects
//	NICDown, Isolate                                              the port From: adapter fails, cable is cut; 0: well
type Change struct {
	On       Segment
	From, To string // names of ports; To is empty for changes of a port
	What     faults.Kind
	Value    int64
}

// String writes the change for people.
func (c Change) String() string {
	what := fmt.Sprintf("%s %d", c.What, c.Value)
	if c.What == faults.Heal {
		what = c.What.String()
	}
	if c.To == "" {
		return fmt.Sprintf("%s %s: %s", c.On, c.From, what)
	}
	return fmt.Sprintf("%s %s -> %s: %s", c.On, c.From, c.To, what)
}

func (c *Change) ofPort() bool { return c.What == faults.NICDown || c.What == faults.Isolate }

// toDirection does the change to a direction.
func (c *Change) toDirection(f *link.Faults) {
	switch c.What {
	case faults.Cut:
		f.Cut = c.Value != 0
	case faults.Loss:
		f.Loss = int(c.Value)
	case faults.Corrupt:
		f.Corrupt = int(c.Value)
	case faults.Duplicate:
		f.Duplicate = int(c.Value)
	case faults.Reorder:
		f.Reorder = int(c.Value)
	case faults.Delay:
		f.Delay = time.Duration(c.Value)
	case faults.Jitter:
		f.Jitter = time.Duration(c.Value)
	case faults.Slow:
		f.Bandwidth = int(c.Value)
	case faults.Heal:
		*f = link.Faults{}
	}
}

// toPort does the change to a port.
func (c *Change) toPort(s *bridge.PortState) {
	if c.What == faults.NICDown {
		s.NICDown = c.Value != 0
	} else {
		s.Cut = c.Value != 0
	}
}

// Plan is what a fault does to the network: at once, and, if it has a duration, when that ends.
type Plan struct {
	Begin, End []Change
	For        time.Duration // 0: it stays until something heals it
}

// Member is a machine of the lab and the networks that it is on.
type Member struct {
	Name string
	On   []Segment
}

// Topology is who can be hit. Ports that are not members, such as those of stacks, are not hit by faults of members.
type Topology []Member

func (t Topology) on(name string, s Segment) bool {
	i := slices.IndexFunc(t, func(m Member) bool { return m.Name == name })
	return i >= 0 && slices.Contains(t[i].On, s)
}

func (t Topology) has(name string) bool {
	return slices.ContainsFunc(t, func(m Member) bool { return m.Name == name })
}

// Resolve says which members a role means at this moment, by name. The network does not know who runs a VM.
type Resolve func(faults.Role) ([]string, error)

// Names is a Resolve for faults that name members by their names only.
func Names(r faults.Role) ([]string, error) {
	if r.Kind != faults.RoleName || r.Other {
		return nil, fmt.Errorf("the network does not know who %s is: name the member", r)
	}
	return []string{r.Name}, nil
}

// ErrNotOfNetwork is returned for faults that something else than a network has to do: power, daemons, disks, clocks.
var ErrNotOfNetwork = errors.New("this is not a fault of the network")

// memberLinks are the networks that isolation and partition cut, in this order: those that members have among themselves.
var memberLinks = []Segment{ALink0, ALink1, Management}

// Translate says what a fault means to the network, with the meaning that package scenarios gives it on the simulated one:
// a second fault of the same kind on a link replaces the first, different kinds add up, isolation and partition are cuts and
// are healed as such, and the end of a fault's duration ends that kind of fault there, whoever set it. It changes nothing. The error
// wraps ErrNotOfNetwork, or names the member, the link, or the value that does not fit.
//
// HealAll is translated for its part in the network; its other parts are for others.
func Translate(f faults.Fault, t Topology, who Resolve) (Plan, error) {
	p := planner{t: t, who: who, plan: Plan{For: f.For}}
	if err := p.add(&f); err != nil {
		return Plan{}, fmt.Errorf("%s: %w", f, err)
	}
	if p.plan.For == 0 {
		p.plan.End = nil
	}
	return p.plan, nil
}

type planner struct {
	t    Topology
	who  Resolve
	plan Plan
}

func (p *planner) add(f *faults.Fault) error {
	if !f.Kind.Valid() || f.Kind.Class() != faults.ClassNetwork {
		return ErrNotOfNetwork
	}
	if err := f.Validate(); err != nil {
		return err
	}
	switch f.Kind {
	case faults.HealAll:
		p.healAll()
		return nil
	case faults.Partition:
		return p.partition(f.Groups)
	case faults.Isolate, faults.NICDown, faults.NICUp:
		return p.each(f.Member, func(name string) error { return p.member(f, name) })
	default:
		return p.each(f.Member, func(from string) error {
			return p.each(f.Peer, func(to string) error { return p.link(f, from, to) })
		})
	}
}

// each does something for every member that a role means.
func (p *planner) each(r faults.Role, do func(name string) error) error {
	names, err := p.members(r)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := do(name); err != nil {
			return err
		}
	}
	return nil
}

// members returns whom a role means, at least one.
func (p *planner) members(r faults.Role) ([]string, error) {
	names, err := p.who(r)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s is nobody at present", r)
	}
	for _, name := range names {
		if !p.t.has(name) {
			return nil, fmt.Errorf("no machine %s is plugged into any network", name)
		}
	}
	return names, nil
}

// set adds a change and what undoes it.
func (p *planner) set(c Change) {
	p.plan.Begin = append(p.plan.Begin, c)
	c.Value = 0
	p.plan.End = append(p.plan.End, c)
}

// link translates a fault of a link between two members.
func (p *planner) link(f *faults.Fault, a, b string) error {
	if a == b {
		return fmt.Errorf("there is no link from %s to itself", a)
	}
	value, err := linkValue(f)
	if err != nil {
		return err
	}
	parts := f.Link.Parts()
	for _, part := range parts {
		on := OfLink(part)
		if !p.t.on(a, on) || !p.t.on(b, on) {
			if f.Link == faults.LinkAll && (p.t.on(a, Management) && p.t.on(b, Management)) {
				continue // a witness is on the management network only
			}
			return fmt.Errorf("%s and %s are not both on network %s", a, b, on)
		}
		p.set(Change{on, a, b, f.Kind, value})
		if !f.OneWay {
			p.set(Change{on, b, a, f.Kind, value})
		}
	}
	return nil
}

// linkValue returns the parameter of a fault of a link.
func linkValue(f *faults.Fault) (int64, error) {
	switch f.Kind {
	case faults.Cut:
		return 1, nil
	case faults.Heal:
		return 0, nil
	case faults.Loss, faults.Corrupt, faults.Duplicate, faults.Reorder:
		return int64(f.Chance), nil
	case faults.Delay, faults.Jitter:
		return int64(f.Amount), nil
	case faults.Slow:
		return int64(f.Bandwidth), nil
	default:
		return 0, fmt.Errorf("%w: it has no meaning here yet", ErrNotOfNetwork)
	}
}

// member translates a fault of all that a member has.
func (p *planner) member(f *faults.Fault, name string) error {
	lan := p.t.on(name, LAN)
	switch f.Kind {
	case faults.Isolate:
		for _, other := range p.t {
			if other.Name != name {
				p.cut(name, other.Name)
			}
		}
		if lan && !f.KeepLAN {
			p.set(Change{LAN, name, "", faults.Isolate, 1})
		}
		return nil
	case faults.NICDown, faults.NICUp:
		if !lan {
			return fmt.Errorf("%s is not on network %s", name, LAN)
		}
		var down int64
		if f.Kind == faults.NICDown {
			down = 1
		}
		p.set(Change{LAN, name, "", faults.NICDown, down})
	}
	return nil
}

// cut cuts all links between two members, both ways.
func (p *planner) cut(a, b string) {
	for _, on := range memberLinks {
		if p.t.on(a, on) && p.t.on(b, on) {
			p.set(Change{on, a, b, faults.Cut, 1})
			p.set(Change{on, b, a, faults.Cut, 1})
		}
	}
}

func (p *planner) partition(groups [][]faults.Role) error {
	var sides [][]string
	for _, roles := range groups {
		var side []string
		for _, r := range roles {
			names, err := p.members(r)
			if err != nil {
				return err
			}
			side = append(side, names...)
		}
		sides = append(sides, side)
	}
	for i, side := range sides {
		for _, other := range sides[i+1:] {
			for _, a := range side {
				for _, b := range other {
					if a == b {
						return fmt.Errorf("%s is on two sides", a)
					}
					p.cut(a, b)
				}
			}
		}
	}
	return nil
}

// healAll makes every link between members and every port of a member well.
func (p *planner) healAll() {
	for _, a := range p.t {
		for _, on := range a.On {
			for _, b := range p.t {
				if a.Name != b.Name && p.t.on(b.Name, on) {
					p.set(Change{on, a.Name, b.Name, faults.Heal, 0})
				}
			}
			p.set(Change{on, a.Name, "", faults.NICDown, 0})
			p.set(Change{on, a.Name, "", faults.Isolate, 0})
		}
	}
}
