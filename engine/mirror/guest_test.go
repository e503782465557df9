package mirror

import (
	"slices"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
)

// guest asks its disk for things and knows which answers are right.
type guest struct {
	next    uint64
	values  value
	sectors [sectors]sectorModel
	pending []*guestOp
	written map[uint64][]value // data of all writes, by request
	failed  int
}

// sectorModel is what a sector may contain: values are the writes in the order in which they
// were asked for, newest last. The first is the newest known to be durable.
type sectorModel struct {
	values []value
	done   int // index of the newest write that was answered
	asked  int // number of writes ever asked for
}

// guestOp is a request that waits for its answer.
type guestOp struct {
	io    model.IO
	data  []value
	can   [][]value // read: what each sector may contain
	asked []int     // writes asked for when it began
	done  []value   // flush: the newest answered write of each sector
}

func (g *guest) init() {
	g.written = map[uint64][]value{}
	for s := range g.sectors {
		g.sectors[s].values = []value{0}
	}
}

func (g *guest) data(id uint64) []value { return g.written[id] }

// request returns a new request, to be given to the primary.
func (g *guest) request(op model.IOOp, sector uint64, count uint32, fua bool) *model.IO {
	g.next++
	o := &guestOp{io: model.IO{ID: g.next, Op: op, Sector: sector, Count: count, FUA: fua}}
	switch op {
	case model.OpWrite:
		g.write(o)
	case model.OpRead:
		for s := range o.sectors() {
			o.can = append(o.can, slices.Clone(g.sectors[s].values[g.sectors[s].done:]))
			o.asked = append(o.asked, g.sectors[s].asked)
		}
	default:
		o.io.Sector, o.io.Count = 0, 0
		for s := range g.sectors {
			o.done = append(o.done, g.sectors[s].values[g.sectors[s].done])
			o.asked = append(o.asked, g.sectors[s].asked)
		}
	}
	g.pending = append(g.pending, o)
	return &o.io
}

func (g *guest) write(o *guestOp) {
	for s := range o.sectors() {
		g.values++
		o.data = append(o.data, g.values)
		g.sectors[s].values = append(g.sectors[s].values, g.values)
		g.sectors[s].asked++
		for _, r := range g.pending {
			if i := s - int(r.io.Sector); r.io.Op == model.OpRead && i >= 0 && i < len(r.can) {
				r.can[i] = append(r.can[i], g.values)
			}
		}
	}
	g.written[o.io.ID] = o.data
}

// sectors ranges over the sectors of the request.
func (o *guestOp) sectors() func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range int(o.io.Count) {
			if !yield(int(o.io.Sector) + i) {
				return
			}
		}
	}
}

// complete takes an answer and checks it.
func (g *guest) complete(w *world, e *model.Effect) {
	i := slices.IndexFunc(g.pending, func(o *guestOp) bool { return o.io.ID == e.IO.ID })
	require.GreaterOrEqual(w.t, i, 0, "request %d is answered and does not wait for an answer", e.IO.ID)
	o := g.pending[i]
	g.pending = append(g.pending[:i:i], g.pending[i+1:]...)
	require.Equal(w.t, o.io, e.IO)
	switch {
	case e.Flags.Has(model.FlagError):
		g.failed++
	case o.io.Op == model.OpWrite:
		g.wrote(w, o)
	case o.io.Op == model.OpRead:
		g.read(w, o, w.kept[keptKey{w.at, 0, e.ID}])
	default:
		g.flushed(w, o)
	}
}

// copies are the copies that must have what was answered: in ft only the local one, because the
// output waits for the other. A copy whose host lost power need not have what was not durable.
func (w *world) copies(durable bool) []*testDisk {
	var list []*testDisk
	for node := model.NodeID(1); node <= 2; node++ {
		if w.inSync.Has(node) && (node == w.at || !w.ft && (durable || !w.lossy)) {
			list = append(list, w.disks[node])
		}
	}
	return list
}

func (g *guest) wrote(w *world, o *guestOp) {
	for s := range o.sectors() {
		v := o.data[s-int(o.io.Sector)]
		m := &g.sectors[s]
		m.done = slices.Index(m.values, v)
		require.GreaterOrEqual(w.t, m.done, 0)
		for _, d := range w.copies(false) {
			require.Equal(w.t, v, d.current[s], "R4: sector %d: a write is answered that an in-sync copy lacks", s)
		}
		if o.io.FUA {
			g.durable(w, s, v)
		}
	}
}

// durable notes that v is durable in sector s, and checks it.
func (g *guest) durable(w *world, s int, v value) {
	for _, d := range w.copies(true) {
		require.Equal(w.t, v, d.durable[s], "R4: sector %d is not durable on an in-sync copy", s)
	}
	m := &g.sectors[s]
	if i := slices.Index(m.values, v); i > 0 {
		m.values, m.done = m.values[i:], m.done-i
	}
}

func (g *guest) flushed(w *world, o *guestOp) {
	for s, v := range o.done {
		m := &g.sectors[s]
		if m.asked == o.asked[s] && m.values[m.done] == v && len(m.values) == m.done+1 {
			g.durable(w, s, v)
		}
	}
}

func (g *guest) read(w *world, o *guestOp, data []value) {
	require.Len(w.t, data, int(o.io.Count), "a read is answered without data")
	for i, v := range data {
		s := int(o.io.Sector) + i
		require.Contains(w.t, o.can[i], v, "sector %d", s)
		m := &g.sectors[s]
		if k := slices.Index(m.values, v); k >= 0 && m.asked == o.asked[i] && !g.writing(s) {
			m.values, m.done = m.values[:k+1], k // from now on it is this one
		}
	}
}

func (g *guest) writing(sector int) bool {
	for _, o := range g.pending {
		if o.io.Op == model.OpWrite && int(o.io.Sector) <= sector && sector < int(o.io.Sector)+int(o.io.Count) {
			return true
		}
	}
	return false
}

// crash ends the guest. What it wrote since its last flush may be there or not. In ft the
// promoted copy decides.
func (g *guest) crash(content *[sectors]value) {
	g.pending = nil
	for s := range g.sectors {
		m := &g.sectors[s]
		m.done = 0
		if content != nil {
			m.values = []value{content[s]}
		}
	}
}
