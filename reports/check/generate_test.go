package check

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/reports/history"
)

// generate simulates clients of correct registers. Each operation takes effect at
// a random moment between its call and its return, or after an unknown outcome.
func generate(seed uint64, count, keys, clients int) *history.History {
	random := rand.New(rand.NewPCG(seed, 1))
	rec := history.NewRecorder(history.History{Model: history.Register}, count)
	type client struct {
		process int64
		busy    bool
		applied bool
		token   history.Token
		op      history.Operation
		found   int64
	}
	state := make([]int64, keys)
	all := make([]client, clients)
	for i := range all {
		all[i].process = rec.NewProcess()
	}
	value := int64(0)
	for now := int64(0); rec.Len() < count; now++ {
		c := &all[random.IntN(clients)]
		switch {
		case !c.busy:
			value++
			c.op = history.Operation{Process: c.process, Func: history.Read, Key: int64(random.IntN(keys)), CallTime: now}
			if random.IntN(2) == 0 {
				c.op.Func, c.op.Arg = history.Write, value
			}
			c.token, c.busy, c.applied = rec.Begin(c.op), true, false
		case !c.applied:
			c.applied = true
			if random.IntN(100) == 0 { // the request, or the answer, gets lost
				if c.op.Func == history.Write && random.IntN(2) == 0 {
					state[c.op.Key] = c.op.Arg
				}
				c.process, c.busy = rec.End(c.token, history.Outcome{Status: history.Unknown}), false
				continue
			}
			if c.op.Func == history.Write {
				state[c.op.Key] = c.op.Arg
			}
			c.found = state[c.op.Key]
		default:
			rec.End(c.token, history.Outcome{Status: history.OK, Result: c.found, Time: now})
			c.busy = false
		}
	}
	return rec.Finish()
}

// makeStale changes one read so that it returns a value which was certainly
// overwritten, and returns false when the history has no such read.
func makeStale(h *history.History, pick int) bool {
	n := len(h.Operations)
	for i := range n {
		o := &h.Operations[(i+pick)%n]
		if o.Func != history.Read || o.Status != history.OK {
			continue
		}
		for j := range h.Operations {
			older := &h.Operations[j]
			if older.Func != history.Write || older.Status != history.OK || older.Key != o.Key {
				continue
			}
			for k := range h.Operations {
				newer := &h.Operations[k]
				if newer.Func == history.Write && newer.Status == history.OK && newer.Key == o.Key &&
					newer.Call > older.Return && newer.Return < o.Call {
					o.Result = older.Arg
					return true
				}
			}
		}
	}
	return false
}

func TestGeneratedHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		h := generate(seed, rapid.IntRange(1, 150).Draw(t, "count"),
			rapid.IntRange(1, 4).Draw(t, "keys"), rapid.IntRange(1, 5).Draw(t, "clients"))
		v, err := Check(h, Limits{})
		require.NoError(t, err)
		// A history without one completed operation is inconclusive.
		require.True(t, v.Passed() || v.Result == Unknown && Measure(h, 0).Completed == 0, v.Message)
		require.Zero(t, *Measure(h, 0).LostWrites)
		if !makeStale(h, rapid.IntRange(0, 1000).Draw(t, "pick")) {
			return
		}
		v, err = Check(h, Limits{})
		require.NoError(t, err)
		require.Equal(t, Illegal, v.Result)
		for _, part := range split(h) {
			rule := brokenRule(h, part.ops) != ""
			proof := searcher{modelFor(h), 1 << 30}.run(part.ops, defaultTime).result == Illegal
			require.Equal(t, proof, rule, "the rule and the search must find the same stale reads")
		}
	})
}

// TestIdleOperationsDoNotMatter compares the search with and without the unknown
// changes that nobody saw, on random answers.
func TestIdleOperationsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		rec := history.NewRecorder(history.History{Model: history.CASRegister}, 0)
		type open struct {
			token history.Token
			f     history.Func
		}
		var running []open
		end := func(i int) {
			status := history.Unknown
			if random.IntN(3) > 0 {
				status = history.OK
			}
			if status == history.OK && running[i].f == history.CAS && random.IntN(4) == 0 {
				status = history.Refused
			}
			rec.End(running[i].token, history.Outcome{Status: status, Result: int64(random.IntN(3))})
			running = append(running[:i], running[i+1:]...)
		}
		for range rapid.IntRange(1, 12).Draw(t, "count") {
			f := []history.Func{history.Read, history.Write, history.CAS}[random.IntN(3)]
			running = append(running, open{rec.Begin(history.Operation{Process: rec.NewProcess(), Func: f,
				Arg: int64(random.IntN(3)), Arg2: int64(random.IntN(4))}), f})
			if random.IntN(3) > 0 {
				end(random.IntN(len(running)))
			}
		}
		h := rec.Finish()
		for _, part := range split(h) {
			s := searcher{modelFor(h), 1 << 30}
			require.Equal(t, s.run(part.ops, defaultTime), s.run(withoutIdle(h, part.ops), defaultTime))
			require.False(t, brokenRule(h, part.ops) != "" && s.run(part.ops, defaultTime).result == Linearizable)
		}
	})
}

func BenchmarkCheck10000Over16Keys4Clients(b *testing.B) {
	h := generate(7, 10_000, 16, 4)
	b.ReportAllocs()
	for b.Loop() {
		v, err := Check(h, Limits{})
		if err != nil || !v.Passed() {
			b.Fatal(err, v.Message)
		}
	}
}

func BenchmarkMeasure10000(b *testing.B) {
	h := generate(7, 10_000, 16, 4)
	b.ReportAllocs()
	for b.Loop() {
		if *Measure(h, 1).LostWrites != 0 {
			b.Fatal("a correct register lost a write")
		}
	}
}
