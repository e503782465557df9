package wire

import (
	"context"
	"sync"

	"holdfast/xen/lab/wire/bridge"
)

// EgressCounters count the frames that arrived at a port. When none is waiting or under way,
//
//	arrived = Received + Unplugged + Full + Flushed
type EgressCounters struct {
	Received      uint64 `json:"received"`       // frames taken by the machine or program at the port
	ReceivedBytes uint64 `json:"received_bytes"` // their bytes
	Unplugged     uint64 `json:"unplugged"`      // dropped: nothing was plugged in
	Full          uint64 `json:"full"`           // dropped: too many were waiting already
	Flushed       uint64 `json:"flushed"`        // dropped: were waiting when it was unplugged
	Plugged       uint64 `json:"plugged"`        // how often something was plugged in
	BadStream     uint64 `json:"bad_stream"`     // connections ended because they did not carry frames
	Torn          uint64 `json:"torn"`           // connections that ended within a frame, as when a machine is killed
}

// Port is where a machine, a Stack or a program is plugged into a network.
type Port struct {
	name    string
	segment *segment
	id      bridge.PortID
	out     chan []byte
	free    bool // closed: the next port of that name takes its place; guarded by the segment's lock

	mu       sync.Mutex
	plugged  bool
	counters EgressCounters
}

// Name returns the port's name on its segment.
func (p *Port) Name() string { return p.name }

// Segment returns the network that the port is on.
func (p *Port) Segment() Segment { return p.segment.name }

// Send gives a frame to the network. It does not wait. The network keeps f: nobody may change it any more.
func (p *Port) Send(f []byte) { p.segment.input(p.id, f) }

// Receive waits for the next frame that arrives, which nobody may change, or for the context's end. Ports made by Plug and
// NewStack have a receiver of their own.
func (p *Port) Receive(ctx context.Context) ([]byte, error) {
	select {
	case f := <-p.out:
		p.received(1, len(f))
		return f, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close unplugs the port. What is wrong with its links, and its counters, stay for the next port of that name.
func (p *Port) Close() error {
	p.plug(false)
	p.segment.mu.Lock()
	p.free = true
	p.segment.mu.Unlock()
	return nil
}

// queue takes a frame that has arrived. The segment's lock is held.
func (p *Port) queue(f []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.plugged {
		p.counters.Unplugged++
		return
	}
	select {
	case p.out <- f:
	default:
		p.counters.Full++
	}
}

// plug says that something is there to take frames, or that it is gone; then what waited is dropped.
func (p *Port) plug(in bool) {
	p.mu.Lock()
	p.plugged = in
	if in {
		p.counters.Plugged++
	} else {
		p.counters.Flushed += uint64(p.drain())
	}
	p.mu.Unlock()
	if !in {
		p.segment.forget(p.id)
	}
}

func (p *Port) drain() (frames int) {
	for {
		select {
		case <-p.out:
			frames++
		default:
			return frames
		}
	}
}

func (p *Port) received(frames, bytes int) {
	p.mu.Lock()
	p.counters.Received += uint64(frames)
	p.counters.ReceivedBytes += uint64(bytes)
	p.mu.Unlock()
}

func (p *Port) flushed(frames int) {
	p.mu.Lock()
	p.counters.Flushed += uint64(frames)
	p.mu.Unlock()
}

// egress returns the counters, whether something is plugged in, and how many frames wait.
func (p *Port) egress() (c EgressCounters, plugged bool, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counters, p.plugged, len(p.out)
}
