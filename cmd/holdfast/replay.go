package main

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/reports"
)

func (a *app) replayCommand() *cobra.Command {
	var seed uint64
	var trace, asJSON bool
	cmd := &cobra.Command{
		Use:     "replay FILE|NAME",
		Short:   "Run one scenario again and show what happened",
		Long:    "Runs one scenario, from a file or by its name in the library. The same scenario and seed give the same trace hash.",
		Example: "  holdfast replay ft-power-loss-captured --seed 7 --trace\n  holdfast replay my.hfs",
		Args:    exactly(1, "one scenario: a file or a name of the library"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.find(args[0])
			if err != nil {
				return err
			}
			return a.replay(cmd, s, runOptions{Seed: seed}, trace, asJSON)
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "seed of the run")
	cmd.Flags().BoolVar(&trace, "trace", false, "print every fault and notice in order; on standard error together with --json")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print everything that was measured as JSON")
	return cmd
}

func (a *app) replay(cmd *cobra.Command, s source, o runOptions, trace, asJSON bool) error {
	to := a.out
	if asJSON {
		to = a.err
	}
	buffered := bufio.NewWriterSize(to, 1<<16)
	if trace {
		o.Trace = buffered
	}
	result, err := a.executeOne(cmd.Context(), s, o)
	if err := errors.Join(err, buffered.Flush()); err != nil {
		return err
	}
	if !asJSON {
		a.printScenario(result)
	} else if err := printJSON(a.out, result); err != nil {
		return &internalError{err}
	}
	return concluded(result.Outcome)
}

// printScenario shows one scenario to a person.
func (a *app) printScenario(s reports.Scenario) {
	w := a.out
	fmt.Fprintf(w, "%s %s: %s\n", w.paint(s.Outcome, string(s.Outcome)), s.Name, s.Purpose)
	for _, f := range s.Failures {
		fmt.Fprintf(w, "  %s at %s: %s\n", f.Rule, f.At, f.Text)
	}
	for _, e := range s.Expectations {
		mark := w.paint(reports.Pass, "met    ")
		if !e.OK {
			mark = w.paint(reports.Safety, "NOT MET")
		}
		fmt.Fprintf(w, "  %s %s (%s)\n", mark, e.Text, e.Got)
	}
	for _, v := range s.Verdicts {
		fmt.Fprintf(w, "  history of %s: %s (%s, %d operations)", v.Object, v.Result, v.Model, v.Operations)
		if v.Message != "" {
			fmt.Fprintf(w, ": %s", v.Message)
		}
		fmt.Fprintln(w)
	}
	m := s.Measures
	fmt.Fprintf(w, "  %d operations, %d lost, longest pause %s, %d promotions, %d restarts\n",
		m.Operations, m.LostOperations, reports.FormatNS(m.LongestPauseNS), m.Promotions, m.Restarts)
	if m.RecoveryAgeNS > 0 {
		fmt.Fprintf(w, "  recovery point at most %s old, %d operations lost with what a fail-over lacked\n", reports.FormatNS(m.RecoveryAgeNS), m.LostInFailOver)
	}
	fmt.Fprintf(w, "  %s simulated, %d events, seed %d, trace %s\n", reports.FormatNS(s.SimulatedNS), s.Events, s.Seed, s.TraceHash)
}

// exactly demands n arguments and says in words what they are.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("%s takes %s, and %d were given", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}

// noArguments demands that there is none, and says how labs are chosen: people expect a lab's name there.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument such as %q; --lab NAME chooses a lab", cmd.CommandPath(), args[0])
	}
	return nil
}

// atLeast demands so many arguments or more and says in words what they are.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return fmt.Errorf("%s takes %s, and %d were given", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}

// someArguments demands one argument or more and says in words what they are.
func someArguments(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s takes %s, and none was given", cmd.CommandPath(), what)
		}
		return nil
	}
}
