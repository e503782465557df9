package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"holdfast/reports"
	"holdfast/reports/render"
	"holdfast/scenarios/campaign/reduce"
	"holdfast/scenarios/script"
)

// reduceFlags are the flags of reduce.
type reduceFlags struct {
	seed   uint64
	rule   string
	out    string
	jobs   int
	tries  int
	budget time.Duration
	json   bool
}

// reduced is what reduce --json prints.
type reduced struct {
	Script   string `json:"script"`
	Seed     uint64 `json:"seed"`
	Rule     string `json:"rule"`
	Before   int    `json:"actions_before"`
	After    int    `json:"actions_after"`
	Runs     int    `json:"runs"`
	Finished bool   `json:"finished"`
	WallNS   int64  `json:"wall_ns"`
}

func (a *app) reduceCommand() *cobra.Command {
	var f reduceFlags
	cmd := &cobra.Command{
		Use:   "reduce FILE|NAME",
		Short: "Search for the smallest script that fails in the same way",
		Long: `Removes what a failing script does not need: first whole actions, then options, hosts, VMs, load
and time. When that helps no more it draws scripts of fewer actions at other times and places.
The result fails with the same rule, and its first line says with which seed.
It is printed, or written to the file given with --out.`,
		Example: "  holdfast reduce out/campaign/failures/seed-42.hfs --seed 42 --out small.hfs",
		Args:    exactly(1, "one scenario: a file or a name of the library"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.find(args[0])
			if err != nil {
				return err
			}
			return a.reduce(cmd, s, f)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 1, "seed with which the script fails")
	flags.StringVar(&f.rule, "rule", "", "the `RULE` that must go on failing, such as R2 or history; the first that fails if not given")
	flags.StringVar(&f.out, "out", "", "write the result to this `FILE` instead of printing it")
	flags.IntVar(&f.jobs, "jobs", runtime.GOMAXPROCS(0), "candidates to run at a time, 1 or more")
	flags.IntVar(&f.tries, "tries", 3, "other seeds to try when the first helps no more")
	flags.DurationVar(&f.budget, "time", 50*time.Second, "end after so much real time with what was found")
	flags.BoolVar(&f.json, "json", false, "print the result as JSON")
	return cmd
}

// reduce checks everything that can be wrong before it runs anything.
func (a *app) reduce(cmd *cobra.Command, s source, f reduceFlags) error {
	switch {
	case f.jobs < 1:
		return fmt.Errorf("--jobs %d: at least one candidate must run at a time", f.jobs)
	case f.tries < 0:
		return fmt.Errorf("--tries %d: the number of seeds cannot be negative", f.tries)
	case f.budget <= 0:
		return fmt.Errorf("--time %s: give a time above zero", f.budget)
	}
	if f.out != "" {
		if err := render.Writable(f.out); err != nil {
			return err
		}
	}
	began := a.clock.Now()
	bounds, err := reduce.Kept(cmd.Context(), s.Script, f.seed)
	if err != nil {
		return err
	}
	result, err := reduce.Reduce(cmd.Context(), s.Script, reduce.Options{
		Seed: f.seed, Rule: f.rule, Jobs: f.jobs, Tries: f.tries, Shakes: reduce.DefaultShakes, Budget: f.budget, Now: a.clock.Now,
		Run: reduce.Under(bounds),
		Progress: func(what string, s *script.Script) {
			fmt.Fprintf(a.err, "%6s  %d actions, %s  (%s)\n", a.clock.Since(began).Round(100*time.Millisecond), len(s.Actions), s.Run, what)
		},
	})
	if err != nil {
		if errors.Is(err, reduce.ErrPasses) {
			return fmt.Errorf("%s: %w; --seed and --rule say with which it does", s.called(), err)
		}
		return err
	}
	return a.printReduced(result, s, f, a.clock.Since(began))
}

func (a *app) printReduced(r *reduce.Result, s source, f reduceFlags, wall time.Duration) error {
	small := *r.Script
	small.NameNote.Above = []string{fmt.Sprintf("reduced from %s: fails with %s and seed %d", s.Script.Name, r.Rule, r.Seed)}
	text := script.Format(&small)
	where := "FILE"
	if f.out != "" {
		where = f.out
		if err := render.WriteFile(f.out, []byte(text)); err != nil {
			return &internalError{err}
		}
	}
	if f.json {
		return printJSON(a.out, reduced{
			Script: text, Seed: r.Seed, Rule: r.Rule, Before: r.Before, After: len(r.Script.Actions), Runs: r.Runs, Finished: r.Finished, WallNS: wall.Nanoseconds(),
		})
	}
	if f.out == "" {
		fmt.Fprint(a.out, text)
	}
	ended := ""
	if !r.Finished {
		ended = "; the time was over, more may be possible with --time"
	}
	fmt.Fprintf(a.err, "%d of %d actions are left after %d runs in %s%s\nreplay: %s\n", len(r.Script.Actions), r.Before, r.Runs,
		reports.FormatNS(wall.Nanoseconds()), ended, reports.Scenario{Path: where, Seed: r.Seed}.Replay())
	return nil
}
