package lex

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxDuration bounds every duration of the languages.
const MaxDuration = 24 * time.Hour

var units = []struct {
	name string
	size time.Duration
}{
	{"ns", time.Nanosecond}, {"us", time.Microsecond}, {"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute},
}

// FormatDuration prints d as one decimal number and one unit (ns, us, ms or s), exactly and as short
// as that allows: 1.5s, 250ms, 0s, -5s.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	unit := units[0]
	for _, u := range units[:4] {
		if d >= u.size || d <= -u.size {
			unit = u
		}
	}
	return decimal(int64(d), int64(unit.size)) + unit.name
}

// ParseDuration reads a number with an optional sign and fraction, then one unit: ns, us, ms, s or m.
// It reports false for anything else, for fractions of a nanosecond, and beyond MaxDuration.
func ParseDuration(s string) (time.Duration, bool) {
	split := len(s)
	for split > 0 && s[split-1] >= 'a' && s[split-1] <= 'z' {
		split--
	}
	for _, u := range units {
		if u.name != s[split:] {
			continue
		}
		n, ok := scaled(s[:split], int64(u.size))
		if !ok || n > int64(MaxDuration) || n < -int64(MaxDuration) {
			return 0, false
		}
		return time.Duration(n), true
	}
	return 0, false
}

// Duration takes a duration from low to high without a sign; what names it.
func (c *Cursor) Duration(what string, low, high time.Duration) (time.Duration, error) {
	t := c.Peek()
	d, ok := ParseDuration(t.Text)
	if t.Kind != TokenWord || !ok || strings.ContainsAny(t.Text, "+-") {
		return 0, c.Unexpected(t, what+": a duration such as 250ms or 1.5s", durationHint(t)...)
	}
	if d < low || d > high {
		return 0, c.Unexpected(t, fmt.Sprintf("%s from %s to %s", what, FormatDuration(low), FormatDuration(high)))
	}
	c.next++
	return d, nil
}

// durationHint guesses that a bare number lacks its unit.
func durationHint(t Token) []string {
	if _, ok := wholeNumber(t.Text); ok && t.Kind == TokenWord {
		return []string{t.Text + "s"}
	}
	return nil
}

// SignedDuration takes a duration with an explicit sign, not zero; what names it.
func (c *Cursor) SignedDuration(what string) (time.Duration, error) {
	t := c.Peek()
	d, ok := ParseDuration(t.Text)
	if t.Kind != TokenWord || !ok || d == 0 || !strings.ContainsAny(t.Text[:1], "+-") {
		return 0, c.Unexpected(t, what+": a duration with its sign such as +5s or -5s")
	}
	c.next++
	return d, nil
}

// FormatSigned prints d with its sign, + included.
func FormatSigned(d time.Duration) string {
	if d < 0 {
		return FormatDuration(d)
	}
	return "+" + FormatDuration(d)
}

// Millionth is the unit of a chance: 1,000,000 of them are certainty.
const Millionth = 1_000_000

// Percent takes a chance such as 10% or 0.5% and returns it in millionths, 1 to 1,000,000.
func (c *Cursor) Percent(what string) (int, error) {
	t := c.Peek()
	number, ok := strings.CutSuffix(t.Text, "%")
	n, exact := scaled(number, Millionth/100)
	if t.Kind != TokenWord || !ok || !exact || n < 1 || n > Millionth {
		return 0, c.Unexpected(t, what+": a percentage above 0% and up to 100%, such as 0.5%")
	}
	c.next++
	return int(n), nil
}

// FormatPercent prints a chance in millionths as a percentage.
func FormatPercent(millionths int) string {
	return decimal(int64(millionths), Millionth/100) + "%"
}

// MaxBandwidth is the greatest bandwidth that can be asked for, in KiB/s.
const MaxBandwidth = 16 << 20

// Bandwidth takes a bandwidth such as 800KiB/s and returns it in KiB/s, 1 to MaxBandwidth.
func (c *Cursor) Bandwidth(what string) (int, error) {
	t := c.Peek()
	number, ok := strings.CutSuffix(t.Text, "KiB/s")
	n, whole := wholeNumber(number)
	if t.Kind != TokenWord || !ok || !whole || n < 1 || n > MaxBandwidth {
		return 0, c.Unexpected(t, what+fmt.Sprintf(": 1KiB/s to %dKiB/s", MaxBandwidth))
	}
	c.next++
	return n, nil
}

// MaxTimeouts is the greatest multiple of a time-out, in thousandths.
const MaxTimeouts = 100_000

// Timeouts takes a multiple of the time-out T with an optional offset, such as 0.5T, 1T-1ms or 2T,
// and returns the multiple in thousandths (1 to MaxTimeouts) and the offset.
func (c *Cursor) Timeouts(what string) (thousandths int, offset time.Duration, err error) {
	t := c.Peek()
	number, rest, ok := strings.Cut(t.Text, "T")
	n, exact := scaled(number, 1000)
	if rest != "" {
		var good bool
		offset, good = ParseDuration(rest)
		ok = ok && good && offset != 0 && strings.ContainsAny(rest[:1], "+-")
	}
	if t.Kind != TokenWord || !ok || !exact || n < 1 || n > MaxTimeouts {
		return 0, 0, c.Unexpected(t, what+": a multiple of the time-out such as 0.5T, 1T-1ms or 2T")
	}
	c.next++
	return int(n), offset, nil
}

// FormatTimeouts prints what Timeouts reads.
func FormatTimeouts(thousandths int, offset time.Duration) string {
	s := decimal(int64(thousandths), 1000) + "T"
	if offset != 0 {
		s += FormatSigned(offset)
	}
	return s
}

// scaled reads a decimal number and returns it times scale, a power of ten or sixty times one; false
// when the product is no whole number or does not fit.
func scaled(s string, scale int64) (int64, bool) {
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	whole, fraction, dotted := strings.Cut(s, ".")
	if !digits(whole) || dotted && !digits(fraction) || len(whole) > 15 || len(fraction) > 12 {
		return 0, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n > math.MaxInt64/scale {
		return 0, false
	}
	n *= scale
	for i := range len(fraction) {
		if scale%10 != 0 {
			if fraction[i] != '0' {
				return 0, false
			}
			continue
		}
		scale /= 10
		n += int64(fraction[i]-'0') * scale
	}
	if n < 0 {
		return 0, false
	}
	if negative {
		n = -n
	}
	return n, true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// decimal prints n/scale exactly; scale is a power of ten.
func decimal(n, scale int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	s := sign + strconv.FormatInt(n/scale, 10)
	if n%scale == 0 {
		return s
	}
	fraction := strconv.FormatInt(scale+n%scale, 10)[1:]
	return s + "." + strings.TrimRight(fraction, "0")
}
