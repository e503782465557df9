package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/service"
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
	for {
		conn, err := dial(ctx, g.Address())
		if err == nil {
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			defer conn.Close()
			r.Served = time.Since(start)
			load, err := service.NewClient(conn).Load(operations/2, start.UnixNano())
			r.Operations, r.LongestMS, r.MeanMS = load.Operations, load.LongestMS, load.MeanMS
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return err
		}
		select {
		case <-time.After(dialPause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// serveLimit is how long a guest may take to boot and serve, dialPause how long the client waits between two tries.
const (
	serveLimit = 5 * time.Minute
	dialPause  = 100 * time.Millisecond
)

// Dial connects with an address on the guests' network.
type Dial func(ctx context.Context, address string) (net.Conn, error)
