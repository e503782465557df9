package scenarios

import (
	"fmt"
	"strings"

	"holdfast/engine/model"
	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/reports/history"
	"holdfast/scenarios/script"
)

// expect compares one expectation of the script with what was measured.
func (r *run) expect(out *reports.Scenario, e *script.Expect, histories []*history.History) {
	ok, got := r.measure(e, histories)
	out.Expectations = append(out.Expectations, reports.Expectation{Text: e.String(), Line: e.Note.Line, OK: ok, Got: got})
	if !ok {
		r.fail("expect", "line %d: %s; %s", e.Note.Line, e, got)
	}
}

// measure returns whether an expectation was met, and what was seen.
func (r *run) measure(e *script.Expect, histories []*history.History) (ok bool, got string) {
	vm := r.world.VM(e.VM)
	counted := func(n int, what string) (bool, string) {
		return e.Comparator.Holds(int64(n), int64(e.Count)), fmt.Sprintf("%d %s", n, what)
	}
	switch e.Kind {
	case script.ExpectPause:
		_, d := check.PauseAt(histories[vm-1], 0, r.script.Run)
		return e.Comparator.Holds(int64(d), int64(e.Duration)), "longest pause " + reports.FormatNS(int64(d))
	case script.ExpectRPO:
		d := r.recoveryAge[vm-1]
		return e.Comparator.Holds(int64(d), int64(e.Duration)), "longest age of the recovery point " + reports.FormatNS(int64(d))
	case script.ExpectPromotions:
		return counted(r.countNotices(model.NoticePromoted, vm), "promotions")
	case script.ExpectRestarts:
		return counted(r.restarts(vm), "restarts")
	case script.ExpectResets:
		return counted(int(r.world.ClientStats(vm).Resets), "connections lost")
	case script.ExpectPrimary:
		at := r.world.Serving(vm)
		want := r.members(e.Role)
		return len(want) == 1 && at == want[0], "it runs on " + r.name(at)
	case script.ExpectSecondary:
		at := r.secondary(e.VM)
		want := r.members(e.Role)
		return len(want) == 1 && at == want[0], "its other home is " + r.name(at)
	case script.ExpectApart:
		return r.apart(e)
	case script.ExpectRefused:
		return r.refused(e)
	case script.ExpectConverged:
		if r.converged < 0 {
			return false, "it did not converge"
		}
		return r.converged <= e.Duration, "converged after " + reports.FormatNS(int64(r.converged))
	case script.ExpectEvent, script.ExpectNoEvent:
		n := r.events(e)
		return (n > 0) == (e.Kind == script.ExpectEvent), fmt.Sprintf("seen %d times", n)
	case script.ExpectStalled, script.ExpectServed:
		n := check.Answers(histories[vm-1], e.From, e.To)
		return (n > 0) == (e.Kind == script.ExpectServed), fmt.Sprintf("%d operations completed", n)
	}
	return true, "declared"
}

// events counts the notices after the first action that an expectation is about.
func (r *run) events(e *script.Expect) int {
	vm, member := r.world.VM(e.Subject), r.world.Member(e.Subject)
	n := 0
	for _, note := range r.world.Notices() {
		if r.began < 0 || note.At.Sub(r.zero) < r.began || note.Kind.String() != e.Event.String() {
			continue
		}
		if (vm != 0 && note.VM == vm) || (member != model.NoNode && note.Node == member) {
			n++
		}
	}
	return n
}

// apart reports whether two VMs had different primaries, at the end or all through a period.
func (r *run) apart(e *script.Expect) (ok bool, got string) {
	a, b := r.world.VM(e.VM), r.world.VM(e.Other)
	from, to := r.zero.Add(e.From), r.zero.Add(e.To)
	if e.To == 0 {
		from, to = r.world.Now(), r.world.Now()
	}
	times := []model.Time{from}
	for _, vm := range []model.VMID{a, b} {
		for _, c := range r.world.Changes(vm) {
			if c.At > from && c.At <= to {
				times = append(times, c.At)
			}
		}
	}
	for _, t := range times {
		if p, q := r.primaryAt(a, t), r.primaryAt(b, t); p == q {
			return false, fmt.Sprintf("both run on %s at %s", r.name(p), reports.FormatNS(int64(r.at(t))))
		}
	}
	return true, "they were apart"
}

// primaryAt returns the primary of a VM by the newest configuration that was committed at t or before.
func (r *run) primaryAt(vm model.VMID, t model.Time) (at model.NodeID) {
	for _, c := range r.world.Changes(vm) {
		if c.At <= t {
			at = c.Config.Primary
		}
	}
	return at
}

// refused reports whether a refusal about the VM, after the first action, has the reason that the script expects.
func (r *run) refused(e *script.Expect) (ok bool, got string) {
	vm := r.world.VM(e.VM)
	got = "nothing about it was refused"
	for _, n := range r.world.Notices() {
		if n.Kind != model.NoticeRefused || n.VM != vm || r.began < 0 || n.At.Sub(r.zero) < r.began {
			continue
		}
		if got = "refused because " + r.named(n.Detail); strings.Contains(got, e.Text) {
			return true, got
		}
	}
	return false, got
}
