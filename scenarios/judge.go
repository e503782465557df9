package scenarios

import (
	"fmt"

	"holdfast/engine/model"
	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/reports/history"
	"holdfast/scenarios/script"
)

// judge collects every conclusion about the run.
func (r *run) judge() *reports.Scenario {
	w := r.world
	out := &reports.Scenario{
		Name: r.script.Name, Purpose: r.script.Purpose, Seed: r.opt.Seed,
		TraceHash: fmt.Sprintf("%016x", w.Trace()), SimulatedNS: int64(r.now()), Events: int64(w.Events()),
		Faults: r.marks, Outcome: reports.Pass,
	}
	for _, v := range w.Violations() {
		out.Failures = append(out.Failures, reports.Failure{Rule: v.Rule, At: r.at(v.At), Text: v.Text})
		out.Outcome = reports.Worst(out.Outcome, outcomeOf(v.Rule))
	}
	if r.converged < 0 {
		r.fail("R9", "%s", r.unconverged())
	}
	histories := make([]*history.History, len(r.books))
	for i, b := range r.books {
		histories[i] = b.finish(int64(r.zero))
		r.verdict(out, histories[i], &r.script.VMs[i], model.VMID(i+1))
	}
	r.checkTriggers()
	for i := range r.script.Expects {
		r.expect(out, &r.script.Expects[i], histories)
	}
	for _, f := range r.broken {
		out.Failures = append(out.Failures, f)
		out.Outcome = reports.Worst(out.Outcome, outcomeOf(f.Rule))
	}
	r.describe(out, histories)
	return out
}

// outcomeOf says what it means that a rule failed.
func outcomeOf(rule string) reports.Outcome {
	switch rule {
	case "R9", RuleSetup, "expect":
		return reports.Liveness
	case "crash":
		return reports.Crash
	}
	return reports.Safety
}

// Deciding returns the failure that stands for the outcome of a result that did not pass: the first one that
// led to it.
func Deciding(result *reports.Scenario) reports.Failure {
	for _, f := range result.Failures {
		if outcomeOf(f.Rule) == result.Outcome {
			return f
		}
	}
	for _, v := range result.Verdicts {
		if v.Result == reports.Undecided {
			return reports.Failure{Rule: "undecided", Text: v.Object + ": " + v.Message}
		}
	}
	return reports.Failure{Rule: string(result.Outcome), Text: "no failure is recorded"}
}

// unconverged says what was missing at the end.
func (r *run) unconverged() string {
	text := fmt.Sprintf("%v after the faults stopped:", convergeBudget)
	for i := range r.script.VMs {
		vm := model.VMID(i + 1)
		if r.world.Redundant(vm) || r.script.VMs[i].Later && !r.world.Exists(vm) {
			continue
		}
		cfg := r.world.Config(vm)
		text += fmt.Sprintf(" %s in generation %v has primary %s, secondary %s, in-sync copies %v, served by %s;",
			r.script.VMs[i].Name, cfg.Gen, r.name(cfg.Primary), r.name(cfg.Secondary), cfg.InSync, r.name(r.world.Serving(vm)))
	}
	if what := r.world.MembersUnsettled(); what != "" {
		text += " " + what + ";"
	}
	return text
}

// verdict checks what the clients of a VM saw, and what the guest itself noticed.
func (r *run) verdict(out *reports.Scenario, h *history.History, vm *script.VM, id model.VMID) {
	if err := r.world.GuestFault(id); err != nil {
		r.fail("R3", "the guest of %s found its own state wrong: %v", vm.Name, err)
	}
	stats := r.world.ClientStats(id)
	if stats.TimeBack > 0 {
		r.fail("R3", "clients of %s saw the guest's time go back %d times", vm.Name, stats.TimeBack)
	}
	lost := r.countNotices(model.NoticeStateLost, id) > 0
	if r.alwaysFT(id) && !r.permits(script.ExpectStateLost, vm.Name) && (lost || stats.Resets > 0) {
		r.fail("R3", "%s lost its memory: %d connections were reset", vm.Name, stats.Resets)
	}
	if len(h.Operations) == 0 {
		return
	}
	left := lose(h, r.world.Cuts(id), r.zero)
	v, err := check.Check(left, r.opt.Limits)
	if err != nil {
		r.fail("crash", "the history of %s cannot be checked: %v", vm.Name, err)
		return
	}
	if undone, open := countLost(h, left); undone+open > 0 && v.Message == "" {
		v.Message = fmt.Sprintf("without what the recovery point lacked: %d answered operations are lost, %d more may be", undone, open)
	}
	result := reports.Linearizable
	switch v.Result {
	case check.Illegal:
		result = reports.Illegal
		out.Outcome = reports.Worst(out.Outcome, reports.Safety)
		out.Failures = append(out.Failures, reports.Failure{Rule: "history", At: r.at(r.world.Now()), Text: vm.Name + ": " + v.Message})
	case check.Unknown:
		result = reports.Undecided
		out.Outcome = reports.Worst(out.Outcome, reports.Inconclusive)
	}
	out.Verdicts = append(out.Verdicts, reports.Verdict{
		Object: vm.Name, Model: string(v.Model), Result: result, Operations: v.Operations,
		Partitions: len(v.Partitions), WallNS: int64(v.Duration), Message: v.Message,
	})
}

// alwaysFT reports whether the VM had level ft all the time.
func (r *run) alwaysFT(id model.VMID) bool {
	for _, c := range r.world.Changes(id) {
		if c.Config.Level != model.LevelFT {
			return false
		}
	}
	return true
}

// permits reports whether the script has an expectation of the kind about the VM.
func (r *run) permits(kind script.ExpectKind, vm string) bool {
	for i := range r.script.Expects {
		if e := &r.script.Expects[i]; e.Kind == kind && e.VM == vm {
			return true
		}
	}
	return false
}

// checkTriggers fails a run that did not do what its script says.
func (r *run) checkTriggers() {
	for _, t := range r.pending {
		if !t.fired && !r.opt.AllowUnfired {
			r.fail("expect", "line %d never happened: %s reached stage %v %d times", t.action.Note.Line, t.action.Trigger.VM, t.action.Trigger.Stage, t.seen)
		}
	}
}

// countNotices counts notices of a kind about a VM over the whole run.
func (r *run) countNotices(kind model.NoticeKind, vm model.VMID) int {
	n := 0
	for _, note := range r.world.Notices() {
		if note.Kind == kind && note.VM == vm {
			n++
		}
	}
	return n
}

// restarts counts how often the VM's system came up after the first time.
func (r *run) restarts(vm model.VMID) int { return max(r.world.Boots(vm)-1, 0) }
