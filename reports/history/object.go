package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// field is one member of a JSON object with the column where its value begins.
type field struct {
	name   string
	raw    json.RawMessage
	column int
}

// problem is what is wrong at a column of the line at hand; the reader of the
// file adds name and line.
type problem struct {
	column          int
	found, expected string
}

// Error implements error; readers turn a problem into a ParseError before anyone
// prints it.
func (p *problem) Error() string { return "found " + p.found + ", expected " + p.expected }

// objectFields splits a line that holds one JSON object into its members. Unlike
// json.Unmarshal it refuses repeated names and names that differ in case.
func objectFields(line []byte, allowed []string) ([]field, error) {
	if !utf8.Valid(line) {
		return nil, &problem{0, "bytes that are not UTF-8 in " + excerpt(line), "UTF-8 text"}
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil, &problem{1, excerpt(line), "a JSON object in braces"}
	}
	var fields []field
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, jsonProblem(line, dec, err)
		}
		name, _ := token.(string) // the decoder admits only strings here
		f := field{name: name}
		if err := checkName(name, allowed, fields); err != nil {
			err.column = int(dec.InputOffset()) - len(name) - 1
			return nil, err
		}
		if err := dec.Decode(&f.raw); err != nil {
			return nil, jsonProblem(line, dec, err)
		}
		f.column = int(dec.InputOffset()) - len(f.raw) + 1
		fields = append(fields, f)
	}
	if _, err := dec.Token(); err != nil {
		return nil, jsonProblem(line, dec, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		at := int(dec.InputOffset())
		return nil, &problem{at + 1, "more text after the object", "the end of the line"}
	}
	return fields, nil
}

func checkName(name string, allowed []string, seen []field) *problem {
	for _, f := range seen {
		if f.name == name {
			return &problem{0, "member " + strconv.Quote(name) + " twice", "it once"}
		}
	}
	for _, a := range allowed {
		if a == name {
			return nil
		}
	}
	return &problem{0, "member " + excerpt([]byte(name)), "one of " + strings.Join(allowed, ", ")}
}

func jsonProblem(line []byte, dec *json.Decoder, err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return &problem{len(line) + 1, "the end of the line", "the rest of the JSON object; the file may be truncated"}
	case errors.As(err, &syntax):
		return &problem{max(1, int(dec.InputOffset())+1), "broken JSON (" + syntax.Error() + ")", "a JSON object"}
	default:
		return &problem{int(dec.InputOffset()) + 1, "broken JSON (" + err.Error() + ")", "a JSON object"}
	}
}

// integer reads a whole number. Nil stands for null when that is admitted.
func (f *field) integer(null bool) (int64, error) {
	if null && string(f.raw) == "null" {
		return Nil, nil
	}
	v, err := strconv.ParseInt(string(f.raw), 10, 64)
	if err != nil || v == Nil {
		what := "an integer between −2^63+1 and 2^63−1"
		if null {
			what += " or null"
		}
		return 0, f.wrong(what)
	}
	return v, nil
}

func (f *field) text() (string, error) {
	var s string
	if len(f.raw) == 0 || f.raw[0] != '"' || json.Unmarshal(f.raw, &s) != nil {
		return "", f.wrong("a text in quotes")
	}
	return s, nil
}

// integers reads a list of exactly n whole numbers, of any number when n is -1.
func (f *field) integers(n int, null bool) ([]int64, error) {
	want := "a list of integers"
	if n >= 0 {
		want = fmt.Sprintf("a list of %d integers", n)
	}
	var items []json.RawMessage
	if json.Unmarshal(f.raw, &items) != nil || f.raw[0] != '[' || n >= 0 && len(items) != n {
		return nil, f.wrong(want)
	}
	values := make([]int64, len(items))
	for i, raw := range items {
		item := field{raw: bytes.TrimSpace(raw)}
		v, err := item.integer(null)
		if err != nil {
			return nil, f.wrong(want)
		}
		values[i] = v
	}
	return values, nil
}

func (f *field) wrong(expected string) error {
	return &problem{f.column, excerpt(f.raw), "for " + strconv.Quote(f.name) + " " + expected}
}
