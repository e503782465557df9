package bridge

import (
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"holdfast/xen/lab/wire/frame"
	"holdfast/xen/lab/wire/link"
)

// MaxPorts is how many ports a bridge can have; it bounds what a flooded frame costs.
const MaxPorts = 64

// PortID numbers the ports of a bridge in the order of AddPort, from 0.
type PortID int

// Config is what a Bridge is made of. A zero field is its default.
type Config struct {
	// Name is the network's name; with the names of the ports it makes the seeds of the directions differ.
	Name string
	// Seed of all draws.
	Seed uint64
	// Addresses is how many Ethernet addresses are remembered at most; default 4096. Frames to others go to all ports.
	Addresses int
	// Age is how long an address is remembered after its last frame; default 5 minutes, as in Linux.
	Age time.Duration
	// Limits of each direction.
	Limits link.Limits
	// Asker is an address that only asks; the zero value: there is none. A frame to it teaches the bridge nothing about its sender: the
	// answers to what an observer asks change nobody's way.
	Asker frame.MAC
	// Deliver takes a frame that has arrived at a port. It must not call the bridge, and must not change the frame.
	Deliver func(to PortID, f []byte)
	// Tap, if not nil, sees every frame that a port sends, before any fault but a port that is down.
	Tap func(from PortID, f []byte)
}

// PortState is what is wrong with a port as a whole. The zero value is a healthy port.
type PortState struct {
	// NICDown says that the host's adapter fails.
	NICDown bool `json:"nic_down,omitempty"`
	// Cut says that the cable is cut: the host sees nothing of it.
	Cut bool `json:"cut,omitempty"`
}

// Up reports whether frames pass.
func (s PortState) Up() bool { return !s.NICDown && !s.Cut }

// PortCounters count the frames that a port sent and that did not get as far as a direction, or did not get out.
type PortCounters struct {
	Sent      uint64 `json:"sent"`       // frames that the port gave to the bridge
	SentBytes uint64 `json:"sent_bytes"` // their bytes
	Runt      uint64 `json:"runt"`       // dropped: shorter than an Ethernet header
	Giant     uint64 `json:"giant"`      // dropped: longer than frame.MaxBytes
	BadSource uint64 `json:"bad_source"` // dropped: a group address as sender
	DownIn    uint64 `json:"down_in"`    // dropped: sent while the port was down
	DownOut   uint64 `json:"down_out"`   // dropped: arrived while the port was down
	Local     uint64 `json:"local"`      // dropped: the destination is behind the sender's own port
	Flooded   uint64 `json:"flooded"`    // sent to all other ports
}

// Counters count what the bridge learned.
type Counters struct {
	Learned uint64 `json:"learned"` // addresses seen for the first time, or again after they were forgotten
	Moved   uint64 `json:"moved"`   // addresses that appeared at another port
	Aged    uint64 `json:"aged"`    // addresses forgotten because of their age
	Full    uint64 `json:"full"`    // frames whose source could not be remembered
}

// Errors of AddPort.
var (
	// ErrTooManyPorts is returned beyond MaxPorts.
	ErrTooManyPorts = errors.New("the network has no room for another port")
	// ErrSameName is returned for the name of a port that exists.
	ErrSameName = errors.New("the network has a port of that name")
)

type port struct {
	name     string
	state    PortState
	counters PortCounters
	to       []*link.Direction // by PortID; nil for itself
}

// Bridge is one network. Make it with New.
type Bridge struct {
	cfg      Config
	ports    []*port
	table    table
	agenda   agenda
	counters Counters
}

// New returns a bridge without ports. The configuration's limits must be valid, and Deliver set.
func New(cfg Config) *Bridge {
	if cfg.Addresses <= 0 {
		cfg.Addresses = 4096
	}
	if cfg.Age <= 0 {
		cfg.Age = 5 * time.Minute
	}
	b := &Bridge{cfg: cfg}
	b.table = table{entries: map[frame.MAC]entry{}, limit: cfg.Addresses, age: cfg.Age}
	return b
}

// AddPort adds a healthy port with healthy directions to and from all others. Ports are never taken away.
func (b *Bridge) AddPort(name string) (PortID, error) {
	if _, ok := b.Port(name); ok {
		return 0, fmt.Errorf("%w: %s on %s", ErrSameName, name, b.cfg.Name)
	}
	if len(b.ports) == MaxPorts {
		return 0, fmt.Errorf("%w: %s would be port %d of %s, at most %d are possible", ErrTooManyPorts, name, MaxPorts+1, b.cfg.Name, MaxPorts)
	}
	p := &port{name: name}
	for _, other := range b.ports {
		other.to = append(other.to, b.direction(other.name, name))
		p.to = append(p.to, b.direction(name, other.name))
	}
	p.to = append(p.to, nil)
	b.ports = append(b.ports, p)
	return PortID(len(b.ports) - 1), nil
}

// direction makes a direction whose draws depend on the names and not on the order of AddPort.
func (b *Bridge) direction(from, to string) *link.Direction {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d\x00%s\x00%s\x00%s", b.cfg.Seed, b.cfg.Name, from, to)
	return link.New(h.Sum64(), b.cfg.Limits)
}

// Port returns the port of that name.
func (b *Bridge) Port(name string) (PortID, bool) {
	for i, p := range b.ports {
		if p.name == name {
			return PortID(i), true
		}
	}
	return 0, false
}

// Ports returns the number of ports.
func (b *Bridge) Ports() int { return len(b.ports) }

// Name returns a port's name.
func (b *Bridge) Name(id PortID) string { return b.ports[id].name }

// Direction returns the direction between two different ports, whose faults may be set.
func (b *Bridge) Direction(from, to PortID) *link.Direction { return b.ports[from].to[to] }

// State returns what is wrong with a port.
func (b *Bridge) State(id PortID) PortState { return b.ports[id].state }

// SetState changes what is wrong with a port. A port that goes down is forgotten as the way to any address, as
// switches do, so that an address that has moved meanwhile is found.
func (b *Bridge) SetState(id PortID, s PortState) {
	b.ports[id].state = s
	if !s.Up() {
		b.Forget(id)
	}
}

// Forget forgets all addresses behind a port: what was plugged into it is gone.
func (b *Bridge) Forget(id PortID) { b.table.forget(id) }

// PortCounters returns the counters of a port.
func (b *Bridge) PortCounters(id PortID) PortCounters { return b.ports[id].counters }

// Counters returns the counters of the bridge.
func (b *Bridge) Counters() Counters {
	c := b.counters
	c.Aged = b.table.aged
	return c
}

// Addresses returns how many addresses are remembered.
func (b *Bridge) Addresses() int { return len(b.table.entries) }

// Input takes a frame that a port sends at now, counted from any fixed instant; now never goes back. The bridge
// keeps the frame, so nobody may change it any more. What is due by now is delivered first.
func (b *Bridge) Input(now time.Duration, from PortID, f []byte) {
	b.Advance(now)
	p := b.ports[from]
	p.counters.Sent++
	p.counters.SentBytes += uint64(len(f))
	switch {
	case !p.state.Up():
		p.counters.DownIn++
		return
	case len(f) < frame.HeaderBytes:
		p.counters.Runt++
		return
	case len(f) > frame.MaxBytes:
		p.counters.Giant++
		return
	case frame.Source(f).Group():
		p.counters.BadSource++
		return
	}
	if b.cfg.Tap != nil {
		b.cfg.Tap(from, f)
	}
	to, known := PortID(0), false
	destination := frame.Destination(f)
	if destination != b.cfg.Asker || b.cfg.Asker == (frame.MAC{}) {
		b.learn(now, from, frame.Source(f))
	}
	if !destination.Group() {
		to, known = b.table.find(now, destination)
	}
	switch {
	case !known:
		p.counters.Flooded++
		for to := range b.ports {
			if PortID(to) != from {
				b.send(now, from, PortID(to), f)
			}
		}
	case to == from:
		p.counters.Local++
	default:
		b.send(now, from, to, f)
	}
}

func (b *Bridge) learn(now time.Duration, at PortID, m frame.MAC) {
	switch b.table.learn(now, at, m) {
	case learnedNew:
		b.counters.Learned++
	case learnedMove:
		b.counters.Moved++
	case learnedNothing:
		b.counters.Full++
	}
}

// send passes a frame through a direction.
func (b *Bridge) send(now time.Duration, from, to PortID, f []byte) {
	d := b.ports[from].to[to].Decide(now, f)
	for _, c := range d.Copies[:d.N] {
		if c.At > now {
			b.agenda.add(c.At, from, to, c.Frame)
		} else {
			b.deliver(to, c.Frame)
		}
	}
}

func (b *Bridge) deliver(to PortID, f []byte) {
	p := b.ports[to]
	if !p.state.Up() {
		p.counters.DownOut++
		return
	}
	b.cfg.Deliver(to, f)
}

// Advance delivers what is due at now or earlier, in the order of its instants.
func (b *Bridge) Advance(now time.Duration) {
	for {
		w, ok := b.agenda.take(now)
		if !ok {
			return
		}
		b.ports[w.from].to[w.to].Landed(len(w.frame))
		b.deliver(w.to, w.frame)
	}
}

// Next returns when the next frame is due, or false if none is on its way.
func (b *Bridge) Next() (time.Duration, bool) { return b.agenda.next() }
