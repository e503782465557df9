package lex

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TokenKind tells words, quoted texts, signs and the end of a line apart.
type TokenKind uint8

const (
	// TokenEnd stands behind the last token of a line.
	TokenEnd TokenKind = iota
	// TokenWord is a run of letters, digits and . + - % / _
	TokenWord
	// TokenText is a text in double quotes; Token.Text holds it without the quotes.
	TokenText
	// TokenSign is one of ( ) | -> <-> < <= = >= >
	TokenSign
)

// Token is one element of a line.
type Token struct {
	Kind TokenKind
	Text string
	// Column is where the token starts, counted in characters from 1.
	Column int
}

// String names the token for an error message.
func (t Token) String() string {
	switch t.Kind {
	case TokenEnd:
		return "the end of the line"
	case TokenText:
		return fmt.Sprintf("the text %q", t.Text)
	default:
		return fmt.Sprintf("%q", t.Text)
	}
}

// Bounds in bytes. They limit the work a hostile file can cause. MaxText, for quoted texts, and
// MaxComment leave so much of MaxLine that the canonical form of an accepted line is accepted as well,
// although its spacing may make it longer.
const (
	MaxLine    = 4096
	MaxText    = 1000
	MaxComment = 1000
)

// signs in the order in which they are tried: longer ones before their prefixes.
var signs = []string{"<->", "->", "<=", ">=", "<", ">", "=", "(", ")", "|"}

// Scan cuts one line (without its line break) into tokens. The comment is what follows the first #
// outside quotes, without the # and without blanks around it; hasComment tells an empty comment from
// none. file and line are used for error messages only.
func Scan(file string, line int, text string) (c *Cursor, comment string, hasComment bool, err error) {
	c = &Cursor{file: file, line: line}
	if len(text) > MaxLine {
		return nil, "", false, c.fail(1, fmt.Sprintf("found a line of %d bytes", len(text)), fmt.Sprintf("at most %d", MaxLine), "")
	}
	column := 1
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == ' ' || r == '\t':
			text, column = text[size:], column+1
			continue
		case r == '#':
			comment, err = c.comment(text[1:], column+1)
			c.end = column
			return c, comment, true, err
		}
		token, raw, err := c.token(text, column)
		if err != nil {
			return nil, "", false, err
		}
		c.tokens = append(c.tokens, token)
		text, column = text[len(raw):], column+utf8.RuneCountInString(raw)
	}
	c.end = column
	return c, "", false, nil
}

// comment checks that a comment can be printed back as it is.
func (c *Cursor) comment(text string, column int) (string, error) {
	for i, r := range []rune(text) {
		if r != '\t' && !printable(r) {
			return "", c.fail(column+i, fmt.Sprintf("found the character %U in a comment", r), "printable text", "")
		}
	}
	if text = strings.TrimSpace(text); len(text) > MaxComment {
		return "", c.fail(column, fmt.Sprintf("found a comment of %d bytes", len(text)), fmt.Sprintf("at most %d", MaxComment), "")
	}
	return text, nil
}

// token reads the token at the start of text and also returns how it was written.
func (c *Cursor) token(text string, column int) (t Token, raw string, err error) {
	if text[0] == '"' {
		return c.quoted(text, column)
	}
	for _, s := range signs {
		if strings.HasPrefix(text, s) {
			return Token{TokenSign, s, column}, s, nil
		}
	}
	n := 0
	for n < len(text) && wordByte(text[n]) && !strings.HasPrefix(text[n:], "->") {
		n++
	}
	if n == 0 {
		r, _ := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError || !printable(r) {
			return t, "", c.fail(column, fmt.Sprintf("found the character %U", r), "printable text in UTF-8", "")
		}
		return t, "", c.fail(column, fmt.Sprintf("found the character %q", string(r)), "a word, a number or a quoted text", "")
	}
	return Token{TokenWord, text[:n], column}, text[:n], nil
}

func (c *Cursor) quoted(text string, column int) (t Token, raw string, err error) {
	body, _, closed := strings.Cut(text[1:], `"`)
	if !closed {
		return t, "", c.fail(column, "found a text that is not closed", `a second " on the same line`, "")
	}
	if len(body) > MaxText {
		return t, "", c.fail(column, fmt.Sprintf("found a text of %d bytes", len(body)), fmt.Sprintf("at most %d", MaxText), "")
	}
	for i, r := range []rune(body) {
		if !printable(r) {
			return t, "", c.fail(column+1+i, fmt.Sprintf("found the character %U in a text", r), "printable text in UTF-8", "")
		}
	}
	return Token{TokenText, body, column}, text[:len(body)+2], nil
}

// printable reports whether r may stand in comments and texts: what a terminal shows, nothing that
// moves its cursor. A broken encoding arrives here as U+FFFD and is refused.
func printable(r rune) bool {
	return r != utf8.RuneError && unicode.IsPrint(r)
}

func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte(".+-%/_", b) >= 0
}
