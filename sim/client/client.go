package client

import (
	"time"

	"holdfast/engine/model"
	"holdfast/sim/guest"
	"holdfast/sim/random"
)

type state uint8

const (
	thinking state = iota // nothing is under way
	opening               // waits for Opened
	waiting               // waits for Reply
	stopped               // as thinking, and will begin nothing
)

// Client is one external client.
type Client struct {
	config Config
	rec    Recorder
	r      random.Stream

	state    state
	stopping bool
	next     model.Time    // when the next operation is due
	resend   model.Time    // when packet is sent again
	interval time.Duration // until the sending after that
	deadline model.Time    // when the request is given up
	sent     model.Time    // when the request was first sent

	packet  guest.Packet // that is under way
	op      Op           // that is under way, or waits for a session
	handle  int          // of op
	process int64
	session uint32
	number  uint32
	token   uint64
	open    bool   // session is established
	time    uint64 // highest guest time of the session

	written uint32  // values written so far
	seen    []int64 // last value seen of each key
	doubt   bool    // read op.Key before writing again
	final   final

	result Result
	stats  Stats
	last   model.Time
	wait   Wait
}

// Wait is the longest time for which a client waited for an answer that came.
type Wait struct {
	From model.Time
	For  time.Duration
}

// New returns a client that begins its first operation within a Period from now. The
// stream is copied. It fails with ErrConfig.
func New(c Config, r *random.Stream, rec Recorder, now model.Time) (*Client, error) {
	c.setDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	k := &Client{config: c, rec: rec, r: *r, process: int64(c.ID), last: now, seen: make([]int64, c.Keys)}
	k.next = now.Add(k.r.Duration(0, c.Period))
	return k, nil
}

// NextWake returns when the client wants Wake to be called; it changes with each call of Wake
// and Deliver. model.Never: not before a packet comes.
func (c *Client) NextWake() model.Time {
	switch c.state {
	case thinking:
		return c.next
	case opening:
		return c.resend
	case waiting:
		return min(c.resend, c.deadline)
	}
	return model.Never
}

// Wake lets the client do what is due. If it returns true, out is a packet to be sent. A call that comes too early does nothing.
func (c *Client) Wake(now model.Time, out *guest.Packet) bool {
	switch {
	case now < c.NextWake():
		return false
	case c.state == thinking:
		return c.begin(now, out)
	case c.state == waiting && now >= c.deadline:
		c.stats.Timeouts++
		c.lose()
		return c.settle(now, out)
	}
	c.stats.Retransmits++
	c.interval = min(2*c.interval, c.config.RetransmitCap)
	return c.send(now, out)
}

// Deliver hands the client a packet. If it returns true, out is a packet to be sent in response.
// Packets that are late, repeated or for someone else are ignored.
func (c *Client) Deliver(now model.Time, p *guest.Packet, out *guest.Packet) bool {
	if p.VM != c.config.VM || p.Client != c.config.ID || p.Session != c.session {
		return false
	}
	switch p.Kind {
	case guest.Opened:
		return c.opened(now, p, out)
	case guest.Reply:
		return c.replied(now, p, out)
	case guest.Reset:
		return c.reset(now, p, out)
	}
	return false
}

func (c *Client) opened(now model.Time, p *guest.Packet, out *guest.Packet) bool {
	if c.state != opening {
		return false
	}
	c.stats.Sessions++
	c.token, c.open, c.number, c.time = p.Token, true, 0, p.Time
	return c.request(now, out)
}

func (c *Client) replied(now model.Time, p *guest.Packet, out *guest.Packet) bool {
	if c.state != waiting || p.Token != c.token || p.Number != c.number {
		return false
	}
	if p.Time < c.time {
		c.stats.TimeBack++
	}
	c.time = max(c.time, p.Time)
	c.last = now
	if w := now.Sub(c.sent); w > c.wait.For {
		c.wait = Wait{From: c.sent, For: w}
	}
	c.stats.Answered++
	if p.Status == guest.Refused {
		c.stats.Refused++
	}
	c.result = Result{Status: p.Status, Value: p.Value, Values: p.Values[:p.Count]}
	c.rec.End(c.handle, Answered, &c.result)
	c.result.Values = nil
	c.learn(p)
	return c.settle(now, out)
}

func (c *Client) reset(now model.Time, p *guest.Packet, out *guest.Packet) bool {
	if !c.open || p.Token != c.token {
		return false
	}
	c.stats.Resets++
	if c.state == waiting {
		c.lose()
		return c.settle(now, out)
	}
	c.open = false
	return false
}

// lose gives up the operation under way: nobody knows what became of it.
func (c *Client) lose() {
	c.result = Result{}
	c.rec.End(c.handle, Unknown, &c.result)
	c.stats.Unknown++
	c.process += guest.MaxClients
	c.doubt = true
	c.open = false
}

// settle goes on after an operation has come to its end.
func (c *Client) settle(now model.Time, out *guest.Packet) bool {
	c.state = thinking
	if c.stopping && !c.final.active {
		c.state = stopped
		return false
	}
	if c.final.active || c.next <= now {
		return c.begin(now, out)
	}
	return false
}

// begin chooses an operation and asks for it, or for a session first.
func (c *Client) begin(now model.Time, out *guest.Packet) bool {
	if !c.choose() {
		c.state = stopped
		return false
	}
	p := c.config.Period
	c.next = max(c.next, now.Add(-p)).Add(c.r.Duration(p/2, p+p/2))
	if c.open {
		return c.request(now, out)
	}
	c.session++
	c.state = opening
	c.packet = guest.Packet{VM: c.config.VM, Kind: guest.Open, Client: c.config.ID, Session: c.session}
	c.interval = c.config.RetransmitEvery
	return c.send(now, out)
}

// request sends the chosen operation.
func (c *Client) request(now model.Time, out *guest.Packet) bool {
	c.number++
	c.state = waiting
	c.packet = guest.Packet{
		VM: c.config.VM, Kind: guest.Request, Client: c.config.ID, Session: c.session, Token: c.token,
		Number: c.number, Op: c.op.Func, Key: c.op.Key, Args: c.op.Args,
	}
	c.interval = c.config.RetransmitEvery
	c.sent, c.deadline = now, now.Add(c.config.Timeout)
	c.stats.Begun++
	c.handle = c.rec.Begin(c.process, c.op)
	return c.send(now, out)
}

// send sends the packet that is under way, for the first time or again.
func (c *Client) send(now model.Time, out *guest.Packet) bool {
	c.resend = now.Add(c.interval)
	c.stats.Sent++
	*out = c.packet
	return true
}
