package baseline

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"holdfast/reports"
	scripts "holdfast/scenarios/baseline"
)

// Write writes the tables of what came of the trials, in Markdown. Cases without a trial are left out.
func Write(w io.Writer, all map[Case][]Trial, drivers []string) error {
	var b strings.Builder
	writeFaults(&b, all, drivers)
	b.WriteString("\n")
	writeCost(&b, all, drivers)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeFaults writes what the faults did.
func writeFaults(b *strings.Builder, all map[Case][]Trial, drivers []string) {
	b.WriteString("| script | driver | runs | not linearizable | not decided | answered writes lost, in all | both sides alive | served again | after, median (longest), s | nobody runs it at the end | became slower |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, name := range scripts.List() {
		for _, driver := range drivers {
			trials := all[Case{driver, name}]
			if len(trials) == 0 {
				continue
			}
			s := sum(trials)
			fmt.Fprintf(b, "| `%s` | %s | %d | %s | %d | %s | %s | %d | %s | %d | %d |\n", name, driver, s.runs, part(s.illegal, s.runs),
				s.undecided, s.losses(), part(s.both, s.runs), s.served, s.again(), s.nobody, s.slower)
		}
	}
}

// part writes how many of all.
func part(n, of int) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("**%d** of %d", n, of)
}

// summary is what the trials of a case came to.
type summary struct {
	runs, illegal, undecided, both, served, nobody, slower int
	lost, untold                                           int     // answered writes that are known to be lost; runs that cannot tell of all
	recoveries                                             []int64 // nanoseconds of real time
	late                                                   bool    // some of the recoveries took longer than they say
}

func sum(trials []Trial) (s summary) {
	for _, t := range trials {
		s.runs++
		switch t.Real.Verdict {
		case "illegal":
			s.illegal++
		case "linearizable":
		default:
			s.undecided++
		}
		s.lost += max(t.Real.Lost, 0)
		if t.Real.Lost < 0 || !t.Real.ReadBack {
			s.untold++
		}
		if t.Real.SlowedDown() {
			s.slower++
		}
		if t.Real.Both() {
			s.both++
		}
		if len(t.Real.Ends) == 0 {
			s.nobody++
		}
		if t.Real.RecoveryNS >= 0 {
			s.served++
			s.recoveries = append(s.recoveries, t.Real.RecoveryNS)
			s.late = s.late || t.Real.RecoveryLate
		}
	}
	return s
}

// losses writes how many answered writes were lost: at least so many, or nothing, where runs cannot tell.
func (s *summary) losses() string {
	switch {
	case s.untold == 0:
		return fmt.Sprint(s.lost)
	case s.lost > 0:
		return fmt.Sprintf("≥ %d", s.lost)
	}
	return "–"
}

// again writes after how long it was served again, at least.
func (s *summary) again() string {
	if len(s.recoveries) == 0 {
		return "never"
	}
	d := reports.DelayOf(s.recoveries)
	least := ""
	if s.late {
		least = "≥ "
	}
	return fmt.Sprintf("%s%.1f (%.1f)", least, seconds(d.P50NS), seconds(d.MaxNS))
}

func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }

func milliseconds(ns int64) string { return fmt.Sprintf("%.0f", float64(ns)/1e6) }

// cost is what clients of a kind of VM got from a driver before any fault.
type cost struct {
	runs                  int
	rates, perScript      []float64 // operations per real second, and per second of the script
	p50, p99              []int64
	checkpoints, slowness []int64 // nanoseconds; thousandths
}

// kinds of VMs, by the ends of the scripts' names.
var kinds = []struct{ suffix, what string }{{"-ft", "memory"}, {"-restart", "disk"}}

// writeCost writes what protection costs while nothing fails.
func writeCost(b *strings.Builder, all map[Case][]Trial, drivers []string) {
	b.WriteString("| state in | driver | runs | operations/s | of the unprotected guest's | latency p50, ms | p99, ms | checkpoints seen | pause of each p50, ms | p99, ms | 1 s of the script took, s |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, kind := range kinds {
		unprotected := costOf(all, "none", kind.suffix)
		for _, driver := range drivers {
			c := costOf(all, driver, kind.suffix)
			if c.runs == 0 {
				continue
			}
			share := "–"
			if m := median(unprotected.perScript); m > 0 && driver != "none" {
				share = fmt.Sprintf("%.0f %%", 100*median(c.perScript)/m)
			}
			p50, p99 := "–", "–"
			if d := reports.DelayOf(c.checkpoints); d.Count > 0 {
				p50, p99 = milliseconds(d.P50NS), milliseconds(d.P99NS)
			}
			fmt.Fprintf(b, "| %s | %s | %d | %.1f | %s | %s | %s | %d | %s | %s | %.1f |\n", kind.what, driver, c.runs, median(c.rates), share,
				milliseconds(median(c.p50)), milliseconds(median(c.p99)), len(c.checkpoints), p50, p99, float64(median(c.slowness))/1000)
		}
	}
}

func costOf(all map[Case][]Trial, driver, suffix string) (c cost) {
	for _, name := range scripts.List() {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		for _, t := range all[Case{driver, name}] {
			s := t.Real.Before
			if s.Seconds == 0 || s.Operations == 0 {
				continue
			}
			c.runs++
			rate := float64(s.Operations) / s.Seconds
			c.rates = append(c.rates, rate)
			c.perScript = append(c.perScript, rate*t.Real.Calibration.Factor)
			c.p50, c.p99 = append(c.p50, s.P50NS), append(c.p99, s.P99NS)
			c.checkpoints = append(c.checkpoints, t.Real.Checkpoints...)
			c.slowness = append(c.slowness, int64(1000*t.Real.Calibration.Factor))
		}
	}
	return c
}

// median returns the middle one, the lower of two; 0 of none.
func median[T int64 | float64](list []T) T {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)-1)/2]
}

// Marks between which the tables stand in a page.
const (
	begin = "<!-- tables: made by \"holdfast lab baseline --write\" -->\n"
	end   = "<!-- end of tables -->\n"
)

// Replace returns a page with the tables in their place. It fails if the page has no place for them.
func Replace(page, tables string) (string, error) {
	before, rest, ok := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("no place for the tables: the page needs the lines %q and %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + tables + end + after, nil
}
