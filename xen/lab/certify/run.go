package certify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/reports/history"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
	"holdfast/xen/lab/workload"
)

// Options say how a script is run.
type Options struct {
	// Seed chooses what clients ask for.
	Seed uint64
	// Kind is how the guest is virtualised; empty for PVH.
	Kind lab.Kind
	// Service is what a guest serves that keeps its data on a disk; empty for the lab's registers.
	Service lab.Service
	// Limits bound the check of the history; zero values mean their defaults.
	Limits check.Limits
	// Say is told what happens; nil: nobody.
	Say func(format string, args ...any)

	look, list time.Duration // how often the observer looks and asks; tests are in a hurry
	boot       time.Duration // how long a host may take to start, instead of bootLimit; likewise
}

// Result is what came of a run.
type Result struct {
	// Scenario is the report, with times on the script's clock.
	Scenario *reports.Scenario
	// History is what the clients saw, with real times.
	History *history.History
	Real    Real
}

// Budgets, in real time and in the script's time.
const (
	serveLimit   = 5 * time.Minute  // until a guest's service answers for the first time
	protectLimit = 10 * time.Minute // until the driver has made it redundant
	bootLimit    = 5 * time.Minute  // until a host that was switched on is up
	listLimit    = time.Minute      // until a host has listed its domains, which takes 3 s with a factor of 100
	// convergeBudget is the script's time within which redundancy must be back, if the script names none.
	convergeBudget = 10 * time.Second
	// settleBudget is the script's time for the last reads.
	settleBudget = 3 * time.Second
	// timeout is that of a client's operation in the script's time, with bounds of real time: a connection that
	// is dead must not hide for long that somebody serves, and a slow answer is not a dead connection.
	timeout                   = 500 * time.Millisecond
	leastTimeout, mostTimeout = 4 * time.Second, 15 * time.Second
)

// guestName is the VM's name in the toolstack, whatever the script calls it, so that one saved state serves all scripts.
const guestName = "vm"

// GuestFor returns the guest that a lab has to have on its first host, from its saved state, before Run is called.
func GuestFor(s *script.Script, d Driver, opt Options) lab.Guest {
	g := lab.Guest{Name: guestName, Kind: cmp.Or(opt.Kind, lab.PVH), Service: cmp.Or(opt.Service, lab.Registers)}
	g.Memory = lab.Memory(g.Kind, g.Service)
	if s.VMs[0].Service != script.ServiceRegisters {
		g.Disk = "/dev/lab/data"
	}
	d.Guest(&g)
	return g
}

// Run runs a script with a driver on a lab whose two hosts are up, the first of them with the guest of GuestFor. It
// fails only if ctx ends, if Supported fails, or if lab or driver cannot be brought to where the script begins; what goes wrong
// afterwards is in the result.
func Run(ctx context.Context, s *script.Script, d Driver, on Lab, opt Options) (*Result, error) {
	if err := Supported(s, d, opt); err != nil {
		return nil, err
	}
	if opt.Say == nil {
		opt.Say = func(string, ...any) {}
	}
	r := newRun(s, d, on, opt)
	if err := r.prepare(ctx); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	defer r.end()
	if err := r.play(ctx); err != nil {
		return nil, err
	}
	r.heal(ctx)
	if r.awaitBoots(ctx) {
		r.converge(ctx)
	}
	r.lastReads(ctx)
	r.end() // what is found in the background must be known to the judge, and what comes now is not the driver's doing
	r.calibrateAgain(ctx)
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	return r.judge(), nil
}

// run is one execution of a script.
type run struct {
	script *script.Script
	driver Driver
	opt    Options
	pool   *Pool
	labOf  map[string]string // name of a host in the script → in the lab
	// How fast the hosts were: before anything, when the script's clock began, and at the end; slow: much slower then than before.
	calm, loaded, after Calibration
	slow                bool

	observer *observer
	clients  *workload.Recording
	pauses   *pauses
	// What goes on in the background lives as long as this context, which stop ends. A run that only does faults has none.
	background context.Context
	stop       context.CancelFunc
	wait       sync.WaitGroup

	zero   time.Time         // when the script's clock began
	before workload.Stats    // what clients had met by then
	quiet  time.Time         // when clients were told to begin nothing more
	due    []event           // what is to happen, in order
	hit    map[string]string // bound by "as" → host in the script

	mu        sync.Mutex
	hosts     map[string]*host         // by the lab's name
	starts    map[string]chan struct{} // by host that was switched on: closed when its last start has ended, in whatever way
	marks     []reports.Mark
	began     time.Time // first action; zero: none yet
	notices   []reports.Mark
	failures  []failure
	healed    time.Time
	converged time.Duration // real, after healing; -1: never
	ends      []string      // lab hosts that run the guest at the end
	readBack  bool          // the last reads were answered
}

// failure is a rule that was broken. late: only because something took too long.
type failure struct {
	reports.Failure
	late bool
}

func newRun(s *script.Script, d Driver, on Lab, opt Options) *run {
	r := &run{
		script: s, driver: d, opt: opt, converged: -1,
		pool:  &Pool{Lab: on, Guest: GuestFor(s, d, opt), Level: s.VMs[0].Level, Home: "a", Second: "b", Factor: 1, Say: opt.Say},
		labOf: map[string]string{}, hit: map[string]string{}, hosts: map[string]*host{}, starts: map[string]chan struct{}{},
	}
	for _, name := range r.pool.Hosts() {
		r.hosts[name] = &host{}
	}
	for _, h := range s.Hosts {
		r.labOf[h.Name] = r.pool.Second
		if h.Name == s.VMs[0].Home {
			r.labOf[h.Name] = r.pool.Home
		}
	}
	return r
}

// name returns what the script calls a host of the lab.
func (r *run) name(host string) string {
	for _, h := range r.script.Hosts {
		if r.labOf[h.Name] == host {
			return h.Name
		}
	}
	return host
}

// now returns the time of the script's clock.
func (r *run) now() time.Duration { return r.at(time.Now()) }

// at returns an instant of real time on the script's clock; what was before it began is at 0.
func (r *run) at(t time.Time) time.Duration {
	if r.zero.IsZero() {
		return 0
	}
	return max(time.Duration(float64(t.Sub(r.zero))/r.pool.Factor), 0)
}

// fail takes down that a rule was broken.
func (r *run) fail(rule, format string, args ...any) { r.broke(false, rule, format, args...) }

// failLate takes down that something took too long. It is no failure if the hosts turn out to have become slower.
func (r *run) failLate(rule, format string, args ...any) { r.broke(true, rule, format, args...) }

func (r *run) broke(late bool, rule, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, failure{reports.Failure{Rule: rule, At: reports.Time(r.now()), Text: fmt.Sprintf(format, args...)}, late})
}

// note takes down something that people want to know.
func (r *run) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.opt.Say("%s", text)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notices = append(r.notices, reports.Mark{At: reports.Time(r.now()), Text: text})
}

// prepare brings everything to where the script's clock starts: the VM is redundant, and its clients are served.
func (r *run) prepare(ctx context.Context) (err error) {
	if r.calm, err = Calibrate(ctx, r.pool); err != nil {
		return err
	}
	r.pool.Factor = r.calm.Factor
	r.note("%s", r.calm)
	for _, name := range r.pool.Hosts() {
		if err := r.putConfig(ctx, name); err != nil {
			return err
		}
	}
	r.opt.Say("driver %s protects the VM", r.driver.Name())
	if err := r.protect(ctx); err != nil {
		return fmt.Errorf("driver %s did not protect the VM: %w", r.driver.Name(), err)
	}
	r.background, r.stop = context.WithCancel(ctx)
	r.observer = newObserver(r.pool, r.reachable)
	if r.opt.look > 0 {
		r.observer.look, r.observer.list = r.opt.look, r.opt.list
	}
	if err := r.startClients(r.background); err != nil {
		r.end()
		return err
	}
	r.wait.Go(func() { r.observer.watch(r.background) })
	if r.loaded, err = calibrate(ctx, r.pool); err != nil {
		r.end()
		return err
	}
	r.note("with the VM protected and its clients at work: %s", r.loaded.measured())
	if r.driver.Checkpoints() { // not earlier: the calibration is work as well, and makes them longer
		r.pauses = startPauses(r.background, r.pool, &r.wait)
	}
	return nil
}

// protect has the driver protect the VM, and waits until it does.
func (r *run) protect(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, protectLimit, fmt.Errorf("not within %v", protectLimit))
	defer cancel()
	return r.driver.Protect(ctx, r.pool)
}

// putConfig has the guest's configuration on a host, as an administrator would.
func (r *run) putConfig(ctx context.Context, name string) error {
	return r.pool.Put(ctx, name, r.pool.Guest.ConfigFile(), r.pool.Guest.Config())
}

// startClients starts the clients that the script asks for, and returns when every key was written.
func (r *run) startClients(ctx context.Context) error {
	c := r.script.Clients[0]
	limit := min(max(r.pool.Real(timeout), leastTimeout), mostTimeout)
	service, err := workload.Named(string(r.pool.Guest.Service))
	if err != nil {
		return err
	}
	r.clients, err = workload.Start(ctx, service, dialGuest(r.pool), workload.Load{
		Object: r.script.VMs[0].Name, Clients: c.Count, Keys: c.Keys, Rate: float64(c.Rate) / r.pool.Factor,
		Timeout: limit, Connect: limit, First: serveLimit, Seed: r.opt.Seed,
	})
	return err
}

// end ends everything in the background: nobody uses the lab when it returns.
func (r *run) end() {
	r.stop()
	if r.clients != nil {
		r.clients.Stop()
	}
	r.wait.Wait()
}

// converge waits until the VM is redundant again and somebody serves, or the time for that is over.
func (r *run) converge(ctx context.Context) {
	budget := convergeBudget
	for i := range r.script.Expects {
		if e := &r.script.Expects[i]; e.Kind == script.ExpectConverged {
			budget = max(budget, e.Duration)
		}
	}
	ctx, cancel := context.WithDeadline(ctx, r.healed.Add(r.pool.Real(budget)))
	defer cancel()
	missing := "the driver's tools did not answer"
	for {
		state, err := r.driver.Protected(ctx, r.pool)
		switch {
		case err != nil && ctx.Err() != nil:
		case err != nil:
			missing = err.Error()
		case state.Missing == "":
			r.converged = time.Since(r.healed)
			r.note("the VM is redundant")
			return
		case state.Hopeless:
			r.fail("R9", "it will not be redundant again without a person: %s", state.Missing)
			return
		default:
			missing = state.Missing
		}
		select {
		case <-time.After(leastList):
		case <-ctx.Done():
			r.failLate("R9", "%s after the faults stopped: %s", reports.FormatNS(int64(budget)), missing)
			return
		}
	}
}

// lastReads ends the clients and has one of them read every key, if anybody runs the guest.
func (r *run) lastReads(ctx context.Context) {
	r.quiet = time.Now()
	r.clients.Stop()
	ends, known := r.whoRuns(ctx)
	if r.ends = ends; len(ends) == 0 {
		if !known {
			return
		}
		r.fail("R9", "no host runs the guest at the end: the last reads were not made, so what a last write came to is not known")
		r.explain(ctx)
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.pool.Real(settleBudget), errors.New("nobody answered"))
	defer cancel()
	err := r.clients.LastReads(ctx)
	if r.readBack = err == nil; err != nil {
		r.failLate("R9", "the last reads were not answered within %s: %v", reports.FormatNS(int64(settleBudget)), err)
	}
}

// guestIP returns the guest's address.
func guestIP(p *Pool) string { return lab.GuestAddress(p.Guest.Number) }

// dialGuest connects with the guest's service.
func dialGuest(p *Pool) workload.Dial {
	address := p.Guest.Address()
	return func(ctx context.Context) (net.Conn, error) { return p.Lab.Dial(ctx, address) }
}

// askGuest asks the guest's service something and waits for its answer.
func askGuest(ctx context.Context, p *Pool) error {
	service, err := workload.Named(string(p.Guest.Service))
	if err != nil {
		return err
	}
	s, err := service.Open(ctx, dialGuest(p))
	if err != nil {
		return err
	}
	return s.Close()
}
