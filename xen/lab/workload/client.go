package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"holdfast/reports/history"
)

// How often each operation is chosen, in parts of mixParts; the rest are compare-and-swap. The simulator's clients do the same.
const (
	mixParts  = 20
	mixReads  = 9
	mixWrites = 8
)

// retryPause is how long a client waits after a connection that failed at once.
const retryPause = 100 * time.Millisecond

// op is an operation that a client is about to make.
type op struct {
	what       history.Func
	key        int
	old, value int64
}

// answer is how an operation ended.
type answer struct {
	value   int64 // that Read found; history.Nil for none
	refused bool
	err     error
}

// client is one client. Only one goroutine uses it.
type client struct {
	run     *Recording
	process int64
	random  *rand.Rand
	session Session // nil while not connected
	seen    []int64 // last value seen of each key; 0: none
	doubt   bool    // read the key of last before writing again
	last    op
}

// work makes operations until it is stopped.
func (c *client) work(ctx context.Context) {
	defer c.disconnect()
	period := c.run.load.period()
	next := time.Now().Add(c.between(0, period))
	for c.waitUntil(ctx, next) {
		if !c.connect(ctx) {
			next = time.Now().Add(retryPause)
			continue
		}
		now := time.Now()
		if behind := now.Add(-period); next.Before(behind) {
			next = behind // what was missed while answers were slow is not made up for
		}
		next = next.Add(c.between(period/2, period+period/2))
		c.make(ctx, c.choose())
	}
}

func (c *client) between(from, to time.Duration) time.Duration {
	return from + time.Duration(c.random.Int64N(int64(to-from)))
}

// waitUntil reports whether the client goes on at that time.
func (c *client) waitUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.run.stop:
		return false
	case <-ctx.Done():
		return false
	}
	select {
	case <-c.run.stop:
		return false
	default:
		return ctx.Err() == nil
	}
}

// choose returns the next operation.
func (c *client) choose() op {
	if c.doubt {
		return op{what: history.Read, key: c.last.key}
	}
	key := c.random.IntN(c.run.load.Keys)
	switch n := c.random.IntN(mixParts); {
	case n < mixReads:
		return op{what: history.Read, key: key}
	case n < mixReads+mixWrites || c.seen[key] == 0:
		return op{what: history.Write, key: key, value: c.run.unique()}
	default:
		return op{what: history.CAS, key: key, old: c.seen[key], value: c.run.unique()}
	}
}

// until makes an operation, each time a new one, until one is answered. It fails when ctx ends.
func (c *client) until(ctx context.Context, next func() op) error {
	for {
		if c.connect(ctx) && c.make(ctx, next()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(retryPause):
		}
	}
}

// connect opens a session unless there is one.
func (c *client) connect(ctx context.Context) bool {
	if c.session != nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, c.run.load.Connect)
	defer cancel()
	s, err := c.run.service.Open(ctx, c.run.dial)
	if err != nil {
		return false
	}
	c.session = s
	c.run.met(s)
	return true
}

func (c *client) disconnect() {
	if c.session != nil {
		_ = c.session.Close() // it is of no use any more
		c.session = nil
	}
}

// make makes an operation and takes it down. It reports whether it was answered.
func (c *client) make(ctx context.Context, o op) bool {
	limit, cancel := context.WithTimeout(ctx, c.run.load.Timeout)
	defer cancel()
	token := c.run.begin(c.process, o)
	a := c.ask(limit, o)
	c.process = c.run.end(token, a)
	c.last = o
	switch {
	case a.err == nil:
		c.learn(o, a)
		return true
	case errors.Is(a.err, ErrNotDone):
		return false
	}
	c.doubt = true
	c.disconnect()
	c.run.count(func(st *Stats) {
		if limit.Err() != nil {
			st.Timeouts++
		} else {
			st.Resets++
		}
	})
	return false
}

// ask makes an operation on the session.
func (c *client) ask(ctx context.Context, o op) (a answer) {
	key, value := strconv.Itoa(o.key), strconv.FormatInt(o.value, 10)
	switch o.what {
	case history.Read:
		text, found, err := c.session.Read(ctx, key)
		if a.value, a.err = history.Nil, err; err == nil && found {
			if a.value, err = strconv.ParseInt(text, 10, 64); err != nil {
				// Nobody wrote that. The history must show it, so it must be a value that nobody wrote there as well.
				a.value = -1
			}
		}
	case history.Write:
		a.err = c.session.Write(ctx, key, value)
	case history.CAS:
		var swapped bool
		swapped, a.err = c.session.Cas(ctx, key, strconv.FormatInt(o.old, 10), value)
		a.refused = !swapped
	default:
		panic(fmt.Sprintf("workload: a client cannot %s", o.what))
	}
	return a
}

// learn takes note of what an answer says about a key.
func (c *client) learn(o op, a answer) {
	switch {
	case o.what == history.Read:
		c.doubt = false
		c.seen[o.key] = max(a.value, 0) // Nil is the smallest number
	case !a.refused:
		c.seen[o.key] = o.value
	}
}
