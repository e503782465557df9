package render

import (
	"slices"
	"strings"

	"holdfast/reports"
)

// stripChart shows every recovery time of a run as one dot, per level, on a logarithmic scale.
type stripChart struct {
	Width, Height px
	Ticks         []tick
	AxisY         px
	Rows          []stripRow
	Desc          string
}

// stripRow is the recovery times of one level.
type stripRow struct {
	Level   string
	Y       px // of the middle
	Dots    string
	MedianX px
	Median  string
}

// Sizes of the chart, in tenths of a pixel.
const (
	stripWidth  px = 6400
	stripLeft   px = 700
	stripHeight px = 400
)

// newStripChart lays out the recovery times of scenarios, or returns nil when nothing failed over.
func newStripChart(scenarios []reports.Scenario) *stripChart {
	byLevel := map[string][]int64{}
	var all []int64
	for _, s := range scenarios {
		byLevel[s.Level] = append(byLevel[s.Level], s.Measures.RTO...)
		all = append(all, s.Measures.RTO...)
	}
	if len(all) == 0 {
		return nil
	}
	scale := newLogAxis(all, stripWidth-stripLeft-200)
	c := &stripChart{Width: stripWidth, Desc: "Recovery times per level."}
	y := px(60)
	for _, level := range reports.Summarize(scenarios).Levels {
		rto := byLevel[level.Level]
		if len(rto) == 0 {
			continue
		}
		c.Rows = append(c.Rows, newStripRow(level, rto, scale, y+stripHeight/2))
		c.Desc += " " + level.Level + ": " + distributionText(level.RTO) + "."
		y += stripHeight
	}
	for _, ns := range scale.decades(8) {
		c.Ticks = append(c.Ticks, tick{X: stripLeft + scale.at(ns), Text: reports.FormatNS(ns)})
	}
	c.AxisY, c.Height = y+40, y+240
	return c
}

// newStripRow stacks dots that would hide each other away from the middle, in turns up and down.
func newStripRow(level reports.LevelTotal, rto []int64, scale logAxis, y px) stripRow {
	r := stripRow{Level: level.Level, Y: y, MedianX: stripLeft + scale.at(level.RTO.Median), Median: reports.FormatNS(level.RTO.Median)}
	sorted := slices.Sorted(slices.Values(rto))
	var dots strings.Builder
	column, depth := px(-100), 0
	for _, ns := range sorted {
		x := stripLeft + scale.at(ns)
		if x-column < 60 {
			depth++
		} else {
			column, depth = x, 0
		}
		offset := px((depth+1)/2) * 55
		if depth%2 == 1 {
			offset = -offset
		}
		offset = min(max(offset, -stripHeight/2+60), stripHeight/2-60)
		dots.WriteString("M" + x.String() + " " + (y + offset).String() + "h0")
	}
	r.Dots = dots.String()
	return r
}
