package check

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports/history"
)

type ops []history.Operation

// sequential numbers the events so that each operation ends before the next one
// begins, each by a process of its own.
func sequential(header history.History, list ops) *history.History {
	event := int64(0)
	for i := range list {
		o := &list[i]
		o.Process = int64(i)
		if o.Status == 0 {
			o.Status = history.OK
		}
		event++
		o.Call, o.Return = event, history.Never
		if o.Status != history.Unknown {
			event++
			o.Return = event
		}
	}
	header.Operations = list
	return &header
}

func write(v int64) history.Operation { return history.Operation{Func: history.Write, Arg: v} }
func read(v int64) history.Operation  { return history.Operation{Func: history.Read, Result: v} }
func cas(from, to int64, s history.Status) history.Operation {
	return history.Operation{Func: history.CAS, Arg: from, Arg2: to, Status: s}
}
func transfer(from, to, amount int64, s history.Status) history.Operation {
	return history.Operation{Func: history.Transfer, Arg: from, Arg2: to, Arg3: amount, Status: s}
}
func readAll(v ...int64) history.Operation {
	return history.Operation{Func: history.ReadAll, Values: v}
}
func get(s string) history.Operation { return history.Operation{Func: history.Get, Output: s} }
func put(s string) history.Operation { return history.Operation{Func: history.Put, Input: s} }
func add(s string) history.Operation { return history.Operation{Func: history.Append, Input: s} }
func acquire(s history.Status) history.Operation {
	return history.Operation{Func: history.Acquire, Status: s}
}
func release(s history.Status) history.Operation {
	return history.Operation{Func: history.Release, Status: s}
}
func unknown(o history.Operation) history.Operation {
	o.Status = history.Unknown
	return o
}

func TestVerdicts(t *testing.T) {
	register := history.History{Model: history.Register}
	casRegister := history.History{Model: history.CASRegister, Initial: history.Nil}
	text := history.History{Model: history.KeyValue, Text: true, Keys: []string{"greeting"}}
	integers := history.History{Model: history.KeyValue}
	mutex := history.History{Model: history.Mutex}
	bank := history.History{Model: history.Bank, Balances: []int64{10, 10}}
	blind := history.History{Model: history.Bank}
	const ok, refused = history.OK, history.Refused

	for _, c := range []struct {
		name    string
		header  history.History
		ops     ops
		want    Result
		message string
	}{
		{"register", register, ops{read(0), write(1), read(1), write(2), read(2)}, Linearizable, ""},
		{"unknown write seen", register, ops{unknown(write(1)), read(0), read(1)}, Linearizable, ""},
		{"unknown write never seen", register, ops{unknown(write(1)), read(0)}, Linearizable, ""},
		{"unknown write seen and gone", register, ops{unknown(write(1)), read(1), read(0)}, Illegal, "certainly overwritten"},
		{"stale read", register, ops{write(1), write(2), read(1), read(2)}, Illegal, "a stale read, the newer value was seen again"},
		{"lost write", register, ops{write(1), write(2), read(1)}, Illegal, "the acknowledged write is lost (1 lost on this key)"},
		{"lost first write", register, ops{write(1), read(0)}, Illegal, "write(1) by process 0 [events 1–2] had certainly overwritten"},
		{"invented value", register, ops{write(1), read(9)}, Illegal, "read() → 9 on key 0 by process 1 [events 3–4] found 9, which no client wrote"},
		{"value from the future", register, ops{read(1), write(1)}, Illegal, "found a value before write(1)"},
		{"repeated values, illegal", register, ops{write(1), write(2), write(1), read(2)}, Illegal, "no order of the operations explains read() → 2"},
		{"cas", casRegister, ops{write(1), cas(1, 2, ok), cas(1, 3, refused), read(2)}, Linearizable, ""},
		{"cas on the unwritten", casRegister, ops{cas(history.Nil, 2, ok), read(2)}, Linearizable, ""},
		{"cas must not match", casRegister, ops{write(1), cas(2, 3, ok)}, Illegal, "found 2, which no client wrote"},
		{"cas refused wrongly", casRegister, ops{write(1), cas(1, 2, refused)}, Illegal, "cas(1, 2) refused"},
		{"cas twice", casRegister, ops{write(1), cas(1, 2, ok), cas(1, 3, ok)}, Illegal, "certainly overwritten"},
		{"unknown cas explains a refusal", casRegister, ops{write(1), unknown(cas(1, 2, ok)), cas(1, 3, refused)}, Linearizable, ""},
		{"integers", integers, ops{{Func: history.Put, Arg: 1}, {Func: history.Get, Result: 1}}, Linearizable, ""},
		{"integers lost", integers, ops{{Func: history.Put, Arg: 1}, {Func: history.Get}}, Illegal, "lost"},
		{"texts", text, ops{get(""), add("a"), add("b"), get("ab"), put("c"), get("c")}, Linearizable, ""},
		{"append lost", text, ops{add("a"), add("b"), get("b")}, Illegal, `key greeting: a get on key greeting`},
		{"append twice", text, ops{add("a"), get("aa")}, Illegal, "no order"},
		{"put lost", text, ops{put("a"), put("b"), get("a")}, Illegal, "no order"},
		{"unknown append seen", text, ops{unknown(add("a")), get("a"), get("a")}, Linearizable, ""},
		{"unknown append unseen", text, ops{unknown(add("a")), get("")}, Linearizable, ""},
		{"mutex", mutex, ops{acquire(ok), acquire(refused), release(ok), acquire(ok)}, Linearizable, ""},
		{"held twice", mutex, ops{acquire(ok), acquire(ok)}, Illegal, "acquire()"},
		{"released twice", mutex, ops{acquire(ok), release(ok), release(ok)}, Illegal, "release()"},
		{"refused though free", mutex, ops{acquire(refused)}, Illegal, "acquire() refused"},
		{"unknown release", mutex, ops{acquire(ok), release(history.Unknown), acquire(ok)}, Linearizable, ""},
		{"bank", bank, ops{readAll(10, 10), transfer(0, 1, 4, ok), readAll(6, 14), transfer(0, 1, 7, refused)}, Linearizable, ""},
		{"money lost", bank, ops{transfer(0, 1, 4, ok), readAll(6, 10)}, Illegal, "money was created or lost"},
		{"negative balance", bank, ops{transfer(0, 1, 4, ok), readAll(-1, 21)}, Illegal, "account 0 below zero"},
		{"account missing", bank, ops{readAll(20)}, Illegal, "1 accounts"},
		{"transfer lost", bank, ops{transfer(0, 1, 4, ok), readAll(10, 10)}, Illegal, "no order"},
		{"overdrawn", bank, ops{transfer(0, 1, 40, ok)}, Illegal, "no order"},
		{"refused though rich", bank, ops{transfer(0, 1, 4, refused)}, Illegal, "no order"},
		{"unknown transfer", bank, ops{transfer(0, 1, 4, history.Unknown), readAll(10, 10), readAll(6, 14)}, Linearizable, ""},
		{"unknown start", blind, ops{transfer(0, 1, 4, ok), readAll(6, 14), transfer(1, 0, 1, ok), readAll(7, 13)}, Linearizable, ""},
		{"unknown start, money lost", blind, ops{readAll(6, 14), readAll(6, 13)}, Illegal, "the first read had 20"},
		{"nothing completed", register, ops{unknown(write(1))}, Unknown, "proves nothing"},
		{"empty", register, nil, Unknown, "proves nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := Check(sequential(c.header, c.ops), Limits{})
			require.NoError(t, err)
			require.Equal(t, c.want, v.Result, v.Message)
			require.Equal(t, c.want == Linearizable, v.Passed())
			if c.message == "" {
				require.Empty(t, v.Message)
			}
			require.Contains(t, v.Message, c.message)
		})
	}
}

// hard returns a partition that porcupine cannot decide in time: many concurrent
// writes of one value after another, and a read that none explains at the end.
func hard(clients int) *history.History {
	h := &history.History{Model: history.CASRegister}
	event := int64(0)
	for i := range clients {
		event++
		h.Operations = append(h.Operations, history.Operation{Process: int64(i), Func: history.CAS,
			Arg: int64(i % 5), Arg2: int64((i + 1) % 5), Status: history.OK, Call: event})
	}
	for i := range h.Operations {
		event++
		h.Operations[i].Return = event
	}
	h.Operations = append(h.Operations, history.Operation{Process: 1000, Func: history.Read, Result: 99,
		Status: history.OK, Call: event + 1, Return: event + 2})
	return h
}

func TestLimitsMakeUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		reason string
	}{
		"time":   {Limits{Time: 20 * time.Millisecond, Memory: 1 << 40}, "time limit of 20ms"},
		"memory": {Limits{Time: time.Minute, Memory: 1 << 20}, "memory bound of 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := Check(hard(60), c.limits)
			require.NoError(t, err)
			require.Equal(t, Unknown, v.Result)
			require.False(t, v.Passed())
			require.Contains(t, v.Message, c.reason)
			require.Contains(t, v.Message, "key 0: ")
		})
	}
	v, err := Check(generate(1, 5000, 1, 1), Limits{Memory: 1 << 20})
	require.NoError(t, err)
	require.Equal(t, Unknown, v.Result)
	require.Contains(t, v.Message, "need at least")
}

func TestBadInput(t *testing.T) {
	h := sequential(history.History{Model: history.Register}, ops{write(1)})
	for _, l := range []Limits{{Time: -1}, {Time: 2 * time.Hour}, {Memory: 5}, {Memory: 1 << 41}, {Workers: -1}, {Workers: 2000}} {
		_, err := Check(h, l)
		require.ErrorIs(t, err, ErrLimits)
		require.ErrorIs(t, Render(&bytes.Buffer{}, h, 0, l), ErrLimits)
	}
	_, err := Check(&history.History{Model: "wishes"}, Limits{})
	require.ErrorIs(t, err, history.ErrInvalid)
	require.ErrorIs(t, Render(&bytes.Buffer{}, h, 7, Limits{}), ErrNothingToRender)
}

func TestRenderShowsOnlyTheFailingPartition(t *testing.T) {
	h := sequential(history.History{Model: history.Register, Initial: 0}, ops{write(1), write(22222), read(1), write(3)})
	h.Operations = append(h.Operations, history.Operation{Process: 50, Func: history.Write, Key: 7, Arg: 77777,
		Status: history.OK, Call: 100, Return: 101})
	h.Notes = []history.Note{{Text: "power off host a", From: 2, To: 9}, {Text: "after the end", From: 5000, To: 5001}}
	v, err := Check(h, Limits{})
	require.NoError(t, err)
	require.Equal(t, int64(0), v.Deciding().Key)
	var page bytes.Buffer
	require.NoError(t, Render(&page, h, v.Deciding().Key, Limits{}, history.Note{Text: "cut link", From: 3, To: 4}))
	html := page.String()
	for _, want := range []string{"<html", "22222", "power off host a", "cut link"} {
		require.Contains(t, html, want)
	}
	require.NotContains(t, html, "77777")
	require.NotContains(t, html, "after the end")
}

func TestPartitionsAreNamedAndOrdered(t *testing.T) {
	h := sequential(history.History{Model: history.Register}, nil)
	for i := range int64(40) {
		h.Operations = append(h.Operations, history.Operation{Process: i, Func: history.Write, Key: 39 - i, Arg: 1,
			Status: history.OK, Call: 2*i + 1, Return: 2*i + 2})
	}
	v, err := Check(h, Limits{Workers: 4})
	require.NoError(t, err)
	require.Len(t, v.Partitions, 40)
	for i, p := range v.Partitions {
		require.Equal(t, int64(i), p.Key)
		require.Equal(t, fmt.Sprint(i), p.Name)
		require.Equal(t, 1, p.Operations)
	}
	require.Nil(t, v.Deciding())
}
