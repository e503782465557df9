package baseline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"holdfast/reports"
	"holdfast/reports/history"
	"holdfast/reports/render"
	scripts "holdfast/scenarios/baseline"
	"holdfast/scenarios/script"
	"holdfast/xen/lab/certify"
)

// Case is one script with one driver.
type Case struct {
	Driver string `json:"driver"`
	Script string `json:"script"`
}

// Cases returns all scripts with each of the drivers that supports them.
func Cases(drivers []string) ([]Case, error) {
	var list []Case
	for _, name := range scripts.List() {
		s, err := scripts.Get(name)
		if err != nil {
			return nil, err
		}
		for _, driver := range drivers {
			d, err := certify.NewDriver(driver)
			if err != nil {
				return nil, err
			}
			if certify.Supported(s, d, certify.Options{}) == nil {
				list = append(list, Case{driver, name})
			}
		}
	}
	return list, nil
}

// Trial is one run of a case, as its file has it.
type Trial struct {
	Case
	Seed uint64 `json:"seed"`
	// Hash is that of the script.
	Hash string `json:"hash"`
	// Format is certify.Format when it was made.
	Format  int             `json:"format"`
	Started time.Time       `json:"started"`
	Outcome reports.Outcome `json:"outcome"`
	// Failures are the rules that were broken.
	Failures []reports.Failure `json:"failures"`
	Real     certify.Real      `json:"real"`
}

// Plan is what shall be run where.
type Plan struct {
	// Out is the folder of the results.
	Out string
	// Drivers to run, in the order of the table.
	Drivers []string
	// Runs of each case, with the seeds 1 to Runs.
	Runs int
	// Try runs one script, on a lab of its own.
	Try func(ctx context.Context, s *script.Script, driver string, seed uint64) (*certify.Result, error)
	// Say is told what happens.
	Say func(format string, args ...any)
}

// tooMany is the number of failures in succession after which a run ends: the next trial would fail as well.
const tooMany = 3

// Run makes the trials that are not done. It goes on after one that could not be run, but not after several in
// succession, and then fails. The end of ctx ends it.
func (p *Plan) Run(ctx context.Context) error {
	cases, err := Cases(p.Drivers)
	if err != nil {
		return err
	}
	var failed error
	failures, done := 0, 0
	for seed := uint64(1); seed <= uint64(p.Runs); seed++ {
		for _, c := range cases {
			done++
			if p.done(c, seed) {
				continue
			}
			p.Say("%d of %d: driver %s, %s, run %d", done, len(cases)*p.Runs, c.Driver, c.Script, seed)
			err := p.try(ctx, c, seed)
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err == nil:
				failures = 0
				continue
			}
			failed = fmt.Errorf("driver %s, %s, run %d: %w", c.Driver, c.Script, seed, err)
			p.Say("it could not be run: %v", failed)
			if failures++; failures == tooMany {
				return fmt.Errorf("%d trials in succession could not be run; the last one: %w", tooMany, failed)
			}
		}
	}
	return failed
}

// file returns the file of a trial, without the end of its name.
func (p *Plan) file(c Case, seed uint64) string {
	return filepath.Join(p.Out, c.Driver, c.Script, fmt.Sprint(seed))
}

// done reports whether there is a result of a trial with script, driver and measuring as they are.
func (p *Plan) done(c Case, seed uint64) bool {
	now, _, err := c.trial()
	if err != nil {
		return false
	}
	t, err := read(p.file(c, seed) + ".json")
	return err == nil && t.like(&now)
}

// trial returns a case's script, and a trial of it that has no result yet.
func (c Case) trial() (t Trial, s *script.Script, err error) {
	if s, err = scripts.Get(c.Script); err != nil {
		return t, nil, err
	}
	return Trial{Case: c, Hash: script.Hash(s), Format: certify.Format}, s, nil
}

// like reports whether two trials were made with the same script, driver and measuring.
func (t *Trial) like(o *Trial) bool { return t.Hash == o.Hash && t.Format == o.Format }

func read(file string) (t Trial, err error) {
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	return t, err
}

// try makes one trial and keeps its result, the history first.
func (p *Plan) try(ctx context.Context, c Case, seed uint64) error {
	t, s, err := c.trial()
	if err != nil {
		return err
	}
	t.Seed, t.Started = seed, time.Now().UTC()
	result, err := p.Try(ctx, s, c.Driver, seed)
	if err != nil {
		return err
	}
	if result.Scenario.Outcome == reports.Crash {
		return fmt.Errorf("the script was not run as it says: %v", result.Scenario.Failures)
	}
	t.Outcome, t.Failures, t.Real = result.Scenario.Outcome, result.Scenario.Failures, result.Real
	file := p.file(c, seed)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	var seen bytes.Buffer
	if err := history.Encode(&seen, result.History); err != nil {
		return err
	}
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	if err := render.WriteFile(file+".jsonl", seen.Bytes()); err != nil {
		return err
	}
	return render.WriteFile(file+".json", text)
}

// Load returns all trials in a folder that were made with scripts, drivers and measuring as they are, by case.
func Load(out string, drivers []string) (map[Case][]Trial, error) {
	cases, err := Cases(drivers)
	if err != nil {
		return nil, err
	}
	all := map[Case][]Trial{}
	for _, c := range cases {
		now, _, err := c.trial()
		if err != nil {
			return nil, err
		}
		files, err := filepath.Glob(filepath.Join(out, c.Driver, c.Script, "*.json"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			t, err := read(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("%s: %w; remove it, and the trial is made again", file, err)
			}
			if t.like(&now) {
				all[c] = append(all[c], t)
			}
		}
	}
	return all, nil
}
