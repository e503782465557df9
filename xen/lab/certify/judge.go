package certify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/reports/history"
	"holdfast/scenarios/script"
)

// Format is the number of what Real says and of how it comes about. It rises with every change of drivers, calibration, load of clients, faults
// or judging after which a result cannot be compared with an earlier one.
const Format = 3

// Real is what a run measured, in nanoseconds of real time.
type Real struct {
	Driver      string      `json:"driver"`
	Scenario    string      `json:"scenario"`
	Calibration Calibration `json:"calibration"`
	// Loaded is the speed of the hosts when the script's clock began, with the VM protected and its clients at work, and After at the end of the
	// run, without guests, to be compared with Calibration. The script's clock does not follow them.
	Loaded Calibration `json:"loaded"`
	After  Calibration `json:"after"`
	// RunNS is the length of the part with faults; FaultNS is when the first fault happened in it, -1: never.
	RunNS   int64 `json:"run_ns"`
	FaultNS int64 `json:"fault_ns"`
	// RecoveryNS reaches from the first fault to the first answer after the longest pause that began with it or later;
	// -1: nobody answered any more. It is 0 if there was no pause worth the name. If RecoveryLate is true it took longer: the first
	// answer was a last read, which was made when clients had stopped for good.
	RecoveryNS   int64 `json:"recovery_ns"`
	RecoveryLate bool  `json:"recovery_late"`
	// PauseNS is the longest time without an answer, from the first one to the end of the run.
	PauseNS int64 `json:"pause_ns"`
	// Before is what clients got before the first fault.
	Before Service `json:"before"`
	// Checkpoint is how long the guest stood still for each checkpoint before the first fault.
	Checkpoint  reports.Delay `json:"checkpoint"`
	Checkpoints []int64       `json:"checkpoints_ns"`
	// Verdict on the history, and how many answered writes were certainly lost; -1: that cannot be told.
	Verdict string `json:"verdict"`
	Lost    int    `json:"lost"`
	Message string `json:"message,omitempty"`
	// ReadBack says whether the last reads were answered. If not, what the last writes came to is not known, whatever Lost says.
	ReadBack bool `json:"read_back"`
	// Answered and Unknown operations.
	Answered int `json:"answered"`
	Unknown  int `json:"unknown"`
	// AnsweringNS is for how long two hosts answered for the guest at a time; Running is how often, while they did, the toolstacks of both
	// showed it running: both sides were alive if that is not 0.
	AnsweringNS int64 `json:"both_answering_ns"`
	Running     int   `json:"both_running"`
	// Ends is the host that runs the guest at the end, none or several.
	Ends []string `json:"ends"`
	// Boots is how many starts of the guest clients met, Resets how many connections broke since the script's clock began, and Timeouts
	// how many clients gave up because an answer took too long.
	Boots    int   `json:"boots"`
	Resets   int64 `json:"resets"`
	Timeouts int64 `json:"timeouts"`
}

// Service is what clients got in a period.
type Service struct {
	Seconds    float64 `json:"seconds"`
	Operations int     `json:"operations"`
	P50NS      int64   `json:"p50_ns"`
	P99NS      int64   `json:"p99_ns"`
	MaxNS      int64   `json:"max_ns"`
}

// Both reports whether both sides were seen alive.
func (r *Real) Both() bool { return r.Running > 0 }

// evidence is all that judging needs.
type evidence struct {
	real   *history.History // real times
	scaled *history.History // times of the script's clock
	spans  []span
	moves  []string
	ends   []string // lab hosts that run the guest at the end
	boots  int
	// Connections that broke, and that clients gave up, since the script's clock began.
	resets, timeouts int64
}

// judge collects every conclusion about the run.
func (r *run) judge() *Result {
	stats := r.clients.Stats()
	e := &evidence{
		real: r.clients.Finish(r.zero), boots: len(stats.Boots),
		resets: stats.Resets - r.before.Resets, timeouts: stats.Timeouts - r.before.Timeouts,
	}
	e.scaled = scale(e.real, r.pool.Factor)
	var sides Sides
	sides, e.spans, e.moves = r.observer.result()
	e.ends = r.ends
	out := &reports.Scenario{
		Name: r.script.Name, Purpose: r.script.Purpose, Seed: r.opt.Seed, SimulatedNS: int64(r.now()), Outcome: reports.Pass,
	}
	real := r.measure(e, &sides)
	if r.slow = real.SlowedDown(); r.slow {
		r.note("the hosts became slower in the run (%s; before it: %s): what depends on time is not proven", r.after.measured(), r.calm.measured())
	}
	r.verdict(out, e, &real)
	if sides.Both() {
		r.fail("R2", "both hosts ran %s and answered for it, for %s, first %s after the script began", r.script.VMs[0].Name,
			reports.FormatNS(int64(float64(sides.Alive)/r.pool.Factor)), reports.FormatNS(int64(r.at(sides.Since))))
	}
	for i := range r.script.Expects {
		r.expect(out, &r.script.Expects[i], e)
	}
	r.describe(out, e, &real)
	return &Result{Scenario: out, History: e.real, Real: real}
}

// scale puts a history on the script's clock.
func scale(h *history.History, factor float64) *history.History {
	out := *h
	out.Operations = slices.Clone(h.Operations)
	for i := range out.Operations {
		o := &out.Operations[i]
		o.CallTime = int64(float64(o.CallTime) / factor)
		o.ReturnTime = int64(float64(o.ReturnTime) / factor)
	}
	return &out
}

// standing is how often a guest that stands still on all hosts is looked at before it counts as one that nobody runs: it may be
// suspended for a checkpoint.
const (
	standing     = 20
	betweenLooks = 200 * time.Millisecond
)

// whoRuns returns the hosts on which the guest runs now. known is false if a host did not tell: then the run is not judged, because a host that
// is silent is not a host that runs nothing.
func (r *run) whoRuns(ctx context.Context) (hosts []string, known bool) {
	for range standing {
		var stands bool
		if hosts, stands, known = r.whoHas(ctx); len(hosts) > 0 || !stands || !known {
			break
		}
		select {
		case <-time.After(betweenLooks):
		case <-ctx.Done():
			return nil, false
		}
	}
	return hosts, known
}

// whoHas returns the hosts on which the guest runs now; stands is true if it stands still on one.
func (r *run) whoHas(ctx context.Context) (hosts []string, stands, known bool) {
	known = true
	for _, host := range r.pool.Hosts() {
		if !r.reachable(host) {
			continue
		}
		domains, err := r.askTwice(ctx, host)
		if err != nil {
			known = false
			if ctx.Err() == nil {
				r.fail("crash", "host %s does not tell what it runs at the end: %v", r.name(host), err)
			}
			continue
		}
		if slices.ContainsFunc(domains, func(d Domain) bool { return d.Alive() }) {
			hosts = append(hosts, host)
		}
		stands = stands || slices.ContainsFunc(domains, func(d Domain) bool { return d.Standing() })
	}
	return hosts, stands, known
}

// askTwice asks a host for its domains, and once more if that fails.
func (r *run) askTwice(ctx context.Context, host string) (domains []Domain, err error) {
	for range 2 {
		limited, cancel := context.WithTimeoutCause(ctx, listLimit, fmt.Errorf("no answer within %v", listLimit))
		domains, err = r.pool.Domains(limited, host)
		cancel()
		if err == nil {
			break
		}
		r.note("host %s did not tell what it runs: %v", r.name(host), err)
	}
	return domains, err
}

// verdict checks what the clients saw.
func (r *run) verdict(out *reports.Scenario, e *evidence, real *Real) {
	vm := r.script.VMs[0].Name
	v, err := check.Check(e.real, r.opt.Limits)
	if err != nil {
		r.fail("crash", "the history of %s cannot be checked: %v", vm, err)
		return
	}
	real.Verdict, real.Message, real.Lost = string(v.Result), v.Message, -1
	if lost := check.Measure(e.real, 0).LostWrites; lost != nil {
		real.Lost = *lost
	}
	result := reports.Linearizable
	switch v.Result {
	case check.Illegal:
		result = reports.Illegal
		r.fail("history", "%s: %s", vm, v.Message)
	case check.Unknown:
		result = reports.Undecided
		out.Outcome = reports.Worst(out.Outcome, reports.Inconclusive)
	}
	out.Verdicts = append(out.Verdicts, reports.Verdict{
		Object: vm, Model: string(v.Model), Result: result, Operations: v.Operations, Partitions: len(v.Partitions), WallNS: int64(v.Duration), Message: v.Message,
	})
}

// expect compares one expectation of the script with what was measured.
func (r *run) expect(out *reports.Scenario, x *script.Expect, e *evidence) {
	ok, got := r.compare(x, e)
	if r.slow && explained(x, ok) {
		out.Outcome = reports.Worst(out.Outcome, reports.Inconclusive)
		got += "; not proven, because the hosts became slower"
	}
	out.Expectations = append(out.Expectations, reports.Expectation{Text: x.String(), Line: x.Note.Line, OK: ok, Got: got})
	switch {
	case ok:
	case explained(x, ok):
		r.failLate("expect", "line %d: %s; %s", x.Note.Line, x, got)
	default:
		r.fail("expect", "line %d: %s; %s", x.Note.Line, x, got)
	}
}

// explained reports whether that an expectation was met, or was not, may come of slow hosts alone: they do everything later.
func explained(x *script.Expect, ok bool) bool {
	switch x.Kind {
	case script.ExpectPause:
		return ok == (x.Comparator == script.Greater || x.Comparator == script.AtLeast)
	case script.ExpectStalled:
		return ok
	case script.ExpectServed, script.ExpectConverged:
		return !ok
	}
	return false
}

// compare returns whether an expectation was met, and what was seen.
func (r *run) compare(x *script.Expect, e *evidence) (ok bool, got string) {
	counted := func(n int, what string) (bool, string) {
		return x.Comparator.Holds(int64(n), int64(x.Count)), fmt.Sprintf("%d %s", n, what)
	}
	switch x.Kind {
	case script.ExpectPause:
		_, d := check.PauseAt(e.scaled, 0, r.script.Run)
		return x.Comparator.Holds(int64(d), int64(x.Duration)), "longest pause " + reports.FormatNS(int64(d))
	case script.ExpectPromotions:
		return counted(e.promotions(), "moves without a boot")
	case script.ExpectRestarts:
		return counted(max(e.boots-1, 0), "boots that clients met after the first")
	case script.ExpectResets:
		return counted(int(e.resets), fmt.Sprintf("connections lost, and %d given up because answers took too long", e.timeouts))
	case script.ExpectPrimary, script.ExpectSecondary:
		want, err := r.members(x.Role)
		if err != nil || len(e.ends) != 1 {
			return false, "it runs on " + r.names(e.ends)
		}
		at := e.ends[0]
		if x.Kind == script.ExpectSecondary {
			at = r.pool.Other(at)
		}
		return len(want) == 1 && want[0] == at, "it runs on " + r.names(e.ends)
	case script.ExpectConverged:
		if r.converged < 0 {
			return false, "it did not converge"
		}
		d := time.Duration(float64(r.converged) / r.pool.Factor)
		return d <= x.Duration, "converged after " + reports.FormatNS(int64(d))
	case script.ExpectStalled, script.ExpectServed:
		n := check.Answers(e.scaled, x.From, x.To)
		return (n > 0) == (x.Kind == script.ExpectServed), fmt.Sprintf("%d operations completed", n)
	}
	return true, "declared"
}

// names returns what the script calls hosts.
func (r *run) names(hosts []string) string {
	switch len(hosts) {
	case 0:
		return "nobody"
	case 1:
		return r.name(hosts[0])
	}
	return "both hosts"
}

// promotions returns how often the guest went on elsewhere without a boot: moves that no new boot explains.
func (e *evidence) promotions() int {
	return max(len(e.moves)-1-max(e.boots-1, 0), 0)
}

// outcomeOf says what it means that a rule failed.
func outcomeOf(rule string) reports.Outcome {
	switch rule {
	case "R9", "expect":
		return reports.Liveness
	case "crash":
		return reports.Crash
	}
	return reports.Safety
}

// measure computes what is told in real time.
func (r *run) measure(e *evidence, sides *Sides) Real {
	m := Real{
		Driver: r.driver.Name(), Scenario: r.script.Name, Calibration: r.calm, Loaded: r.loaded, After: r.after, FaultNS: -1, RunNS: int64(r.pool.Real(r.script.Run)),
		ReadBack: r.readBack, AnsweringNS: int64(sides.Answering), Running: sides.Running, Boots: e.boots, Resets: e.resets, Timeouts: e.timeouts, Ends: []string{},
	}
	for _, host := range e.ends {
		m.Ends = append(m.Ends, r.name(host))
	}
	for i := range e.real.Operations {
		switch o := &e.real.Operations[i]; {
		case check.Answered(o):
			m.Answered++
		case o.Status == history.Unknown:
			m.Unknown++
		}
	}
	end := time.Duration(m.RunNS)
	before := end
	if !r.began.IsZero() {
		before = r.began.Sub(r.zero)
		m.FaultNS = int64(before)
		d, late := recovery(e.real, before, r.quiet.Sub(r.zero), r.pool.Real(noPause))
		m.RecoveryNS, m.RecoveryLate = int64(d), late
	}
	_, pause := check.PauseAt(e.real, 0, end)
	m.PauseNS = int64(pause)
	m.Before = serviceOf(e.real, before)
	m.Checkpoint, m.Checkpoints = r.pauses.measured()
	return m
}
