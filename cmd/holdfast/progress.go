package main

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"

	"holdfast/reports"
)

// progress shows how far a run is: a bar on a terminal, one line per scenario elsewhere. On a terminal, only what did
// not pass gets a line.
type progress struct {
	to    stream
	bar   *progressbar.ProgressBar // nil without a terminal
	total int
	done  int
}

// newProgress starts showing total scenarios on to.
func newProgress(to stream, total int) *progress {
	p := &progress{to: to, total: total}
	if to.terminal {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(to), progressbar.OptionSetDescription("certify"), progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(32), progressbar.OptionThrottle(50*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(false))
	}
	return p
}

// show reports one finished scenario.
func (p *progress) show(s reports.Scenario) {
	p.done++
	if p.bar == nil {
		fmt.Fprintf(p.to, "%*d/%d %s\n", width(p.total), p.done, p.total, scenarioLine(p.to, s))
		return
	}
	if s.Outcome != reports.Pass {
		_ = p.bar.Clear() // the bar is decoration: a terminal that went away must not end the run
		fmt.Fprintln(p.to, scenarioLine(p.to, s))
	}
	_ = p.bar.Add(1)
}

// end removes the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// scenarioLine sums up one scenario in one line.
func scenarioLine(to stream, s reports.Scenario) string {
	line := to.paint(s.Outcome, fmt.Sprintf("%-12s", s.Outcome)) + " " + s.Group + "/" + s.Name
	if s.Outcome == reports.Pass {
		return line + fmt.Sprintf("  pause %s, %d operations", reports.FormatNS(s.Measures.LongestPauseNS), s.Measures.Operations)
	}
	if len(s.Failures) > 0 {
		line += "  " + s.Failures[0].Rule + ": " + s.Failures[0].Text
	}
	return line
}

// width returns the number of digits of n.
func width(n int) int { return len(fmt.Sprint(n)) }

// spin shows on a terminal that text is at work, until the function it returns is called.
func spin(to stream, text string) (stop func()) {
	if !to.terminal {
		return func() {}
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(to), progressbar.OptionSetDescription(text),
		progressbar.OptionSpinnerType(14), progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true))
	_ = bar.RenderBlank() // decoration, as above
	return func() { _ = bar.Finish() }
}
