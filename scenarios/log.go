package scenarios

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"holdfast/engine/model"
	"holdfast/reports"
	"holdfast/sim"
)

// trace writes the faults and what the members told people, in order.
func (r *run) trace(to io.Writer, out *reports.Scenario) {
	type line struct {
		at   time.Duration
		text string
	}
	var lines []line
	for _, m := range r.marks {
		lines = append(lines, line{m.At.Duration(), "**** " + m.Text})
	}
	for _, n := range r.world.Notices() {
		lines = append(lines, line{n.At.Sub(r.zero), fmt.Sprintf("%-4s %s", r.name(n.Member), r.words(&n))})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	for _, l := range lines {
		fmt.Fprintf(to, "%12s  %s\n", l.at.Round(time.Microsecond), l.text)
	}
	for _, f := range out.Failures {
		fmt.Fprintf(to, "%12s  %s: %s\n", f.At, f.Rule, f.Text)
	}
}

// words says a notice in one line.
func (r *run) words(n *sim.Notice) string {
	text := n.Kind.String()
	if n.VM != 0 {
		text += " " + r.script.VMs[n.VM-1].Name
	}
	if n.Node != model.NoNode {
		text += " (" + r.name(n.Node) + ")"
	}
	if n.Kind == model.NoticeLinkDown || n.Kind == model.NoticeLinkUp {
		text += " " + n.Link.String()
	}
	if n.Gen != 0 {
		text += " generation " + n.Gen.String()
	}
	if n.Epoch != 0 {
		text += " epoch " + strconv.FormatUint(uint64(n.Epoch), 10)
	}
	if n.Detail != "" {
		text += ": " + r.named(n.Detail)
	}
	return text
}
