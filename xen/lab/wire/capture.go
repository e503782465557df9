package wire

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/jonboulle/clockwork"
)

const (
	// captureFrames is how many frames may wait to be written.
	captureFrames = 4096
	// DefaultCaptureBytes is how much of a capture is kept unless asked otherwise.
	DefaultCaptureBytes = 1 << 30
	// captureFlush is how long what was captured may stay out of the file.
	captureFlush = time.Second
)

// Capture writes what passes a segment, in the format pcapng, which Wireshark and tcpdump read. Each port appears as two
// interfaces: "h1 sends" has what h1 gave to the network, before any fault, and "h1 gets" what reaches it, after all of them; the difference is
// what the faults did. The network does not wait for it: what cannot be written fast enough, or exceeds its
// limit, is left out and counted.
type Capture struct {
	network *Network
	segment *segment
	clock   clockwork.Clock
	records chan record
	ended   chan struct{}
	limit   int64

	mu      sync.Mutex // of dropped and closed
	dropped uint64
	closed  bool

	// Owned by the goroutine until ended is closed.
	to      io.WriteCloser
	file    *pcapgo.NgWriter
	ids     map[string]int // of interfaces
	written int64
	err     error
}

// record is one frame at one interface.
type record struct {
	at    time.Time
	where string
	frame []byte
}

// CaptureFile captures a segment into a new file until the capture or the network is closed, or limit bytes are
// written; 0 means DefaultCaptureBytes.
func (n *Network) CaptureFile(on Segment, path string, limit int64) (*Capture, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("capture %s: %w", on, err)
	}
	c, err := n.Capture(on, f, limit)
	if err != nil {
		err = errors.Join(err, f.Close(), os.Remove(path))
	}
	return c, err
}

// Capture is CaptureFile for anything that can be written to; the capture closes it. A segment has one capture at a time.
func (n *Network) Capture(on Segment, to io.WriteCloser, limit int64) (*Capture, error) {
	s, err := n.segment(on)
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = DefaultCaptureBytes
	}
	c := &Capture{network: n, segment: s, clock: n.cfg.Clock, records: make(chan record, captureFrames), ended: make(chan struct{}),
		limit: limit, to: to, ids: map[string]int{}}
	s.mu.Lock()
	if s.capture != nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("capture %s: it is being captured already; close that capture first", on)
	}
	s.capture = c
	s.mu.Unlock()
	if err := n.opened(c); err != nil {
		s.mu.Lock()
		s.capture = nil
		s.mu.Unlock()
		return nil, err
	}
	go c.run()
	return c, nil
}

// Dropped returns how many frames were left out so far.
func (c *Capture) Dropped() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}

// Close ends the capture, writes what is left, and returns the first error of writing. A second call does nothing.
func (c *Capture) Close() error {
	c.segment.mu.Lock()
	if c.segment.capture == c {
		c.segment.capture = nil // nothing is added any more
	}
	c.segment.mu.Unlock()
	c.mu.Lock()
	was := c.closed
	c.closed = true
	c.mu.Unlock()
	if was {
		return nil
	}
	c.network.done(c)
	close(c.records)
	<-c.ended
	return errors.Join(c.err, c.to.Close())
}

// add notes a frame. The segment's lock is held.
func (c *Capture) add(where string, f []byte) {
	select {
	case c.records <- record{c.clock.Now(), where, f}:
	default:
		c.drop()
	}
}

func (c *Capture) drop() {
	c.mu.Lock()
	c.dropped++
	c.mu.Unlock()
}

func (c *Capture) run() {
	defer close(c.ended)
	flush := time.NewTicker(captureFlush)
	defer flush.Stop()
	for {
		select {
		case r, ok := <-c.records:
			if !ok {
				c.flush()
				return
			}
			if c.err != nil || c.written+int64(len(r.frame)) > c.limit {
				c.drop()
				continue
			}
			c.err = c.write(&r)
		case <-flush.C:
			c.flush()
		}
	}
}

func (c *Capture) flush() {
	if c.file != nil && c.err == nil {
		c.err = c.file.Flush()
	}
}

// write adds a frame to the file, and its interface before the first frame there.
func (c *Capture) write(r *record) error {
	id, ok := c.ids[r.where]
	if !ok {
		var err error
		if id, err = c.addInterface(r.where); err != nil {
			return err
		}
		c.ids[r.where] = id
	}
	c.written += int64(len(r.frame))
	return c.file.WritePacket(gopacket.CaptureInfo{
		Timestamp: r.at, CaptureLength: len(r.frame), Length: len(r.frame), InterfaceIndex: id}, r.frame)
}

func (c *Capture) addInterface(name string) (int, error) {
	intf := pcapgo.NgInterface{Name: name, LinkType: layers.LinkTypeEthernet, TimestampResolution: 9}
	if c.file != nil {
		return c.file.AddInterface(intf)
	}
	var err error
	c.file, err = pcapgo.NewNgWriterInterface(c.to, intf, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
		Application: "holdfast", Comment: "network " + string(c.segment.name)}})
	return 0, err
}
