package lex

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func scan(t *testing.T, text string) *Cursor {
	t.Helper()
	c, _, _, err := Scan("x", 7, text)
	require.NoError(t, err)
	return c
}

func TestScanTokens(t *testing.T) {
	c, comment, has, err := Scan("x", 1, "\tcut a1 a->b \"é #\"<=(p)|0.5T-1ms  #  why # so ")
	require.NoError(t, err)
	assert.True(t, has)
	assert.Equal(t, "why # so", comment)
	want := []Token{{TokenWord, "cut", 2}, {TokenWord, "a1", 6}, {TokenWord, "a", 9}, {TokenSign, "->", 10}, {TokenWord, "b", 12},
		{TokenText, "é #", 14}, {TokenSign, "<=", 19}, {TokenSign, "(", 21}, {TokenWord, "p", 22}, {TokenSign, ")", 23},
		{TokenSign, "|", 24}, {TokenWord, "0.5T-1ms", 25}}
	for _, w := range want {
		assert.Equal(t, w, c.Take())
	}
	assert.Equal(t, Token{Kind: TokenEnd, Column: 35}, c.Take())
	assert.Equal(t, TokenEnd, c.Take().Kind, "the end stays the end")
}

func TestScanErrors(t *testing.T) {
	for text, want := range map[string]string{
		`purpose "open`:                          `x:3:9: found a text that is not closed, expected a second " on the same line`,
		"host \xff":                              `x:3:6: found the character U+FFFD, expected printable text in UTF-8`,
		"host \x07":                              `x:3:6: found the character U+0007, expected printable text in UTF-8`,
		"host é":                                 `x:3:6: found the character "é", expected a word, a number or a quoted text`,
		"host a,b":                               `x:3:7: found the character ",", expected a word, a number or a quoted text`,
		"p \"a\x1bb\"":                           `x:3:5: found the character U+001B in a text, expected printable text in UTF-8`,
		"# a\x1bb":                               `x:3:4: found the character U+001B in a comment, expected printable text`,
		strings.Repeat("a", MaxLine+1):           `x:3:1: found a line of 4097 bytes, expected at most 4096`,
		"# " + strings.Repeat("a", MaxComment+1): `x:3:2: found a comment of 1001 bytes, expected at most 1000`,
		`p "` + strings.Repeat("a", MaxText+1) + `"`: `x:3:3: found a text of 1001 bytes, expected at most 1000`,
	} {
		_, _, _, err := Scan("x", 3, text)
		assert.EqualError(t, err, want)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"power-off", "power-on", "cut", "heal", "a"}
	for word, want := range map[string]string{
		"power-of": "power-off", "powr-off": "power-off", "powre-on": "power-on", "POWER-OFF": "", "cat": "cut",
		"hael": "heal", "b": "", "": "", "cut": "", "something": "", "cuts": "cut",
	} {
		assert.Equal(t, want, Nearest(word, words), word)
	}
}

// The three-row distance is compared with the textbook's whole matrix.
func TestDistanceIsOptimalStringAlignment(t *testing.T) {
	naive := func(a, b string) int {
		d := make([][]int, len(a)+1)
		for i := range d {
			d[i] = make([]int, len(b)+1)
			for j := range d[i] {
				switch {
				case i == 0 || j == 0:
					d[i][j] = i + j
				case a[i-1] == b[j-1]:
					d[i][j] = min(d[i-1][j-1], d[i-1][j]+1, d[i][j-1]+1)
				default:
					d[i][j] = 1 + min(d[i-1][j-1], d[i-1][j], d[i][j-1])
				}
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					d[i][j] = min(d[i][j], d[i-2][j-2]+1)
				}
			}
		}
		return d[len(a)][len(b)]
	}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[abc]{0,7}`)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		assert.Equal(t, naive(a, b), distance(a, b))
	})
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "1ns": 1, "1.5s": 1500 * time.Millisecond, "250ms": 250 * time.Millisecond, "2m": 2 * time.Minute, "0.5m": 30 * time.Second,
		"-5s": -5 * time.Second, "+5s": 5 * time.Second, "0.000000001s": 1, "7us": 7 * time.Microsecond, "1440m": MaxDuration,
	} {
		d, ok := ParseDuration(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, d, text)
	}
	for _, text := range []string{"", "5", "s", "5h", "5 s", "1.s", ".5s", "1s5ms", "0.5ns", "--5s", "1441m", "9999999999999999s", "1e3s", "0.0000000001s", "999999999999999m"} {
		_, ok := ParseDuration(text)
		assert.False(t, ok, text)
	}
}

func TestDurationsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(-int64(MaxDuration), int64(MaxDuration)).Draw(t, "d"))
		back, ok := ParseDuration(FormatDuration(d))
		assert.True(t, ok)
		assert.Equal(t, d, back)
	})
}

func TestPercentAndTimeoutsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chance := rapid.IntRange(1, Millionth).Draw(t, "chance")
		n := rapid.IntRange(1, MaxTimeouts).Draw(t, "n")
		offset := time.Duration(rapid.Int64Range(-1e12, 1e12).Draw(t, "offset"))
		c, _, _, err := Scan("", 1, FormatPercent(chance)+" "+FormatTimeouts(n, offset))
		require.NoError(t, err)
		gotChance, err := c.Percent("p")
		require.NoError(t, err)
		gotN, gotOffset, err := c.Timeouts("t")
		require.NoError(t, err)
		assert.Equal(t, []any{chance, n, offset}, []any{gotChance, gotN, gotOffset})
	})
}

func TestScalarsRefuse(t *testing.T) {
	take := map[string]func(*Cursor) error{
		"duration":  func(c *Cursor) error { _, err := c.Duration("d", time.Millisecond, time.Second); return err },
		"signed":    func(c *Cursor) error { _, err := c.SignedDuration("d"); return err },
		"percent":   func(c *Cursor) error { _, err := c.Percent("p"); return err },
		"bandwidth": func(c *Cursor) error { _, err := c.Bandwidth("b"); return err },
		"timeouts":  func(c *Cursor) error { _, _, err := c.Timeouts("t"); return err },
		"int":       func(c *Cursor) error { _, err := c.Int("n", 2, 9); return err },
		"name":      func(c *Cursor) error { _, err := c.Name("n"); return err },
		"text":      func(c *Cursor) error { _, err := c.Text("t"); return err },
	}
	for kind, texts := range map[string][]string{
		"duration":  {"", "2s", "5", "+5ms", "-5ms", "0s", `"5ms"`, "("},
		"signed":    {"", "5s", "+0s", "5", "+s"},
		"percent":   {"", "0%", "101%", "5", "0.00001%", "-1%", "%"},
		"bandwidth": {"", "0KiB/s", "1MiB/s", "1", "01KiB/s", "99999999KiB/s"},
		"timeouts":  {"", "T", "0T", "1", "1T1ms", "1T+0s", "1T-", "0.0001T", "101T"},
		"int":       {"", "1", "10", "x", "03", "+3", "3.0", "("},
		"name":      {"", "A", "1a", "-a", "a_b", "for", "all", "(", strings.Repeat("a", MaxName+1)},
		"text":      {"", "word", "("},
	} {
		for _, text := range texts {
			c := scan(t, text)
			before := c.Peek()
			err := take[kind](c)
			assert.Error(t, err, "%s %q", kind, text)
			assert.Equal(t, before, c.Peek(), "a refused token stays: %s %q", kind, text)
		}
	}
}

func TestErrorWording(t *testing.T) {
	c := scan(t, "  rum 5s")
	_, err := c.OneOf("a statement", []string{"run", "vm"})
	assert.EqualError(t, err, `x:7:3: found "rum", expected a statement; did you mean "run"?`)
	assert.EqualError(t, c.Expect("run"), `x:7:3: found "rum", expected "run"; did you mean "run"?`)
	c.Take()
	assert.EqualError(t, c.End("for"), `x:7:7: found "5s", expected for or the end of the line`)
	c.Take()
	assert.NoError(t, c.End())
	_, err = c.Duration("a time", 0, time.Second)
	assert.EqualError(t, err, `x:7:9: found the end of the line, expected a time: a duration such as 250ms or 1.5s`)
	assert.EqualError(t, &Error{Line: 1, Column: 2, Problem: "p"}, "1:2: p")
	assert.Equal(t, "a, b or c", Choice([]string{"a", "b", "c"}))
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{"", `a "b" # c`, "a<->b", "(((", "\"", "1.5s-", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, _, _, err := Scan("x", 1, text)
		if err != nil {
			return
		}
		column := 0
		for !c.Empty() {
			tok := c.Take()
			if tok.Column <= column || tok.Kind != TokenText && tok.Text == "" {
				t.Fatalf("token %v after column %d", tok, column)
			}
			column = tok.Column
		}
		if end := c.Take(); end.Column < column {
			t.Fatalf("the end is at column %d, the last token at %d", end.Column, column)
		}
	})
}
