package render

import (
	"slices"
	"strings"

	"holdfast/reports"
)

// panel shows what clients saw: each operation at the time of its call, its latency upwards.
type panel struct {
	Y, H   px
	Grid   []tick
	Dots   string // path of the answered operations
	Misses string // path of crosses: operations without a good answer
	Tip    string
}

// addClients draws the operations on the VM called name, if there are any.
func (t *timeline) addClients(points []reports.Point, name string, axis timeAxis, y px) px {
	var mine []reports.Point
	for _, p := range points {
		if p.VM == name {
			mine = append(mine, p)
		}
	}
	if len(mine) == 0 {
		return y
	}
	slices.SortStableFunc(mine, func(a, b reports.Point) int { return int(min(max(a.At-b.At, -1), 1)) })
	mine = reports.Sample(mine, maxPoints)
	latencies := make([]int64, len(mine))
	for i, p := range mine {
		latencies[i] = p.LatencyNS
	}
	scale := newLogAxis(latencies, panelHeight)
	out := panel{Y: y, H: panelHeight, Tip: "client latency"}
	for _, ns := range scale.decades(5) {
		out.Grid = append(out.Grid, tick{Y: y + panelHeight - scale.at(ns), Text: reports.FormatNS(ns)})
	}
	var dots, misses strings.Builder
	for _, p := range mine {
		x, up := axis.x(p.At), y+panelHeight-scale.at(p.LatencyNS)
		if p.OK {
			dots.WriteString("M" + x.String() + " " + up.String() + "h0")
		} else {
			misses.WriteString("M" + (x - 30).String() + " " + (up - 30).String() + "l6 6m0-6l-6 6")
		}
	}
	out.Dots, out.Misses = dots.String(), misses.String()
	t.Panels = append(t.Panels, out)
	t.Labels = append(t.Labels, label{Y: y + 110, Text: "client latency"})
	return y + panelHeight + blockGap
}
