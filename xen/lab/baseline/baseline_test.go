package baseline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/reports/history"
	scripts "holdfast/scenarios/baseline"
	"holdfast/scenarios/script"
	"holdfast/xen/lab/certify"
)

// plan returns a plan whose trials are not run but made up, and the list of those that were.
func plan(t *testing.T, runs int) (*Plan, *[]string) {
	var tried []string
	p := &Plan{Out: t.TempDir(), Drivers: certify.Drivers(), Runs: runs, Say: t.Logf}
	p.Try = func(_ context.Context, s *script.Script, driver string, seed uint64) (*certify.Result, error) {
		tried = append(tried, driver+" "+s.Name)
		real := certify.Real{
			Driver: driver, Scenario: s.Name, Calibration: certify.Calibration{Factor: 10}, Verdict: "linearizable", RecoveryNS: int64(seed) * 1e9,
			Before: certify.Service{Seconds: 10, Operations: 1000, P50NS: 5e6, P99NS: 9e6}, Ends: []string{"a"}, ReadBack: true,
		}
		if driver != "none" {
			real.Before.Operations, real.Verdict, real.Lost = 250, "illegal", 3
			real.AnsweringNS, real.Running = 1, 1
			real.Checkpoints = []int64{2e6, 40e6}
		} else {
			real.RecoveryNS, real.Ends, real.ReadBack = -1, nil, false
		}
		return &certify.Result{Scenario: &reports.Scenario{Outcome: reports.Liveness}, History: &history.History{Model: history.CASRegister}, Real: real}, nil
	}
	return p, &tried
}

func TestCases(t *testing.T) {
	cases, err := Cases(certify.Drivers())
	require.NoError(t, err)
	require.Len(t, cases, 12, "three faults, each with memory and disk; none does both kinds, the others one")
	_, err = Cases([]string{"nobody"})
	require.Error(t, err)
}

func TestAnInterruptedRunGoesOn(t *testing.T) {
	p, tried := plan(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	try := p.Try
	p.Try = func(ctx context.Context, s *script.Script, driver string, seed uint64) (*certify.Result, error) {
		if len(*tried) == 5 {
			cancel()
			return nil, ctx.Err()
		}
		return try(ctx, s, driver, seed)
	}
	require.ErrorIs(t, p.Run(ctx), context.Canceled)
	require.Len(t, *tried, 5)
	p.Try = try
	require.NoError(t, p.Run(t.Context()))
	require.Len(t, *tried, 24)
	require.NoError(t, p.Run(t.Context()))
	require.Len(t, *tried, 24, "nothing is made twice")

	file := filepath.Join(p.Out, "remus", "freeze-ft", "2.json")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(p.Out, "remus", "freeze-ft", "2.jsonl"))
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), `"hash": "`, `"hash": "0`, 1)), 0o644))
	require.NoError(t, p.Run(t.Context()))
	require.Len(t, *tried, 25, "but what another script made")

	text, err = os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), `"format": `, `"format": 1`, 1)), 0o644))
	all, err := Load(p.Out, certify.Drivers())
	require.NoError(t, err)
	require.Len(t, all[Case{"remus", "freeze-ft"}], 1, "what another driver made, or measured otherwise, is not in the table")
	require.NoError(t, p.Run(t.Context()))
	require.Len(t, *tried, 26, "and is made again")
}

func TestFailures(t *testing.T) {
	p, tried := plan(t, 1)
	try, n := p.Try, 0
	p.Try = func(ctx context.Context, s *script.Script, driver string, seed uint64) (*certify.Result, error) {
		if n++; n == 2 {
			return nil, errors.New("the lab did not start")
		}
		return try(ctx, s, driver, seed)
	}
	require.ErrorContains(t, p.Run(t.Context()), "the lab did not start")
	require.Len(t, *tried, 11, "one failure does not end it")
	require.NoError(t, p.Run(t.Context()))
	require.Len(t, *tried, 12)

	p, _ = plan(t, 1)
	p.Try = func(context.Context, *script.Script, string, uint64) (*certify.Result, error) {
		return &certify.Result{Scenario: &reports.Scenario{Outcome: reports.Crash}}, nil
	}
	require.ErrorContains(t, p.Run(t.Context()), "3 trials in succession")
	all, err := Load(p.Out, certify.Drivers())
	require.NoError(t, err)
	require.Empty(t, all, "what was not done as the script says is no result")
}

func TestTables(t *testing.T) {
	p, _ := plan(t, 3)
	require.NoError(t, p.Run(t.Context()))
	all, err := Load(p.Out, certify.Drivers())
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, Write(&b, all, certify.Drivers()))
	for _, line := range []string{
		"| `power-loss-ft` | none | 3 | 0 | 0 | – | 0 | 0 | never | 3 | 0 |",
		"| `power-loss-ft` | remus | 3 | **3** of 3 | 0 | 9 | **3** of 3 | 3 | 2.0 (3.0) | 0 | 0 |",
		"| `freeze-restart` | watcher | 3 | **3** of 3 | 0 | 9 | **3** of 3 | 3 | 2.0 (3.0) | 0 | 0 |",
		"| memory | none | 9 | 100.0 | – | 5 | 9 | 0 | – | – | 10.0 |",
		"| memory | remus | 9 | 25.0 | 25 % | 5 | 9 | 18 | 2 | 40 | 10.0 |",
		"| disk | watcher | 9 | 25.0 | 25 % | 5 | 9 | 18 | 2 | 40 | 10.0 |",
	} {
		require.Contains(t, b.String(), line+"\n")
	}
	require.NotContains(t, b.String(), "`power-loss-ft` | watcher")
}

// What is not known does not look like what is well.
func TestTablesOfWhatIsNotKnown(t *testing.T) {
	trial := func(verdict string, lost int, change func(*certify.Real)) Trial {
		r := certify.Real{Verdict: verdict, Lost: lost, RecoveryNS: 2e9, Ends: []string{"a"}, ReadBack: true}
		if change != nil {
			change(&r)
		}
		return Trial{Real: r}
	}
	for want, trials := range map[string][]Trial{
		"1 | 0 | 1 | – | 0 | 1 | 2.0 (2.0) | 0 | 0 |":            {trial("unknown", -1, nil)},
		"2 | **1** of 2 | 1 | ≥ 7 | 0 | 2 | 2.0 (2.0) | 0 | 0 |": {trial("unknown", -1, nil), trial("illegal", 7, nil)},
		"2 | 0 | 1 | – | 0 | 2 | 2.0 (2.0) | 0 | 0 |":            {trial("", -1, nil), trial("linearizable", 0, nil)},
		"1 | 0 | 0 | 0 | 0 | 1 | ≥ 2.0 (2.0) | 0 | 0 |":          {trial("linearizable", 0, func(r *certify.Real) { r.RecoveryLate = true })},
		"1 | 0 | 0 | 0 | 0 | 1 | 2.0 (2.0) | 0 | 1 |":            {trial("linearizable", 0, func(r *certify.Real) { r.Calibration.Factor, r.Loaded.Factor, r.After.Factor = 10, 40, 30 })},
		"1 | 0 | 0 | 0 | 0 | 1 | 2.0 (2.0) | 0 | 0 |":            {trial("linearizable", 0, func(r *certify.Real) { r.AnsweringNS = 5 })},
		"1 | **1** of 1 | 0 | ≥ 7 | 0 | 1 | 2.0 (2.0) | 0 | 0 |": {trial("illegal", 7, func(r *certify.Real) { r.ReadBack = false })},
		"1 | 0 | 0 | 0 | **1** of 1 | 1 | 2.0 (2.0) | 0 | 0 |":   {trial("linearizable", 0, func(r *certify.Real) { r.AnsweringNS, r.Running = 5, 1 })},
	} {
		var b strings.Builder
		require.NoError(t, Write(&b, map[Case][]Trial{{"remus", "freeze-ft"}: trials}, []string{"remus"}))
		require.Contains(t, b.String(), "| `freeze-ft` | remus | "+want+"\n")
	}
}

func TestReplace(t *testing.T) {
	page, err := os.ReadFile("../../../docs/baseline.md")
	require.NoError(t, err)
	out, err := Replace(string(page), "the tables\n")
	require.NoError(t, err)
	require.Contains(t, out, begin+"the tables\n"+end)
	again, err := Replace(out, "the tables\n")
	require.NoError(t, err)
	require.Equal(t, out, again)
	_, err = Replace("a page\n", "t")
	require.ErrorContains(t, err, "no place")
}

// The page names every script.
func TestPageNamesScripts(t *testing.T) {
	page, err := os.ReadFile("../../../docs/baseline.md")
	require.NoError(t, err)
	for _, name := range scripts.List() {
		require.Contains(t, string(page), "`"+name+"`")
	}
}
