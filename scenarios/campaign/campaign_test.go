package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
)

// shortPlan is a campaign that a test can afford.
func shortPlan(seeds int) reports.CampaignPlan {
	return reports.CampaignPlan{First: 11, Seeds: seeds, Shards: 1, RunNS: int64(6 * time.Second)}
}

// settled returns the campaign without what depends on the machine and the number of jobs, as text.
func settled(t *testing.T, c *reports.Campaign) string {
	t.Helper()
	d := *c
	d.Started, d.WallNS, d.Jobs, d.CheckNS, d.SimulateNS, d.Slowest = time.Time{}, 0, 0, 0, 0, nil
	d.Strangest = nil
	for _, n := range c.Strangest {
		n.WallNS = 0
		d.Strangest = append(d.Strangest, n)
	}
	text, err := json.MarshalIndent(&d, "", " ")
	require.NoError(t, err)
	return string(text)
}

func run(t *testing.T, c *reports.Campaign, o Options) error {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Jobs = max(o.Jobs, 1)
	return Run(context.Background(), c, o)
}

// some returns how many seeds a test takes: few in short runs, which the race detector makes slow.
func some(seeds int) int {
	if testing.Short() {
		return 6
	}
	return seeds
}

// TestJobsDoNotMatter: one job and four come to the same conclusions.
func TestJobsDoNotMatter(t *testing.T) {
	one, four := Empty(shortPlan(some(24))), Empty(shortPlan(some(24)))
	require.NoError(t, run(t, one, Options{Jobs: 1}))
	require.NoError(t, run(t, four, Options{Jobs: 4}))
	require.Equal(t, some(24), one.Done)
	require.Equal(t, reports.Pass, one.Outcome, "%v", one.Failures)
	require.Equal(t, settled(t, one), settled(t, four))
	require.NotZero(t, one.Promotions+one.Restarts)
	require.NotZero(t, one.Faults)
	require.Equal(t, one.Histories, one.Proven)
}

// TestResume: a campaign that was interrupted and went on from what was saved is the same as one in one go.
func TestResume(t *testing.T) {
	whole := Empty(shortPlan(some(20)))
	require.NoError(t, run(t, whole, Options{}))

	stop := errors.New("stop")
	parts := Empty(shortPlan(some(20)))
	n := 0
	err := run(t, parts, Options{Jobs: 3, Now: ticking(), Save: func(*reports.Campaign) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	}})
	require.ErrorIs(t, err, stop)
	require.Greater(t, parts.Done, 0)
	require.Less(t, parts.Done, some(20))
	text, err := json.Marshal(parts)
	require.NoError(t, err)
	again := new(reports.Campaign)
	require.NoError(t, json.Unmarshal(text, again))
	require.NoError(t, run(t, again, Options{Jobs: 2}))
	require.Equal(t, settled(t, whole), settled(t, again))
}

// ticking returns a clock that goes on by itself, so that saves and budgets come.
func ticking() func() time.Time {
	ticks := make(chan time.Time, 1)
	ticks <- time.Unix(0, 0)
	return func() time.Time {
		now := (<-ticks).Add(time.Second)
		ticks <- now
		return now
	}
}

// TestBudget: when the time is over no more seeds begin, and the campaign says so.
func TestBudget(t *testing.T) {
	c := Empty(shortPlan(500))
	require.NoError(t, run(t, c, Options{Jobs: 2, Now: ticking(), Budget: 30 * time.Second}))
	require.Greater(t, c.Done, 0)
	require.Less(t, c.Done, 100)
	require.NotEmpty(t, c.Ended)
	require.Equal(t, reports.Pass, c.Outcome)
}

// TestShardsAreTheWhole: shards, merged, count what one campaign counts.
func TestShardsAreTheWhole(t *testing.T) {
	whole := Empty(shortPlan(some(18)))
	require.NoError(t, run(t, whole, Options{}))
	var shards []*reports.Campaign
	for i := range 3 {
		plan := shortPlan(some(18))
		plan.Shard, plan.Shards = i, 3
		c := Empty(plan)
		require.NoError(t, run(t, c, Options{}))
		require.Equal(t, some(18)/3, c.Done)
		shards = append(shards, c)
	}
	merged, err := reports.MergeCampaigns(shards)
	require.NoError(t, err)
	require.Equal(t, settled(t, whole), settled(t, merged))
}

// TestCancelled: the end of the context ends a campaign at once, and what it has can be saved.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := Empty(shortPlan(1000))
	err := Run(ctx, c, Options{Jobs: 2, Now: time.Now, Progress: func(c *reports.Campaign, _ uint64, _ reports.Outcome) {
		if c.Done == 5 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.GreaterOrEqual(t, c.Done, 5)
	require.Less(t, c.Done, 20)
	require.NoError(t, c.Validate())
}

// TestJudge: what decides, and what an unbounded plan is forgiven.
func TestJudge(t *testing.T) {
	liveness := &reports.Scenario{Outcome: reports.Liveness, Failures: []reports.Failure{{Rule: "R9", Text: "late"}}}
	safety := &reports.Scenario{Outcome: reports.Safety, Failures: []reports.Failure{{Rule: "R9"}, {Rule: "R1", Text: "leaked"}}}
	for _, c := range []struct {
		result      *reports.Scenario
		explanation string
		outcome     reports.Outcome
		rule        string
	}{
		{&reports.Scenario{Outcome: reports.Pass}, "", reports.Pass, ""},
		{liveness, "", reports.Liveness, "R9"},
		{liveness, "nobody could", reports.Pass, ""},
		{safety, "nobody could", reports.Safety, "R1"},
		{&reports.Scenario{Outcome: reports.Crash, Failures: []reports.Failure{{Rule: "crash"}}}, "nobody could", reports.Crash, "crash"},
		{&reports.Scenario{Outcome: reports.Inconclusive, Verdicts: []reports.Verdict{{Object: "db", Result: reports.Undecided}}}, "", reports.Inconclusive, "undecided"},
	} {
		var got trial
		got.judge(c.result, c.explanation)
		require.Equal(t, c.outcome, got.outcome)
		require.Equal(t, c.rule == "", got.failure == nil)
		if got.failure != nil {
			require.Equal(t, c.rule, got.failure.Rule)
		}
	}
}

// TestFailureIsKept: a seed that does not pass is listed with its script and the commands, up to a bound.
func TestFailureIsKept(t *testing.T) {
	c := Empty(shortPlan(3))
	drawn := Draw(11, &c.Plan)
	for seed := range uint64(reports.MaxFailures + 2) {
		add(c, &trial{seed: seed, drawn: drawn, happen: drawn, outcome: reports.Safety, repeats: true,
			failure: &reports.Failure{Rule: "R4", Text: "a write is missing"}}, "out/x")
	}
	require.Len(t, c.Failures, reports.MaxFailures)
	require.Equal(t, 2, c.Unlisted)
	f := c.Failures[3]
	require.Equal(t, "failures/seed-3.hfs", f.Script)
	require.Equal(t, "holdfast replay out/x/failures/seed-3.hfs --seed 3", f.Replay)
	require.Equal(t, "holdfast reduce out/x/failures/seed-3.hfs --seed 3", f.Reduce)
}

// TestRepeat: the script that is kept fails by itself in the same way.
func TestRepeat(t *testing.T) {
	s, err := script.Parse("both", "scenario both\npurpose \"Both hosts are lost.\"\nhost a\nhost b\nwitness w\nvm db level ft service log on a\n"+
		"clients db count 2 rate 20/s keys 4\nat 1s power-off a for 2s\nat 1s power-off b for 2s\nrun 5s\n")
	require.NoError(t, err)
	result, err := scenarios.Attempt(context.Background(), s, scenarios.Options{Seed: 1})
	require.NoError(t, err)
	got := trial{seed: 1, happen: s}
	got.judge(result, "")
	require.Equal(t, reports.Safety, got.outcome)
	got.repeat(context.Background())
	require.True(t, got.repeats)
	require.Equal(t, result.TraceHash, got.trace)
	got.failure.Rule = "R1"
	got.repeat(context.Background())
	require.False(t, got.repeats)
}
