package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"holdfast/xen/lab/agent"
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

// Check starts a guest on a host, unless it has one of that name, and serves a client that runs on another host, while
// the first one's dom0 repeats a computation whose result is known. The guest that it started is destroyed in the end. It
// fails with ErrWrong when a result was wrong.
func Check(ctx context.Context, on, from *agent.Client, g Guest, operations int, say func(format string, args ...any)) (r CheckResult, err error) {
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
	go func() { served <- r.serve(ctx, from, g, operations, start) }()
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

// serve runs the client.
func (r *CheckResult) serve(ctx context.Context, from *agent.Client, g Guest, operations int, start time.Time) error {
	text, err := output(ctx, from, "/init", "client", g.Address(), fmt.Sprint(operations/2))
	if err != nil {
		return err
	}
	var saw struct {
		Operations        int
		LongestMS, MeanMS float64
	}
	if err := json.Unmarshal([]byte(text), &saw); err != nil {
		return fmt.Errorf("what the client printed: %w: %q", err, text)
	}
	r.Operations, r.LongestMS, r.MeanMS = saw.Operations, saw.LongestMS, saw.MeanMS
	r.Served = time.Since(start) - time.Duration(saw.MeanMS*float64(saw.Operations)*float64(time.Millisecond))
	return nil
}
