package certify

import (
	"cmp"
	"context"
	"time"

	"holdfast/faults"
)

// phase is what a host of the lab does, as far as the run has told it.
type phase uint8

const (
	up phase = iota
	off
	booting // it has power, and its start-up scripts have not ended
	frozen
)

// host is what a run knows of a host.
type host struct {
	phase phase
	boot  int                           // how often it was switched on
	hung  bool                          // its guest was paused
	owed  []func(context.Context) error // what is to be done in its dom0 when it goes on
}

// phaseOf returns what a host does.
func (r *run) phaseOf(name string) phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hosts[name].phase
}

// change changes the phase of a host, if it is one of some, and reports whether.
func (r *run) change(name string, to phase, from ...phase) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hosts[name]
	for _, p := range from {
		if h.phase == p {
			h.phase = to
			if to == booting {
				h.boot++
			}
			return true
		}
	}
	return false
}

// reachable reports whether a host can be asked something.
func (r *run) reachable(name string) bool { return r.phaseOf(name) == up }

// powerOff cuts a host's power. how decides what becomes of what it wrote to its disks and did not flush.
func (r *run) powerOff(ctx context.Context, name string, how faults.Unsynced) error {
	if !r.change(name, off, up, booting, frozen) {
		return nil
	}
	r.mu.Lock()
	r.hosts[name].hung = false // the guest is gone
	r.mu.Unlock()
	f := faults.Fault{Kind: faults.PowerOff, Member: faults.Named(name), Unsynced: how}
	_, err := r.pool.Lab.Fault(ctx, f.String())
	return err
}

// powerOn switches a host on, unless it has power, and does not wait: its start-up scripts run when it is ready.
func (r *run) powerOn(ctx context.Context, name string) error {
	if !r.change(name, booting, off) {
		return nil
	}
	if r.background != nil {
		ctx = r.background // it goes on when the action has ended, and no longer than the run
	}
	ended := make(chan struct{})
	r.mu.Lock()
	boot := r.hosts[name].boot
	r.starts[name] = ended
	r.mu.Unlock()
	r.wait.Go(func() {
		defer close(ended)
		err := r.pool.Lab.Act(ctx, name, "on")
		if err == nil {
			err = r.putConfig(ctx, name)
		}
		var refused error // what the driver cannot do is its own failure, on a host that is up
		if err == nil {
			refused = r.driver.Booted(ctx, r.pool, name)
		}
		r.mu.Lock()
		current := r.hosts[name].boot == boot && r.hosts[name].phase == booting // it was not switched off meanwhile
		if current && err == nil {
			r.hosts[name].phase = up
		}
		r.mu.Unlock()
		switch {
		case !current || ctx.Err() != nil:
		case err != nil:
			r.fail("crash", "host %s did not come up: %v", r.name(name), err)
		case refused != nil:
			r.fail("R9", "host %s is up again, and its start-up scripts failed: %v", r.name(name), refused)
		default:
			r.note("host %s is up again", r.name(name))
		}
	})
	return nil
}

// freeze has a host stand still, and thaw go on.
func (r *run) freeze(ctx context.Context, name string) error {
	if !r.change(name, frozen, up) {
		if r.phaseOf(name) == booting {
			r.note("freeze: host %s is still starting, and is left alone", r.name(name))
		}
		return nil
	}
	return r.pool.Lab.Act(ctx, name, "freeze")
}

func (r *run) thaw(ctx context.Context, name string) error {
	if r.phaseOf(name) != frozen {
		return nil
	}
	if err := r.pool.Lab.Act(ctx, name, "thaw"); err != nil {
		return err
	}
	r.change(name, up, frozen)
	return nil
}

// awaitBoots waits until every host that was switched on is up, and reports whether. How long a host takes to start is not the driver's affair: the
// time for becoming redundant begins afterwards. A host that does not start leaves nothing that could be judged.
func (r *run) awaitBoots(ctx context.Context) bool {
	limit := cmp.Or(r.opt.boot, bootLimit)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for _, name := range r.pool.Hosts() {
		if r.phaseOf(name) != booting {
			continue
		}
		r.mu.Lock()
		ended := r.starts[name]
		r.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
			return false
		case <-timer.C:
			r.fail("crash", "host %s was not up %v after it was switched on", r.name(name), limit)
			return false
		}
		if !r.reachable(name) {
			return false // why was said when it ended
		}
		r.healed = time.Now()
	}
	return true
}
