package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

const (
	// MaxLineBytes bounds a line of a log and an operation of an EDN history.
	MaxLineBytes = 1 << 20
	// MaxOperations bounds the operations read from one file, so that a wrong file
	// cannot exhaust memory (about 700 MB at the limit).
	MaxOperations = 5_000_000
)

// ParseError is what every reader returns for bad input: one place, what was found
// there, and what belongs there. Line and Column count from 1, Column in bytes;
// Column is 0 when the whole line is meant, Line is 0 when the whole file is.
type ParseError struct {
	File         string
	Line, Column int
	Found        string
	Expected     string
}

// Error implements error, as "run.jsonl:12:8: found …, expected …".
func (e *ParseError) Error() string {
	place := e.File
	if e.Line > 0 {
		place += ":" + strconv.Itoa(e.Line)
		if e.Column > 0 {
			place += ":" + strconv.Itoa(e.Column)
		}
	}
	return fmt.Sprintf("%s: found %s, expected %s", place, e.Found, e.Expected)
}

// excerpt quotes the beginning of input for an error message; control characters
// and broken UTF-8 come out escaped.
func excerpt(text []byte) string {
	const limit = 48
	if len(text) <= limit {
		return strconv.Quote(string(text))
	}
	cut := limit
	for cut > limit-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strconv.Quote(string(text[:cut])) + "…"
}

// lineReader hands out the lines of a file, bounded in length and free of NUL.
type lineReader struct {
	file    string
	in      *bufio.Reader
	line    int
	partial bool // the last line handed out lacked its line feed
}

func newLineReader(file string, r io.Reader) *lineReader {
	return &lineReader{file: file, in: bufio.NewReaderSize(r, MaxLineBytes)}
}

// next returns the next line without its end; the bytes are valid until the next
// call. At the end of the file it returns io.EOF.
func (l *lineReader) next() ([]byte, error) {
	text, err := l.in.ReadSlice('\n')
	l.line++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, l.fail(0, fmt.Sprintf("a line longer than %d bytes, beginning %s", MaxLineBytes, excerpt(text)),
			"one operation per line; this looks like another kind of file")
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("read %s: line %d: %w", l.file, l.line, err)
	case err != nil && len(text) == 0:
		return nil, io.EOF
	}
	l.partial = err != nil
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return nil, l.fail(i+1, "a NUL byte", "text; the file is binary or was damaged by a crash")
	}
	return text, nil
}

func (l *lineReader) fail(column int, found, expected string) error {
	return &ParseError{File: l.file, Line: l.line, Column: column, Found: found, Expected: expected}
}

func tooManyOperations(file string, line int) error {
	return &ParseError{File: file, Line: line, Found: fmt.Sprintf("more than %d operations", MaxOperations),
		Expected: "a smaller history; split the run"}
}
