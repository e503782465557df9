package certify

import (
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
	if err := Supported(s, d, opt); err != nil {
		return nil, err
	}
	if opt.Say == nil {
		opt.Say = func(string, ...any) {}
	}
	guest := GuestFor(s, d, opt)
	c.Guest = &guest
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- lab.Supervise(ctx, c, opt.Say, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		if err == nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("starting the lab: %w", err)
	}
	result, err := Run(ctx, s, d, OfClient(lab.NewClient(c)), opt)
	cancel()
	if e := <-ended; e != nil && !errors.Is(e, context.Canceled) {
		err = errors.Join(err, e)
	}
	return result, err
}
