package render

import (
	"math"
	"strconv"

	"holdfast/reports"
)

// px is a length in tenths of a pixel: integers, so that every machine draws the same page.
type px int64

// String prints the length as SVG reads it.
func (p px) String() string {
	if p%10 == 0 {
		return strconv.FormatInt(int64(p/10), 10)
	}
	sign := ""
	if p < 0 {
		sign, p = "-", -p
	}
	return sign + strconv.FormatInt(int64(p/10), 10) + "." + strconv.FormatInt(int64(p%10), 10)
}

// tick is a labelled line across a drawing.
type tick struct {
	X, Y   px
	Text   string
	Anchor string // how Text lies to X: start, middle, end
}

// timeAxis maps simulated time to x.
type timeAxis struct {
	length reports.Time
	width  px
}

// x returns the place of t; what lies outside is drawn on the border.
func (a timeAxis) x(t reports.Time) px {
	t = min(max(t, 0), a.length)
	// Through float64 because nanoseconds times tenths of a pixel leave int64 after about 15 days.
	return px(math.Round(float64(t) / float64(a.length) * float64(a.width)))
}

// clock prints a moment to the millisecond, as a column of times reads best.
func clock(t reports.Time) string {
	ms := (int64(t) + 500_000) / 1_000_000
	text := strconv.FormatInt(ms/1000, 10) + "."
	for _, digit := range []int64{100, 10, 1} {
		text += strconv.FormatInt(ms/digit%10, 10)
	}
	return text + "s"
}

// ticks cuts the axis into 4 to 10 round steps.
func (a timeAxis) ticks() []tick {
	step := reports.Time(1)
	for _, s := range roundSteps() {
		step = s
		if a.length/s <= 10 {
			break
		}
	}
	var out []tick
	for t := reports.Time(0); t <= a.length; t += step {
		k := tick{X: a.x(t), Text: t.String(), Anchor: "middle"}
		switch {
		case t == 0:
			k.Anchor = "start"
		case a.width-k.X < 120:
			k.Anchor = "end"
		}
		out = append(out, k)
	}
	return out
}

// roundSteps lists the steps of an axis: 1, 2, 5 per decade up to 50 s, then parts of minutes and hours.
func roundSteps() []reports.Time {
	var out []reports.Time
	for decade := reports.Time(1); decade <= 10_000_000_000; decade *= 10 {
		out = append(out, decade, 2*decade, 5*decade)
	}
	for _, minutes := range []reports.Time{1, 2, 5, 10, 30, 60, 120, 360, 720, 1440, 14400, 144000, 1440000} {
		out = append(out, minutes*60_000_000_000)
	}
	return out
}

// logAxis maps positive quantities to a distance on a logarithmic scale of whole decades.
type logAxis struct {
	low, high int // exponents of ten, of nanoseconds
	length    px
}

// newLogAxis returns the axis of the given length that holds all values, at least two decades.
func newLogAxis(values []int64, length px) logAxis {
	low, high := int64(math.MaxInt64), int64(1)
	for _, v := range values {
		low, high = min(low, max(v, 1)), max(high, v)
	}
	if len(values) == 0 {
		low = 1_000_000
	}
	a := logAxis{low: int(math.Floor(math.Log10(float64(low)))), high: int(math.Ceil(math.Log10(float64(high)))), length: length}
	if a.high < a.low+2 {
		a.high = a.low + 2
	}
	return a
}

// at returns the distance of v from the low end of the axis.
func (a logAxis) at(v int64) px {
	part := (math.Log10(float64(max(v, 1))) - float64(a.low)) / float64(a.high-a.low)
	return px(math.Round(min(max(part, 0), 1) * float64(a.length)))
}

// decades lists the whole decades of the axis in nanoseconds, thinned to at most limit of them.
func (a logAxis) decades(limit int) []int64 {
	every := (a.high-a.low)/limit + 1
	var out []int64
	for e := a.low; e <= a.high; e += every {
		out = append(out, int64(math.Round(math.Pow10(e))))
	}
	return out
}
