package guest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/sim/guest"
)

// expected is the service as its users think of it.
type expected struct{ values []int64 }

func (e *expected) perform(p *guest.Packet) (status guest.Status, value int64) {
	switch p.Op {
	case guest.OpWrite:
		e.values[p.Key] = p.Args[0]
	case guest.OpCAS:
		if e.values[p.Key] != p.Args[0] {
			return guest.Refused, e.values[p.Key]
		}
		e.values[p.Key] = p.Args[1]
	case guest.OpTransfer:
		if e.values[p.Args[0]] < p.Args[2] {
			return guest.Refused, 0
		}
		e.values[p.Args[0]] -= p.Args[2]
		e.values[p.Args[1]] += p.Args[2]
		return guest.Done, 0
	case guest.OpReadAll:
		return guest.Done, 0
	}
	return guest.Done, e.values[p.Key]
}

func newExpected(c guest.Config) *expected {
	e := &expected{values: make([]int64, c.Keys)}
	if c.Service == guest.Bank {
		for i := range e.values {
			e.values[i] = c.Balance
		}
	}
	return e
}

// drawRequest draws an operation that the service knows.
func drawRequest(t *rapid.T, c guest.Config, k *connection, values []int64) guest.Packet {
	key := rapid.IntRange(0, c.Keys-1).Draw(t, "key")
	value := int64(rapid.IntRange(1, 90).Draw(t, "value"))
	if c.Service == guest.Bank {
		if rapid.IntRange(0, 3).Draw(t, "op") == 0 {
			return k.next(guest.OpReadAll, 0)
		}
		to := rapid.IntRange(0, c.Keys-1).Draw(t, "to")
		return k.next(guest.OpTransfer, 0, int64(key), int64(to), value)
	}
	switch rapid.IntRange(0, 3).Draw(t, "op") {
	case 0:
		return k.next(guest.OpRead, uint32(key))
	case 1:
		return k.next(guest.OpCAS, uint32(key), values[key], value)
	case 2:
		return k.next(guest.OpCAS, uint32(key), value, value+1)
	}
	return k.next(guest.OpWrite, uint32(key), value)
}

var services = []guest.Service{guest.Registers, guest.Log, guest.Bank}

func TestServiceAgainstModel(t *testing.T) {
	for _, s := range services {
		t.Run(s.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				c := config(s)
				g := newRig(t, c, rapid.Uint64().Draw(t, "seed"))
				g.fail = rapid.Bool().Draw(t, "failing disk")
				g.start()
				e := newExpected(c)
				k := g.open(2, 1)
				for range rapid.IntRange(1, 80).Draw(t, "requests") {
					p := drawRequest(t, c, k, e.values)
					got := g.call(p)
					status, value := e.perform(&p)
					require.Equal(t, guest.Reply, got.Kind)
					require.Equal(t, status, got.Status)
					require.Equal(t, value, got.Value)
					if p.Op == guest.OpReadAll {
						require.Equal(t, e.values, got.Values[:got.Count])
					}
					again := g.call(p)
					again.Time = got.Time
					require.Equal(t, got, again, "a repeated request gets the same reply")
				}
				require.NoError(t, g.m.Check())
			})
		})
	}
}

func TestInvalidRequests(t *testing.T) {
	for _, s := range services {
		g := newRig(t, config(s), 1)
		g.start()
		k := g.open(0, 1)
		for _, p := range []guest.Packet{
			k.next(guest.Op(77), 0), k.next(guest.OpRead, 20), k.next(guest.OpRead, 1<<31),
			k.next(guest.OpTransfer, 0, 0, 6, 1), k.next(guest.OpTransfer, 0, 0, 1, -1), k.next(guest.OpTransfer, 0, -1, 1, 1),
		} {
			require.Equal(t, guest.Invalid, g.call(p).Status)
		}
	}
}

func TestSessions(t *testing.T) {
	g := newRig(t, config(guest.Registers), 1)
	g.start()
	a := g.open(3, 4)
	write := a.next(guest.OpWrite, 1, 42)
	require.Equal(t, guest.Reply, g.call(write).Kind)

	require.Equal(t, a.token, g.open(3, 4).token, "the same session is opened once")
	g.deliver(guest.Packet{VM: 1, Kind: guest.Open, Client: 3, Session: 3})
	require.Empty(t, g.packets, "an older session is over")
	ahead := a.next(guest.OpRead, 1)
	ahead.Number++
	require.Equal(t, guest.Reset, g.call(ahead).Kind, "a request is missing")
	g.packets = nil
	old := write
	old.Number = 0
	g.deliver(old)
	require.Empty(t, g.packets)
	foreign := write
	foreign.VM = 2
	g.deliver(foreign)
	foreign = write
	foreign.Client = 6
	g.deliver(foreign)
	require.Empty(t, g.packets)

	g.start()
	reset := g.call(write)
	require.Equal(t, guest.Reset, reset.Kind, "a booted machine knows no session")
	require.Equal(t, write.Token, reset.Token)
	b := g.open(3, 4)
	require.NotEqual(t, a.token, b.token)
	require.Equal(t, guest.Reset, g.call(write).Kind, "nothing from before the boot is executed")
	require.Zero(t, g.call(b.next(guest.OpRead, 1)).Value)
}

func TestBootingMachineIsSilent(t *testing.T) {
	g := newRig(t, config(guest.Log), 1)
	g.boot()
	for len(g.pending) > 0 {
		require.False(t, g.m.Serving())
		g.deliver(guest.Packet{VM: 1, Kind: guest.Open, Client: 0, Session: 1})
		require.Empty(t, g.packets)
		g.disk()
	}
	g.open(0, 1)
}

func TestTimeGoingBackIsSeen(t *testing.T) {
	g := newRig(t, config(guest.Registers), 1)
	g.start()
	g.m.SetTime(9)
	g.m.SetTime(9)
	require.NoError(t, g.m.Check())
	g.m.SetTime(8)
	require.ErrorIs(t, g.m.Check(), guest.ErrTime)
}

func TestConfig(t *testing.T) {
	for _, c := range []guest.Config{
		{Service: 9, Clients: 1, Keys: 1}, {Service: guest.Registers, Keys: 1}, {Service: guest.Registers, Clients: 65, Keys: 1},
		{Service: guest.Registers, Clients: 1}, {Service: guest.Bank, Clients: 1, Keys: 17, Sectors: 1000},
		{Service: guest.Log, Clients: 1, Keys: 8, Sectors: guest.MinSectors(8) - 1}, {Service: guest.Registers, Clients: 1, Keys: 1, Pages: 2000},
		{Service: guest.Bank, Clients: 1, Keys: 3, Sectors: 1000, Balance: -1},
	} {
		_, err := guest.NewMachine(c)
		require.ErrorIs(t, err, guest.ErrConfig)
		_, err = guest.NewImage(c)
		require.ErrorIs(t, err, guest.ErrConfig)
	}
	for _, s := range services {
		got, ok := guest.ParseService(s.String())
		require.True(t, ok)
		require.Equal(t, s, got)
	}
}
