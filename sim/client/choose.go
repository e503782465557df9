package client

import (
	"holdfast/engine/model"
	"holdfast/sim/guest"
)

// How often each operation is chosen, in parts of mixParts.
const (
	mixParts    = 20
	mixReads    = 9 // Registers, Log: reads, then writes, the rest compare-and-set
	mixWrites   = 8
	mixReadAlls = 5 // Bank: reads of everything, the rest transfers
)

// final is the reading of everything at the end of a run.
type final struct {
	active bool
	next   uint32 // key to be read
	keys   uint32
}

// choose sets op to the next operation. It returns false if there is none: the final reads are done.
func (c *Client) choose() bool {
	if c.final.active {
		if c.final.next >= c.final.keys {
			c.final.active = false
			return false
		}
		c.op = c.read(c.final.next)
		return true
	}
	switch {
	case c.doubt:
		c.op = c.read(c.op.Key)
	case c.config.Service == guest.Bank:
		c.op = c.chooseBank()
	default:
		c.op = c.chooseKey()
	}
	return true
}

func (c *Client) chooseKey() Op {
	i := uint32(c.r.Below(uint64(c.config.Keys)))
	key := c.config.FirstKey + i
	switch n := c.r.Below(mixParts); {
	case n < mixReads:
		return c.read(key)
	case n < mixReads+mixWrites:
		return Op{Func: guest.OpWrite, Key: key, Args: [3]int64{c.unique()}}
	default:
		return Op{Func: guest.OpCAS, Key: key, Args: [3]int64{c.seen[i], c.unique()}}
	}
}

func (c *Client) chooseBank() Op {
	if c.r.Below(mixParts) < mixReadAlls {
		return c.read(0)
	}
	n := uint64(c.config.Keys)
	from := c.r.Below(n)
	to := (from + 1 + c.r.Below(n-1)) % n
	return Op{Func: guest.OpTransfer, Args: [3]int64{int64(from), int64(to), int64(c.r.Below(uint64(c.config.Amount))) + 1}}
}

// read is the operation that looks at a key, or at all of a bank.
func (c *Client) read(key uint32) Op {
	if c.config.Service == guest.Bank {
		return Op{Func: guest.OpReadAll}
	}
	return Op{Func: guest.OpRead, Key: key}
}

// unique returns a value that nobody else writes, never zero.
func (c *Client) unique() int64 {
	c.written++
	return int64(c.written)<<8 | int64(c.config.ID)
}

// learn takes note of what a reply says.
func (c *Client) learn(p *guest.Packet) {
	if p.Op == guest.OpRead || p.Op == guest.OpReadAll {
		c.doubt = false
		if c.final.active {
			c.final.next++
		}
	}
	if i := p.Key - c.config.FirstKey; i < c.config.Keys {
		c.seen[i] = p.Value
	}
}

// Stop makes the client begin nothing more; an operation under way goes on to its end.
func (c *Client) Stop() {
	c.stopping = true
	if c.state != waiting {
		c.state = stopped
	}
}

// Idle reports whether nothing is under way and nothing will be begun.
func (c *Client) Idle() bool { return c.state == stopped }

// FinalReads makes an idle client read every key from 0 to keys-1 once, or a bank's balances
// once, repeating reads that fail; then it is idle again. The world wakes it at now. One client
// does this at the end of a run, when all others are idle.
func (c *Client) FinalReads(now model.Time, keys int) {
	if c.config.Service == guest.Bank {
		keys = 1
	}
	c.final = final{active: true, keys: uint32(keys)}
	c.state, c.next = thinking, now
}

// Abandon ends the operation under way, if there is one, as unknown: the run is over.
func (c *Client) Abandon() {
	if c.state == waiting {
		c.lose()
	}
	c.stopping, c.final.active, c.state = true, false, stopped
}

// Stats returns the client's counts.
func (c *Client) Stats() Stats { return c.stats }

// LastReply returns when the last awaited answer came.
func (c *Client) LastReply() model.Time { return c.last }

// LongestWait returns the longest wait for an answer that came.
func (c *Client) LongestWait() Wait { return c.wait }

// Pending returns since when the client has been waiting for an answer; ok is false if it is not.
func (c *Client) Pending() (since model.Time, ok bool) { return c.sent, c.state == waiting }
