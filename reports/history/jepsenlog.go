package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"olympos.io/encoding/edn"
)

// logMark follows the level on each line of a Jepsen log.
var logMark = []byte("jepsen.util")

// DecodeJepsenLog reads the log lines that Jepsen's etcd test printed:
//
//	INFO  jepsen.util - 3 :invoke :cas [4 3]
//
// The file must hold such lines only. A cas that ended :fail did not match
// (Refused); any other :fail had no effect; :info, or no end at all, is unknown.
// The name is used in errors only. Bad input yields one *ParseError.
func DecodeJepsenLog(name string, r io.Reader) (*History, error) {
	lines := newLineReader(name, r)
	b := &builder{file: name, casFailRefused: true}
	for {
		text, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		e, err := logEntry(text)
		if err != nil {
			return nil, lines.locate(err)
		}
		if len(b.entries) == 2*MaxOperations {
			return nil, tooManyOperations(name, lines.line)
		}
		e.line = lines.line
		b.entries = append(b.entries, e)
	}
	if len(b.entries) == 0 {
		return nil, emptyFile(name)
	}
	return b.build()
}

// word is a part of a line and the column where it begins.
type word struct {
	text   []byte
	column int
}

// logFields cuts a line into the six words before the value, and the value.
func logFields(line []byte) (words []word, value word) {
	at := 0
	skip := func(blank bool) {
		for at < len(line) && (line[at] == ' ' || line[at] == '\t') == blank {
			at++
		}
	}
	for skip(true); at < len(line) && len(words) < 6; skip(true) {
		begin := at
		skip(false)
		words = append(words, word{line[begin:at], begin + 1})
	}
	return words, word{bytes.TrimSpace(line[at:]), at + 1}
}

func logEntry(line []byte) (entry, error) {
	words, value := logFields(line)
	if len(words) < 2 || !bytes.Equal(words[1].text, logMark) || string(words[0].text) != "INFO" {
		return entry{}, &problem{1, excerpt(line), "a line that begins with INFO jepsen.util -"}
	}
	if len(words) < 6 || len(value.text) == 0 {
		return entry{}, &problem{len(line) + 1, "the end of the line",
			"INFO jepsen.util - process :type :function value; the file may be truncated"}
	}
	e := entry{nemesis: string(words[3].text) == ":nemesis"}
	if !e.nemesis {
		process, err := strconv.ParseInt(string(words[3].text), 10, 64)
		if err != nil {
			return e, &problem{words[3].column, "process " + excerpt(words[3].text), "an integer or :nemesis"}
		}
		e.process = process
	}
	for i, to := range []*edn.Keyword{&e.kind, &e.function} {
		w := words[4+i]
		if w.text[0] != ':' {
			return e, &problem{w.column, excerpt(w.text), "a keyword that begins with a colon"}
		}
		*to = edn.Keyword(w.text[1:])
	}
	decoded, err := decodeEDN(value.text)
	if err != nil && !e.nemesis {
		return e, &problem{value.column, fmt.Sprintf("value %s (%v)", excerpt(value.text), err),
			"nil, an integer or a list in brackets"}
	}
	e.value = decoded
	return e, nil
}
