package certify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/faults"
	"holdfast/reports"
)

// perform does a fault that Supported has let pass, to the hosts that its first role means. What ends by itself is put into the agenda.
func (r *run) perform(ctx context.Context, f faults.Fault, hosts []string) error {
	if f.Kind.Class() == faults.ClassNetwork {
		if f.Kind == faults.HealAll {
			return r.healEverything(ctx)
		}
		if !f.Member.Several() {
			return r.network(ctx, f)
		}
		for _, host := range hosts {
			f.Member = faults.Named(r.name(host))
			if err := r.network(ctx, f); err != nil {
				return err
			}
		}
		return nil
	}
	if f.Kind == faults.HangVM {
		hosts = []string{r.observer.primary()}
	}
	for _, host := range hosts {
		end, err := r.onHost(ctx, f, host)
		if err != nil {
			return fmt.Errorf("host %s: %w", r.name(host), err)
		}
		if end != nil && f.For > 0 {
			r.later(r.now()+f.For, func(ctx context.Context) {
				r.opt.Say("%s: %s ends", r.name(host), f.Kind)
				if err := end(ctx); err != nil && ctx.Err() == nil {
					r.fail("crash", "the end of %s on %s: %v", f.Kind, r.name(host), err)
				}
			})
		}
	}
	return nil
}

// network does a fault of the network, with the names of the lab's hosts and times stretched as all times of the script.
func (r *run) network(ctx context.Context, f faults.Fault) error {
	for _, role := range []*faults.Role{&f.Member, &f.Peer} {
		if err := r.resolve(role); err != nil {
			return err
		}
	}
	groups := make([][]faults.Role, len(f.Groups))
	for i, g := range f.Groups {
		for _, role := range g {
			if err := r.resolve(&role); err != nil {
				return err
			}
			groups[i] = append(groups[i], role)
		}
	}
	if f.Groups != nil {
		f.Groups = groups
	}
	f.For = r.pool.Real(f.For)
	if f.Kind == faults.Delay || f.Kind == faults.Jitter {
		f.Amount = r.pool.Real(f.Amount)
	}
	if f.Kind == faults.Slow {
		f.Bandwidth = max(int(float64(f.Bandwidth)/r.pool.Factor), 1)
	}
	_, err := r.pool.Lab.Fault(ctx, f.String())
	return err
}

// resolve replaces a role, if it is one, by the name of the lab host that it means.
func (r *run) resolve(role *faults.Role) error {
	if role.Kind == faults.RoleNone {
		return nil
	}
	hosts, err := r.members(*role)
	if err != nil {
		return err
	}
	if len(hosts) != 1 {
		return fmt.Errorf("%s: one host has to be named here", role)
	}
	*role = faults.Named(hosts[0])
	return nil
}

// onHost does a fault of a host and returns what ends it; nil: nothing does.
func (r *run) onHost(ctx context.Context, f faults.Fault, host string) (end func(context.Context) error, err error) {
	switch f.Kind {
	case faults.PowerOff:
		return func(ctx context.Context) error { return r.powerOn(ctx, host) }, r.powerOff(ctx, host, f.Unsynced)
	case faults.PowerOn:
		return nil, r.powerOn(ctx, host)
	case faults.Reboot:
		if err := r.powerOff(ctx, host, f.Unsynced); err != nil || f.For > 0 {
			return func(ctx context.Context) error { return r.powerOn(ctx, host) }, err
		}
		return nil, r.powerOn(ctx, host)
	case faults.Freeze:
		return func(ctx context.Context) error { return r.goOn(ctx, host) }, r.freeze(ctx, host)
	case faults.Thaw:
		return nil, r.goOn(ctx, host)
	}
	if f.Kind.Class() == faults.ClassDisk {
		return nil, r.disk(ctx, f, host)
	}
	if !r.reachable(host) {
		r.note("%s: host %s does not run, so there is nothing to hit", f, r.name(host))
		return nil, nil
	}
	switch f.Kind {
	case faults.HangVM:
		return r.onThisBoot(host, func(ctx context.Context) error { return r.unhang(ctx, host) }), r.hang(ctx, host)
	case faults.KillDaemon, faults.StopDaemon, faults.ContinueDaemon:
		return r.daemon(ctx, f, host)
	case faults.ToolstackError, faults.ToolstackHang, faults.HalfCreate:
		return r.toolstack(ctx, f, host)
	}
	return nil, fmt.Errorf("%w: %s", ErrUnsupported, f.Kind)
}

// disk does a fault of the disk that a host has for the guest, with times stretched as all times of the script. The lab ends it.
func (r *run) disk(ctx context.Context, f faults.Fault, host string) error {
	f.Member, f.For = faults.Named(host), r.pool.Real(f.For)
	if f.Kind == faults.DiskSlow {
		f.Amount = r.pool.Real(f.Amount)
	}
	_, err := r.pool.Lab.Fault(ctx, f.String())
	return err
}

// onThisBoot returns what does something in a host's dom0 later. It does nothing if the host has lost its power by then: what was to be
// mended is gone with the power, and start-up has its own way. A host that stands still by then does it when it goes on.
func (r *run) onThisBoot(name string, do func(context.Context) error) func(context.Context) error {
	boot, _ := r.bootOf(name)
	var late func(context.Context) error
	late = func(ctx context.Context) error {
		switch now, phase := r.bootOf(name); {
		case now != boot || phase == off:
			return nil
		case phase == frozen:
			r.hosts[name].owed = append(r.hosts[name].owed, late)
			return nil
		}
		return do(ctx)
	}
	return late
}

// bootOf returns how often a host was switched on, and what it does.
func (r *run) bootOf(name string) (int, phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hosts[name].boot, r.hosts[name].phase
}

// goOn has a host go on that stands still, and does what was to be done there meanwhile.
func (r *run) goOn(ctx context.Context, name string) error {
	err := r.thaw(ctx, name)
	if err != nil || !r.reachable(name) {
		return err
	}
	owed := r.hosts[name].owed
	r.hosts[name].owed = nil
	for _, do := range owed {
		err = errors.Join(err, do(ctx))
	}
	return err
}

// hang stops a guest; unhang lets it go on, if it is still there and stopped: a driver may have destroyed it, or made another one.
func (r *run) hang(ctx context.Context, name string) error {
	domains, err := r.pool.Domains(ctx, name)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(domains, func(d Domain) bool { return d.Name == r.pool.Guest.Name }) {
		r.note("hang-vm: host %s does not run the guest, so there is nothing to hit", r.name(name))
		return nil
	}
	_, err = r.pool.Shell(ctx, name, "xl pause "+r.pool.Guest.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hosts[name].hung = err == nil
	return err
}

func (r *run) unhang(ctx context.Context, name string) error {
	if !r.hung(name) || !r.reachable(name) {
		return nil
	}
	domains, err := r.pool.Domains(ctx, name)
	for _, d := range domains {
		if d.Name == r.pool.Guest.Name && strings.Contains(d.State, "p") {
			_, err = r.pool.Shell(ctx, name, "xl unpause "+d.Name)
		}
	}
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.hosts[name].hung = false
	}
	return err
}

func (r *run) hung(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hosts[name].hung
}

// daemon hits the driver's daemon on a host that can be reached.
func (r *run) daemon(ctx context.Context, f faults.Fault, host string) (end func(context.Context) error, err error) {
	signal := func(ctx context.Context, name string) error {
		// That none runs is no error: hosts have different parts of a driver.
		_, err := r.pool.Shell(ctx, host, signalAll(name, r.driver.Daemon()))
		return err
	}
	switch f.Kind {
	case faults.StopDaemon:
		return r.onThisBoot(host, func(ctx context.Context) error { return signal(ctx, "CONT") }), signal(ctx, "STOP")
	case faults.ContinueDaemon:
		return nil, signal(ctx, "CONT")
	}
	after := f.For
	if after == 0 {
		after = faults.DefaultDaemonRestart
	}
	restart := r.onThisBoot(host, func(ctx context.Context) error { return r.driver.Restart(ctx, r.pool, host) })
	r.later(r.now()+after, func(ctx context.Context) {
		if err := restart(ctx); err != nil && ctx.Err() == nil {
			r.fail("R9", "starting the daemon on %s: %v", r.name(host), err)
		}
	})
	return nil, signal(ctx, "KILL")
}

// heal ends every fault, as at the end of the part with faults.
func (r *run) heal(ctx context.Context) {
	r.opt.Say("%s: everything is healed", reports.FormatNS(int64(r.now())))
	r.finishDue(ctx)
	if err := r.healEverything(ctx); err != nil && ctx.Err() == nil {
		r.fail("crash", "healing: %v", err)
	}
	r.healed = time.Now()
}

// finishDue lets happen now what should end, or start again, later.
func (r *run) finishDue(ctx context.Context) {
	due := r.due
	r.due = nil
	for _, e := range due {
		e.do(ctx)
	}
}

// healEverything ends every fault that is in effect, but for a guest that hangs: that is nobody's to mend but the driver's.
func (r *run) healEverything(ctx context.Context) error {
	_, err := r.pool.Lab.Fault(ctx, "heal-all")
	for _, host := range r.pool.Hosts() {
		err = errors.Join(err, r.powerOn(ctx, host), r.goOn(ctx, host))
		if !r.reachable(host) {
			continue // it boots, and knows nothing of faults
		}
		err = errors.Join(err, r.healToolstack(ctx, host))
		if r.driver.Daemon() != "" {
			_, e := r.pool.Shell(ctx, host, signalAll("CONT", r.driver.Daemon()))
			err = errors.Join(err, e)
		}
	}
	return err
}
