package wire

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"

	"holdfast/xen/lab/wire/bridge"
	"holdfast/xen/lab/wire/link"
)

// Config is what a Network is made of. A zero field is its default.
type Config struct {
	// Dir is the folder of the machines' sockets; it exists. Needed for Plug only. Its path is shorter than about 80 bytes,
	// because addresses of unix sockets have at most 107.
	Dir string
	// Seed of everything that is drawn: which frames are lost, damaged, and so on.
	Seed uint64
	// Limits of each direction of each link.
	Limits link.Limits
	// QueueFrames is how many frames wait for one port at most, such as while its machine stands still; default 1024.
	// More are dropped and counted.
	QueueFrames int
	// Addresses is how many Ethernet addresses each network remembers at most; default 4096.
	Addresses int
	// Age is how long an address is remembered after its last frame; default 5 minutes.
	Age time.Duration
	// Clock says when delayed frames and the ends of faults are due; default the real one.
	Clock clockwork.Clock
	// Log gets a line when a machine is plugged in or out, and when a fault begins or ends; default none.
	Log *slog.Logger
	// Carrier, if not nil, is told when a host's NIC on a network fails or works again, so that the machine can be told
	// as well (set_link in QEMU's monitor): a socket carries frames and no carrier. It is called in the order of the
	// changes, before Inject returns, and must not call Inject.
	Carrier func(host string, s Segment, up bool)
}

func (c *Config) validate() error {
	if err := c.Limits.Validate(); err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	if c.QueueFrames < 0 || c.Addresses < 0 || c.Age < 0 {
		return fmt.Errorf("wire: a queue of %d frames, %d addresses remembered for %v: expected 0 (the default) or more",
			c.QueueFrames, c.Addresses, c.Age)
	}
	return nil
}

// ErrClosed is returned by everything that is asked of a Network after Close.
var ErrClosed = errors.New("the network is closed")

// Network is all networks of a lab. Its methods may be called from any goroutine.
type Network struct {
	cfg      Config
	segments []*segment // in the order of Segments

	injecting sync.Mutex // one fault at a time, so that Carrier sees them in order

	mu      sync.Mutex
	closed  bool
	members []string    // names of machines, in the order of Plug
	open    []io.Closer // sockets, stacks, captures, forwards
	ends    map[*ending]struct{}
}

// New returns a running network without ports. Close ends it.
func New(cfg Config) (*Network, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.QueueFrames == 0 {
		cfg.QueueFrames = 1024
	}
	if cfg.Clock == nil {
		cfg.Clock = clockwork.NewRealClock()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Network{cfg: cfg, ends: map[*ending]struct{}{}}
	start := cfg.Clock.Now()
	for _, name := range Segments() {
		n.segments = append(n.segments, newSegment(name, &n.cfg, start))
	}
	return n, nil
}

// Close unplugs all machines and stacks, ends captures, and takes the sockets away. Faults that would have ended later do not.
func (n *Network) Close() error {
	n.mu.Lock()
	open := n.open
	n.open = nil
	was := n.closed
	n.closed = true
	for e := range n.ends {
		e.timer.Stop()
	}
	n.mu.Unlock()
	if was {
		return nil
	}
	var errs []error
	for _, c := range slices.Backward(open) {
		errs = append(errs, c.Close())
	}
	for _, s := range n.segments {
		close(s.stop)
		<-s.ended
	}
	return errors.Join(errs...)
}

// opened has Close close c, after what is opened later.
func (n *Network) opened(c io.Closer) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	n.open = append(n.open, c)
	return nil
}

// done says that c was closed by itself.
func (n *Network) done(c io.Closer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = slices.DeleteFunc(n.open, func(other io.Closer) bool { return other == c })
}

// segment returns the network of that name.
func (n *Network) segment(name Segment) (*segment, error) {
	for _, s := range n.segments {
		if s.name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("there is no network %q; the networks are %q", name, Segments())
}

// Attach adds a port that this process sends from and receives at; machines use Plug. The name is unique among the ports of the
// segment that are not closed. At most bridge.MaxPorts names fit on a segment.
func (n *Network) Attach(name string, on Segment) (*Port, error) {
	p, err := n.attach(name, on)
	if err != nil {
		return nil, err
	}
	p.plug(true)
	return p, nil
}

func (n *Network) attach(name string, on Segment) (*Port, error) {
	s, err := n.segment(on)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.bridge.Port(name); ok && s.ports[id].free {
		s.ports[id].free = false
		return s.ports[id], nil
	}
	id, err := s.bridge.AddPort(name)
	if err != nil {
		return nil, err
	}
	p := &Port{name: name, segment: s, id: id, out: make(chan []byte, n.cfg.QueueFrames)}
	s.ports = append(s.ports, p)
	return p, nil
}

// Set replaces all faults of one direction, without the detour over a scenario's vocabulary: between any two ports, stacks
// too, and in combinations of its own.
func (n *Network) Set(on Segment, from, to string, f link.Faults) error {
	if err := f.Validate(); err != nil {
		return err
	}
	return n.onDirection(on, from, to, func(d *link.Direction) { d.Faults = f })
}

// Faults returns what is wrong with one direction.
func (n *Network) Faults(on Segment, from, to string) (link.Faults, error) {
	var f link.Faults
	err := n.onDirection(on, from, to, func(d *link.Direction) { f = d.Faults })
	return f, err
}

func (n *Network) onDirection(on Segment, from, to string, do func(*link.Direction)) error {
	s, err := n.segment(on)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.direction(from, to)
	if err != nil {
		return err
	}
	do(d)
	return nil
}

// Down returns the networks on which a host's NIC fails at present: a machine that starts has not been told.
func (n *Network) Down(host string) (list []Segment) {
	for _, s := range n.segments {
		s.mu.Lock()
		if id, err := s.port(host); err == nil && s.bridge.State(id).NICDown {
			list = append(list, s.name)
		}
		s.mu.Unlock()
	}
	return list
}

// direction returns the direction between two ports. The lock is held.
func (s *segment) direction(from, to string) (*link.Direction, error) {
	a, err := s.port(from)
	if err != nil {
		return nil, err
	}
	b, err := s.port(to)
	if err != nil {
		return nil, err
	}
	if a == b {
		return nil, fmt.Errorf("there is no link from %s to itself", from)
	}
	return s.bridge.Direction(a, b), nil
}

// port returns the port of that name. The lock is held.
func (s *segment) port(name string) (bridge.PortID, error) {
	id, ok := s.bridge.Port(name)
	if !ok {
		return 0, fmt.Errorf("%s is not on network %s", name, s.name)
	}
	return id, nil
}
