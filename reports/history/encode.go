package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// FormatVersion is the version of the file format that Encode produces and the
// only one that Decode accepts. The format is described in docs/history.md.
const FormatVersion = 1

// fileHeader is the first line of a file.
type fileHeader struct {
	Version    int        `json:"holdfast_history"`
	Model      Model      `json:"model"`
	Object     string     `json:"object,omitempty"`
	Initial    *int64     `json:"initial"`
	Balances   []int64    `json:"balances,omitempty"`
	Text       bool       `json:"text,omitempty"`
	Keys       []string   `json:"keys,omitempty"`
	Operations int        `json:"operations"`
	Notes      []fileNote `json:"notes,omitempty"`
}

type fileNote struct {
	Text     string `json:"text"`
	From     int64  `json:"from"`
	To       int64  `json:"to"`
	FromTime int64  `json:"from_ns,omitempty"`
	ToTime   int64  `json:"to_ns,omitempty"`
}

// Encode validates the history and stores it as JSON Lines. It writes nothing when
// the history is invalid; the error then wraps ErrInvalid.
func Encode(w io.Writer, h *History) error {
	if err := h.Validate(); err != nil {
		return fmt.Errorf("write history of %q: %w", h.Object, err)
	}
	out := bufio.NewWriterSize(w, 1<<16)
	header, err := json.Marshal(headerOf(h))
	if err != nil {
		return fmt.Errorf("write history of %q: header: %w", h.Object, err)
	}
	line := append(header, '\n')
	// A bufio.Writer keeps its first error, so that Flush reports every failure.
	_, _ = out.Write(line)
	for i := range h.Operations {
		line = appendOperation(line[:0], h, &h.Operations[i])
		if len(line) > MaxLineBytes {
			return fmt.Errorf("write history of %q: operation %d needs %d bytes; the format allows %d",
				h.Object, i, len(line), MaxLineBytes)
		}
		_, _ = out.Write(line)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write history of %q: %w", h.Object, err)
	}
	return nil
}

func headerOf(h *History) fileHeader {
	header := fileHeader{
		Version: FormatVersion, Model: h.Model, Object: h.Object, Balances: h.Balances,
		Text: h.Text, Keys: h.Keys, Operations: len(h.Operations),
	}
	if h.Initial != Nil {
		header.Initial = &h.Initial
	}
	for _, n := range h.Notes {
		header.Notes = append(header.Notes, fileNote(n))
	}
	return header
}

func appendOperation(b []byte, h *History, o *Operation) []byte {
	b = appendNumber(b, `{"process":`, o.Process)
	b = append(b, `,"f":"`...)
	b = append(b, o.Func.String()...)
	b = append(b, '"')
	switch {
	case h.Model == Bank:
	case len(h.Keys) > 0:
		b = append(b, `,"key":`...)
		b = appendText(b, h.Keys[o.Key])
	default:
		b = appendNumber(b, `,"key":`, o.Key)
	}
	b = appendArgument(b, h, o)
	b = append(b, `,"status":"`...)
	b = append(b, o.Status.String()...)
	b = append(b, '"')
	if o.Status == OK {
		b = appendResult(b, h, o)
	}
	b = appendNumber(b, `,"call":`, o.Call)
	if o.Return != Never {
		b = appendNumber(b, `,"return":`, o.Return)
	}
	if o.CallTime != 0 {
		b = appendNumber(b, `,"call_ns":`, o.CallTime)
	}
	if o.ReturnTime != 0 {
		b = appendNumber(b, `,"return_ns":`, o.ReturnTime)
	}
	return append(b, '}', '\n')
}

func appendArgument(b []byte, h *History, o *Operation) []byte {
	switch o.Func {
	case Put, Append:
		b = append(b, `,"arg":`...)
		if h.Text {
			return appendText(b, o.Input)
		}
		return appendValue(b, o.Arg)
	case Write:
		return appendValue(append(b, `,"arg":`...), o.Arg)
	case CAS:
		return appendList(append(b, `,"arg":`...), o.Arg, o.Arg2)
	case Transfer:
		return appendList(append(b, `,"arg":`...), o.Arg, o.Arg2, o.Arg3)
	default:
		return b
	}
}

func appendResult(b []byte, h *History, o *Operation) []byte {
	switch {
	case !o.Func.Observes():
		return b
	case o.Func == ReadAll:
		return appendList(append(b, `,"result":`...), o.Values...)
	case o.Func == Get && h.Text:
		return appendText(append(b, `,"result":`...), o.Output)
	default:
		return appendValue(append(b, `,"result":`...), o.Result)
	}
}

func appendNumber(b []byte, name string, v int64) []byte {
	return strconv.AppendInt(append(b, name...), v, 10)
}

func appendValue(b []byte, v int64) []byte {
	if v == Nil {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, v, 10)
}

func appendList(b []byte, values ...int64) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v)
	}
	return append(b, ']')
}

func appendText(b []byte, text string) []byte {
	// Marshal cannot fail on a string.
	quoted, _ := json.Marshal(text)
	return append(b, quoted...)
}
