package render

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/reports"
)

// How much of a scenario a page shows before it refers to the machine-readable files. Chosen so that a
// hundred scenarios stay within a few megabytes.
const (
	maxNotices  = 150
	maxFailures = 20
	maxPoints   = 480 // per client panel
	maxScript   = 64 << 10
)

// group is the scenarios that are filed together.
type group struct {
	Name      string
	Passed    int
	Scenarios []reports.Scenario
}

// groups splits scenarios by group, in order of appearance.
func groups(scenarios []reports.Scenario) []group {
	var out []group
	for _, s := range scenarios {
		i := slices.IndexFunc(out, func(g group) bool { return g.Name == s.Group })
		if i < 0 {
			i = len(out)
			out = append(out, group{Name: s.Group})
		}
		out[i].Scenarios = append(out[i].Scenarios, s)
		if s.Outcome == reports.Pass {
			out[i].Passed++
		}
	}
	return out
}

// row is a measure in words.
type row struct{ Name, Value string }

// measureRows lists the measures of s that say something; a measure that could not occur is left out.
func measureRows(s reports.Scenario) []row {
	m := s.Measures
	rows := []row{
		{"client operations", grouped(m.Operations)},
		{"operations without an answer", grouped(m.Unknown)},
		{"acknowledged operations lost", grouped(m.LostOperations)},
		{"connections lost", grouped(m.Resets)},
		{"longest pause", reports.FormatNS(m.LongestPauseNS)},
	}
	if d := reports.Distribute(m.RTO); d.Count > 0 {
		rows = append(rows, row{"recovery time (RTO)", distributionText(d)})
	}
	if len(s.Faults) > 0 {
		rows = append(rows, row{"back to full redundancy after", reports.FormatNS(m.ConvergenceNS)})
	}
	if d := m.OutputDelay; d.Count > 0 {
		rows = append(rows, row{"output delay", fmt.Sprintf("median %s, p99 %s, max %s",
			reports.FormatNS(d.P50NS), reports.FormatNS(d.P99NS), reports.FormatNS(d.MaxNS))})
	}
	for _, c := range []struct {
		name string
		n    int64
	}{
		{"promotions", m.Promotions}, {"restarts", m.Restarts}, {"exposures", m.Exposures}, {"resyncs", m.Resyncs},
		{"unsafe actions refused", m.Refused}, {"checkpoints committed", m.Epochs}, {"generations", m.Generations},
	} {
		if c.n > 0 {
			rows = append(rows, row{c.name, grouped(c.n)})
		}
	}
	if m.ExposedNS > 0 {
		rows = append(rows, row{"time with one copy", reports.FormatNS(m.ExposedNS)})
	}
	if m.StoppedNS > 0 {
		rows = append(rows, row{"guests stopped for checkpoints", fmt.Sprintf("%s in all, at most %s at once",
			reports.FormatNS(m.StoppedNS), reports.FormatNS(m.StoppedMax))})
	}
	if s.Slowness > 0 {
		return append(rows,
			row{"time of the script", reports.FormatNS(s.SimulatedNS)},
			row{"real time of a second of it", fmt.Sprintf("%.1fs", s.Slowness)})
	}
	return append(rows,
		row{"simulated time", reports.FormatNS(s.SimulatedNS)},
		row{"events", grouped(s.Events)})
}

// distributionText prints as much of a distribution as its size supports.
func distributionText(d reports.Distribution) string {
	f := reports.FormatNS
	switch d.Count {
	case 0:
		return "–"
	case 1:
		return f(d.Max)
	}
	return fmt.Sprintf("%s to %s, median %s (%d failovers)", f(d.Min), f(d.Max), f(d.Median), d.Count)
}

// anchor turns a scenario's name into an identifier for links within the page.
func anchor(name string) string {
	return "s-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
}

// levelWords explains a level in one line.
func levelWords(level string) string {
	switch level {
	case "none":
		return "no protection"
	case "restart":
		return "restarted elsewhere, exactly once"
	case "ha":
		return "mirrored disks, redundant paths"
	case "ft":
		return "memory, disk and network continue"
	case "dr":
		return "a copy at a third place"
	}
	return ""
}

// head returns at most n elements of list and how many were left off.
func head[T any](list []T, n int) ([]T, int) {
	if len(list) <= n {
		return list, 0
	}
	return list[:n], len(list) - n
}
