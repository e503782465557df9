package scenarios

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/scenarios/script"
	"holdfast/sim"
	"holdfast/sim/guest"
)

// Options say how a script is run.
type Options struct {
	// Seed decides everything that the script leaves open: delays, what a power loss does to unsynced
	// writes, what clients ask for. Equal seeds give equal runs.
	Seed uint64
	// Trace, if set, is told in plain lines what happened, at the end of the run.
	Trace io.Writer
	// Limits bound the check of each history; zero values mean their defaults.
	Limits check.Limits
	// Prepare, if set, may change the world at the instant zero of the script.
	Prepare func(*sim.World)
	// Guard, if set, is asked right before each action. It returns the fault that happens in its place,
	// which hits the same members, or false to let nothing happen.
	Guard func(*Moment) (faults.Fault, bool)
	// Watch, if set, is told what happens.
	Watch Watcher
	// AllowUnfired lets a run pass in which a stage of a trigger was never reached. Drawn plans need it:
	// nobody can tell which stages their faults lead to.
	AllowUnfired bool
	// MaxEvents ends the run with ErrEvents when the world had so many events; 0: no limit. The world has a limit of its own
	// for what happens within a second.
	MaxEvents uint64
}

// ErrEvents is returned by Run when the world had more events than Options allow.
var ErrEvents = errors.New("the run had more events than it was given")

// RuleSetup is the rule that fails if the pool never stands, so that no fault strikes what it was meant for.
const RuleSetup = "setup"

// Budgets of the phases after the faults.
const (
	setupBudget    = 30 * time.Second
	convergeBudget = 60 * time.Second
	settleBudget   = 20 * time.Second
	slice          = 20 * time.Millisecond // of simulated time between looks at the context and at convergence
)

// Run runs a script and returns what came of it. It fails only if ctx ends, with ErrEvents, or if the
// script describes a pool that cannot be.
func Run(ctx context.Context, s *script.Script, opt Options) (*reports.Scenario, error) {
	r := &run{script: s, opt: opt}
	if err := r.build(); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	if err := r.until(ctx, setupBudget, r.ready); err != nil {
		return nil, err
	}
	r.zero = r.world.Now()
	if !r.ready() {
		r.fail(RuleSetup, "the pool was not set up within %v", setupBudget)
	}
	r.whole = 0
	for i := range s.VMs {
		r.world.ResetRecoveryAge(model.VMID(i + 1))
	}
	r.schedule()
	if opt.Watch != nil {
		opt.Watch.Begin(r.world)
	}
	if opt.Prepare != nil {
		opt.Prepare(r.world)
	}
	if err := r.until(ctx, s.Run, nil); err != nil {
		return nil, err
	}
	if opt.Watch != nil {
		opt.Watch.Heal(r.now())
	}
	for i := range s.VMs {
		_, longest := r.world.RecoveryAge(model.VMID(i + 1))
		r.recoveryAge = append(r.recoveryAge, longest)
	}
	r.healAll()
	healed := r.now()
	if err := r.until(ctx, s.Run+convergeBudget, r.settled); err != nil {
		return nil, err
	}
	r.converged = -1
	if r.settled() {
		r.converged = r.now() - healed
	}
	if err := r.finalReads(ctx); err != nil {
		return nil, err
	}
	r.world.CheckEnd()
	if opt.Watch != nil {
		opt.Watch.End(r.now())
	}
	result := r.judge()
	if opt.Trace != nil {
		r.trace(opt.Trace, result)
	}
	return result, nil
}

// run is one execution of a script.
type run struct {
	script  *script.Script
	opt     Options
	world   *sim.World
	books   []*book // one for each VM, in the order of the script
	pending []*trigger
	names   map[string]model.NodeID // bound by "as"
	began   time.Duration           // first action; -1: none yet
	marks   []reports.Mark
	broken  []reports.Failure // what the script itself could not do
	hung    []bool            // VMs whose guest was last made to hang for good

	zero      model.Time    // when the script's clock began
	whole     time.Duration // since when the redundancy has been complete; -1: it is not
	converged time.Duration // after healing; -1: never
	// recoveryAge is for each VM the highest age of its recovery point in the run.
	recoveryAge []time.Duration
}

// now returns the time of the script's clock.
func (r *run) now() time.Duration { return r.world.Now().Sub(r.zero) }

// at returns an instant of the world on the script's clock; what was before it is at 0.
func (r *run) at(t model.Time) reports.Time { return reports.Time(max(t-r.zero, 0)) }

// until runs the world up to a time of the script's clock, or until done says so.
func (r *run) until(ctx context.Context, end time.Duration, done func() bool) error {
	for r.now() < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		if done != nil && done() {
			return nil
		}
		if r.opt.MaxEvents > 0 && r.world.Events() > r.opt.MaxEvents {
			return ErrEvents
		}
		r.world.Run(r.zero.Add(min(r.now()+slice, end)))
		r.watch()
	}
	return nil
}

// watch notes since when every VM has had its redundancy without a break.
func (r *run) watch() {
	switch whole := r.redundant(); {
	case !whole:
		r.whole = -1
	case r.whole < 0:
		r.whole = r.now()
	}
}

// healing returns how long after the last action of the script (or the healing at its end)
// the redundancy was complete for good; 0 if nothing disturbed it.
func (r *run) healing() time.Duration {
	if r.whole < 0 {
		return -1
	}
	last := time.Duration(0)
	for _, m := range r.marks {
		for _, t := range []reports.Time{m.At, m.Until} {
			if d := time.Duration(t); d <= r.whole {
				last = max(last, d)
			}
		}
	}
	if r.script.Run <= r.whole {
		last = r.script.Run
	}
	return max(r.whole-last, 0)
}

// ready reports whether the pool is set up: every VM has its redundancy, and its clients are served.
func (r *run) ready() bool {
	for i, b := range r.books {
		if r.world.ClientStats(model.VMID(i+1)).Answered == 0 && b.clients {
			return false
		}
	}
	return r.redundant()
}

func (r *run) redundant() bool {
	for i := range r.script.VMs {
		vm := model.VMID(i + 1)
		if !r.world.Redundant(vm) && (!r.script.VMs[i].Later || r.world.Exists(vm)) {
			return false
		}
	}
	return true
}

// settled reports whether every VM has its redundancy, and the pool the members and voters that it should have.
func (r *run) settled() bool { return r.redundant() && r.world.MembersUnsettled() == "" }

// finalReads lets clients finish and then reads everything once, so that a lost last write is seen.
func (r *run) finalReads(ctx context.Context) error {
	r.world.StopClients()
	if err := r.until(ctx, r.now()+settleBudget, r.world.ClientsIdle); err != nil {
		return err
	}
	r.world.FinalReads()
	if err := r.until(ctx, r.now()+settleBudget, r.world.ClientsIdle); err != nil {
		return err
	}
	if !r.world.ClientsIdle() {
		r.fail("R9", "the last reads were not answered within %v", settleBudget)
	}
	return nil
}

func (r *run) fail(rule, format string, args ...any) {
	r.broken = append(r.broken, reports.Failure{Rule: rule, At: r.at(r.world.Now()), Text: fmt.Sprintf(format, args...)})
}

// build makes the world that the script describes.
func (r *run) build() error {
	s := r.script
	r.names, r.hung = make(map[string]model.NodeID), make([]bool, len(s.VMs))
	r.began = -1
	opt := sim.Options{Seed: r.opt.Seed, Witness: s.Witness.Name, Voters: s.Voters, Timing: timing(s), Policies: policies(s)}
	for _, h := range s.Hosts {
		opt.Hosts = append(opt.Hosts, h.Name)
		if h.Spare {
			opt.Spares = append(opt.Spares, h.Name)
		}
	}
	for _, v := range s.VMs {
		spec := sim.VM{
			Name: v.Name, Level: level(v.Level), Service: service(v.Service), Shared: v.Shared, Home: v.Home, Second: v.Second,
			Recovery: v.Recovery, Target: v.Target, Later: v.Later, Keys: script.DefaultKeys,
		}
		for i := range s.Actions {
			f := &s.Actions[i].Fault
			spec.Covered = spec.Covered || f.Kind == faults.AddRecovery && f.VM == v.Name
		}
		for _, c := range s.Clients {
			if c.VM == v.Name {
				spec.Clients, spec.Rate, spec.Keys = c.Count, c.Rate, c.Keys
			}
		}
		b := newBook(&spec, int(s.Run/time.Second+1)*spec.Rate*2, func() int64 { return int64(r.world.Now()) })
		b.clients = spec.Clients > 0
		spec.Recorder = b
		r.books = append(r.books, b)
		opt.VMs = append(opt.VMs, spec)
	}
	var err error
	r.world, err = sim.New(opt)
	return err
}

func timing(s *script.Script) sim.Timing {
	t := sim.DefaultTiming()
	t.Engine.Heartbeat = s.Value(script.SettingHeartbeat)
	t.Engine.SuspectAfter = s.Value(script.SettingSuspectAfter)
	t.Engine.PromoteWait = s.Value(script.SettingPromoteWait)
	t.Engine.ColdStartAfter = s.Value(script.SettingColdStartAfter)
	t.Engine.MTBF = s.Value(script.SettingMTBF)
	t.Engine.HangAfter = s.Value(script.SettingHangAfter)
	t.Engine.RehomeAfter = s.Value(script.SettingRehomeAfter)
	t.Engine.VoterLostAfter = s.Value(script.SettingVoterLostAfter)
	t.Engine.MendAfter = s.Value(script.SettingMendAfter)
	t.Lease.Timeout = s.Value(script.SettingLeaseTimeout)
	t.Lease.Every = t.Lease.Timeout / 4
	t.IOTimeout = s.Value(script.SettingIOTimeout)
	t.AckTimeout = s.Value(script.SettingAckTimeout)
	t.EpochMax = s.Value(script.SettingEpochMax)
	t.Epoch = s.Value(script.SettingEpoch)
	return t
}

func level(l script.Level) model.Level {
	switch l {
	case script.LevelFT:
		return model.LevelFT
	case script.LevelHA:
		return model.LevelHA
	case script.LevelNone:
		return model.LevelNone
	default:
		return model.LevelRestart
	}
}

func service(s script.Service) guest.Service {
	switch s {
	case script.ServiceBank:
		return guest.Bank
	case script.ServiceLog:
		return guest.Log
	default:
		return guest.Registers
	}
}
