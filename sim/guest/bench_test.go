package guest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
)

// loop is a machine with a disk that answers at once, without allocation.
type loop struct {
	m    *guest.Machine
	d    *disk.Disk
	out  guest.Out
	next guest.Out
	buf  []disk.Sector
	p    guest.Packet
	time uint64
}

func newLoop(tb testing.TB, s guest.Service) *loop {
	c := guest.Config{VM: 1, Service: s, Clients: 8, Keys: 16, Balance: 1000, Sectors: 1024, Pages: 128}
	m, err := guest.NewMachine(c)
	require.NoError(tb, err)
	l := &loop{m: m, d: disk.New(c.Sectors), buf: make([]disk.Sector, 64)}
	l.m.Boot(1, &l.out)
	l.drain()
	l.p = guest.Packet{VM: 1, Kind: guest.Open, Client: 1, Session: 1}
	l.m.Deliver(&l.p, &l.out)
	l.p.Kind, l.p.Token = guest.Request, l.out.Packets[0].Token
	l.out.Reset()
	return l
}

func (l *loop) drain() {
	for len(l.out.Requests) > 0 {
		l.out, l.next = l.next, l.out
		for _, r := range l.next.Requests {
			switch r.IO.Op {
			case model.OpFlush:
				l.d.Flush()
			case model.OpWrite:
				_ = l.d.Write(r.IO.Sector, r.Data, r.IO.FUA)
			default:
				_ = l.d.Read(r.IO.Sector, uint64(r.IO.Count), l.buf)
			}
			l.time++
			l.m.SetTime(l.time)
			l.m.DiskDone(r.IO.ID, true, l.buf, &l.out)
		}
		l.next.Reset()
	}
}

func (l *loop) operate() {
	l.time++
	l.m.SetTime(l.time)
	l.p.Number++
	l.p.Op, l.p.Key, l.p.Args[0] = guest.OpWrite, l.p.Number%16, int64(l.time)
	if l.m.Config().Service == guest.Bank {
		l.p.Op, l.p.Args = guest.OpTransfer, [3]int64{int64(l.time % 16), int64(l.time / 3 % 16), 1}
	}
	l.m.Deliver(&l.p, &l.out)
	l.drain()
	l.out.Reset()
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	for _, s := range services {
		l := newLoop(t, s)
		var ck guest.Checkpoint
		l.m.Capture(true, &ck)
		for range 500 {
			l.operate()
		}
		require.Zero(t, testing.AllocsPerRun(500, func() {
			l.operate()
			l.m.Capture(false, &ck)
		}), s.String())
		require.NoError(t, l.m.Check())
	}
}

func BenchmarkOperation(b *testing.B) {
	for _, s := range services {
		b.Run(s.String(), func(b *testing.B) {
			l := newLoop(b, s)
			b.ReportAllocs()
			for b.Loop() {
				l.operate()
			}
		})
	}
}

func BenchmarkCheckpoint(b *testing.B) {
	l := newLoop(b, guest.Log)
	image, err := guest.NewImage(l.m.Config())
	require.NoError(b, err)
	var ck guest.Checkpoint
	l.m.Capture(true, &ck)
	require.NoError(b, image.Apply(&ck))
	pages := 0
	b.ReportAllocs()
	for b.Loop() {
		l.operate()
		l.m.Capture(false, &ck)
		_ = image.Apply(&ck)
		pages += len(ck.Pages)
	}
	b.ReportMetric(float64(pages)/float64(b.N), "pages/op")
}
