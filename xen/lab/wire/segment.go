package wire

import (
	"sync"
	"time"

	"github.com/jonboulle/clockwork"

	"holdfast/faults"
	"holdfast/xen/lab/wire/bridge"
)

// Segment names one of the lab's networks.
type Segment string

// The networks, in the order in which they are listed everywhere.
const (
	// Management connects all members, the witness too.
	Management Segment = "mgmt"
	// ALink0 and ALink1 are the availability links between hosts: a1 and a2 in scripts.
	ALink0 Segment = "alink0"
	ALink1 Segment = "alink1"
	// LAN is the guests' network, from which clients come.
	LAN Segment = "lan"
)

// Segments returns all networks.
func Segments() []Segment { return []Segment{Management, ALink0, ALink1, LAN} }

// OfLink returns the network that is a link of scripts, or "" if it is none or several; faults.Link.Parts splits those.
func OfLink(l faults.Link) Segment {
	switch l {
	case faults.LinkA1:
		return ALink0
	case faults.LinkA2:
		return ALink1
	case faults.LinkManagement:
		return Management
	default:
		return ""
	}
}

// segment is a network at work: a bridge, its lock, its ports, and the goroutine that delivers what was delayed.
type segment struct {
	name  Segment
	clock clockwork.Clock
	start time.Time
	wake  chan struct{} // one place: something is due earlier than armed
	stop  chan struct{}
	ended chan struct{}

	mu        sync.Mutex
	bridge    *bridge.Bridge
	ports     []*Port // by bridge.PortID
	capture   *Capture
	sightings map[sightingKey]*sighted
	armed     time.Duration // when the goroutine will look by itself; maxDuration: never
}

const never = time.Duration(1<<63 - 1)

func newSegment(name Segment, cfg *Config, start time.Time) *segment {
	s := &segment{name: name, clock: cfg.Clock, start: start, armed: never, sightings: map[sightingKey]*sighted{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	s.bridge = bridge.New(bridge.Config{
		Name: string(name), Seed: cfg.Seed, Addresses: cfg.Addresses, Age: cfg.Age, Limits: cfg.Limits, Asker: AskerMAC,
		Deliver: s.deliver, Tap: s.tap,
	})
	go s.run()
	return s
}

// now returns the time since the start of the network. Called with the lock held, it never goes back.
func (s *segment) now() time.Duration { return s.clock.Since(s.start) }

// input gives a frame of a port to the bridge.
func (s *segment) input(from bridge.PortID, f []byte) {
	s.mu.Lock()
	s.bridge.Input(s.now(), from, f)
	s.rearm()
	s.mu.Unlock()
}

// rearm wakes the goroutine if something is due before it would look. The lock is held.
func (s *segment) rearm() {
	if next, ok := s.bridge.Next(); ok && next < s.armed {
		s.armed = next
		select {
		case s.wake <- struct{}{}:
		default: // it is about to look
		}
	}
}

// run delivers delayed frames when they are due.
func (s *segment) run() {
	defer close(s.ended)
	timer := s.clock.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-s.wake:
		case <-timer.Chan():
		}
		s.mu.Lock()
		now := s.now()
		s.bridge.Advance(now)
		due := now + time.Hour
		s.armed = never
		if next, ok := s.bridge.Next(); ok {
			s.armed, due = next, next
		}
		s.mu.Unlock()
		for late := true; late; { // if time passed meanwhile, the timer was set too late
			now = s.now()
			timer.Reset(due - now)
			late = s.now()-now >= time.Millisecond
		}
	}
}

// deliver is the bridge's output. The lock is held.
func (s *segment) deliver(to bridge.PortID, f []byte) {
	p := s.ports[to]
	if s.capture != nil {
		s.capture.add(p.name+" gets", f)
	}
	p.queue(f)
}

// tap sees what ports send. The lock is held.
func (s *segment) tap(from bridge.PortID, f []byte) {
	s.sight(from, f)
	if s.capture != nil {
		s.capture.add(s.ports[from].name+" sends", f)
	}
}

// forget forgets the addresses behind a port.
func (s *segment) forget(id bridge.PortID) {
	s.mu.Lock()
	s.bridge.Forget(id)
	s.mu.Unlock()
}
