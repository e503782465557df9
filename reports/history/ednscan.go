package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxNesting bounds brackets within brackets. An operation needs four.
const maxNesting = 32

// form is the text of one map of an EDN file with the place where it begins.
type form struct {
	text         []byte
	line, column int
}

// formScanner cuts an EDN file into its operation maps, so that each can be
// decoded, and blamed, by itself. It looks at brackets, texts, characters and
// comments only; package edn judges what is inside.
type formScanner struct {
	file         string
	in           *bufio.Reader
	line, column int // of the byte read last
	newline      bool
	inVector     bool
	closed       bool // the vector of all operations has ended
}

func newFormScanner(file string, r io.Reader) *formScanner {
	return &formScanner{file: file, in: bufio.NewReaderSize(r, 1<<16), newline: true}
}

func (s *formScanner) fail(found, expected string) error {
	return &ParseError{File: s.file, Line: s.line, Column: s.column, Found: found, Expected: expected}
}

func (s *formScanner) read() (byte, error) {
	c, err := s.in.ReadByte()
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read %s: line %d: %w", s.file, s.line, err)
	}
	if s.newline {
		s.line, s.column, s.newline = s.line+1, 0, false
	}
	s.column++
	if err != nil {
		return 0, io.EOF
	}
	s.newline = c == '\n'
	if c == 0 {
		return 0, s.fail("a NUL byte", "text; the file is binary or was damaged by a crash")
	}
	return c, nil
}

// next returns the next operation map, or io.EOF after the last one.
func (s *formScanner) next() (form, error) {
	for {
		c, err := s.read()
		if errors.Is(err, io.EOF) && s.inVector {
			return form{}, s.fail("the end of the file", "the closing bracket of the list of operations; the file may be truncated")
		}
		if err != nil {
			return form{}, err
		}
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',':
		case c == ';':
			if err := s.skipUntil('\n'); err != nil {
				return form{}, err
			}
		case s.closed:
			return form{}, s.fail(excerpt([]byte{c}), "the end of the file after the list of operations")
		case c == '#':
			if err := s.skipTag(); err != nil {
				return form{}, err
			}
		case c == '{':
			return s.body()
		case (c == '[' || c == '(') && !s.inVector:
			s.inVector = true
		case (c == ']' || c == ')') && s.inVector:
			s.inVector, s.closed = false, true
		default:
			return form{}, s.fail(excerpt([]byte{c}), "a map of one operation in braces")
		}
	}
}

func (s *formScanner) skipUntil(end byte) error {
	for {
		c, err := s.read()
		if errors.Is(err, io.EOF) || err == nil && c == end {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// skipTag skips a record's tag, as in #jepsen.history.Op{…}, up to its brace.
func (s *formScanner) skipTag() error {
	for {
		next, err := s.in.Peek(1)
		if err == nil && next[0] == '{' {
			return nil
		}
		c, err := s.read()
		if errors.Is(err, io.EOF) || err == nil && (c <= ' ' || c == '_' || c == '"' || c == '[' || c == '(') {
			return s.fail("a tag without a map", "a map of one operation in braces")
		}
		if err != nil {
			return err
		}
	}
}

// body reads a map to its closing brace; the opening one has been read.
func (s *formScanner) body() (form, error) {
	f := form{text: []byte{'{'}, line: s.line, column: s.column}
	depth, inText, inComment := 1, false, false
	for depth > 0 {
		c, err := s.read()
		if err == nil && c == '\\' && !inComment { // the next byte is escaped, in a text or as a character
			f.text = append(f.text, c)
			c, err = s.read()
			f.text = append(f.text, c)
			if err == nil {
				continue
			}
		}
		if errors.Is(err, io.EOF) {
			return f, s.fail("the end of the file", fmt.Sprintf("the closing brace of the operation that begins on line %d; "+
				"the file may be truncated", f.line))
		}
		if err != nil {
			return f, err
		}
		f.text = append(f.text, c)
		switch {
		case inComment:
			inComment = c != '\n'
		case c == '"':
			inText = !inText
		case inText:
		case c == ';':
			inComment = true
		case c == '{' || c == '[' || c == '(':
			depth++
		case c == '}' || c == ']' || c == ')':
			depth--
		}
		if depth > maxNesting {
			return f, s.fail("brackets nested more than "+fmt.Sprint(maxNesting)+" deep", "an operation")
		}
		if len(f.text) > MaxLineBytes {
			return f, s.fail(fmt.Sprintf("an operation longer than %d bytes", MaxLineBytes), "a map of one operation in braces")
		}
	}
	return f, nil
}
