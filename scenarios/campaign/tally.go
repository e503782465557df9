package campaign

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/faults"
	"holdfast/reports"
	"holdfast/scenarios/campaign/marks"
	"holdfast/scenarios/campaign/swarm"
	"holdfast/scenarios/library"
	"holdfast/scenarios/script"
)

// Empty returns the campaign of a plan before its first seed.
func Empty(plan reports.CampaignPlan) *reports.Campaign {
	c := &reports.Campaign{Plan: plan, Outcomes: map[reports.Outcome]int{}}
	for _, k := range faults.Kinds() {
		c.Kinds = append(c.Kinds, reports.KindCount{Kind: k.String()})
	}
	for _, m := range marks.All() {
		c.Marks = append(c.Marks, reports.MarkCount{Name: m.String(), Text: m.Text()})
	}
	return c
}

// ScriptFile returns the name of the file that holds the script of a failed seed.
func ScriptFile(seed uint64, unbounded bool) string {
	return "failures/" + swarm.Name(seed, unbounded) + library.Extension
}

// add counts a trial. Trials come in the order of their seeds.
func add(c *reports.Campaign, t *trial, folder string) {
	m := &t.result.Measures
	c.Done++
	c.Outcomes[t.outcome]++
	if t.explained != "" {
		if c.Explained == nil {
			c.Explained = map[string]int{}
		}
		c.Explained[t.explained]++
	}
	c.Operations += m.Operations
	c.Unknown += m.Unknown
	c.LostOperations += m.LostOperations
	c.Promotions += m.Promotions
	c.Restarts += m.Restarts
	c.SimulatedNS += t.result.SimulatedNS
	c.Events += t.result.Events
	c.Faults += int64(len(t.happen.Actions))
	c.SimulateNS += int64(t.wall - t.checked)
	c.CheckNS += int64(t.checked)
	c.Histories += int64(len(t.result.Verdicts))
	for _, v := range t.result.Verdicts {
		if v.Result == reports.Linearizable {
			c.Proven++
		}
	}
	for _, ns := range m.RTO {
		c.RTO.Add(ns)
	}
	c.Pause.Add(m.LongestPauseNS)
	if m.ConvergenceNS >= 0 {
		c.Convergence.Add(m.ConvergenceNS)
	}
	addKinds(c, t)
	addPool(c, t.drawn)
	addMarks(c, t)
	addNotables(c, t)
	if t.failure != nil {
		addFailure(c, t, folder)
	}
}

// addKinds counts what became of each fault that was drawn.
func addKinds(c *reports.Campaign, t *trial) {
	at := func(k faults.Kind) *reports.KindCount { return &c.Kinds[k-1] }
	for i := range t.drawn.Actions {
		at(t.drawn.Actions[i].Fault.Kind).Drawn++
	}
	for i := range t.happen.Actions {
		at(t.happen.Actions[i].Fault.Kind).Happened++
	}
	for _, r := range t.refused {
		k := at(t.drawn.Actions[r.Action].Fault.Kind)
		if r.Weaker {
			k.Weakened++
		} else {
			k.Refused++
		}
	}
	for _, i := range t.unfired {
		at(t.drawn.Actions[i].Fault.Kind).Unfired++
	}
}

func addPool(c *reports.Campaign, s *script.Script) {
	p := reports.PoolCount{Hosts: len(s.Hosts), Witness: s.Witness.Name != "", Seeds: 1}
	for i := range c.Pools {
		if reports.ComparePools(c.Pools[i], p) == 0 {
			c.Pools[i].Seeds++
			return
		}
	}
	c.Pools = append(c.Pools, p)
	slices.SortFunc(c.Pools, reports.ComparePools)
}

func addMarks(c *reports.Campaign, t *trial) {
	for i, n := range t.marks {
		if n == 0 {
			continue
		}
		m := &c.Marks[i]
		if m.Seeds == 0 {
			m.First = t.seed
		}
		m.Seeds++
		m.Times += int64(n)
	}
}

// addNotables keeps the slowest seeds and those that went through the most different situations.
func addNotables(c *reports.Campaign, t *trial) {
	m := &t.result.Measures
	c.Slowest = reports.Notables(append(c.Slowest, reports.Notable{
		Seed: t.seed, WallNS: int64(t.wall), Score: int64(t.wall),
		Why: fmt.Sprintf("%d events, %s of proofs", t.result.Events, reports.FormatNS(int64(t.checked))),
	}))
	different := 0
	for _, n := range t.marks {
		different += min(n, 1)
	}
	c.Strangest = reports.Notables(append(c.Strangest, reports.Notable{
		Seed: t.seed, WallNS: int64(t.wall), Score: int64(different),
		Why: fmt.Sprintf("%d different marks, %d generations, %d promotions, %d boots, longest pause %s",
			different, m.Generations, m.Promotions, m.Restarts, reports.FormatNS(m.LongestPauseNS)),
	}))
}

// addFailure lists a failure with the commands that repeat and reduce it.
func addFailure(c *reports.Campaign, t *trial, folder string) {
	if len(c.Failures) >= reports.MaxFailures {
		c.Unlisted++
		return
	}
	file := ScriptFile(t.seed, c.Plan.Unbounded)
	path := strings.TrimSuffix(folder, "/") + "/" + file
	trace := t.trace
	if trace == "" {
		trace = t.result.TraceHash
	}
	c.Failures = append(c.Failures, reports.CampaignFailure{
		Seed: t.seed, Outcome: t.outcome, Rule: t.failure.Rule, Text: t.failure.Text, Script: file,
		TraceHash: trace, Repeats: t.repeats,
		Replay: reports.Scenario{Path: path, Seed: t.seed}.Replay(),
		Reduce: reports.Scenario{Path: path, Seed: t.seed}.Reduce(),
	})
}
