package guest_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/sim/disk"
	"holdfast/sim/guest"
	"holdfast/sim/random"
)

// crasher runs a service with several clients at once through crashes. The service executes
// in the order of arrival, so after a crash it must be in the state after some first part
// of what it executed, and this part must hold everything that a reply told of.
type crasher struct {
	*rig
	c        guest.Config
	conns    []*connection
	busy     []int     // per client: index of the operation under way, or -1
	expect   []expect  // per executed operation
	states   [][]int64 // states[i]: after the first i operations
	survives int       // so many operations must survive
	session  uint32
	lost     bool // an acknowledged operation was lost
	total    guest.Stats
}

type expect struct {
	packet guest.Packet
	status guest.Status
	value  int64
	values []int64
	needs  int // so many operations must survive if this one was answered
}

func newCrasher(t T, c guest.Config, seed uint64) *crasher {
	x := &crasher{rig: newRig(t, c, seed), c: c, conns: make([]*connection, c.Clients), busy: make([]int, c.Clients)}
	x.start()
	x.begin(newExpected(c).values)
	return x
}

// begin starts a new history at the given state.
func (x *crasher) begin(state []int64) {
	x.expect, x.states, x.survives = x.expect[:0], [][]int64{slices.Clone(state)}, 0
	x.session++
	for i := range x.conns {
		x.conns[i], x.busy[i] = x.open(uint32(i), x.session), -1
	}
}

// ask lets a client without a request under way send one.
func (x *crasher) ask(client int, p guest.Packet) {
	before := x.states[len(x.states)-1]
	e := expected{values: slices.Clone(before)}
	w := expect{packet: p}
	w.status, w.value = e.perform(&p)
	w.values = e.values
	x.states = append(x.states, e.values)
	x.busy[client] = len(x.expect)
	w.needs = x.seenBy(&p, w.status)
	x.expect = append(x.expect, w)
	x.deliver(p)
	x.hear()
}

// seenBy returns how many operations must survive if the newest one is answered.
func (x *crasher) seenBy(p *guest.Packet, status guest.Status) int {
	changes := func(i int) bool { return !slices.Equal(x.states[i], x.states[i-1]) }
	if status == guest.Done && (p.Op == guest.OpWrite || p.Op == guest.OpCAS || p.Op == guest.OpTransfer) {
		return len(x.states) - 1
	}
	for i := len(x.states) - 1; i > 0; i-- {
		switch {
		case p.Op == guest.OpReadAll && changes(i):
			return i
		case p.Op == guest.OpTransfer && x.states[i][p.Args[0]] != x.states[i-1][p.Args[0]]:
			return i
		case (p.Op == guest.OpRead || p.Op == guest.OpCAS) && x.states[i][p.Key] != x.states[i-1][p.Key]:
			return i
		}
	}
	return 0
}

// hear checks the replies that were sent.
func (x *crasher) hear() {
	for _, p := range x.packets {
		require.Equal(x.t, guest.Reply, p.Kind)
		i := x.busy[p.Client]
		require.GreaterOrEqual(x.t, i, 0)
		w := x.expect[i]
		require.Equal(x.t, w.packet.Number, p.Number)
		require.Equal(x.t, w.status, p.Status)
		require.Equal(x.t, w.value, p.Value)
		if p.Op == guest.OpReadAll {
			require.Equal(x.t, w.values, p.Values[:p.Count])
		}
		x.survives = max(x.survives, w.needs)
		x.busy[p.Client] = -1
	}
	x.packets = x.packets[:0]
}

// crash ends the machine's life, with or without its power, and boots it.
func (x *crasher) crash(power bool, mode disk.Loss) {
	x.total.Compactions += max(1, x.m.Stats().Compactions) - 1 // the first is a boot's
	x.total.Replayed += x.m.Stats().Replayed
	for len(x.pending) > 0 {
		i := x.r.Int(0, len(x.pending)-1)
		if x.r.Chance(1, 2) {
			x.perform(x.pending[i])
		}
		x.pending = slices.Delete(x.pending, i, i+1)
	}
	if power {
		x.d.PowerLoss(x.r, mode)
	}
	x.boot()
}

// resume waits for the service after a boot and looks which operations survived.
func (x *crasher) resume() {
	x.settle()
	require.NoError(x.t, x.m.Check())
	got := x.readEverything()
	for i := len(x.states) - 1; i >= x.survives; i-- {
		if slices.Equal(got, x.states[i]) {
			x.begin(got)
			return
		}
	}
	x.lost = true
	x.begin(got)
}

func (x *crasher) readEverything() []int64 {
	x.session++
	k := x.open(0, x.session)
	if x.c.Service == guest.Bank {
		p := x.call(k.next(guest.OpReadAll, 0))
		return slices.Clone(p.Values[:p.Count])
	}
	var values []int64
	for key := range x.c.Keys {
		values = append(values, x.call(k.next(guest.OpRead, uint32(key))).Value)
	}
	return values
}

func TestAcknowledgedSurvivesCrashes(t *testing.T) {
	for _, s := range []guest.Service{guest.Log, guest.Bank} {
		t.Run(s.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				x := newCrasher(t, config(s), rapid.Uint64().Draw(t, "seed"))
				x.fail = rapid.Bool().Draw(t, "failing disk")
				for range rapid.IntRange(1, 150).Draw(t, "steps") {
					switch what := rapid.IntRange(0, 29).Draw(t, "what"); {
					case what < 14:
						if c := rapid.IntRange(0, len(x.busy)-1).Draw(t, "client"); x.busy[c] < 0 {
							x.ask(c, drawRequest(t, x.c, x.conns[c], x.states[len(x.states)-1]))
						}
					case what == 14:
						if c := rapid.IntRange(0, len(x.busy)-1).Draw(t, "client"); x.busy[c] >= 0 {
							x.deliver(x.expect[x.busy[c]].packet)
							require.Empty(t, x.packets, "a request under way is answered when it is done")
						}
					case what < 28:
						if len(x.pending) > 0 {
							x.disk()
							x.hear()
						}
					default:
						mode := disk.Loss(rapid.IntRange(0, int(disk.LossDraw)).Draw(t, "mode"))
						x.crash(rapid.Bool().Draw(t, "power"), mode)
						for range rapid.IntRange(0, 20).Draw(t, "boot steps") {
							if len(x.pending) > 0 {
								x.disk()
							}
						}
						if rapid.Bool().Draw(t, "crash while booting") {
							x.crash(true, mode)
						}
						x.resume()
						require.False(t, x.lost, "an acknowledged operation is lost")
					}
				}
				x.settle()
				x.hear()
				x.crash(true, disk.LoseAll)
				x.resume()
				require.False(t, x.lost, "an acknowledged operation is lost")
			})
		})
	}
}

// longRun drives a crasher from a seed alone, and reports whether something was lost.
func longRun(t T, c guest.Config, seed uint64, lie bool) *crasher {
	x := newCrasher(t, c, seed)
	x.lie = lie
	r := random.New(seed, random.Clients)
	value := int64(0)
	for range 1500 {
		switch n := r.Below(300); {
		case n < 135:
			client := r.Int(0, len(x.busy)-1)
			if x.busy[client] >= 0 {
				continue
			}
			value++
			k := x.conns[client]
			if c.Service == guest.Bank {
				x.ask(client, k.next(guest.OpTransfer, 0, int64(r.Below(6)), int64(r.Below(6)), int64(r.Below(30))))
			} else {
				x.ask(client, k.next(guest.OpWrite, uint32(r.Below(uint64(c.Keys))), value))
			}
		case n < 299:
			if len(x.pending) > 0 {
				x.disk()
				x.hear()
			}
		default:
			// Resets with the disk's cache alive, and a power loss while it boots, are the worst case.
			for range r.Int(1, 4) {
				x.crash(r.Chance(1, 3), disk.LossDraw)
				for range r.Int(0, 14) {
					if len(x.pending) > 0 {
						x.disk()
					}
				}
			}
			x.resume()
		}
	}
	return x
}

func TestLongRunsCompactAndTear(t *testing.T) {
	for _, s := range []guest.Service{guest.Log, guest.Bank} {
		var stats guest.Stats
		for seed := range uint64(60) {
			c := config(s)
			if seed%3 == 0 {
				c.Sectors += 300 // a log that a boot reads in several pieces
			}
			x := longRun(t, c, seed, false)
			require.False(t, x.lost, "seed %d", seed)
			stats.Compactions += x.total.Compactions
			stats.Replayed += x.total.Replayed
		}
		require.Greater(t, stats.Compactions, uint64(50), "logs must fill up for this to mean something")
		require.NotZero(t, stats.Replayed)
	}
}

func TestLyingDiskIsNoticed(t *testing.T) {
	lost := 0
	for seed := range uint64(20) {
		func() {
			defer func() {
				if recover() != nil { // the service itself may refuse the disk
					lost++
				}
			}()
			if longRun(strict{}, config(guest.Log), seed, true).lost {
				lost++
			}
		}()
	}
	require.Greater(t, lost, 10, "a disk that ignores flushes must be found out")
}

// strict turns a failed requirement into a panic.
type strict struct{}

func (strict) Errorf(string, ...any) {}
func (strict) FailNow()              { panic("requirement failed") }
func (strict) Helper()               {}
