package history

import (
	"errors"
	"fmt"
	"strconv"

	"olympos.io/encoding/edn"
)

// entry is one event of a foreign history: a client calls, or its call ends. The
// value is as package edn decodes it: nil, int64, string, edn.Keyword, a slice or
// a map. Readers of all foreign formats produce entries; a builder makes them a
// History.
type entry struct {
	line, column int
	process      int64
	nemesis      bool // not a client: becomes a Note
	kind         edn.Keyword
	function     edn.Keyword
	hasKey       bool
	key          any
	value        any
	time         int64
}

// foreignFuncs are the names that Jepsen, Knossos and key-value logs use. A read
// in a bank becomes a ReadAll.
var foreignFuncs = map[edn.Keyword]Func{
	"read": Read, "write": Write, "cas": CAS, "get": Get, "put": Put, "append": Append,
	"acquire": Acquire, "release": Release, "transfer": Transfer,
}

// keyStyle is how a foreign history writes down which key is meant.
type keyStyle uint8

const (
	noKeys    keyStyle = iota // one object only
	keyMember                 // {… :key "7" :value 1}
	keyTuple                  // {… :value [7 1]}, Jepsen's independent keys
)

// builder turns entries into a History.
type builder struct {
	file    string
	entries []entry
	// casFailRefused: this format uses :fail of a cas only for a compare that did
	// not match, so that it is evidence about the state.
	casFailRefused bool

	h       History
	style   keyStyle
	numbers map[any]int64
	open    map[int64]int // process → index of its operation under way
	retired map[int64]int // process → line where its outcome was lost
	lines   []int         // line of the call of each operation
}

func (b *builder) fail(e *entry, found, expected string) error {
	return &ParseError{File: b.file, Line: e.line, Column: e.column, Found: found, Expected: expected}
}

// build makes the history. The order of the entries is the order of the events.
func (b *builder) build() (*History, error) {
	b.open, b.retired, b.numbers = map[int64]int{}, map[int64]int{}, map[any]int64{}
	if err := b.chooseModel(); err != nil {
		return nil, err
	}
	b.chooseKeysAndText()
	b.h.Initial = Nil
	for i := range b.entries {
		if err := b.add(&b.entries[i], int64(i)+1); err != nil {
			return nil, err
		}
	}
	if err := b.h.Validate(); err != nil {
		return nil, b.locate(err)
	}
	return &b.h, nil
}

func (b *builder) locate(err error) error {
	var op *OperationError
	if errors.As(err, &op) {
		return &ParseError{File: b.file, Line: b.lines[op.Index], Found: op.Reason, Expected: "a valid operation"}
	}
	return &ParseError{File: b.file, Found: err.Error(), Expected: "a valid history"}
}

// chooseModel finds out from all operations which object the clients talked to.
func (b *builder) chooseModel() error {
	var present [ReadAll + 1]bool
	mapRead, clients := false, false
	for i := range b.entries {
		e := &b.entries[i]
		if e.nemesis {
			continue
		}
		f, known := foreignFuncs[e.function]
		if !known {
			return b.fail(e, "function "+excerpt([]byte(e.function)),
				"one of read, write, cas, get, put, append, acquire, release, transfer")
		}
		_, isMap := e.value.(map[any]any)
		mapRead = mapRead || f == Read && isMap
		present[f], clients = true, true
	}
	switch {
	case !clients:
		return &ParseError{File: b.file, Found: "no operation of a client", Expected: "at least one"}
	case present[Transfer] || mapRead:
		b.h.Model = Bank
	case present[Acquire] || present[Release]:
		b.h.Model = Mutex
	case present[Get] || present[Put] || present[Append]:
		b.h.Model = KeyValue
	case present[CAS]:
		b.h.Model = CASRegister
	default:
		b.h.Model = Register
	}
	for i := range b.entries {
		e := &b.entries[i]
		if !e.nemesis && !b.h.Model.Allows(b.function(e)) {
			return b.fail(e, "function "+string(e.function), "only functions of the model "+string(b.h.Model)+
				", to which other operations in the file belong")
		}
	}
	return nil
}

func (b *builder) function(e *entry) Func {
	f := foreignFuncs[e.function]
	if f == Read && b.h.Model == Bank {
		return ReadAll
	}
	return f
}

// chooseKeysAndText takes the way of writing keys from the first operation, and
// the type of key-value values from the first that shows it.
func (b *builder) chooseKeysAndText() {
	first := true
	for i := range b.entries {
		e := &b.entries[i]
		if e.nemesis {
			continue
		}
		tuple, isTuple := b.splitTuple(e)
		if first {
			first = false
			switch {
			case e.hasKey:
				b.style = keyMember
			case isTuple:
				b.style = keyTuple
			}
		}
		if b.h.Model != KeyValue {
			continue
		}
		value := e.value
		if isTuple {
			value = tuple[1]
		}
		if _, isText := value.(string); isText || e.function == "append" {
			b.h.Text = true
			return
		}
	}
}

// splitTuple recognises an independent key: the value [key value].
func (b *builder) splitTuple(e *entry) ([]any, bool) {
	v, ok := e.value.([]any)
	if !ok || len(v) != 2 || b.h.Model == Bank {
		return nil, false
	}
	if e.function == "cas" {
		_, nested := v[1].([]any)
		return v, nested
	}
	return v, true
}

// split returns the number of the key and the value of an entry.
func (b *builder) split(e *entry) (int64, any, error) {
	if e.hasKey && b.style != keyMember {
		return 0, nil, b.fail(e, "a :key", "none, as in the first operation")
	}
	switch b.style {
	case keyMember:
		if !e.hasKey {
			return 0, nil, b.fail(e, "no :key", "one, as in the first operation")
		}
		key, err := b.keyNumber(e, e.key)
		return key, e.value, err
	case keyTuple:
		v, ok := b.splitTuple(e)
		if !ok {
			return 0, nil, b.fail(e, "value "+show(e.value), "a key and a value in brackets, as in the first operation")
		}
		key, err := b.keyNumber(e, v[0])
		return key, v[1], err
	default:
		return 0, e.value, nil
	}
}

// keyNumber returns the number of a key. Integer keys are their own numbers; texts
// and keywords get names.
func (b *builder) keyNumber(e *entry, key any) (int64, error) {
	var name string
	switch k := key.(type) {
	case int64:
		if len(b.h.Keys) > 0 {
			return 0, b.fail(e, "key "+show(key), "a text, as in the operations before")
		}
		b.numbers[key] = k
		return k, nil
	case string:
		name = k
	case edn.Keyword:
		name = string(k)
	default:
		return 0, b.fail(e, "key "+show(key), "an integer, a text or a keyword")
	}
	if number, ok := b.numbers[name]; ok {
		return number, nil
	}
	if len(b.h.Keys) == 0 && len(b.numbers) > 0 {
		return 0, b.fail(e, "key "+show(key), "an integer, as in the operations before")
	}
	number := int64(len(b.h.Keys))
	b.h.Keys = append(b.h.Keys, name)
	b.numbers[name] = number
	return number, nil
}

// show prints a value of a foreign history for an error message.
func show(v any) string {
	if text, err := edn.Marshal(v); err == nil {
		return excerpt(text)
	}
	return strconv.Quote(fmt.Sprint(v))
}
