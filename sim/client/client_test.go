package client_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
	"holdfast/sim/client"
	"holdfast/sim/guest"
	"holdfast/sim/random"
)

func ms(n int) model.Time { return model.Time(n) * model.Time(time.Millisecond) }

func TestQuietRun(t *testing.T) {
	for _, s := range []guest.Service{guest.Registers, guest.Log, guest.Bank} {
		w := newWorld(t, s, 4, 12, 1)
		w.run(ms(20_000))
		got := w.stats()
		require.InDelta(t, 2000, got.Begun, 60, "4 clients, one operation per 40 ms each")
		w.finish(12)
		got = w.stats()
		require.Equal(t, got.Begun, got.Answered)
		require.EqualValues(t, 4, got.Sessions)
		require.Zero(t, got.Unknown+got.Resets+got.Timeouts+got.TimeBack)
		require.LessOrEqual(t, got.Retransmits, uint64(4), "while booting")
		final := w.notes.calls[len(w.notes.calls)-1]
		if s == guest.Bank {
			var sum int64
			for _, v := range final.result.Values {
				sum += v
			}
			require.EqualValues(t, 12*50, sum)
		} else {
			require.Equal(t, client.Op{Func: guest.OpRead, Key: 11}, final.op)
		}
	}
}

func TestSameSeedSameRun(t *testing.T) {
	run := func(seed uint64) string {
		w := newWorld(t, guest.Log, 4, 12, seed)
		w.bad = true
		w.run(ms(3000))
		w.crash()
		w.run(ms(6000))
		w.finish(12)
		return w.trace()
	}
	require.Equal(t, run(5), run(5))
	require.NotEqual(t, run(5), run(6))
}

func TestHistoriesUnderFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom([]guest.Service{guest.Log, guest.Bank}).Draw(t, "service")
		w := newWorld(t, s, 3, 8, rapid.Uint64().Draw(t, "seed"))
		at := 0
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			at += rapid.IntRange(1, 3000).Draw(t, "time")
			w.run(ms(at))
			switch rapid.IntRange(0, 4).Draw(t, "fault") {
			case 0:
				w.crash()
			case 1:
				w.bad = !w.bad
			case 2:
				w.cut = !w.cut
			}
		}
		w.finish(8)
		for _, c := range w.notes.calls {
			require.NotZero(t, c.outcome)
		}
		if s == guest.Bank {
			checkMoney(t, w.notes.calls)
		} else {
			checkReads(t, w.notes.calls)
			checkDoubt(t, w.notes.calls)
		}
		require.Zero(t, w.stats().TimeBack)
	})
}

// checkMoney demands that no money appears or vanishes.
func checkMoney(t require.TestingT, calls []call) {
	for _, c := range calls {
		if c.op.Func != guest.OpReadAll || c.outcome != client.Answered {
			continue
		}
		var sum int64
		for _, v := range c.result.Values {
			require.GreaterOrEqual(t, v, int64(0))
			sum += v
		}
		require.EqualValues(t, 8*50, sum)
	}
}

// checkReads demands that what was read was written before the read ended, and not certainly
// overwritten before it began. It relies on values being unique.
func checkReads(t require.TestingT, calls []call) {
	writes := map[int64]call{}
	for _, c := range calls {
		v := c.op.Args[0]
		if c.op.Func == guest.OpCAS {
			v = c.op.Args[1]
		}
		if c.op.Func != guest.OpRead {
			require.NotContains(t, writes, v, "values are unique")
			writes[v] = c
		}
	}
	for _, read := range calls {
		if read.op.Func != guest.OpRead || read.outcome != client.Answered {
			continue
		}
		of, written := writes[read.result.Value]
		require.True(t, read.result.Value == 0 || written && of.op.Key == read.op.Key && of.begin < read.end)
		for _, later := range writes {
			took := later.outcome == client.Answered && later.result.Status == guest.Done && later.op.Key == read.op.Key
			stale := took && later.end < read.begin && (!written || of.end != 0 && of.end < later.begin)
			require.False(t, stale, "read %+v misses %+v", read, later)
		}
	}
}

// checkDoubt demands that a client reads first after an unknown outcome.
func checkDoubt(t require.TestingT, calls []call) {
	last := map[int64]call{}
	for _, c := range calls {
		id := c.process % guest.MaxClients
		if before, ok := last[id]; ok && before.outcome == client.Unknown {
			require.Equal(t, guest.OpRead, c.op.Func)
			require.NotEqual(t, before.process, c.process)
		}
		last[id] = c
	}
}

// lone returns a client with an open session and a request under way.
func lone(t *testing.T) (c *client.Client, n *notebook, request guest.Packet) {
	n = newNotebook(t)
	c, err := client.New(client.Config{VM: 1, ID: 3, Service: guest.Log, Keys: 2, Period: time.Second}, random.New(1, random.Clients), n, 0)
	require.NoError(t, err)
	var p guest.Packet
	start := c.NextWake()
	require.False(t, c.Wake(start-1, &p))
	require.True(t, c.Wake(start, &p))
	require.Equal(t, guest.Open, p.Kind)
	require.Empty(t, n.calls)
	opened := guest.Packet{VM: 1, Kind: guest.Opened, Client: 3, Session: p.Session, Token: 77, Time: 5}
	require.True(t, c.Deliver(start, &opened, &request))
	require.Equal(t, guest.Request, request.Kind)
	require.EqualValues(t, 77, request.Token)
	require.Len(t, n.calls, 1)
	return c, n, request
}

func TestRetransmission(t *testing.T) {
	c, n, request := lone(t)
	since, ok := c.Pending()
	require.True(t, ok)
	var gaps []time.Duration
	at := since
	for c.NextWake() < since.Add(5*time.Second) {
		var p guest.Packet
		gaps = append(gaps, c.NextWake().Sub(at))
		at = c.NextWake()
		require.True(t, c.Wake(at, &p))
		require.Equal(t, request, p, "the same request, not a new one")
	}
	s := time.Second
	require.Equal(t, []time.Duration{s / 5, s * 2 / 5, s * 4 / 5, s, s, s}, gaps)
	var p guest.Packet
	sent := c.Wake(c.NextWake(), &p)
	require.Equal(t, client.Unknown, n.calls[0].outcome)
	require.True(t, sent, "the next operation is overdue")
	require.Equal(t, guest.Open, p.Kind)
	require.Equal(t, request.Session+1, p.Session)
	got := c.Stats()
	require.EqualValues(t, 1, got.Timeouts)
	require.EqualValues(t, 6, got.Retransmits)
}

func TestForeignPacketsAreIgnored(t *testing.T) {
	c, n, request := lone(t)
	good := guest.Packet{VM: 1, Kind: guest.Reply, Client: 3, Session: request.Session, Token: 77, Number: 1, Status: guest.Done, Op: request.Op, Key: request.Key, Time: 4}
	for _, spoil := range []func(p *guest.Packet){
		func(p *guest.Packet) { p.VM = 2 },
		func(p *guest.Packet) { p.Client = 4 },
		func(p *guest.Packet) { p.Session = 9 },
		func(p *guest.Packet) { p.Token = 78 },
		func(p *guest.Packet) { p.Number = 2 },
		func(p *guest.Packet) { p.Kind = guest.Opened },
		func(p *guest.Packet) { p.Kind, p.Token = guest.Reset, 78 },
	} {
		p := good
		spoil(&p)
		require.False(t, c.Deliver(ms(1500), &p, &p))
		require.Zero(t, n.calls[0].outcome)
	}
	var out guest.Packet
	at, _ := c.Pending()
	require.False(t, c.Deliver(at.Add(7), &good, &out))
	require.Equal(t, client.Answered, n.calls[0].outcome)
	require.Equal(t, client.Wait{From: at, For: 7}, c.LongestWait())
	require.EqualValues(t, 1, c.Stats().TimeBack, "the reply is older than the session")
	require.False(t, c.Deliver(at.Add(8), &good, &out), "a repeated reply is none")
	require.EqualValues(t, 1, c.Stats().Answered)
}

func TestResetAndStop(t *testing.T) {
	c, n, request := lone(t)
	reset := guest.Packet{VM: 1, Kind: guest.Reset, Client: 3, Session: request.Session, Token: 77}
	var out guest.Packet
	c.Stop()
	require.False(t, c.Idle())
	require.False(t, c.Deliver(ms(1100), &reset, &out))
	require.Equal(t, client.Unknown, n.calls[0].outcome)
	require.EqualValues(t, 1, c.Stats().Resets)
	require.True(t, c.Idle())
	require.Equal(t, model.Never, c.NextWake())
	c.FinalReads(ms(1200), 2)
	require.True(t, c.Wake(ms(1200), &out))
	require.Equal(t, request.Session+1, out.Session)
	c.Abandon()
	require.True(t, c.Idle())
}

func TestShare(t *testing.T) {
	for clients := 1; clients <= 64; clients++ {
		for _, keys := range []int{8, 9, 100} {
			users := make([]int, keys)
			for i := range clients {
				first, count, err := client.Share(guest.Log, clients, keys, i)
				require.NoError(t, err)
				require.NotZero(t, count)
				for k := first; k < first+count; k++ {
					users[k]++
				}
			}
			for _, n := range users {
				require.True(t, n >= 1 && n <= client.MaxSharers, "%d clients, %d keys: %v", clients, keys, users)
			}
		}
	}
	_, _, err := client.Share(guest.Bank, 9, 10, 0)
	require.ErrorIs(t, err, client.ErrConfig)
	_, _, err = client.Share(guest.Log, 17, 2, 0)
	require.ErrorIs(t, err, client.ErrConfig)
	for _, bad := range []client.Config{
		{ID: 64, Keys: 1, Period: 9}, {Period: 9}, {Keys: 1}, {Keys: 1, Period: 9, Timeout: -1}, {Service: guest.Bank, Keys: 1, Period: 9},
	} {
		_, err = client.New(bad, random.New(1, ""), nil, 0)
		require.ErrorIs(t, err, client.ErrConfig)
	}
}

// nobody is a Recorder that forgets.
type nobody struct{}

func (nobody) Begin(int64, client.Op) int              { return 0 }
func (nobody) End(int, client.Outcome, *client.Result) {}

func BenchmarkClient(b *testing.B) {
	c, err := client.New(client.Config{VM: 1, Service: guest.Log, Keys: 8, Period: time.Millisecond}, random.New(1, random.Clients), nobody{}, 0)
	require.NoError(b, err)
	var out, in guest.Packet
	b.ReportAllocs()
	for b.Loop() {
		now := c.NextWake()
		if !c.Wake(now, &out) {
			continue
		}
		in = guest.Packet{VM: 1, Kind: guest.Reply, Session: out.Session, Number: out.Number, Status: guest.Done, Op: out.Op, Key: out.Key}
		if out.Kind == guest.Open {
			in.Kind = guest.Opened
		}
		c.Deliver(now+1, &in, &out)
	}
}
