package guest_test

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
	"holdfast/sim/random"
)

// T is what tests and properties have in common.
type T interface {
	require.TestingT
	Helper()
}

// rig is a machine with a disk, whose requests are performed in random order, and a network that
// is a list.
type rig struct {
	t       T
	m       *guest.Machine
	d       *disk.Disk
	r       *random.Stream
	out     guest.Out
	packets []guest.Packet
	pending []request
	time    uint64
	boots   uint64
	fail    bool // requests fail now and then
	lie     bool // the disk says that it has flushed, and has not
}

type request struct {
	io   model.IO
	data []disk.Sector
}

func newRig(t T, c guest.Config, seed uint64) *rig {
	m, err := guest.NewMachine(c)
	require.NoError(t, err)
	return &rig{t: t, m: m, d: disk.New(c.Sectors), r: random.New(seed, random.Hypervisor)}
}

func (g *rig) boot() {
	g.boots++
	g.pending, g.packets = nil, nil
	g.m.Boot(g.boots, &g.out)
	g.take()
}

// take moves what the machine wants to the lists.
func (g *rig) take() {
	g.packets = append(g.packets, g.out.Packets...)
	for _, r := range g.out.Requests {
		g.pending = append(g.pending, request{r.IO, append([]disk.Sector(nil), r.Data...)})
	}
	g.out.Reset()
}

func (g *rig) deliver(p guest.Packet) {
	g.time++
	g.m.SetTime(g.time)
	g.m.Deliver(&p, &g.out)
	g.take()
}

// disk performs one outstanding request, any of them.
func (g *rig) disk() {
	i := g.r.Int(0, len(g.pending)-1)
	q := g.pending[i]
	g.pending = append(g.pending[:i], g.pending[i+1:]...)
	ok, data := g.perform(q)
	g.time++
	g.m.SetTime(g.time)
	g.m.DiskDone(q.io.ID, ok, data, &g.out)
	g.take()
}

func (g *rig) perform(q request) (ok bool, data []disk.Sector) {
	if g.fail && g.r.Chance(1, 4) {
		return false, nil
	}
	switch q.io.Op {
	case model.OpFlush:
		if !g.lie {
			g.d.Flush()
		}
	case model.OpWrite:
		require.Len(g.t, q.data, int(q.io.Count))
		require.NoError(g.t, g.d.Write(q.io.Sector, q.data, q.io.FUA && !g.lie))
	default:
		data = make([]disk.Sector, q.io.Count)
		require.NoError(g.t, g.d.Read(q.io.Sector, uint64(q.io.Count), data))
	}
	return true, data
}

// settle performs requests until there are none.
func (g *rig) settle() {
	for len(g.pending) > 0 {
		g.disk()
	}
}

// start boots and waits for the service.
func (g *rig) start() {
	g.boot()
	g.settle()
	require.NoError(g.t, g.m.Check())
	require.True(g.t, g.m.Serving())
}

// connection is the client's side of a session.
type connection struct {
	client, session, number uint32
	token                   uint64
}

func (g *rig) open(client, session uint32) *connection {
	g.packets = nil
	g.deliver(guest.Packet{VM: 1, Kind: guest.Open, Client: client, Session: session})
	require.Len(g.t, g.packets, 1)
	p := g.packets[0]
	g.packets = nil
	require.Equal(g.t, guest.Opened, p.Kind)
	return &connection{client: client, session: session, token: p.Token}
}

// next returns the packet of the connection's next request.
func (c *connection) next(op guest.Op, key uint32, args ...int64) guest.Packet {
	c.number++
	p := guest.Packet{
		VM: 1, Kind: guest.Request, Client: c.client, Session: c.session, Token: c.token,
		Number: c.number, Op: op, Key: key,
	}
	copy(p.Args[:], args)
	return p
}

// call executes a request to its end.
func (g *rig) call(p guest.Packet) guest.Packet {
	g.packets = nil
	g.deliver(p)
	g.settle()
	require.Len(g.t, g.packets, 1)
	return g.packets[0]
}

func config(s guest.Service) guest.Config {
	c := guest.Config{VM: 1, Service: s, Clients: 6, Keys: 20, Sectors: guest.MinSectors(20) + 30, Pages: 64, Churn: 2}
	if s == guest.Bank {
		c.Keys, c.Balance = 6, 100
		c.Sectors = guest.MinSectors(6) + 30
	}
	return c
}

// describe renders what a machine wants.
func describe(out *guest.Out) string {
	return fmt.Sprintf("%v %v", out.Packets, out.Requests)
}
