package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/workload"
)

// ErrWrong is returned when the lab's hosts compute wrongly: what is observed in such a lab proves nothing.
var ErrWrong = errors.New("a host computes wrong results while a guest runs")

// CheckResult is what Check measured.
type CheckResult struct {
	// Created is the time that the toolstack took, Served that until the service answered, from the start.
	Created, Served time.Duration
	// Operations of the client, and their longest and mean duration in milliseconds.
	Operations        int
	LongestMS, MeanMS float64
	// Rounds of the self-test that ran meanwhile.
	Rounds int
}

// selfTestSeconds is about how long dom0 computes in one go while Check waits.
const selfTestSeconds = 2

// Check starts a guest on a host, unless it has one of that name, and serves a client that connects by dial, while
// the host's dom0 repeats a computation whose result is known. The guest that it started is destroyed in the end. It
// fails with ErrWrong when a result was wrong.
func Check(ctx context.Context, on *agent.Client, dial Dial, g Guest, operations int, say func(format string, args ...any)) (r CheckResult, err error) {
	start := time.Now()
	if _, err := xl(ctx, on, "domid", g.Name); err != nil {
		say("creating a %s guest of %d MiB", g.Kind, g.Memory)
		if err := StartGuest(ctx, on, g); err != nil {
			return r, err
		}
		defer func() {
			// Also after Ctrl-C: what was created goes.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			err = errors.Join(err, StopGuest(ctx, on, g.Name))
		}()
		r.Created = time.Since(start)
	}
	say("a client asks the guest; dom0 computes meanwhile")
	served := make(chan error, 1)
	go func() { served <- r.serve(ctx, dial, g, operations, start) }()
	wrong := 0
	for {
		rounds, bad, err := on.SelfTest(ctx, selfTestSeconds)
		if err != nil {
			return r, errors.Join(err, <-served)
		}
		r.Rounds += rounds
		wrong += bad
		select {
		case err := <-served:
			if wrong > 0 {
				err = errors.Join(fmt.Errorf("%w: %d of %d", ErrWrong, wrong, r.Rounds), err)
			}
			return r, err
		default:
		}
	}
}

// serve runs the client, as soon as the guest answers.
func (r *CheckResult) serve(ctx context.Context, dial Dial, g Guest, operations int, start time.Time) error {
	ctx, cancel := context.WithTimeoutCause(ctx, serveLimit, fmt.Errorf("the guest did not answer within %v", serveLimit))
	defer cancel()
	s, err := open(ctx, dial, g)
	if err != nil {
		return err
	}
	defer s.Close()
	r.Served = time.Since(start)
	return r.load(ctx, s, operations, start.UnixNano())
}

// open returns a session with a guest's service, waiting until it answers or ctx ends.
func open(ctx context.Context, dial Dial, g Guest) (workload.Session, error) {
	service, err := workload.Named(string(g.Service))
	if err != nil {
		return nil, err
	}
	for {
		s, err := service.Open(ctx, func(ctx context.Context) (net.Conn, error) { return dial(ctx, g.Address()) })
		if err == nil {
			return s, nil
		}
		select {
		case <-time.After(dialPause):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// checkKeys is the number of keys that load uses.
const checkKeys = 16

// load makes n operations, of values that begin at first: a write, a swap of what was written, one of what is not there any
// more, and a read. It fails at the first answer that is not right.
func (r *CheckResult) load(ctx context.Context, s workload.Session, n int, first int64) error {
	begin := time.Now()
	for r.Operations < n {
		key, old, new := strconv.Itoa(r.Operations%checkKeys), strconv.FormatInt(first, 10), strconv.FormatInt(first+1, 10)
		first += 2
		for _, do := range []func() error{
			func() error { return s.Write(ctx, key, old) },
			func() error { return swap(ctx, s, key, old, new, true) },
			func() error { return swap(ctx, s, key, old, new, false) },
			func() error { return reads(ctx, s, key, new) },
		} {
			start := time.Now()
			if err := do(); err != nil {
				return err
			}
			r.Operations++
			r.LongestMS = max(r.LongestMS, time.Since(start).Seconds()*1000)
		}
	}
	r.MeanMS = time.Since(begin).Seconds() * 1000 / float64(max(r.Operations, 1))
	return nil
}

// errAnswer is returned when a guest answered something else than it had to.
var errAnswer = errors.New("the guest's answer is not right")

func swap(ctx context.Context, s workload.Session, key, old, new string, want bool) error {
	swapped, err := s.Cas(ctx, key, old, new)
	if err == nil && swapped != want {
		err = fmt.Errorf("%w: key %s from %s to %s: swapped %t", errAnswer, key, old, new, swapped)
	}
	return err
}

func reads(ctx context.Context, s workload.Session, key, want string) error {
	got, found, err := s.Read(ctx, key)
	if err == nil && (!found || got != want) {
		err = fmt.Errorf("%w: key %s reads %q (found %t) after %s was written", errAnswer, key, got, found, want)
	}
	return err
}

// waitServes waits until a guest answers.
func waitServes(ctx context.Context, dial Dial, g Guest) error {
	s, err := open(ctx, dial, g)
	if err != nil {
		return err
	}
	return s.Close()
}

// through returns a Dial that goes by way of a host's dom0, for hosts whose networks lead nowhere.
func through(a *agent.Client) Dial {
	return func(ctx context.Context, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		near, far := net.Pipe()
		go func() { // ends with the connection of either side
			_, _ = a.Exec(context.WithoutCancel(ctx), agent.Command{Args: []string{"nc", host, port}, In: far, Out: far})
			far.Close()
		}()
		return near, nil
	}
}

// serveLimit is how long a guest may take to boot and serve, dialPause how long the client waits between two tries.
const (
	serveLimit = 5 * time.Minute
	dialPause  = 100 * time.Millisecond
)

// Dial connects with an address on the guests' network.
type Dial func(ctx context.Context, address string) (net.Conn, error)
