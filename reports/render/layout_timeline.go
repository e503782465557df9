package render

import (
	"cmp"
	"slices"

	"holdfast/reports"
)

// Sizes of a timeline, in tenths of a pixel. The drawing has a fixed width and scrolls inside its frame
// on narrow screens, because text that shrinks with the screen cannot be read.
const (
	plotWidth   px = 9000
	hostHeight  px = 180
	bandHeight  px = 120
	panelHeight px = 640
	rowHeight   px = 160
	gap         px = 60
	blockGap    px = 140
	charWidth   px = 62 // of the drawing's 11 px text, on average
	maxFlagRows    = 6
)

// timeline is what templates/timeline.svg draws: everything about time in one scenario.
type timeline struct {
	ID            string
	Title, Desc   string
	Width, Height px
	AxisY         px
	Ticks         []tick
	Labels        []label // what stands in the column at the left
	Flags         []faultFlag
	Bars          []bar
	Panels        []panel
	Breaches      []breach
	Kinds         []legend
}

// label names a lane.
type label struct {
	Y      px
	Text   string
	Strong bool
}

// bar is a span in a lane.
type bar struct {
	X, Y, W, H px
	Kind       reports.SpanKind
	Text       string // drawn inside when it fits
	TextX      px
	TextY      px
	Tip        string
}

// legend explains one kind of bar.
type legend struct {
	Kind reports.SpanKind
	Text string
}

// breach is the moment at which a rule was found broken.
type breach struct {
	X      px
	Rule   string
	Tip    string
	Anchor string
}

// kinds lists every kind of span in the order of the legend.
var kinds = []legend{
	{reports.Runs, "runs"}, {reports.Held, "runs, outputs held"}, {reports.Paused, "paused"}, {reports.Booting, "booting"},
	{reports.Standby, "secondary's copy"}, {reports.Frozen, "host frozen"},
	{reports.Protected, "protected"}, {reports.Degraded, "degraded"}, {reports.Resync, "resync"},
	{reports.Exposed, "exposed"}, {reports.Down, "down"},
}

// newTimeline lays out s, or returns nil when s lasted no time.
func newTimeline(s reports.Scenario) *timeline {
	if s.SimulatedNS <= 0 {
		return nil
	}
	t := &timeline{ID: anchor(s.Name), Width: plotWidth, Title: "Timeline of " + s.Name}
	axis := timeAxis{length: reports.Time(s.SimulatedNS), width: plotWidth}
	y := t.addFaults(s.Faults, axis, rowHeight)
	used := map[reports.SpanKind]bool{}
	for _, vm := range s.VMs {
		y = t.addVM(vm, axis, y, used)
		y = t.addClients(s.Latency, vm.Name, axis, y)
	}
	y = t.addClients(s.Latency, "", axis, y)
	for _, k := range kinds {
		if used[k.Kind] {
			t.Kinds = append(t.Kinds, k)
		}
	}
	t.addBreaches(s.Failures, axis)
	t.AxisY, t.Ticks = y, axis.ticks()
	t.Height = y + 240
	t.Desc = describe(s)
	return t
}

// addVM draws who had an instance of vm, and how well it was protected.
func (t *timeline) addVM(vm reports.VM, axis timeAxis, y px, used map[reports.SpanKind]bool) px {
	name := vm.Name + " · " + vm.Level
	if vm.Service != "" {
		name += " · " + vm.Service
	}
	t.Labels = append(t.Labels, label{Y: y + 110, Text: name, Strong: true})
	y += rowHeight
	for _, host := range hostsOf(vm.Spans) {
		t.Labels = append(t.Labels, label{Y: y + 130, Text: host})
		for _, span := range vm.Spans {
			if span.Host == host {
				t.addBar(span, axis, y, hostHeight, vm.Name+" on "+host+": ", used)
			}
		}
		y += hostHeight + gap
	}
	if len(vm.Protection) > 0 {
		t.Labels = append(t.Labels, label{Y: y + 105, Text: "protection"})
		for _, span := range vm.Protection {
			t.addBar(span, axis, y, bandHeight+40, vm.Name+": ", used)
		}
		y += bandHeight + 40 + gap
	}
	return y + gap
}

// addBar draws one span; a span too short to see is drawn a pixel wide, because the shortest are often
// those that matter.
func (t *timeline) addBar(span reports.Span, axis timeAxis, y, height px, subject string, used map[reports.SpanKind]bool) {
	used[span.Kind] = true
	x := axis.x(span.From)
	b := bar{X: x, Y: y, W: max(axis.x(span.To)-x, 10), H: height, Kind: span.Kind}
	b.Tip = subject + string(span.Kind) + " from " + clock(span.From) + " to " + clock(span.To) +
		" (" + reports.FormatNS(int64(span.To-span.From)) + ")"
	if word := string(span.Kind); b.W > px(len(word))*charWidth+80 {
		b.Text, b.TextX, b.TextY = word, x+50, y+height/2+40
	}
	t.Bars = append(t.Bars, b)
}

// addBreaches marks failures; several of one rule at one place are drawn once.
func (t *timeline) addBreaches(failures []reports.Failure, axis timeAxis) {
	for _, f := range failures {
		b := breach{X: axis.x(f.At), Rule: f.Rule, Tip: f.Rule + " at " + clock(f.At) + ": " + f.Text, Anchor: "start"}
		if b.X > plotWidth-600 {
			b.Anchor = "end"
		}
		same := func(o breach) bool { return o.Rule == b.Rule && o.X == b.X }
		if !slices.ContainsFunc(t.Breaches, same) {
			t.Breaches = append(t.Breaches, b)
		}
	}
}

// hostsOf lists the hosts of spans by name, so that a host has the same place in every scenario.
func hostsOf(spans []reports.Span) []string {
	var out []string
	for _, s := range spans {
		if !slices.Contains(out, s.Host) {
			out = append(out, s.Host)
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}

// describe says in words what the drawing shows, for those who cannot see it.
func describe(s reports.Scenario) string {
	text := count(int64(len(s.Faults)), "fault") + " over " + reports.FormatNS(s.SimulatedNS) + " of " + timeWords(s) + "."
	for _, vm := range s.VMs {
		for _, span := range vm.Spans {
			if span.Kind == reports.Runs {
				text += " " + vm.Name + " ran on " + span.Host + " from " + clock(span.From) + " to " + clock(span.To) + "."
			}
		}
	}
	if len(text) > 1500 {
		return text[:1500] + "…"
	}
	return text
}

// timeWords says whose time the times of a scenario are.
func timeWords(s reports.Scenario) string {
	if s.Slowness > 0 {
		return "the script's time"
	}
	return "simulated time"
}
