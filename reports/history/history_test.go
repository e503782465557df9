package history

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample returns a valid history of every model, with every status and value type.
func samples() []*History {
	return []*History{
		{Model: Register, Object: "vm1", Operations: []Operation{
			{Process: 0, Func: Write, Key: 3, Arg: 17, Status: OK, Call: 1, Return: 4, CallTime: 100, ReturnTime: 900},
			{Process: 1, Func: Read, Key: 3, Status: OK, Result: Nil, Call: 2, Return: 3},
			{Process: 1, Func: Read, Key: -3, Status: Fail, Call: 5, Return: 6},
			{Process: 1, Func: Write, Key: 3, Arg: 18, Status: Unknown, Call: 7, Return: Never, CallTime: 7},
		}, Notes: []Note{{Text: "power off \"a\"", From: 1, To: 7, FromTime: 5, ToTime: 6}}},
		{Model: CASRegister, Initial: Nil, Operations: []Operation{
			{Process: 0, Func: CAS, Arg: Nil, Arg2: 1, Status: OK, Call: 1, Return: 2},
			{Process: 0, Func: CAS, Arg: 7, Arg2: 1, Status: Refused, Call: 3, Return: 4},
		}},
		{Model: KeyValue, Text: true, Keys: []string{"ä", "b"}, Operations: []Operation{
			{Process: 0, Func: Append, Key: 1, Input: "x\n\"\u2028", Status: OK, Call: 1, Return: 2},
			{Process: 0, Func: Put, Key: 0, Status: OK, Call: 3, Return: 4},
			{Process: 0, Func: Get, Key: 1, Output: "x", Status: OK, Call: 5, Return: 6},
		}},
		{Model: KeyValue, Operations: []Operation{
			{Process: 0, Func: Put, Arg: 5, Status: OK, Call: 1, Return: 2},
			{Process: 0, Func: Get, Result: 5, Status: OK, Call: 3, Return: 4},
		}},
		{Model: Mutex, Operations: []Operation{
			{Process: 0, Func: Acquire, Status: Refused, Call: 1, Return: 2},
			{Process: 0, Func: Release, Status: OK, Call: 3, Return: 4},
		}},
		{Model: Bank, Balances: []int64{5, 5}, Operations: []Operation{
			{Process: 0, Func: Transfer, Arg: 0, Arg2: 1, Arg3: 2, Status: OK, Call: 1, Return: 2},
			{Process: 0, Func: ReadAll, Values: []int64{3, 7}, Status: OK, Call: 3, Return: 4},
		}},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, h := range samples() {
		var file bytes.Buffer
		require.NoError(t, Encode(&file, h))
		got, err := DecodeAny("test", &file)
		require.NoError(t, err)
		require.Equal(t, h, got)
	}
}

func TestEncodeRefuses(t *testing.T) {
	op := func(change func(*Operation)) *History {
		o := Operation{Func: Write, Arg: 1, Status: OK, Call: 1, Return: 2}
		change(&o)
		return &History{Model: Register, Operations: []Operation{o}}
	}
	bank := func(o Operation) *History {
		o.Status, o.Call, o.Return = OK, 1, 2
		return &History{Model: Bank, Balances: []int64{1, 2}, Operations: []Operation{o}}
	}
	two := func(a, b Operation) *History {
		a.Func, b.Func = Read, Read
		return &History{Model: Register, Operations: []Operation{a, b}}
	}
	for message, h := range map[string]*History{
		"unknown model":                {Model: "wish"},
		"only key-value has them":      {Model: Register, Text: true},
		"only a bank has them":         {Model: Register, Balances: []int64{1}},
		"without a balance":            {Model: Bank, Balances: []int64{Nil}},
		"object name":                  {Model: Register, Object: "\xff"},
		"key name":                     {Model: Register, Keys: []string{"a", "a"}},
		"expected from ≤ to":           {Model: Register, Notes: []Note{{From: 2, To: 1}}},
		"function cas does not":        op(func(o *Operation) { o.Func = CAS }),
		"function func(99)":            op(func(o *Operation) { o.Func = 99 }),
		"status 0":                     op(func(o *Operation) { o.Status = 0 }),
		"process -1":                   op(func(o *Operation) { o.Process = -1 }),
		"call at event 0":              op(func(o *Operation) { o.Call = 0 }),
		"expected no return":           op(func(o *Operation) { o.Status = Unknown }),
		"expected the return after":    op(func(o *Operation) { o.Return = 1 }),
		"cannot be refused":            op(func(o *Operation) { o.Status = Refused }),
		"list of values":               op(func(o *Operation) { o.Values = []int64{1} }),
		"text value \"a\" in a":        op(func(o *Operation) { o.Input = "a" }),
		"reserved value nil":           op(func(o *Operation) { o.Arg = Nil }),
		"append in a history of":       {Model: KeyValue, Operations: []Operation{{Func: Append, Status: OK, Call: 1, Return: 2}}},
		"is not valid UTF-8":           {Model: KeyValue, Text: true, Operations: []Operation{{Func: Put, Input: "\xff", Status: OK, Call: 1, Return: 2}}},
		"index of the 1 key names":     {Model: Register, Keys: []string{"a"}, Operations: []Operation{{Func: Read, Key: 1, Status: OK, Call: 1, Return: 2}}},
		"key 1 in a bank":              bank(Operation{Func: ReadAll, Key: 1}),
		"text value in a bank":         bank(Operation{Func: ReadAll, Output: "x"}),
		"misses a balance":             bank(Operation{Func: ReadAll, Values: []int64{Nil}}),
		"from account 2":               bank(Operation{Func: Transfer, Arg: 2, Arg3: 1}),
		"amount of 1 or more":          bank(Operation{Func: Transfer, Arg: 1}),
		"expected rising calls":        two(Operation{Status: OK, Call: 5, Return: 6}, Operation{Process: 1, Status: OK, Call: 1, Return: 2}),
		"goes on after its operation":  two(Operation{Status: Unknown, Call: 1, Return: Never}, Operation{Status: OK, Call: 2, Return: 3}),
		"is under way":                 two(Operation{Status: OK, Call: 1, Return: 9}, Operation{Status: OK, Call: 2, Return: 3}),
		"strictly increasing counter":  two(Operation{Status: OK, Call: 1, Return: 3}, Operation{Process: 1, Status: OK, Call: 2, Return: 3}),
		"number used by another event": two(Operation{Status: OK, Call: 1, Return: 2}, Operation{Process: 1, Status: OK, Call: 2, Return: 3}),
	} {
		var file bytes.Buffer
		err := Encode(&file, h)
		require.ErrorIs(t, err, ErrInvalid, message)
		require.ErrorContains(t, err, message)
		require.Zero(t, file.Len(), "nothing is written of a bad history")
	}
}

type brokenWriter struct{}

var errDisk = errors.New("disk full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errDisk }

func TestEncodeReportsWriteErrors(t *testing.T) {
	require.ErrorIs(t, Encode(brokenWriter{}, samples()[0]), errDisk)
	long := &History{Model: KeyValue, Text: true, Operations: []Operation{
		{Func: Put, Input: strings.Repeat("x", MaxLineBytes), Status: OK, Call: 1, Return: 2}}}
	require.ErrorContains(t, Encode(&bytes.Buffer{}, long), "the format allows")
}

func TestRecorder(t *testing.T) {
	r := NewRecorder(History{Model: Register, Object: "vm"}, 4)
	a, b := r.NewProcess(), r.NewProcess()
	write := r.Begin(Operation{Process: a, Func: Write, Arg: 1, CallTime: 10})
	read := r.Begin(Operation{Process: b, Func: Read, CallTime: 11})
	require.Equal(t, b, r.End(read, Outcome{Status: OK, Result: 1, Time: 20}))
	fresh := r.End(write, Outcome{Status: Unknown, Time: 30})
	require.Equal(t, int64(2), fresh)
	from := r.Mark()
	open := r.Begin(Operation{Process: fresh, Func: Read})
	r.Note(Note{Text: "cut", From: from, To: r.Mark()})
	require.Equal(t, 3, r.Len())

	require.Panics(t, func() { r.Begin(Operation{Process: a, Func: Read}) }, "a retired process")
	require.Panics(t, func() { r.Begin(Operation{Process: fresh, Func: Read}) }, "a busy process")
	require.Panics(t, func() { r.Begin(Operation{Process: 9, Func: Read}) }, "an unknown process")
	require.Panics(t, func() { r.End(read, Outcome{Status: OK}) }, "ended twice")
	require.Panics(t, func() { r.End(write, Outcome{Status: OK}) }, "ended twice, unknown first")
	require.Panics(t, func() { NewRecorder(History{Model: "wish"}, 0) })
	require.Panics(t, func() { NewRecorder(*samples()[0], 0) })

	h := r.Finish()
	require.Panics(t, func() { r.Begin(Operation{Process: b, Func: Read}) })
	require.Panics(t, func() { r.End(open, Outcome{Status: OK}) })
	require.NoError(t, h.Validate())
	require.Equal(t, []Operation{
		{Process: 0, Func: Write, Arg: 1, Status: Unknown, Call: 1, Return: Never, CallTime: 10},
		{Process: 1, Func: Read, Result: 1, Status: OK, Call: 2, Return: 3, CallTime: 11, ReturnTime: 20},
		{Process: 2, Func: Read, Status: Unknown, Call: 5, Return: Never},
	}, h.Operations)
	require.Equal(t, []Note{{Text: "cut", From: 4, To: 6}}, h.Notes)
}

func TestRecordingDoesNotAllocate(t *testing.T) {
	const runs = 1000
	r := NewRecorder(History{Model: Register}, 2*runs)
	p := r.NewProcess()
	require.Zero(t, testing.AllocsPerRun(runs, func() {
		r.End(r.Begin(Operation{Process: p, Func: Write, Arg: 1, CallTime: 5}), Outcome{Status: OK, Time: 6})
	}))
}

func BenchmarkRecorder(b *testing.B) {
	r := NewRecorder(History{Model: Register}, 0)
	p := r.NewProcess()
	b.ReportAllocs()
	for b.Loop() {
		r.End(r.Begin(Operation{Process: p, Func: Write, Arg: 1, CallTime: 5}), Outcome{Status: OK, Time: 6})
	}
}

func TestDescriptions(t *testing.T) {
	h := &History{Model: KeyValue, Keys: []string{"name"}}
	for want, o := range map[string]Operation{
		`append("a") unknown on key name by process 1 [events 2–never]`: {Process: 1, Func: Append, Input: "a", Status: Unknown, Call: 2, Return: Never},
		`get() → "v" on key name by process 0 [events 2–3]`:             {Func: Get, Output: "v", Status: OK, Call: 2, Return: 3},
		`get() → nil on key name by process 0 [events 2–3]`:             {Func: Get, Result: Nil, Status: OK, Call: 2, Return: 3},
		`put("") on key 5 by process 0 [events 2–3]`:                    {Func: Put, Key: 5, Status: OK, Call: 2, Return: 3},
		`cas(nil, 2) refused on key name by process 0 [events 2–3]`:     {Func: CAS, Arg: Nil, Arg2: 2, Status: Refused, Call: 2, Return: 3},
	} {
		h.Text = o.Func == Put || o.Output != ""
		require.Equal(t, want, h.Describe(&o))
	}
	bank := &History{Model: Bank}
	require.Equal(t, "transfer(0 → 1, 5) by process 0 [events 1–2]",
		bank.Describe(&Operation{Func: Transfer, Arg2: 1, Arg3: 5, Status: OK, Call: 1, Return: 2}))
	require.Equal(t, "read-all() → [1 2] by process 0 [events 1–2]",
		bank.Describe(&Operation{Func: ReadAll, Values: []int64{1, 2}, Status: OK, Call: 1, Return: 2}))
	require.Equal(t, "status(9)", Status(9).String())
}
