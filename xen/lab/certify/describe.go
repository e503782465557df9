package certify

import (
	"slices"

	"holdfast/reports"
	"holdfast/reports/check"
)

// maxPoints bounds the latencies that a result keeps.
const maxPoints = 1200

// describe fills in what people want to see of the run. Times are on the script's clock.
func (r *run) describe(out *reports.Scenario, e *evidence, real *Real) {
	vm := &r.script.VMs[0]
	end := r.now()
	out.Slowness = r.pool.Factor
	v := reports.VM{Name: vm.Name, Level: vm.Level.String(), Service: vm.Service.String()}
	for _, s := range e.spans {
		if from, to := r.at(s.from), r.at(s.to); to > from {
			v.Spans = append(v.Spans, reports.Span{Host: r.name(s.host), From: reports.Time(from), To: reports.Time(to), Kind: reports.Runs})
		}
	}
	out.VMs = []reports.VM{v}
	out.Latency = reports.Sample(check.Points(e.scaled, vm.Name, end), maxPoints)
	r.mu.Lock()
	defer r.mu.Unlock()
	out.Faults, out.Notices = slices.Clone(r.marks), append(slices.Clone(r.notices), reports.Mark{At: reports.Time(end), Text: notJudged})
	for _, f := range r.failures {
		if f.late && r.slow {
			out.Outcome = reports.Worst(out.Outcome, reports.Inconclusive)
			out.Notices = append(out.Notices, reports.Mark{At: f.At, Text: "not judged, because the hosts became slower: " + f.Text})
			continue
		}
		out.Failures = append(out.Failures, f.Failure)
		out.Outcome = reports.Worst(out.Outcome, outcomeOf(f.Rule))
	}
	if slices.ContainsFunc(out.Failures, func(f reports.Failure) bool { return outcomeOf(f.Rule) == reports.Crash }) {
		out.Outcome = reports.Crash // also if something worse was seen: a host that computes wrongly shows anything
	}
	m := &out.Measures
	m.Operations, m.Unknown, m.Resets = int64(real.Answered), int64(real.Unknown), e.resets
	_, pause := check.PauseAt(e.scaled, 0, r.script.Run)
	m.LongestPauseNS = int64(pause)
	m.LostOperations = int64(max(real.Lost, 0))
	m.Promotions, m.Restarts = int64(e.promotions()), int64(max(e.boots-1, 0))
	if real.RecoveryNS > 0 {
		m.RTO = []int64{int64(float64(real.RecoveryNS) / r.pool.Factor)}
	}
	m.ConvergenceNS = -1
	if r.converged >= 0 {
		m.ConvergenceNS = int64(float64(r.converged) / r.pool.Factor)
	}
	d, samples := r.pauses.measured()
	sum := int64(0)
	for _, p := range samples {
		sum += p
	}
	m.Epochs, m.StoppedNS, m.StoppedMax = d.Count, int64(float64(sum)/r.pool.Factor), int64(float64(d.MaxNS)/r.pool.Factor)
}

// notJudged is in every report.
const notJudged = "not judged on the lab, because it cannot be seen from outside: R1, R3 to R7, R10 by themselves (what breaks them shows in the history), the order of outputs, epochs, notices"
