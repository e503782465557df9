package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"holdfast/reports/render"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
	"holdfast/xen/lab/baseline"
	"holdfast/xen/lab/certify"
)

// baselineFlags are the flags of lab baseline.
type baselineFlags struct {
	out, write string
	runs       int
	drivers    []string
}

func (a *app) labBaseline(o *labOptions) *cobra.Command {
	var f baselineFlags
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Measure what today's ways to protect a VM do when something fails",
		Long: `Runs the scripts of scenarios/baseline with each driver, each several times, on a lab of its own, and
prints what came of them as tables. Results and histories are kept below --out; a run that is done is not
made again, so that an interrupted command goes on where it ended. The lab's name is "baseline", unless
--lab gives another.`,
		Example: "  holdfast lab baseline --runs 10\n  holdfast lab baseline --runs 0 --out docs/baseline",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := o.config
			if !cmd.Flags().Changed("lab") { // the default lab is for people
				var err error
				if c, err = lab.Default("baseline"); err != nil {
					return err
				}
			}
			return a.baseline(cmd.Context(), c, f)
		},
	}
	cmd.Flags().StringVar(&f.out, "out", "out/baseline", "folder for results")
	cmd.Flags().StringVar(&f.write, "write", "", "page in which the tables are replaced; empty: print them")
	cmd.Flags().IntVar(&f.runs, "runs", 10, "runs of each script with each driver; 0: make the tables only")
	cmd.Flags().StringSliceVar(&f.drivers, "driver", certify.Drivers(), "drivers to run (repeatable)")
	return cmd
}

// baseline makes the trials that are not done, and then the tables of all that are.
func (a *app) baseline(ctx context.Context, c lab.Config, f baselineFlags) error {
	if f.runs < 0 {
		return fmt.Errorf("--runs %d: 0 or more", f.runs)
	}
	if _, err := baseline.Cases(f.drivers); err != nil {
		return err
	}
	if _, err := render.OpenFolder(f.out); err != nil {
		return err
	}
	say := a.steps(a.err)
	p := &baseline.Plan{
		Out: f.out, Drivers: f.drivers, Runs: f.runs, Say: say,
		Try: func(ctx context.Context, s *script.Script, driver string, seed uint64) (*certify.Result, error) {
			return certify.RunAlone(ctx, c, s, driver, certify.Options{Seed: seed, Say: say})
		},
	}
	failed := p.Run(ctx)
	if ctx.Err() != nil {
		return &interruptedError{"what is done is kept in " + f.out + "; the same command goes on"}
	}
	if err := a.writeTables(f); err != nil {
		return err
	}
	return failed
}

// writeTables prints the tables, or puts them into a page.
func (a *app) writeTables(f baselineFlags) error {
	all, err := baseline.Load(f.out, certify.Drivers())
	if err != nil {
		return err
	}
	if f.write != "" && len(all) == 0 {
		return fmt.Errorf("--write %s: there are no results in %s, and so no tables; --out names another folder", f.write, f.out)
	}
	var tables bytes.Buffer
	if err := baseline.Write(&tables, all, certify.Drivers()); err != nil {
		return err
	}
	if f.write == "" {
		_, err := a.out.Write(tables.Bytes())
		return err
	}
	page, err := os.ReadFile(f.write)
	if err != nil {
		return err
	}
	text, err := baseline.Replace(string(page), tables.String())
	if err != nil {
		return fmt.Errorf("%s: %w", f.write, err)
	}
	return render.WriteFile(f.write, []byte(text))
}
