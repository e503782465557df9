package check

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/reports/history"
)

// generateBank simulates clients of a correct bank with few accounts and little money, so that transfers are refused
// now and then. One operation of so many is a read. Of so many operations in a hundred nobody learns the outcome; half of those take effect, some long after.
func generateBank(seed uint64, count, accounts, clients, lost, reads int) *history.History {
	random := rand.New(rand.NewPCG(seed, 3))
	balances := make([]int64, accounts)
	for i := range balances {
		balances[i] = 12
	}
	rec := history.NewRecorder(history.History{Model: history.Bank, Balances: slices.Clone(balances)}, count)
	type client struct {
		process int64
		busy    bool
		applied bool
		token   history.Token
		op      history.Operation
		out     history.Outcome
	}
	apply := func(o *history.Operation) history.Outcome {
		switch {
		case o.Func == history.ReadAll:
			return history.Outcome{Status: history.OK, Values: slices.Clone(balances)}
		case balances[o.Arg] < o.Arg3:
			return history.Outcome{Status: history.Refused}
		}
		balances[o.Arg] -= o.Arg3
		balances[o.Arg2] += o.Arg3
		return history.Outcome{Status: history.OK}
	}
	all := make([]client, clients)
	for i := range all {
		all[i].process = rec.NewProcess()
	}
	var late []history.Operation
	for now := int64(0); rec.Len() < count; now++ {
		if len(late) > 0 && random.IntN(6) == 0 {
			apply(&late[0])
			late = late[1:]
		}
		c := &all[random.IntN(clients)]
		switch {
		case !c.busy:
			c.op = history.Operation{Process: c.process, Func: history.ReadAll, CallTime: now}
			if random.IntN(reads) > 0 {
				from := random.IntN(accounts)
				to := (from + 1 + random.IntN(accounts-1)) % accounts
				c.op.Func, c.op.Arg, c.op.Arg2, c.op.Arg3 = history.Transfer, int64(from), int64(to), int64(1+random.IntN(8))
			}
			c.token, c.busy, c.applied = rec.Begin(c.op), true, false
		case !c.applied && random.IntN(100) < lost:
			if c.op.Func == history.Transfer && random.IntN(2) == 0 {
				late = append(late, c.op)
			}
			c.process, c.busy = rec.End(c.token, history.Outcome{Status: history.Unknown}), false
		case !c.applied:
			c.out, c.applied = apply(&c.op), true
		default:
			c.out.Time = now
			rec.End(c.token, c.out)
			c.busy = false
		}
	}
	return rec.Finish()
}

// TestBankSearchesAgree: what the bank's own search explains, the general one explains as well; a correct bank is nearly
// always explained by it alone, and one that lies never.
func TestBankSearchesAgree(t *testing.T) {
	tried, explained, lies := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		h := generateBank(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(2, 60).Draw(t, "count"), rapid.IntRange(2, 4).Draw(t, "accounts"),
			rapid.IntRange(1, 4).Draw(t, "clients"), rapid.IntRange(0, 15).Draw(t, "lost"), rapid.IntRange(2, 6).Draw(t, "reads"))
		general := func() Result {
			return searcher{modelFor(h), 1 << 30}.run(split(h)[0].ops, defaultTime).result
		}
		if len(split(h)) == 0 {
			return
		}
		tried++
		if orderedBank(h, split(h)[0].ops) {
			explained++
		}
		require.Equal(t, Linearizable, general())
		// Somebody is told of another distribution of the money.
		for i := range h.Operations {
			o := &h.Operations[(i+rapid.IntRange(0, 50).Draw(t, "pick"))%len(h.Operations)]
			if o.Func == history.ReadAll && o.Status == history.OK && o.Values[0] > 0 {
				o.Values = slices.Clone(o.Values)
				o.Values[0]--
				o.Values[1]++
				break
			}
		}
		if orderedBank(h, split(h)[0].ops) {
			require.Equal(t, Linearizable, general())
		} else if general() == Illegal {
			lies++
		}
	})
	require.Greater(t, lies, 0)
	// About one in ten thousand is not.
	require.LessOrEqual(t, tried-explained, 1+tried/100, "%d of %d", explained, tried)
}

// TestManyOpenTransfers: nearly every bank with dozens of transfers of unknown outcome is decided at once, which the
// general search cannot do within its bounds.
func TestManyOpenTransfers(t *testing.T) {
	banks := 20
	if testing.Short() {
		banks = 5
	}
	decided, hopeless := 0, 0
	for seed := range uint64(banks) {
		h := generateBank(seed, 500, 6, 2, 20, 5)
		open := 0
		for i := range h.Operations {
			if h.Operations[i].Status == history.Unknown && h.Operations[i].Func == history.Transfer {
				open++
			}
		}
		require.Greater(t, open, 30)
		if orderedBank(h, split(h)[0].ops) {
			decided++
		}
		if hopeless == 0 && (searcher{modelFor(h), 16 << 20}).run(split(h)[0].ops, 2*time.Second).result == Unknown {
			hopeless++
		}
	}
	require.GreaterOrEqual(t, decided, banks*9/10)
	require.Positive(t, hopeless, "the general search decides these as well: what is the other one for?")
}

// TestExplains: an order that is offered as a proof is not believed.
func TestExplains(t *testing.T) {
	h := sequential(history.History{Model: history.Bank, Balances: []int64{10, 10}}, ops{
		transfer(0, 1, 4, history.OK), readAll(6, 14), transfer(1, 0, 3, history.Unknown), readAll(9, 11), transfer(1, 0, 30, history.Refused),
	})
	at := func(list ...int) (order []*history.Operation) {
		for _, i := range list {
			order = append(order, &h.Operations[i])
		}
		return order
	}
	const ended = 4
	require.True(t, explains(h.Balances, at(0, 1, 2, 3, 4), ended))
	for name, order := range map[string][]*history.Operation{
		"against time":        at(1, 0, 2, 3, 4),
		"too early":           at(0, 2, 1, 3, 4),
		"one is missing":      at(0, 1, 2, 3),
		"the effect is not":   at(0, 1, 3, 4),
		"twice":               at(0, 1, 2, 3, 4, 4),
		"nothing":             nil,
		"refused before time": at(4, 0, 1, 2, 3),
	} {
		require.False(t, explains(h.Balances, order, ended), name)
	}
}
