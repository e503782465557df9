package certify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"holdfast/faults"
	"holdfast/reports"
)

// event is something that is to happen.
type event struct {
	at time.Duration // of the script's clock
	do func(context.Context)
}

// later puts an event into the agenda, behind those of the same instant.
func (r *run) later(at time.Duration, do func(context.Context)) {
	i, _ := slices.BinarySearchFunc(r.due, at, func(e event, at time.Duration) int {
		if e.at <= at {
			return -1
		}
		return 1
	})
	r.due = slices.Insert(r.due, i, event{at, do})
}

// play lets happen what the script says, until the end of the part with faults. It fails only if ctx ends.
func (r *run) play(ctx context.Context) error {
	r.before = r.clients.Stats()
	r.zero = time.Now()
	r.opt.Say("the script's clock starts")
	for i := range r.script.Actions {
		a := &r.script.Actions[i]
		r.later(a.Trigger.At, func(ctx context.Context) { r.act(ctx, a.Fault, a.As) })
	}
	for len(r.due) > 0 && r.due[0].at <= r.script.Run {
		next := r.due[0]
		r.due = r.due[1:]
		if err := r.sleepUntil(ctx, next.at); err != nil {
			return err
		}
		next.do(ctx)
	}
	return r.sleepUntil(ctx, r.script.Run)
}

// sleepUntil waits for an instant of the script's clock.
func (r *run) sleepUntil(ctx context.Context, at time.Duration) error {
	timer := time.NewTimer(time.Until(r.zero.Add(r.pool.Real(at))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// act does an action of the script.
func (r *run) act(ctx context.Context, f faults.Fault, as string) {
	hosts, err := r.members(f.Member)
	if err != nil {
		r.fail("expect", "%s: %v", f, err)
		return
	}
	if as != "" {
		r.hit[as] = r.name(hosts[0])
	}
	r.mu.Lock()
	if r.began.IsZero() && !f.Kind.Mends() {
		r.began = time.Now()
		r.pauses.stop()
	}
	mark := reports.Mark{At: reports.Time(r.now()), Text: f.String()}
	if f.For > 0 {
		mark.Until = mark.At + reports.Time(f.For)
	}
	r.marks = append(r.marks, mark)
	r.mu.Unlock()
	r.opt.Say("%s: %s", reports.FormatNS(int64(r.now())), f)
	if err := r.perform(ctx, f, hosts); err != nil && ctx.Err() == nil {
		// The script was not done as it says, so its result says nothing about the driver.
		r.fail("crash", "%s: %v", f, err)
	}
}

// members returns the lab's hosts that a role means now.
func (r *run) members(role faults.Role) ([]string, error) {
	var host string
	switch role.Kind {
	case faults.RoleNone:
		return nil, nil
	case faults.RoleAll:
		var all []string
		for _, h := range r.script.Hosts {
			all = append(all, r.labOf[h.Name])
		}
		return all, nil
	case faults.RolePrimary:
		host = r.observer.primary()
	case faults.RoleSecondary:
		host = r.pool.Other(r.observer.primary())
	case faults.RoleName:
		name, bound := r.hit[role.Name]
		if !bound {
			name = role.Name
		}
		host = r.labOf[name]
	}
	if host == "" {
		return nil, fmt.Errorf("nobody is %s when an action needs it", role)
	}
	if role.Other {
		host = r.pool.Other(host)
	}
	return []string{host}, nil
}
