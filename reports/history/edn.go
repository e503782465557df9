package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"olympos.io/encoding/edn"
)

// DecodeEDN reads histories of Jepsen and Knossos, and key-value logs with a :key
// member: maps like
//
//	{:process 0, :type :invoke, :f :write, :value 3, :time 12, :index 0}
//
// either one after another or in one vector; a tag before a map is ignored. The
// types :ok, :fail and :info end an operation; what has no end is unknown. Members
// other than :process, :type, :f, :value, :key and :time are ignored. An entry
// whose :process is a keyword (the nemesis) becomes a Note.
//
// The name is used in errors only. Bad input yields one *ParseError.
func DecodeEDN(name string, r io.Reader) (*History, error) {
	scanner := newFormScanner(name, r)
	b := &builder{file: name}
	for {
		form, err := scanner.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		e := entry{line: form.line, column: form.column}
		if err := b.readForm(&e, form.text); err != nil {
			return nil, err
		}
		if len(b.entries) == 2*MaxOperations {
			return nil, tooManyOperations(name, form.line)
		}
		b.entries = append(b.entries, e)
	}
	if len(b.entries) == 0 {
		return nil, emptyFile(name)
	}
	return b.build()
}

func (b *builder) readForm(e *entry, text []byte) error {
	decoded, err := decodeEDN(text)
	if err != nil {
		return b.fail(e, fmt.Sprintf("%s, which is not EDN (%v)", excerpt(text), err), "a map of one operation")
	}
	members, ok := decoded.(map[any]any)
	if !ok {
		return b.fail(e, excerpt(text), "a map of one operation")
	}
	switch process := members[edn.Keyword("process")].(type) {
	case int64:
		e.process = process
	case edn.Keyword:
		e.nemesis = true
	default:
		return b.fail(e, ":process "+show(process), "an integer, or :nemesis")
	}
	for _, m := range []struct {
		name edn.Keyword
		to   *edn.Keyword
	}{{"type", &e.kind}, {"f", &e.function}} {
		word, ok := members[m.name].(edn.Keyword)
		if !ok && !e.nemesis {
			return b.fail(e, ":"+string(m.name)+" "+show(members[m.name]), "a keyword")
		}
		*m.to = word
	}
	switch at := members[edn.Keyword("time")].(type) {
	case int64:
		e.time = at
	case nil:
	default:
		return b.fail(e, ":time "+show(at), "an integer, in nanoseconds")
	}
	e.key, e.hasKey = members[edn.Keyword("key")]
	e.value = members[edn.Keyword("value")]
	return nil
}

// decodeEDN decodes one value. The library panics on some malformed input where it
// should return an error; for a reader of foreign files both mean the same.
func decodeEDN(text []byte) (value any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			value, err = nil, fmt.Errorf("malformed value: %v", fault)
		}
	}()
	dec := edn.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&value); err != nil {
		return nil, err
	}
	var more any
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return value, nil
}
