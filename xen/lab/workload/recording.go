package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"holdfast/reports/history"
)

// Recording is a run of clients.
type Recording struct {
	load    Load
	service Service
	dial    Dial
	start   time.Time
	cancel  context.CancelFunc
	stop    chan struct{} // closed when clients shall begin nothing more
	once    sync.Once
	clients sync.WaitGroup

	mu      sync.Mutex
	rec     *history.Recorder
	written int64 // values so far
	stats   Stats
}

// Start begins a run. Every key is written once; it returns when that is done, and then the clients work until Stop.
// It fails with ErrLoad, or when the first writes take too long. The end of ctx breaks everything off.
func Start(ctx context.Context, s Service, dial Dial, l Load) (*Recording, error) {
	if err := l.validate(); err != nil {
		return nil, err
	}
	r := &Recording{load: l, service: s, dial: dial, start: time.Now(), stop: make(chan struct{}), rec: history.NewRecorder(l.header(), 4096)}
	clients := make([]*client, l.Clients)
	for i := range clients {
		clients[i] = r.client(i)
	}
	if err := r.begun(ctx, clients); err != nil {
		for _, c := range clients {
			c.disconnect()
		}
		return nil, fmt.Errorf("first writes to %s: %w", l.Object, err)
	}
	ctx, r.cancel = context.WithCancel(ctx)
	for _, c := range clients {
		r.clients.Go(func() { c.work(ctx) })
	}
	return r, nil
}

// client returns a new client. number chooses its random numbers.
func (r *Recording) client(number int) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &client{
		run: r, process: r.rec.NewProcess(), random: rand.New(rand.NewPCG(r.load.Seed, uint64(number))),
		seen: make([]int64, r.load.Keys),
	}
}

// begun makes the first writes within their time.
func (r *Recording) begun(ctx context.Context, clients []*client) error {
	if r.load.First > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.load.First, fmt.Errorf("nobody served within %v", r.load.First))
		defer cancel()
	}
	return r.firstWrites(ctx, clients)
}

// firstWrites has every key written once, and every client know its value.
func (r *Recording) firstWrites(ctx context.Context, clients []*client) error {
	seen := make([]int64, r.load.Keys)
	var wait sync.WaitGroup
	var failed error // the same for all: the end of ctx
	var mu sync.Mutex
	for i, c := range clients {
		wait.Go(func() {
			for key := i; key < len(seen); key += len(clients) {
				if err := c.until(ctx, func() op { return op{history.Write, key, 0, r.unique()} }); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = err
					return
				}
				seen[key] = c.seen[key]
			}
		})
	}
	wait.Wait()
	for _, c := range clients {
		copy(c.seen, seen)
	}
	return failed
}

// Stop has the clients begin nothing more and waits until what was under way has ended, which takes no longer than
// the load's Timeout and Connect.
func (r *Recording) Stop() {
	r.once.Do(func() { close(r.stop) })
	r.clients.Wait()
}

// LastReads reads every key once, after Stop, and repeats what fails until ctx ends.
func (r *Recording) LastReads(ctx context.Context) error {
	c := r.client(MaxClients)
	defer c.disconnect()
	for key := range r.load.Keys {
		if err := c.until(ctx, func() op { return op{history.Read, key, 0, 0} }); err != nil {
			return fmt.Errorf("last read of key %d: %w", key, err)
		}
	}
	return nil
}

// Finish breaks off what is still under way, and returns the history, with times since zero; what was earlier happened at 0.
func (r *Recording) Finish(zero time.Time) *history.History {
	r.cancel()
	r.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.rec.Finish()
	since := zero.Sub(r.start).Nanoseconds()
	for i := range h.Operations {
		o := &h.Operations[i]
		o.CallTime = max(o.CallTime-since, 0)
		if o.Return != history.Never {
			o.ReturnTime = max(o.ReturnTime-since, 0)
		}
	}
	return h
}

// Stats returns what the clients met so far.
func (r *Recording) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Boots = slices.Clone(s.Boots)
	return s
}

// unique returns a value that no other operation writes.
func (r *Recording) unique() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written++
	return r.written
}

// now is the time of the history.
func (r *Recording) now() int64 { return time.Since(r.start).Nanoseconds() }

// begin takes down the call of an operation.
func (r *Recording) begin(process int64, o op) history.Token {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := history.Operation{Process: process, Func: o.what, Key: int64(o.key), CallTime: r.now()}
	switch o.what {
	case history.Write:
		h.Arg = o.value
	case history.CAS:
		h.Arg, h.Arg2 = o.old, o.value
	}
	return r.rec.Begin(h)
}

// end takes down how an operation ended, and returns the process as which its client goes on.
func (r *Recording) end(t history.Token, a answer) (process int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := history.Outcome{Status: history.OK, Result: a.value, Time: r.now()}
	switch {
	case errors.Is(a.err, ErrNotDone):
		out = history.Outcome{Status: history.Fail, Time: out.Time}
	case a.err != nil:
		out = history.Outcome{Status: history.Unknown}
	default:
		if a.refused {
			out.Status = history.Refused
		}
	}
	return r.rec.End(t, out)
}

// count changes the counters.
func (r *Recording) count(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}

// met takes note of a start of the guest, if the session tells.
func (r *Recording) met(s Session) {
	b, ok := s.(Booted)
	if !ok {
		return
	}
	r.count(func(st *Stats) {
		if !slices.Contains(st.Boots, b.Boot()) {
			st.Boots = append(st.Boots, b.Boot())
		}
	})
}
