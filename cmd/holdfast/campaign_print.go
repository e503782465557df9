package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/schollz/progressbar/v3"

	"holdfast/reports"
	"holdfast/reports/render"
)

// campaignProgress shows how far a campaign is: a bar on a terminal, now and then a line elsewhere. Seeds that did not
// pass always get a line.
type campaignProgress struct {
	to    stream
	clock clockwork.Clock
	bar   *progressbar.ProgressBar // nil without a terminal
	said  time.Time
	begun time.Time
	done  int // before this session
}

// betweenLines is the time between two lines of progress without a terminal.
const betweenLines = 10 * time.Second

func newCampaignProgress(to stream, clock clockwork.Clock, c *reports.Campaign) *campaignProgress {
	now := clock.Now()
	p := &campaignProgress{to: to, clock: clock, said: now, begun: now, done: c.Done}
	if to.terminal {
		p.bar = progressbar.NewOptions(c.Plan.Share(),
			progressbar.OptionSetWriter(to), progressbar.OptionSetDescription("campaign"), progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(32), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("seeds"))
		_ = p.bar.Set(c.Done) // decoration, like all of the bar
	}
	return p
}

// show reports one finished seed.
func (p *campaignProgress) show(c *reports.Campaign, seed uint64, outcome reports.Outcome) {
	if outcome != reports.Pass {
		if p.bar != nil {
			_ = p.bar.Clear()
		}
		text := ""
		if n := len(c.Failures); n > 0 && c.Failures[n-1].Seed == seed {
			text = c.Failures[n-1].Rule + ": " + c.Failures[n-1].Text
		}
		fmt.Fprintf(p.to, "%s seed %d  %s\n", p.to.paint(outcome, fmt.Sprintf("%-12s", outcome)), seed, text)
	}
	if p.bar != nil {
		_ = p.bar.Add(1)
		return
	}
	now := p.clock.Now()
	if now.Sub(p.said) < betweenLines && c.Done < c.Plan.Share() {
		return
	}
	p.said = now
	speed := 0.0
	if d := now.Sub(p.begun).Seconds(); d > 0 {
		speed = float64(c.Done-p.done) / d
	}
	fmt.Fprintf(p.to, "%*d/%d seeds, %d did not pass, %.1f seeds/s\n", width(c.Plan.Share()), c.Done, c.Plan.Share(), c.Done-c.Passed(), speed)
}

// end removes the bar.
func (p *campaignProgress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// printCampaign sums a campaign up for a person.
func (a *app) printCampaign(c *reports.Campaign, folder *render.Folder) {
	w := a.out
	for _, f := range c.Failures {
		fmt.Fprintf(w, "%s seed %d  %s: %s\n  %s\n  %s\n", w.paint(f.Outcome, fmt.Sprintf("%-12s", f.Outcome)), f.Seed, f.Rule, f.Text, f.Replay, f.Reduce)
		if !f.Repeats {
			fmt.Fprintf(w, "  (its script alone does not fail in the same way: holdfast campaign show %d has the plan as drawn)\n", f.Seed)
		}
	}
	if c.Unlisted > 0 {
		fmt.Fprintf(w, "… and %d more\n", c.Unlisted)
	}
	for _, k := range c.Canaries {
		if !k.Alive {
			fmt.Fprintf(w, "%s canary %s lives: it must fail with %s and failed with %s\n", w.paint(reports.Crash, "INVALID"), k.Name,
				strings.Join(k.Wants, ", "), cmp.Or(strings.Join(k.Found, ", "), "nothing"))
		}
	}
	fmt.Fprintf(w, "\n%s: %d of %d seeds passed in %s (%s simulated, %s of proofs)\n", w.paint(c.Outcome, strings.ToUpper(string(c.Outcome))),
		c.Passed(), c.Done, reports.FormatNS(c.WallNS), reports.FormatNS(c.SimulatedNS), reports.FormatNS(c.CheckNS))
	if c.Ended != "" {
		fmt.Fprintf(w, "%d of %d seeds ran: %s\n", c.Done, c.Plan.Share(), c.Ended)
	}
	fmt.Fprintf(w, "%d faults, %d of %d histories linearizable, %d operations, %d promotions, %d boots\n",
		c.Faults, c.Proven, c.Histories, c.Operations, c.Promotions, c.Restarts)
	if c.RTO.Count > 0 {
		fmt.Fprintf(w, "recovery time of %d failovers: median %s, p99 %s, max %s\n", c.RTO.Count,
			reports.FormatNS(c.RTO.Percentile(50)), reports.FormatNS(c.RTO.Percentile(99)), reports.FormatNS(c.RTO.Max))
	}
	missed := c.UnreachedMarks()
	fmt.Fprintf(w, "%d of %d canaries failed as they must, %d of %d marks reached\n", alive(c.Canaries), len(c.Canaries), len(c.Marks)-len(missed), len(c.Marks))
	for _, m := range missed {
		fmt.Fprintf(w, "  never reached: %s (%s)\n", m.Name, m.Text)
	}
	fmt.Fprintf(w, "report: %s\n", folder.Path(render.PageFile))
}

func alive(list []reports.Canary) (n int) {
	for _, k := range list {
		if k.Alive {
			n++
		}
	}
	return n
}
