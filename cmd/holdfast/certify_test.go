package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/reports/render"
	"holdfast/scenarios/script"
)

// harness is an app whose runner, clock and outputs belong to the test.
type harness struct {
	app
	stdout, stderr bytes.Buffer
}

func newHarness(run runner) *harness {
	h := &harness{}
	h.app = app{
		out: stream{Writer: &h.stdout}, err: stream{Writer: &h.stderr}, run: run, library: libraryScripts,
		clock: clockwork.NewFakeClockAt(time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)),
	}
	return h
}

// passing is a runner whose scenarios all pass.
func passing(_ context.Context, s *script.Script, o runOptions) (*reports.Scenario, error) {
	return &reports.Scenario{Outcome: reports.Pass, TraceHash: s.Name, SimulatedNS: 1_000_000_000, Measures: reports.Measures{Operations: 10}}, nil
}

func TestCertifyWritesTheReport(t *testing.T) {
	out := filepath.Join(t.TempDir(), "deep", "report")
	h := newHarness(passing)
	require.Equal(t, exitPass, h.execute(t.Context(), []string{"certify", "--only", "ft/power-*", "--out", out, "--seed", "7"}), h.stderr.String())
	for _, name := range []string{render.PageFile, render.JUnitFile, render.CertificateFile} {
		require.FileExists(t, filepath.Join(out, name))
	}
	data, err := os.ReadFile(filepath.Join(out, render.CertificateFile))
	require.NoError(t, err)
	c, err := render.VerifyCertificate(data)
	require.NoError(t, err)
	require.EqualValues(t, 7, c.Results.Seed)
	require.Equal(t, "ft/power-*", c.Results.Selection)
	require.NotEmpty(t, c.Results.Scenarios)
	for _, s := range c.Results.Scenarios {
		require.EqualValues(t, 7, s.Seed)
		require.NotEmpty(t, s.ScriptHash)
		require.Equal(t, "ft", s.Group)
	}
	require.Contains(t, h.stdout.String(), "PASS: ")
	require.NotContains(t, h.stdout.String(), "\x1b", "no colour without a terminal")
}

// TestCertifyOrder: however workers finish, output and report are in one order.
func TestCertifyOrder(t *testing.T) {
	var outputs []string
	for _, jobs := range []string{"1", "7"} {
		var turn sync.Mutex
		slow := true
		h := newHarness(func(ctx context.Context, s *script.Script, o runOptions) (*reports.Scenario, error) {
			turn.Lock()
			mine := slow
			slow = !slow
			turn.Unlock()
			if mine {
				time.Sleep(2 * time.Millisecond)
			}
			return passing(ctx, s, o)
		})
		require.Equal(t, exitPass, h.execute(t.Context(), []string{"certify", "--only", "ha/*", "--only", "restart/*", "--jobs", jobs, "--out", t.TempDir()}))
		outputs = append(outputs, h.stdout.String()[:strings.Index(h.stdout.String(), "report:")])
	}
	require.Equal(t, outputs[0], outputs[1])
	require.Less(t, strings.Index(outputs[0], "restart/restart-"), strings.Index(outputs[0], "ha/ha-"), "levels by the protection they give")
}

// TestCertifyExitCodes: the worst outcome decides, and a panic does not take the others down.
func TestCertifyExitCodes(t *testing.T) {
	for _, c := range []struct {
		name string
		by   map[string]func() (*reports.Scenario, error)
		code int
	}{
		{"liveness", map[string]func() (*reports.Scenario, error){"restart-host-loss": ends(reports.Liveness)}, exitLiveness},
		{"inconclusive", map[string]func() (*reports.Scenario, error){"restart-host-loss": ends(reports.Inconclusive)}, exitInconclusive},
		{"panic", map[string]func() (*reports.Scenario, error){
			"restart-host-loss": func() (*reports.Scenario, error) { panic("out of range") }, "restart-links-cut": ends(reports.Liveness)}, exitCrash},
		{"error", map[string]func() (*reports.Scenario, error){
			"restart-host-loss": func() (*reports.Scenario, error) { return nil, errors.New("no simulator") }}, exitCrash},
		{"safety", map[string]func() (*reports.Scenario, error){
			"restart-host-loss": ends(reports.Crash), "restart-links-cut": ends(reports.Safety)}, exitSafety},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(func(ctx context.Context, s *script.Script, o runOptions) (*reports.Scenario, error) {
				if end := c.by[s.Name]; end != nil {
					return end()
				}
				return passing(ctx, s, o)
			})
			require.Equal(t, c.code, h.execute(t.Context(), []string{"certify", "--only", "restart/*", "--json", "--out", t.TempDir()}))
			var certificate render.Certified
			require.NoError(t, json.Unmarshal(h.stdout.Bytes(), &certificate), "standard output is the certificate alone")
			require.Equal(t, len(c.by), certificate.Results.Totals.Scenarios-certificate.Results.Totals.Outcomes[reports.Pass])
			require.Contains(t, h.stderr.String(), "restart-host-loss")
		})
	}
}

func ends(o reports.Outcome) func() (*reports.Scenario, error) {
	return func() (*reports.Scenario, error) {
		return &reports.Scenario{Outcome: o, Failures: []reports.Failure{{Rule: "R1", Text: "seen"}}}, nil
	}
}

func TestPanicNamesThePlace(t *testing.T) {
	h := newHarness(func(context.Context, *script.Script, runOptions) (*reports.Scenario, error) {
		var list []int
		return nil, errors.New(string(rune(list[3])))
	})
	require.Equal(t, exitCrash, h.execute(t.Context(), []string{"replay", "restart-host-loss"}))
	require.Contains(t, h.stdout.String(), "index out of range")
	require.Contains(t, h.stdout.String(), "TestPanicNamesThePlace")
	require.NotContains(t, h.stdout.String(), ".go:", "no folder of the machine that built it")
}

// TestInterrupted: a stop in the middle leaves the old report as it was.
func TestInterrupted(t *testing.T) {
	out := t.TempDir()
	write(t, out, render.PageFile, "the old report")
	ctx, cancel := context.WithCancelCause(t.Context())
	h := newHarness(func(ctx context.Context, s *script.Script, o runOptions) (*reports.Scenario, error) {
		cancel(errors.New("a signal"))
		<-ctx.Done()
		return nil, ctx.Err()
	})
	require.Equal(t, exitInterrupted, h.execute(ctx, []string{"certify", "--jobs", "3", "--out", out}))
	left, err := os.ReadDir(out)
	require.NoError(t, err)
	require.Len(t, left, 1)
	text, err := os.ReadFile(filepath.Join(out, render.PageFile))
	require.NoError(t, err)
	require.Equal(t, "the old report", string(text))
	require.Contains(t, h.stderr.String(), "interrupted")
}

func TestReplayTrace(t *testing.T) {
	h := newHarness(func(ctx context.Context, s *script.Script, o runOptions) (*reports.Scenario, error) {
		_, err := o.Trace.Write([]byte("event 1\n"))
		require.NoError(t, err)
		return passing(ctx, s, o)
	})
	require.Equal(t, exitPass, h.execute(t.Context(), []string{"replay", "restart/host-loss", "--trace", "--json", "--seed", "9"}))
	require.Equal(t, "event 1\n", h.stderr.String())
	var s reports.Scenario
	require.NoError(t, json.Unmarshal(h.stdout.Bytes(), &s))
	require.Equal(t, "holdfast replay restart-host-loss --seed 9", s.Replay())
}
