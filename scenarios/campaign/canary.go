package campaign

import (
	"context"
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/reports"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
	"holdfast/sim"
)

// canary is a run that must fail.
type canary struct {
	name, text string
	script     string
	wants      []string // rules that must fail
	prepare    func(w *sim.World, run time.Duration)
}

// canaries show that the monitors, the check of histories and the demand for convergence are alive. The engine is
// innocent in all of them; the simulated machinery around it does wrong.
var canaries = []canary{
	{
		name: "output-leaks", wants: []string{"R1", "history"},
		text: "Network output leaves its host although the engine holds it, and then the host is lost.",
		script: `scenario canary-output-leaks
purpose "Output that leaves too early must be seen by the monitor, and the work lost with it by the check of the history."
host a
host b
witness w
vm db level ft service registers on a
clients db count 4 rate 400/s keys 4
tune epoch 150ms
when db stage captured after 1s delay 100ms power-off a for 2s
when db stage captured after 6s delay 100ms power-off b for 2s
run 10s
`,
		prepare: func(w *sim.World, _ time.Duration) { w.Sabotage(sim.Sabotage{LeakOutput: true}) },
	},
	{
		name: "copies-skipped", wants: []string{"R7"},
		text: "A host reports blocks as copied and has not written them.",
		script: `scenario canary-copies-skipped
purpose "A copy that counts as in sync and is not must be seen by the monitor."
host a
host b
witness w
vm db level ha service log on a
clients db count 3 rate 60/s keys 8
at 500ms power-off b for 2s
run 8s
`,
		prepare: func(w *sim.World, _ time.Duration) { w.Sabotage(sim.Sabotage{SkipCopies: true}) },
	},
	{
		name: "never-heals", wants: []string{"R9"},
		text: "The links between the hosts are cut again right after everything was healed.",
		script: `scenario canary-never-heals
purpose "A pool that does not get its redundancy back must be found to have lost it."
host a
host b
witness w
vm db level ft service log on a
clients db count 2 rate 20/s keys 4
at 500ms cut all a <-> b
run 3s
`,
		prepare: func(w *sim.World, run time.Duration) {
			w.At(w.Now().Add(run+time.Millisecond), func() {
				for l := model.LinkA1; l < model.NumLinks; l++ {
					w.Wire(1, 2, l).Cut, w.Wire(2, 1, l).Cut = true, true
				}
			})
		},
	},
}

// sing runs the canaries.
func sing(ctx context.Context) ([]reports.Canary, error) {
	var list []reports.Canary
	for _, c := range canaries {
		result, err := c.run(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, result)
	}
	return list, nil
}

// run runs one canary and says whether it failed as it must.
func (c *canary) run(ctx context.Context) (reports.Canary, error) {
	out := reports.Canary{Name: c.name, Text: c.text, Wants: c.wants}
	s, err := script.Parse("canary "+c.name, c.script)
	if err != nil {
		return out, err
	}
	result, err := scenarios.Attempt(ctx, s, scenarios.Options{Seed: 1, Limits: limits(), Prepare: func(w *sim.World) {
		if c.prepare != nil {
			c.prepare(w, s.Run)
		}
	}})
	if err != nil {
		return out, err
	}
	for _, f := range result.Failures {
		if !slices.Contains(out.Found, f.Rule) {
			out.Found = append(out.Found, f.Rule)
		}
	}
	out.Alive = result.Outcome != reports.Pass && result.Outcome != reports.Crash
	for _, rule := range c.wants {
		out.Alive = out.Alive && slices.Contains(out.Found, rule)
	}
	return out, nil
}
