package campaign

import (
	"context"
	"time"

	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/scenarios"
	"holdfast/scenarios/campaign/contract"
	"holdfast/scenarios/campaign/marks"
	"holdfast/scenarios/campaign/swarm"
	"holdfast/scenarios/script"
)

// checkMemory bounds what one check of a history remembers; several run side by side.
const checkMemory = 256 << 20

// limits bounds the check of each history of a trial.
func limits() check.Limits {
	return check.Limits{Time: time.Minute, Memory: checkMemory, Workers: 1}
}

// trial is what came of one seed. It holds nothing of the world.
type trial struct {
	seed   uint64
	err    error // the campaign ends
	drawn  *script.Script
	happen *script.Script // what happened of it

	outcome   reports.Outcome
	explained string
	failure   *reports.Failure // that decided, if it did not pass
	repeats   bool
	trace     string           // of the repetition
	result    reports.Scenario // without what is large
	marks     marks.Counts
	refused   []contract.Refusal
	unfired   []int // actions whose stage was not reached

	wall, checked time.Duration
}

// try runs one seed.
func try(ctx context.Context, seed uint64, plan *reports.CampaignPlan, now func() time.Time) *trial {
	t := &trial{seed: seed, drawn: swarm.Draw(seed, swarmOptions(plan))}
	began := now()
	limit := contract.New(t.drawn, plan.Unbounded)
	watch := marks.New(t.drawn)
	result, err := scenarios.Attempt(ctx, t.drawn, scenarios.Options{
		Seed: seed, Limits: limits(), Guard: limit.Admit, Watch: watch, AllowUnfired: true,
	})
	if err != nil {
		t.err = err
		return t
	}
	t.happen, t.refused, t.unfired, t.marks = limit.Executed(), limit.Refused(), limit.Unfired(), watch.Counts()
	t.judge(result, limit.Explain())
	if t.outcome != reports.Pass {
		t.repeat(ctx)
	}
	t.wall = now().Sub(began)
	for _, v := range result.Verdicts {
		t.checked += time.Duration(v.WallNS)
	}
	result.VMs, result.Notices, result.Latency, result.Script = nil, nil, nil, ""
	t.result = *result
	return t
}

func swarmOptions(plan *reports.CampaignPlan) swarm.Options {
	return swarm.Options{Run: time.Duration(plan.RunNS), Unbounded: plan.Unbounded}
}

// judge draws the conclusion. An unbounded plan is forgiven that it did not converge if something explains it.
func (t *trial) judge(result *reports.Scenario, explanation string) {
	t.outcome = result.Outcome
	if t.outcome == reports.Liveness && explanation != "" {
		t.outcome, t.explained = reports.Pass, explanation
	}
	if t.outcome != reports.Pass {
		f := scenarios.Deciding(result)
		t.failure = &f
	}
}

// repeat runs what happened, as a script and without contract, and notes whether it fails in the same way.
func (t *trial) repeat(ctx context.Context) {
	again, err := scenarios.Attempt(ctx, t.happen, scenarios.Options{Seed: t.seed, Limits: limits()})
	if err != nil {
		return
	}
	t.trace = again.TraceHash
	t.repeats = again.Outcome == t.outcome && scenarios.Deciding(again).Rule == t.failure.Rule
}
