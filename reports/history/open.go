package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// sniffBytes is how much of a file is looked at to tell its format.
const sniffBytes = 4096

// Open reads a history from a file in any known format. It tells the format from
// the content and never from the name.
func Open(path string) (*History, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from: nothing can get lost
	return DecodeAny(path, f)
}

// DecodeAny reads a history in any known format: Holdfast's own, Jepsen's log
// lines, EDN of Jepsen and Knossos, EDN key-value logs. The name is used in errors
// only. Bad input yields one *ParseError and no history.
func DecodeAny(name string, r io.Reader) (*History, error) {
	in := bufio.NewReaderSize(r, sniffBytes)
	head, err := in.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	text := bytes.TrimLeft(head, " \t\r\n,")
	switch {
	case len(text) == 0:
		return nil, emptyFile(name)
	case bytes.HasPrefix(text, []byte(`{"`)):
		return Decode(name, in)
	case bytes.HasPrefix(text, []byte("INFO")):
		return DecodeJepsenLog(name, in)
	case strings.IndexByte("{[(#;", text[0]) >= 0:
		return DecodeEDN(name, in)
	case bytes.HasPrefix(text, []byte{0x1f, 0x8b}) || bytes.HasPrefix(text, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, &ParseError{File: name, Line: 1, Column: 1, Found: "a compressed file", Expected: "the history unpacked"}
	default:
		return nil, &ParseError{File: name, Line: 1, Found: excerpt(firstLine(text)),
			Expected: `a history: a {"holdfast_history" header, lines of a Jepsen log (INFO jepsen.util -), or EDN maps of operations`}
	}
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return line
}
