package client_test

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/sim/client"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
	"holdfast/sim/queue"
	"holdfast/sim/random"
)

// call is one operation as it was written down.
type call struct {
	process    int64
	op         client.Op
	begin, end int // places in the order of all calls; end is 0 while unknown
	outcome    client.Outcome
	result     client.Result
}

// notebook is a Recorder.
type notebook struct {
	t     require.TestingT
	clock int
	calls []call
	busy  map[int64]bool
	dead  map[int64]bool
}

func newNotebook(t require.TestingT) *notebook {
	return &notebook{t: t, busy: map[int64]bool{}, dead: map[int64]bool{}}
}

func (n *notebook) Begin(process int64, op client.Op) int {
	require.False(n.t, n.busy[process], "process %d has two operations under way", process)
	require.False(n.t, n.dead[process], "process %d goes on after an unknown outcome", process)
	n.clock++
	n.busy[process] = true
	n.calls = append(n.calls, call{process: process, op: op, begin: n.clock})
	return len(n.calls) - 1
}

func (n *notebook) End(handle int, outcome client.Outcome, result *client.Result) {
	n.clock++
	c := &n.calls[handle]
	require.Zero(n.t, c.outcome, "an operation ends once")
	n.busy[c.process] = false
	n.dead[c.process] = outcome == client.Unknown
	c.outcome, c.result = outcome, *result
	c.result.Values = append([]int64(nil), result.Values...)
	if outcome == client.Answered {
		c.end = n.clock
	}
}

// event is a packet that arrives or a disk request that is done.
type event struct {
	toClient, disk bool
	packet         guest.Packet
	request        guest.DiskRequest
	life           int
}

// world is the smallest one in which clients and a machine meet: a network that loses,
// repeats and delays, and a machine that loses its power.
type world struct {
	t       require.TestingT
	q       queue.Queue[event]
	now     model.Time
	r       *random.Stream
	m       *guest.Machine
	d       *disk.Disk
	out     guest.Out
	clients []*client.Client
	notes   *notebook
	life    int
	bad     bool // the network loses and repeats
	cut     bool // the network loses everything
	events  int
}

func newWorld(t require.TestingT, s guest.Service, clients, keys int, seed uint64) *world {
	c := guest.Config{VM: 1, Service: s, Clients: clients, Keys: keys, Balance: 50, Sectors: guest.MinSectors(keys) + 60, Pages: 64}
	m, err := guest.NewMachine(c)
	require.NoError(t, err)
	w := &world{t: t, r: random.New(seed, random.Network), m: m, d: disk.New(c.Sectors), notes: newNotebook(t)}
	stream := random.New(seed, random.Clients)
	for i := range clients {
		first, count, err := client.Share(s, clients, keys, i)
		require.NoError(t, err)
		k, err := client.New(client.Config{
			VM: 1, ID: uint32(i), Service: s, FirstKey: first, Keys: count, Period: 40 * time.Millisecond,
		}, stream.Derive(uint64(i)), w.notes, 0)
		require.NoError(t, err)
		w.clients = append(w.clients, k)
	}
	w.boot()
	return w
}

func (w *world) boot() {
	w.life++
	w.m.Boot(uint64(w.life), &w.out)
	w.take()
}

func (w *world) crash() {
	w.d.PowerLoss(w.r, disk.LossDraw)
	w.boot()
}

func (w *world) later(lo, hi time.Duration) *event {
	e := w.q.Add(queue.Order{At: w.now.Add(w.r.Duration(lo, hi))})
	*e = event{life: w.life}
	return e
}

func (w *world) send(p *guest.Packet, toClient bool) {
	copies := 1
	if w.bad {
		copies = []int{0, 1, 1, 1, 2}[w.r.Int(0, 4)]
	}
	if w.cut {
		copies = 0
	}
	for range copies {
		slowest := 300 * time.Microsecond
		if w.bad && w.r.Chance(1, 10) {
			slowest = 900 * time.Millisecond
		}
		e := w.later(50*time.Microsecond, slowest)
		e.toClient, e.packet = toClient, *p
	}
}

func (w *world) take() {
	for i := range w.out.Packets {
		w.send(&w.out.Packets[i], true)
	}
	for _, r := range w.out.Requests {
		r.Data = append([]disk.Sector(nil), r.Data...)
		e := w.later(100*time.Microsecond, 2*time.Millisecond)
		e.disk, e.request = true, r
	}
	w.out.Reset()
}

// run lets time pass until the given instant.
func (w *world) run(until model.Time) {
	var p guest.Packet
	for {
		next, who := until, -2
		if o, ok := w.q.Peek(); ok && o.At < next {
			next, who = o.At, -1
		}
		for i, c := range w.clients {
			if at := c.NextWake(); at < next {
				next, who = at, i
			}
		}
		w.now = max(w.now, next)
		switch who {
		case -2:
			return
		case -1:
			w.perform()
		default:
			if w.clients[who].Wake(w.now, &p) {
				w.send(&p, false)
			}
		}
		w.events++
	}
}

func (w *world) perform() {
	_, e, _ := w.q.Pop()
	if e.toClient {
		var p guest.Packet
		if w.clients[e.packet.Client].Deliver(w.now, &e.packet, &p) {
			w.send(&p, false)
		}
		return
	}
	w.m.SetTime(uint64(w.now))
	if e.packet.Kind != 0 {
		w.m.Deliver(&e.packet, &w.out)
	}
	if e.disk && e.life == w.life {
		w.performDisk(&e.request)
	}
	w.take()
}

func (w *world) performDisk(r *guest.DiskRequest) {
	var data []disk.Sector
	switch r.IO.Op {
	case model.OpFlush:
		w.d.Flush()
	case model.OpWrite:
		require.NoError(w.t, w.d.Write(r.IO.Sector, r.Data, r.IO.FUA))
	default:
		data = make([]disk.Sector, r.IO.Count)
		require.NoError(w.t, w.d.Read(r.IO.Sector, uint64(r.IO.Count), data))
	}
	w.m.DiskDone(r.IO.ID, true, data, &w.out)
}

// finish stops the clients, repairs the network and reads everything.
func (w *world) finish(keys int) {
	w.bad, w.cut = false, false
	for _, c := range w.clients {
		c.Stop()
	}
	w.run(w.now.Add(10 * time.Second))
	for _, c := range w.clients {
		require.True(w.t, c.Idle())
	}
	w.clients[0].FinalReads(w.now, keys)
	w.run(w.now.Add(10 * time.Second))
	require.True(w.t, w.clients[0].Idle())
	require.NoError(w.t, w.m.Check())
}

func (w *world) stats() (s client.Stats) {
	for _, c := range w.clients {
		s.Add(c.Stats())
	}
	return s
}

// trace renders everything that was written down.
func (w *world) trace() string { return fmt.Sprint(w.notes.calls, w.stats(), w.m.Digest(), w.events) }
