package certify

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"holdfast/scenarios/script"
	"holdfast/xen/lab"
)

// RunAlone starts a lab for one script, runs the script there, and ends the lab: nothing of it is left, whatever happens. Of the
// configuration name, folders and program matter.
func RunAlone(ctx context.Context, c lab.Config, s *script.Script, driver string, opt Options) (*Result, error) {
	d, err := NewDriver(driver)
	if err != nil {
		return nil, err
	}
	return runAlone(ctx, c, s, d, opt)
}

func runAlone(ctx context.Context, c lab.Config, s *script.Script, d Driver, opt Options) (*Result, error) {
	if err := Supported(s, d, opt); err != nil {
		return nil, err
	}
	if opt.Say == nil {
		opt.Say = func(string, ...any) {}
	}
	guest := GuestFor(s, d, opt)
	c.Guest, c.Seed = &guest, opt.Seed
	supervise := func(ctx context.Context, ready func()) error { return lab.Supervise(ctx, c, opt.Say, ready) }
	return during(ctx, supervise, func(ctx context.Context) (*Result, error) {
		return Run(ctx, s, d, OfClient(lab.NewClient(c)), opt)
	})
}

// errEnded is the cause of the end of a run whose lab ended without an error.
var errEnded = errors.New("the lab ended during the run: somebody asked it to; try again")

// during does something while a lab is up, and ends the lab. If the lab ends before, so does the context of what is done, with the lab's
// error as its cause.
func during(ctx context.Context, supervise func(ctx context.Context, ready func()) error, do func(context.Context) (*Result, error)) (*Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The first of started says whether the lab ever was up: a lab that dies at once was.
	started, ended := make(chan error, 2), make(chan error, 1)
	go func() {
		err := supervise(ctx, func() { started <- nil })
		cancel(cmp.Or(err, errEnded))
		started <- cmp.Or(err, context.Cause(ctx))
		ended <- err
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting the lab: %w", err)
	}
	result, err := do(ctx)
	cancel(nil)
	if e := <-ended; e != nil && !errors.Is(e, context.Canceled) && !errors.Is(err, e) {
		err = errors.Join(err, e)
	}
	return result, err
}
