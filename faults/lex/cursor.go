package lex

import (
	"fmt"
	"strconv"
	"strings"
)

// Cursor hands out the tokens of one line and words every complaint about them.
type Cursor struct {
	file   string
	line   int
	tokens []Token
	next   int
	end    int // column behind the last token
}

// Line returns the number of the line.
func (c *Cursor) Line() int { return c.line }

// Peek returns the next token without taking it.
func (c *Cursor) Peek() Token { return c.PeekAt(0) }

// PeekAt returns the token n places behind the next one without taking it; n is not negative.
func (c *Cursor) PeekAt(n int) Token {
	if c.next+n < len(c.tokens) {
		return c.tokens[c.next+n]
	}
	return Token{Kind: TokenEnd, Column: c.end}
}

// Take returns the next token and moves on; at the end it returns the end again and again.
func (c *Cursor) Take() Token {
	t := c.Peek()
	if t.Kind != TokenEnd {
		c.next++
	}
	return t
}

// Empty reports whether every token was taken.
func (c *Cursor) Empty() bool { return c.Peek().Kind == TokenEnd }

// Is reports whether the next token is the given word or sign.
func (c *Cursor) Is(text string) bool {
	t := c.Peek()
	return (t.Kind == TokenWord || t.Kind == TokenSign) && t.Text == text
}

// Accept takes the next token if it is the given word or sign, and reports whether it did.
func (c *Cursor) Accept(text string) bool {
	if !c.Is(text) {
		return false
	}
	c.next++
	return true
}

// Expect takes the given word or sign or complains.
func (c *Cursor) Expect(text string) error {
	if c.Accept(text) {
		return nil
	}
	return c.Unexpected(c.Peek(), strconv.Quote(text), text)
}

// End complains if anything is left on the line; allowed are the words that could have stood here.
func (c *Cursor) End(allowed ...string) error {
	if c.Empty() {
		return nil
	}
	choice := append(append([]string{}, allowed...), "the end of the line")
	return c.Unexpected(c.Peek(), Choice(choice), allowed...)
}

// Unexpected complains about t, of which expected was wanted; candidates are the words to suggest from.
func (c *Cursor) Unexpected(t Token, expected string, candidates ...string) *Error {
	suggestion := ""
	if t.Kind == TokenWord {
		suggestion = Nearest(t.Text, candidates)
	}
	return c.fail(t.Column, "found "+t.String(), expected, suggestion)
}

// Problem complains at t in the caller's own words; expected and suggestion may be empty.
func (c *Cursor) Problem(t Token, problem, expected, suggestion string) *Error {
	return c.fail(t.Column, problem, expected, suggestion)
}

func (c *Cursor) fail(column int, problem, expected, suggestion string) *Error {
	return &Error{File: c.file, Line: c.line, Column: column, Problem: problem, Expected: expected, Suggestion: suggestion}
}

// OneOf takes one of the given words and returns its index; what names the kind of word.
func (c *Cursor) OneOf(what string, words []string) (int, error) {
	t := c.Peek()
	if t.Kind == TokenWord {
		for i, w := range words {
			if w == t.Text {
				c.next++
				return i, nil
			}
		}
	}
	return 0, c.Unexpected(t, what, words...)
}

// Text takes a text in double quotes; what names it.
func (c *Cursor) Text(what string) (string, error) {
	if t := c.Peek(); t.Kind != TokenText {
		return "", c.Unexpected(t, what+" in double quotes")
	}
	return c.Take().Text, nil
}

// MaxName is the greatest length of a name in bytes.
const MaxName = 64

// reserved words may not be names, because they mean something where a name can stand.
var reserved = []string{"all", "witness", "primary", "secondary", "other", "for", "as"}

// Name takes a name: a small letter, then small letters, digits and dashes, none of the reserved
// words. what says whose name it is.
func (c *Cursor) Name(what string) (string, error) {
	t := c.Peek()
	if t.Kind != TokenWord {
		return "", c.Unexpected(t, what)
	}
	for _, r := range reserved {
		if t.Text == r {
			return "", c.Problem(t, fmt.Sprintf("found the reserved word %q", r), what, "")
		}
	}
	if !IsName(t.Text) {
		return "", c.Problem(t, "found "+t.String(), what+fmt.Sprintf(": a small letter, then small letters, digits and dashes, at most %d in all", MaxName), "")
	}
	return c.Take().Text, nil
}

// IsName reports whether s has the shape of a name and is no reserved word.
func IsName(s string) bool {
	if s == "" || len(s) > MaxName || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		if b := s[i]; (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' {
			return false
		}
	}
	for _, r := range reserved {
		if s == r {
			return false
		}
	}
	return true
}

// Int takes a whole number from low to high; what names it.
func (c *Cursor) Int(what string, low, high int) (int, error) {
	t := c.Peek()
	expected := fmt.Sprintf("%s from %d to %d", what, low, high)
	n, ok := wholeNumber(t.Text)
	if t.Kind != TokenWord || !ok || n < low || n > high {
		return 0, c.Unexpected(t, expected)
	}
	c.next++
	return n, nil
}

// wholeNumber reads digits with an optional minus and without superfluous zeros.
func wholeNumber(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && strconv.Itoa(n) == s
}

// Choice words a list for a sentence: "a", "a or b", "a, b or c".
func Choice(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
