package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/reports/history"
	"holdfast/reports/render"
)

// checkFlags are the flags of check.
type checkFlags struct {
	model   string
	timeout time.Duration
	html    string
	json    bool
}

// checked is the verdict on one file, as --json prints it.
type checked struct {
	File     string         `json:"file"`
	Verdict  check.Verdict  `json:"verdict"`
	Measures check.Measures `json:"measures"`
}

func (a *app) checkCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check FILE…",
		Short: "Decide whether recorded client histories are linearizable",
		Long: `Reads histories in Holdfast's own format (JSON Lines), in Jepsen's etcd log format, or as
EDN as Jepsen and Knossos write it, and decides whether one correct object could have
given these answers. The format is recognised by itself; docs/history.md describes it.`,
		Example: "  holdfast check history.jsonl\n  holdfast check --model cas-register --html failure.html history.edn",
		Args:    someArguments("one history file or more"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.check(cmd, args, f) },
	}
	cmd.Flags().StringVar(&f.model, "model", "", fmt.Sprintf("check against this `MODEL` instead of the one in the file: %v", history.Models()))
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "time limit for each partition, 1ms to 1h")
	cmd.Flags().StringVar(&f.html, "html", "", "draw the partition that decided against a pass into this `FILE`; for one history")
	cmd.Flags().BoolVar(&f.json, "json", false, "print verdicts and measures as JSON")
	return cmd
}

// check reads every file before it judges the first, so that a broken one is known at once.
func (a *app) check(cmd *cobra.Command, names []string, f checkFlags) error {
	if f.html != "" && len(names) > 1 {
		return fmt.Errorf("--html draws one history, and %d were given", len(names))
	}
	if f.model != "" && !slices.Contains(history.Models(), history.Model(f.model)) {
		return fmt.Errorf("--model %q is unknown; known are %v", f.model, history.Models())
	}
	if f.timeout <= 0 {
		return fmt.Errorf("--timeout %v: expected 1ms to 1h", f.timeout)
	}
	histories, err := readHistories(names, history.Model(f.model))
	if err != nil {
		return err
	}
	if f.html != "" {
		if err := render.Writable(f.html); err != nil {
			return err // known before the verdict, whose exit code counts
		}
	}
	limits := check.Limits{Time: f.timeout, Workers: runtime.GOMAXPROCS(0)}
	var results []checked
	var outcomes []reports.Outcome
	for i, h := range histories {
		v, err := a.judge(cmd.Context(), names[i], h, limits)
		if errors.Is(err, context.Canceled) {
			return err
		} else if err != nil {
			return fmt.Errorf("%s: %w", names[i], err)
		}
		results = append(results, checked{names[i], v, check.Measure(h, 0)})
		outcomes = append(outcomes, outcomeOf(v.Result))
		if !f.json {
			a.printVerdict(names[i], v)
		}
		if err := drawPartition(f.html, h, v, limits); err != nil {
			return err
		}
	}
	if f.json {
		if err := printJSON(a.out, results); err != nil {
			return &internalError{err}
		}
	}
	return concluded(reports.Worst(outcomes...))
}

// judge checks one history, showing that it is at work, and gives up when ctx ends. A search that was given up ends
// with the process.
func (a *app) judge(ctx context.Context, name string, h *history.History, limits check.Limits) (check.Verdict, error) {
	stop := spin(a.err, fmt.Sprintf("check %s, %d operations", name, len(h.Operations)))
	defer stop()
	type judged struct {
		verdict check.Verdict
		err     error
	}
	done := make(chan judged, 1)
	go func() {
		v, err := check.Check(h, limits)
		done <- judged{v, err}
	}()
	select {
	case j := <-done:
		return j.verdict, j.err
	case <-ctx.Done():
		return check.Verdict{}, ctx.Err()
	}
}

// readHistories reads all files; a model that is not empty replaces theirs.
func readHistories(names []string, model history.Model) ([]*history.History, error) {
	var out []*history.History
	for _, name := range names {
		h, err := history.Open(name)
		if err != nil {
			return nil, err
		}
		if model != "" {
			h.Model = model
			if err := h.Validate(); err != nil {
				return nil, fmt.Errorf("%s does not fit --model %s: %w", name, model, err)
			}
		}
		out = append(out, h)
	}
	return out, nil
}

// printVerdict shows one verdict to a person.
func (a *app) printVerdict(name string, v check.Verdict) {
	fmt.Fprintf(a.out, "%s %s: %s, operations %d, partitions %d, %s\n",
		a.out.paint(outcomeOf(v.Result), fmt.Sprintf("%-12s", v.Result)), name, v.Model, v.Operations, len(v.Partitions),
		reports.FormatNS(v.Duration.Nanoseconds()))
	if v.Message != "" {
		fmt.Fprintf(a.out, "  %s\n", v.Message)
	}
}

// drawPartition writes the page of the partition that decided, if there is one and a file was asked for.
func drawPartition(file string, h *history.History, v check.Verdict, limits check.Limits) error {
	part := v.Deciding()
	if file == "" || part == nil {
		return nil
	}
	var page bytes.Buffer
	if err := check.Render(&page, h, part.Key, limits); errors.Is(err, check.ErrNothingToRender) {
		return nil
	} else if err != nil {
		return &internalError{err}
	}
	return render.WriteFile(file, page.Bytes())
}

// outcomeOf returns what a verdict means for the exit code.
func outcomeOf(r check.Result) reports.Outcome {
	switch r {
	case check.Linearizable:
		return reports.Pass
	case check.Illegal:
		return reports.Safety
	}
	return reports.Inconclusive
}
