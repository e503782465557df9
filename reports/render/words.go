package render

import (
	"fmt"
	"strconv"
	"strings"

	"holdfast/reports"
)

// verdict is the conclusion of a run as the page opens with it.
type verdict struct {
	Outcome  reports.Outcome
	Headline string
	Sentence string
	Proven   []string // what the run showed, one sentence each; empty when it showed nothing
}

// conclude puts the outcome of run into words. It claims nothing that was not checked: a run without
// histories says so, and a run that did not pass lists what went wrong before what went right.
func conclude(run *reports.Run) verdict {
	t := run.Totals
	v := verdict{Outcome: t.Outcome}
	passed := t.Outcomes[reports.Pass]
	of := fmt.Sprintf("%d of %s", t.Scenarios-passed, count(int64(t.Scenarios), "scenario"))
	switch t.Outcome {
	case reports.Pass:
		v.Headline = "Nothing acknowledged was lost."
		v.Sentence = fmt.Sprintf("%s passed: every rule held at every event, and every expectation was met.",
			allOf(t.Scenarios, "scenario"))
		switch {
		case t.Histories == 0:
			v.Headline = "Every scenario passed."
			v.Sentence += " No client history was recorded, so nothing is said about acknowledged work."
		case t.LostOperations > 0 || t.Proven < t.Histories:
			v.Headline = "Every scenario passed."
			v.Sentence += " Some of them allow losses, or histories without a proof: see below."
		}
	case reports.Safety:
		v.Headline = "A safety rule was broken."
		v.Sentence = of + " did not pass. Acknowledged work may be lost or contradicted: do not rely on this build."
	case reports.Liveness:
		v.Headline = "Safe, but it did not always recover."
		v.Sentence = of + " did not pass. No safety rule was broken; service or redundancy did not return as promised."
	case reports.Inconclusive:
		v.Headline = "Nothing was found wrong, but not everything was proven."
		v.Sentence = of + " ended without a proof. Treat this run as not passed."
		if t.Scenarios == 0 {
			v.Sentence = "No scenario ran."
		}
	default:
		v.Headline = "The tool itself failed."
		v.Sentence = of + " did not pass, one at least because the engine or the simulator crashed. This run certifies nothing."
	}
	v.Proven = proven(t)
	if run.Backend != "" {
		v.onHosts(run, of)
	} else {
		v.Proven = append(v.Proven, "Each scenario is reproducible: its script, seed and trace hash below give the same events on any machine.")
	}
	return v
}

// onHosts puts into words what a run on real hosts came to: it is about a driver and not about this build, and the rules that only
// the simulator can see were not judged.
func (v *verdict) onHosts(run *reports.Run, of string) {
	switch v.Outcome {
	case reports.Pass:
		v.Sentence = allOf(run.Totals.Scenarios, "scenario") + " passed: every expectation was met. Rules that cannot be seen from outside were not judged."
	case reports.Safety:
		v.Headline = "Acknowledged work was lost, or both sides were alive."
		v.Sentence = of + " did not pass on the " + run.Backend + "."
	case reports.Liveness:
		v.Sentence = of + " did not pass on the " + run.Backend + ". Service or redundancy did not return as the script demands."
	case reports.Crash:
		v.Sentence = of + " did not pass, one at least because it could not be run as it says. This run certifies nothing."
	}
}

// proven lists what was checked with how it came out.
func proven(t reports.Totals) []string {
	if t.Scenarios == 0 {
		return nil
	}
	list := []string{}
	if t.Histories > 0 {
		list = append(list, fmt.Sprintf("%s of what clients saw, with %s, %s linearizable: each answer fits one order of all operations that respects real time.",
			partOf(t.Proven, t.Histories, "history", "histories"), count(t.Operations, "operation"), plural(int64(t.Proven), "was proven", "were proven")))
	}
	lost := "No acknowledged operation was missing afterwards"
	if t.LostOperations > 0 {
		lost = count(t.LostOperations, "acknowledged operation") + plural(t.LostOperations, " was", " were") + " missing afterwards"
	}
	list = append(list, fmt.Sprintf("%s, through %s, %s and %s.", lost, count(int64(t.Faults), "injected fault"),
		count(t.Promotions, "promotion"), count(t.Restarts, "restart")))
	if t.Expectations > 0 {
		list = append(list, fmt.Sprintf("%s of the scripts %s met.",
			partOf(t.Expectations-t.Unmet, t.Expectations, "expectation", "expectations"), plural(int64(t.Expectations-t.Unmet), "was", "were")))
	}
	return list
}

// allOf says "All 42 scenarios", "Both scenarios", "The one scenario".
func allOf(n int, noun string) string {
	switch n {
	case 1:
		return "The one " + noun
	case 2:
		return "Both " + noun + "s"
	}
	return "All " + count(int64(n), noun)
}

// partOf says "All 12 histories" or "11 of 12 histories".
func partOf(part, all int, one, many string) string {
	noun := plural(int64(all), one, many)
	if part == all && all > 1 {
		return "All " + grouped(int64(all)) + " " + noun
	}
	return grouped(int64(part)) + " of " + grouped(int64(all)) + " " + noun
}

// count says "1 fault", "1,204 faults".
func count(n int64, noun string) string { return grouped(n) + " " + plural(n, noun, noun+"s") }

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// grouped prints n with commas between groups of three digits.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// glyph is the sign that stands for an outcome beside its colour, so that no meaning rests on colour alone.
func glyph(o reports.Outcome) string {
	switch o {
	case reports.Pass:
		return "✓"
	case reports.Inconclusive:
		return "?"
	case reports.Liveness:
		return "◷"
	case reports.Safety:
		return "✕"
	default:
		return "!"
	}
}
