package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/reports"
	"holdfast/reports/render"
	"holdfast/scenarios/campaign"
	"holdfast/scenarios/campaign/swarm"
	"holdfast/scenarios/script"
)

// campaignFlags are the flags of campaign.
type campaignFlags struct {
	out       string
	seeds     int
	first     uint64
	commit    string
	jobs      int
	budget    time.Duration
	run       time.Duration
	shard     string
	unbounded bool
	resume    bool
	json      bool
}

func (a *app) campaignCommand() *cobra.Command {
	var f campaignFlags
	cmd := &cobra.Command{
		Use:   "campaign",
		Short: "Run many random plans of faults and report what came of them",
		Long: `Draws a pool, its load and a plan of faults from each seed, runs it on the simulated pool,
and checks safety, convergence and what clients saw. The output folder gets campaign.json,
index.html, and below failures/ the script of each seed that did not pass.`,
		Example: "  holdfast campaign --seeds 1000\n  holdfast campaign --seeds 100000 --time 8h --resume\n  holdfast campaign --commit $(git rev-parse HEAD) --shard 0/4 --out out/shard-0",
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.campaign(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "out/campaign", "folder for the report")
	flags.IntVar(&f.seeds, "seeds", 1000, "number of seeds, of all shards together")
	flags.Uint64Var(&f.first, "first", 1, "first seed")
	flags.StringVar(&f.commit, "commit", "", "derive the first seed from this commit `HASH`: new commits get new plans")
	flags.IntVar(&f.jobs, "jobs", runtime.GOMAXPROCS(0), "seeds to run at a time, 1 or more")
	flags.DurationVar(&f.budget, "time", 0, "end after so much real time, such as 10m; 0 means when all seeds ran")
	flags.DurationVar(&f.run, "run", swarm.DefaultRun, "simulated length of the part with faults of each seed")
	flags.StringVar(&f.shard, "shard", "", "run only share `I/N` of the seeds, I from 0 to N-1")
	flags.BoolVar(&f.unbounded, "unbounded", false, "let anything happen, and demand only that nothing lies")
	flags.BoolVar(&f.resume, "resume", false, "go on with the campaign in the output folder")
	flags.BoolVar(&f.json, "json", false, "print the result on standard output, progress on standard error")
	cmd.MarkFlagsMutuallyExclusive("first", "commit")
	cmd.AddCommand(a.campaignShowCommand())
	return cmd
}

// plan checks the flags and says which seeds run.
func (f *campaignFlags) plan() (reports.CampaignPlan, error) {
	p := reports.CampaignPlan{First: f.first, Seeds: f.seeds, Shards: 1, RunNS: int64(f.run), Unbounded: f.unbounded, Commit: f.commit}
	switch {
	case f.seeds < 1:
		return p, fmt.Errorf("--seeds %d: a campaign has at least one seed", f.seeds)
	case f.jobs < 1:
		return p, fmt.Errorf("--jobs %d: at least one seed must run at a time", f.jobs)
	case f.budget < 0:
		return p, fmt.Errorf("--time %s: the time cannot be negative", f.budget)
	case f.run < swarm.MinRun || f.run > script.MaxRun:
		return p, fmt.Errorf("--run %s: choose a length from %s to %s", f.run, swarm.MinRun, script.MaxRun)
	}
	if f.commit != "" {
		first, err := seedOf(f.commit)
		if err != nil {
			return p, err
		}
		p.First = first
	}
	if p.First > math.MaxUint64-uint64(f.seeds) {
		return p, fmt.Errorf("--first %d: there are no %d seeds behind it", p.First, f.seeds)
	}
	if f.shard == "" {
		return p, nil
	}
	i, n, ok := strings.Cut(f.shard, "/")
	var err1, err2 error
	p.Shard, err1 = strconv.Atoi(i)
	p.Shards, err2 = strconv.Atoi(n)
	if !ok || err1 != nil || err2 != nil || p.Shards < 1 || p.Shard < 0 || p.Shard >= p.Shards || p.Shards > f.seeds {
		return p, fmt.Errorf("--shard %s: write I/N, with I from 0 to N-1 and N from 1 to the number of seeds", f.shard)
	}
	return p, nil
}

// seedOf reads the first ten digits of a commit hash as a number: enough to differ, and exact in JSON.
func seedOf(commit string) (uint64, error) {
	const digits = 10
	if len(commit) < digits {
		return 0, fmt.Errorf("--commit %s: give at least %d hexadecimal digits", commit, digits)
	}
	seed, err := strconv.ParseUint(commit[:digits], 16, 64)
	if err != nil {
		return 0, fmt.Errorf("--commit %s: a commit hash has hexadecimal digits only", commit)
	}
	return seed, nil
}

// campaign checks everything that can be wrong before it runs anything.
func (a *app) campaign(cmd *cobra.Command, f campaignFlags) error {
	plan, err := f.plan()
	if err != nil {
		return err
	}
	c := campaign.Empty(plan)
	if f.resume {
		if c, err = resumed(f.out, plan); err != nil {
			return err
		}
	}
	folder, err := render.OpenFolder(f.out)
	if err != nil {
		return err
	}
	if c.Done == 0 {
		c.Tool, c.Started = thisTool(), a.clock.Now().UTC()
		if err := clearFailures(folder); err != nil {
			return err
		}
	}
	lines := a.out
	if f.json || a.err.terminal {
		lines = a.err
	}
	p := newCampaignProgress(lines, a.clock, c)
	err = campaign.Run(cmd.Context(), c, campaign.Options{
		Jobs: f.jobs, Budget: f.budget, Folder: f.out, Now: a.clock.Now,
		Failed:   func(file string, s *script.Script) error { return writeScript(folder, file, s) },
		Progress: p.show, Save: folder.WriteCampaign,
	})
	p.end()
	return a.finishCampaign(c, folder, f.json, err)
}

// finishCampaign writes what there is, also of a campaign that was interrupted, and concludes.
func (a *app) finishCampaign(c *reports.Campaign, folder *render.Folder, asJSON bool, err error) error {
	if werr := folder.WriteCampaign(c); werr != nil {
		return &internalError{errors.Join(err, werr)}
	}
	if errors.Is(err, context.Canceled) {
		return &interruptedError{fmt.Sprintf("%d of %d seeds ran; the same command with --resume goes on", c.Done, c.Plan.Share())}
	}
	if err != nil {
		return &internalError{err}
	}
	if asJSON {
		err = printJSON(a.out, c)
	} else {
		a.printCampaign(c, folder)
	}
	if err != nil {
		return &internalError{err}
	}
	return concluded(c.Outcome)
}

// resumed reads the campaign in the folder and makes sure that it is the one that the flags describe.
func resumed(folder string, plan reports.CampaignPlan) (*reports.Campaign, error) {
	c, err := readCampaign(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return campaign.Empty(plan), nil
	case err != nil:
		return nil, err
	case c.Plan != plan:
		return nil, fmt.Errorf("the campaign in %s has another plan: %s; give the same flags, or another folder with --out", folder, c.Plan.Differs(plan))
	case c.Tool.Version != thisTool().Version || c.Tool.EngineFormat != engineFormat:
		return nil, fmt.Errorf("the campaign in %s was begun by version %s; finish it with that, or begin a new one without --resume", folder, c.Tool.Version)
	}
	return c, nil
}

// readCampaign reads the result of a campaign.
func readCampaign(folder string) (*reports.Campaign, error) {
	path := filepath.Join(folder, render.CampaignFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("campaign %s cannot be read: %w", path, err)
	}
	c := new(reports.Campaign)
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("%s is not the result of a campaign: %w", path, err)
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if c.Outcomes == nil {
		c.Outcomes = map[reports.Outcome]int{}
	}
	return c, nil
}

// clearFailures removes the scripts of an earlier campaign: they would look like failures of this one.
func clearFailures(folder *render.Folder) error {
	old, err := filepath.Glob(folder.Path(filepath.Join("failures", "*.hfs")))
	for _, path := range old {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		return &internalError{err}
	}
	return nil
}

// writeScript puts the script of a failure into the folder.
func writeScript(folder *render.Folder, file string, s *script.Script) error {
	path := folder.Path(filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return render.WriteFile(path, []byte(script.Format(s)))
}

func (a *app) campaignShowCommand() *cobra.Command {
	var unbounded bool
	var run time.Duration
	cmd := &cobra.Command{
		Use:   "show SEED",
		Short: "Print the script that a seed draws",
		Long: `Prints the script of a seed as it is drawn. When it runs in a campaign, some of its faults may not
happen: those whose stage is never reached, and those that no protocol can be held to.`,
		Args: exactly(1, "one seed"),
		RunE: func(_ *cobra.Command, args []string) error {
			seed, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("seed %q is not a number from 0 to %d", args[0], uint64(math.MaxUint64))
			}
			f := campaignFlags{seeds: 1, jobs: 1, run: run, unbounded: unbounded}
			plan, err := f.plan()
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.out, script.Format(campaign.Draw(seed, &plan)))
			return err
		},
	}
	cmd.Flags().BoolVar(&unbounded, "unbounded", false, "draw for an unbounded campaign")
	cmd.Flags().DurationVar(&run, "run", swarm.DefaultRun, "simulated length of the part with faults")
	return cmd
}
