package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/jonboulle/clockwork"
	"golang.org/x/term"

	"holdfast/reports"
	"holdfast/scenarios/script"
)

// app is what the commands need from outside, so that tests can stand in for each part.
type app struct {
	out, err stream
	clock    clockwork.Clock
	run      runner
	library  func() ([]source, error)
}

// runner executes one parsed scenario. It returns an error only when it could not execute it, or when ctx ended;
// broken rules and unmet expectations are in the result.
type runner func(ctx context.Context, s *script.Script, o runOptions) (*reports.Scenario, error)

// runOptions are the choices a user has about one execution.
type runOptions struct {
	Seed  uint64
	Trace io.Writer // receives the trace as text; nil for none
}

// stream is an output with what it can show.
type stream struct {
	io.Writer
	terminal bool // a person watches: progress bars make sense
	colour   bool
}

// newStream finds out what f can show. NO_COLOR, see https://no-color.org, turns colour off when it is set and not empty;
// so does a terminal that calls itself dumb.
func newStream(f *os.File) stream {
	terminal := term.IsTerminal(int(f.Fd()))
	colour := terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return stream{Writer: f, terminal: terminal, colour: colour}
}

// paint colours text by outcome: green for a pass, yellow for what is unproven or slow, red for the rest.
func (s stream) paint(o reports.Outcome, text string) string {
	if !s.colour {
		return text
	}
	code := "31"
	switch o {
	case reports.Pass:
		code = "32"
	case reports.Inconclusive, reports.Liveness:
		code = "33"
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// printJSON writes v indented, with a line break at the end.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// thisTool says what this program is, as its build recorded it.
func thisTool() reports.Tool {
	t := reports.Tool{
		Name: "holdfast", Version: "(devel)", Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, EngineFormat: engineFormat,
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		t.Version = info.Main.Version
	}
	return t
}
