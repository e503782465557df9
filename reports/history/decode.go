package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

var (
	headerMembers    = []string{"holdfast_history", "model", "object", "initial", "balances", "text", "keys", "operations", "notes"}
	noteMembers      = []string{"text", "from", "to", "from_ns", "to_ns"}
	operationMembers = []string{"process", "f", "key", "arg", "status", "result", "call", "return", "call_ns", "return_ns"}
)

// Decode reads a history in Holdfast's own format. The name is used in errors only.
// Bad input yields one *ParseError and no history.
func Decode(name string, r io.Reader) (*History, error) {
	lines := newLineReader(name, r)
	text, err := lines.next()
	if errors.Is(err, io.EOF) {
		return nil, emptyFile(name)
	}
	if err != nil {
		return nil, err
	}
	h, count, err := readHeader(text)
	if err != nil {
		return nil, lines.locate(err)
	}
	p := &operationParser{h: h, keys: make(map[string]int64, len(h.Keys))}
	for i, key := range h.Keys {
		p.keys[key] = int64(i)
	}
	if err := p.readAll(lines, count); err != nil {
		return nil, err
	}
	if err := h.Validate(); err != nil {
		return nil, locateInvalid(name, err)
	}
	return h, nil
}

func emptyFile(name string) error {
	return &ParseError{File: name, Found: "an empty file", Expected: "a history; the program that wrote it may have been stopped"}
}

// locate adds the file and the current line to a problem.
func (l *lineReader) locate(err error) error {
	var p *problem
	if errors.As(err, &p) {
		return l.fail(p.column, p.found, p.expected)
	}
	return err
}

// locateInvalid turns a failed validation into a place: operation i is on line i+2.
func locateInvalid(name string, err error) error {
	var op *OperationError
	if errors.As(err, &op) {
		return &ParseError{File: name, Line: op.Index + 2, Found: op.Reason, Expected: "a valid operation (docs/history.md)"}
	}
	return &ParseError{File: name, Line: 1, Found: err.Error(), Expected: "a valid header (docs/history.md)"}
}

func readHeader(line []byte) (*History, int, error) {
	fields, err := objectFields(line, headerMembers)
	if err != nil {
		return nil, 0, err
	}
	if len(fields) == 0 || fields[0].name != "holdfast_history" {
		return nil, 0, &problem{1, excerpt(line), `a header that begins with {"holdfast_history":` + strconv.Itoa(FormatVersion)}
	}
	if v, err := fields[0].integer(false); err != nil || v != FormatVersion {
		return nil, 0, &problem{fields[0].column, "format version " + excerpt(fields[0].raw),
			"version " + strconv.Itoa(FormatVersion) + "; read the file with the release that wrote it"}
	}
	h, count := &History{}, int64(-1)
	for i := range fields[1:] {
		if err := h.setHeader(&fields[1+i], &count); err != nil {
			return nil, 0, err
		}
	}
	if count < 0 {
		return nil, 0, &problem{1, `a header without "operations"`, "the number of operations in the file"}
	}
	if err := h.validateHeader(); err != nil {
		return nil, 0, &problem{1, err.Error(), "a valid header (docs/history.md)"}
	}
	return h, int(count), nil
}

func (h *History) setHeader(f *field, count *int64) (err error) {
	switch f.name {
	case "model":
		var model string
		model, err = f.text()
		h.Model = Model(model)
	case "object":
		h.Object, err = f.text()
	case "initial":
		h.Initial, err = f.integer(true)
	case "balances":
		h.Balances, err = f.integers(-1, false)
	case "text":
		if s := string(f.raw); s != "true" && s != "false" {
			return f.wrong("true or false")
		}
		h.Text = string(f.raw) == "true"
	case "keys":
		if json.Unmarshal(f.raw, &h.Keys) != nil {
			return f.wrong("a list of texts")
		}
	case "operations":
		*count, err = f.integer(false)
		if err == nil && (*count < 0 || *count > MaxOperations) {
			return f.wrong("a number from 0 to " + strconv.Itoa(MaxOperations))
		}
	case "notes":
		h.Notes, err = readNotes(f)
	}
	return err
}

func readNotes(f *field) ([]Note, error) {
	var items []json.RawMessage
	if json.Unmarshal(f.raw, &items) != nil {
		return nil, f.wrong("a list of notes")
	}
	notes := make([]Note, 0, len(items))
	for _, raw := range items {
		fields, err := objectFields(raw, noteMembers)
		if err != nil {
			return nil, f.wrong("a list of notes with the members " + strings.Join(noteMembers, ", "))
		}
		var n Note
		numbers := map[string]*int64{"from": &n.From, "to": &n.To, "from_ns": &n.FromTime, "to_ns": &n.ToTime}
		for i := range fields {
			if fields[i].name == "text" {
				n.Text, err = fields[i].text()
			} else {
				*numbers[fields[i].name], err = fields[i].integer(false)
			}
			if err != nil {
				return nil, f.wrong("notes whose text is a text and whose other members are integers")
			}
		}
		notes = append(notes, n)
	}
	return notes, nil
}

// operationParser reads the lines after the header.
type operationParser struct {
	h    *History
	keys map[string]int64
}

func (p *operationParser) readAll(lines *lineReader, count int) error {
	for {
		text, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(p.h.Operations) == count {
			return lines.fail(1, excerpt(text), fmt.Sprintf("the end of the file after the %d operations that the header announces", count))
		}
		o, err := p.operation(text)
		if err != nil {
			return lines.locate(err)
		}
		if lines.partial {
			return lines.fail(len(text)+1, "the end of the file", "a line feed; the file may be truncated")
		}
		p.h.Operations = append(p.h.Operations, o)
	}
	if n := len(p.h.Operations); n < count {
		return lines.fail(0, fmt.Sprintf("the end of the file after %d operations", n),
			fmt.Sprintf("the %d that the header announces; the file may be truncated", count))
	}
	return nil
}

func (p *operationParser) operation(line []byte) (Operation, error) {
	var o Operation
	fields, err := objectFields(line, operationMembers)
	if err != nil {
		return o, err
	}
	members := make(map[string]*field, len(fields))
	for i := range fields {
		members[fields[i].name] = &fields[i]
	}
	for _, name := range []string{"process", "f", "status", "call"} {
		if members[name] == nil {
			return o, &problem{1, "an operation without " + strconv.Quote(name), "it; every operation has one"}
		}
	}
	if o.Func, err = enum[Func](members["f"], funcNames[1:]); err != nil {
		return o, err
	}
	if o.Status, err = enum[Status](members["status"], statusNames[1:]); err != nil {
		return o, err
	}
	for _, n := range []struct {
		name string
		to   *int64
	}{{"process", &o.Process}, {"call", &o.Call}, {"return", &o.Return}, {"call_ns", &o.CallTime}, {"return_ns", &o.ReturnTime}} {
		if f := members[n.name]; f != nil {
			if *n.to, err = f.integer(false); err != nil {
				return o, err
			}
		}
	}
	if o.Status == Unknown && members["return"] == nil {
		o.Return = Never
	}
	if err := p.key(&o, members["key"]); err != nil {
		return o, err
	}
	if err := p.argument(&o, members["arg"]); err != nil {
		return o, err
	}
	return o, p.result(&o, members["result"])
}

func enum[E ~uint8](f *field, names []string) (E, error) {
	name, err := f.text()
	i := slices.Index(names, name)
	if err != nil || i < 0 {
		return 0, f.wrong("one of " + strings.Join(names, ", "))
	}
	return E(i + 1), nil
}

func (p *operationParser) key(o *Operation, f *field) (err error) {
	switch {
	case p.h.Model == Bank && f != nil:
		return &problem{f.column, "a key", "none; a bank has only one"}
	case p.h.Model == Bank:
		return nil
	case f == nil:
		return &problem{1, `an operation without "key"`, "it; every operation of this model has one"}
	case len(p.h.Keys) == 0:
		o.Key, err = f.integer(false)
		return err
	}
	name, err := f.text()
	index, ok := p.keys[name]
	if err != nil || !ok {
		return f.wrong("a name from the header's list of keys")
	}
	o.Key = index
	return nil
}

func (p *operationParser) argument(o *Operation, f *field) (err error) {
	count := map[Func]int{Write: 1, Put: 1, Append: 1, CAS: 2, Transfer: 3}[o.Func]
	switch {
	case count == 0 && f != nil:
		return &problem{f.column, "an argument of a " + o.Func.String(), "none"}
	case count == 0:
		return nil
	case f == nil:
		return &problem{1, "a " + o.Func.String() + ` without "arg"`, "its argument"}
	case count == 1 && p.h.Text:
		o.Input, err = f.text()
	case count == 1:
		o.Arg, err = f.integer(false)
	default:
		var v []int64
		if v, err = f.integers(count, o.Func == CAS); err != nil {
			return err
		}
		o.Arg, o.Arg2 = v[0], v[1]
		if count == 3 {
			o.Arg3 = v[2]
		}
	}
	return err
}

func (p *operationParser) result(o *Operation, f *field) (err error) {
	wanted := o.Func.Observes() && o.Status == OK
	switch {
	case !wanted && f != nil:
		return &problem{f.column, fmt.Sprintf("a result of a %s that ended %s", o.Func, o.Status), "none"}
	case !wanted:
		return nil
	case f == nil:
		return &problem{1, "a completed " + o.Func.String() + ` without "result"`, "what it found"}
	case o.Func == ReadAll:
		o.Values, err = f.integers(-1, false)
	case p.h.Text:
		o.Output, err = f.text()
	default:
		o.Result, err = f.integer(true)
	}
	return err
}
