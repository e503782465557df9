package history

import (
	"fmt"
	"math"
	"strconv"

	"olympos.io/encoding/edn"
)

// add applies one entry, whose number is the value of the event counter.
func (b *builder) add(e *entry, event int64) error {
	if len(b.h.Operations) == MaxOperations {
		return tooManyOperations(b.file, e.line)
	}
	if e.nemesis {
		b.h.Notes = append(b.h.Notes, Note{
			Text: string(e.function) + " " + string(e.kind), From: event, To: event, FromTime: e.time, ToTime: e.time,
		})
		return nil
	}
	switch e.kind {
	case "invoke":
		return b.call(e, event)
	case "ok", "fail", "info":
		return b.finish(e, event)
	default:
		return b.fail(e, "type "+excerpt([]byte(e.kind)), "one of invoke, ok, fail, info")
	}
}

func (b *builder) call(e *entry, event int64) error {
	if e.process < 0 {
		return b.fail(e, "process "+strconv.FormatInt(e.process, 10), "0 or more")
	}
	if i, busy := b.open[e.process]; busy {
		return b.fail(e, fmt.Sprintf("a second call by process %d, whose call on line %d has not ended", e.process, b.lines[i]),
			"one operation at a time per process")
	}
	if line, gone := b.retired[e.process]; gone {
		return b.fail(e, fmt.Sprintf("a call by process %d, whose operation ended unknown on line %d", e.process, line),
			"a new process number for its client")
	}
	key, value, err := b.split(e)
	if err != nil {
		return err
	}
	o := Operation{
		Process: e.process, Func: b.function(e), Key: key, Status: Unknown,
		Call: event, Return: Never, CallTime: e.time,
	}
	if err := b.argument(e, &o, value); err != nil {
		return err
	}
	b.open[e.process] = len(b.h.Operations)
	b.h.Operations = append(b.h.Operations, o)
	b.lines = append(b.lines, e.line)
	return nil
}

func (b *builder) finish(e *entry, event int64) error {
	i, busy := b.open[e.process]
	if !busy {
		return b.fail(e, fmt.Sprintf("the end (%s) of an operation of process %d, which has none under way", string(e.kind), e.process),
			"an invoke of this process before")
	}
	o := &b.h.Operations[i]
	if f := b.function(e); f != o.Func {
		return b.fail(e, fmt.Sprintf("the end of a %s by process %d", f, e.process),
			fmt.Sprintf("the end of its %s called on line %d", o.Func, b.lines[i]))
	}
	delete(b.open, e.process)
	if e.kind == "info" {
		b.retired[e.process] = e.line
		return nil
	}
	o.Return, o.ReturnTime = event, e.time
	if e.kind == "fail" {
		o.Status = Fail
		if _, reason := e.value.(edn.Keyword); b.casFailRefused && o.Func == CAS && !reason {
			o.Status = Refused
		}
		return nil
	}
	o.Status = OK
	return b.complete(e, o, i)
}

// complete takes over the result of a successful operation and checks that the
// line repeats the arguments of the call.
func (b *builder) complete(e *entry, o *Operation, index int) error {
	key, value, err := b.split(e)
	if err != nil {
		return err
	}
	if key != o.Key {
		return b.fail(e, "key "+b.h.KeyName(key), fmt.Sprintf("key %s of the call on line %d", b.h.KeyName(o.Key), b.lines[index]))
	}
	switch o.Func {
	case Read:
		o.Result, err = b.integer(e, value, true)
	case Get:
		if b.h.Text {
			o.Output, err = b.text(e, value, true)
		} else {
			o.Result, err = b.integer(e, value, true)
		}
	case ReadAll:
		o.Values, err = b.balances(e, value)
	default:
		repeated := Operation{Func: o.Func}
		if err = b.argument(e, &repeated, value); err != nil {
			return err
		}
		if repeated.Arg != o.Arg || repeated.Arg2 != o.Arg2 || repeated.Arg3 != o.Arg3 || repeated.Input != o.Input {
			return b.fail(e, "value "+show(value), fmt.Sprintf("the value of the call on line %d", b.lines[index]))
		}
	}
	return err
}

// argument reads what a call passes.
func (b *builder) argument(e *entry, o *Operation, value any) (err error) {
	switch o.Func {
	case Write:
		o.Arg, err = b.integer(e, value, false)
	case Put, Append:
		if b.h.Text {
			o.Input, err = b.text(e, value, false)
		} else {
			o.Arg, err = b.integer(e, value, false)
		}
	case CAS:
		pair, ok := value.([]any)
		if !ok || len(pair) != 2 {
			return b.fail(e, "value "+show(value), "the expected and the new value in brackets")
		}
		if o.Arg, err = b.integer(e, pair[0], true); err == nil {
			o.Arg2, err = b.integer(e, pair[1], false)
		}
	case Transfer:
		members, ok := value.(map[any]any)
		if !ok {
			return b.fail(e, "value "+show(value), "{:from account, :to account, :amount number}")
		}
		if o.Arg, err = b.integer(e, members[edn.Keyword("from")], false); err != nil {
			return err
		}
		if o.Arg2, err = b.integer(e, members[edn.Keyword("to")], false); err != nil {
			return err
		}
		o.Arg3, err = b.integer(e, members[edn.Keyword("amount")], false)
	}
	return err
}

func (b *builder) integer(e *entry, value any, null bool) (int64, error) {
	if value == nil && null {
		return Nil, nil
	}
	if v, ok := value.(int64); ok && v != math.MinInt64 {
		return v, nil
	}
	want := "an integer"
	if null {
		want += " or nil"
	}
	return 0, b.fail(e, "value "+show(value), want)
}

func (b *builder) text(e *entry, value any, null bool) (string, error) {
	if value == nil && null {
		return "", nil
	}
	if s, ok := value.(string); ok {
		return s, nil
	}
	return "", b.fail(e, "value "+show(value), "a text, as in other operations of the file")
}

// balances reads a list of balances, or a map from account numbers 0, 1, … to them.
func (b *builder) balances(e *entry, value any) ([]int64, error) {
	var list []any
	switch v := value.(type) {
	case []any:
		list = v
	case map[any]any:
		list = make([]any, len(v))
		for i := range list {
			balance, ok := v[int64(i)]
			if !ok {
				return nil, b.fail(e, "balances "+show(value), fmt.Sprintf("the accounts 0 to %d", len(v)-1))
			}
			list[i] = balance
		}
	default:
		return nil, b.fail(e, "value "+show(value), "the balances of all accounts")
	}
	balances := make([]int64, len(list))
	for i, item := range list {
		var err error
		if balances[i], err = b.integer(e, item, false); err != nil {
			return nil, err
		}
	}
	return balances, nil
}
