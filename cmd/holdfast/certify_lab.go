package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"holdfast/reports"
	"holdfast/reports/history"
	"holdfast/reports/render"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
	"holdfast/xen/lab/certify"
)

// labName is the lab in which scenarios run; it is not the one of "lab up".
const labName = "certify"

// labRunner runs scenarios on the lab.
type labRunner struct {
	driver string
	guest  certify.Options // what the guest is
	say    func(format string, args ...any)
	// histories is the folder for what clients saw.
	histories string
}

// onLab prepares a run on the lab: it returns an app that runs scenarios there, and those of them that can run.
func (a *app) onLab(f *certifyFlags, sources []source, run *reports.Run, lines stream) (*app, []source, error) {
	l := &labRunner{
		driver: f.driver, guest: f.guest(), say: a.steps(lines), histories: filepath.Join(f.out, "histories"),
	}
	chosen, skipped, err := l.sort(sources)
	if err != nil {
		return nil, nil, err
	}
	if len(chosen) == 0 {
		return nil, nil, fmt.Errorf("none of %d scenarios can run: %s", len(sources), skipped[0].Reason)
	}
	run.Backend, run.Skipped = "lab with driver "+f.driver+f.serves(), skipped
	f.jobs = 1 // two hosts are all that an ordinary computer emulates at a time
	there := *a
	there.run = l.run
	return &there, chosen, nil
}

// sort parts scenarios into those that a driver supports and those that it does not, with the reason.
func (l *labRunner) sort(sources []source) (run []source, skipped []reports.Skipped, err error) {
	d, err := certify.NewDriver(l.driver)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range sources {
		if err := certify.Supported(s.Script, d, l.guest); err != nil {
			skipped = append(skipped, reports.Skipped{Name: s.Script.Name, Group: s.Group, Reason: err.Error()})
		} else {
			run = append(run, s)
		}
	}
	return run, skipped, nil
}

// run is a runner: it starts a lab, runs one scenario there, and ends the lab.
func (l *labRunner) run(ctx context.Context, s *script.Script, o runOptions) (*reports.Scenario, error) {
	c, err := lab.Default(labName)
	if err != nil {
		return nil, err
	}
	opt := l.guest
	opt.Seed, opt.Say = o.Seed, l.say
	result, err := certify.RunAlone(ctx, c, s, l.driver, opt)
	if err != nil {
		return nil, err
	}
	return result.Scenario, writeHistory(filepath.Join(l.histories, s.Name+".jsonl"), result.History)
}

// writeHistory writes a history whole or not at all.
func writeHistory(path string, h *history.History) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := history.Encode(&text, h); err != nil {
		return err
	}
	return render.WriteFile(path, text.Bytes())
}
