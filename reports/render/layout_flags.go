package render

import (
	"strconv"
	"unicode/utf8"

	"holdfast/reports"
)

// faultFlag is a fault in a timeline: a line or a band through all lanes, and a numbered label above them.
type faultFlag struct {
	X, W   px // W is 0 for a moment
	Y      px // of the label's baseline
	Number int
	Text   string // cut to fit; empty when only the number has room
	TextX  px
	Tip    string
}

// flagBox is the room that the number of a label takes.
const flagBox px = 150

// addFaults puts the faults into rows so that no two labels overlap, and returns where the lanes begin.
// Each takes the highest row with room; when all are taken its number alone stands in the last.
func (t *timeline) addFaults(faults []reports.Mark, axis timeAxis, y px) px {
	if len(faults) == 0 {
		return y
	}
	t.Labels = append(t.Labels, label{Y: y, Text: "faults", Strong: true})
	ends := make([]px, 0, maxFlagRows)
	for i, m := range faults {
		f := faultFlag{X: axis.x(m.At), Number: i + 1, Tip: strconv.Itoa(i+1) + ": " + m.Text + " at " + clock(m.At)}
		if m.Lasts() {
			f.W = max(axis.x(m.Until)-f.X, 10)
			f.Tip += ", until " + clock(m.Until)
		}
		f.TextX, f.Text = placeText(m.Text, f.X)
		left, right := f.extent()
		row := 0
		for row < len(ends) && ends[row] > left {
			row++
		}
		switch {
		case row < len(ends):
			ends[row] = right
		case row < maxFlagRows:
			ends = append(ends, right)
		default:
			row, f.Text = maxFlagRows-1, ""
		}
		f.Y = y + px(row)*rowHeight
		t.Flags = append(t.Flags, f)
	}
	return y + px(len(ends))*rowHeight + blockGap - 60
}

// placeText puts text to the right of the number at x, or to its left when it would leave the drawing.
func placeText(text string, x px) (px, string) {
	text = cut(text, 60)
	width := px(utf8.RuneCountInString(text)) * charWidth
	if x+flagBox+width <= plotWidth {
		return x + flagBox, text
	}
	return max(x-width-40, 0), text
}

// extent returns the room that the label of f takes.
func (f faultFlag) extent() (left, right px) {
	width := px(utf8.RuneCountInString(f.Text)) * charWidth
	return min(f.X, f.TextX) - 40, max(f.X+flagBox, f.TextX+width) + 60
}

// cut shortens text to n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	runes := []rune(text)
	return string(runes[:n-1]) + "…"
}
