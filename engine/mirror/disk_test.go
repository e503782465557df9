package mirror

import (
	"slices"

	"holdfast/engine/model"
)

// The shape of the disks in the tests.
const (
	sectors       = 12
	extentSectors = 2
	extents       = sectors / extentSectors
)

// value is the content of a sector. Every write writes values that were never used before.
type value uint32

// testDisk is a disk with a volatile cache, and the durable write intent beside it.
type testDisk struct {
	durable, current [sectors]value
	unsynced         []cachedWrite // in the order in which they were done
	writes           int
	marks            model.Bitmap
	ops              []diskOp // under way: each one takes effect when it completes
}

type cachedWrite struct {
	number int
	sector int
	value  value
}

// diskOp is an operation under way.
type diskOp struct {
	effect model.Effect
	data   []value
	upto   int // a flush covers the writes that were complete when it began
}

func newTestDisk() *testDisk { return &testDisk{marks: model.NewBitmap(extents)} }

func (d *testDisk) write(sector uint64, data []value, durable bool) {
	for i, v := range data {
		s := int(sector) + i
		d.current[s] = v
		if durable {
			d.durable[s] = v
			d.unsynced = slices.DeleteFunc(d.unsynced, func(c cachedWrite) bool { return c.sector == s })
			continue
		}
		d.writes++
		d.unsynced = append(d.unsynced, cachedWrite{number: d.writes, sector: s, value: v})
	}
}

func (d *testDisk) read(sector uint64, count uint32) []value {
	return slices.Clone(d.current[sector : sector+uint64(count)])
}

// flush makes durable what was complete at upto.
func (d *testDisk) flush(upto int) {
	d.unsynced = slices.DeleteFunc(d.unsynced, func(c cachedWrite) bool {
		if c.number <= upto {
			d.durable[c.sector] = c.value
			return true
		}
		return false
	})
}

// lose is a power loss: keep says which of the unsynced writes survive.
func (d *testDisk) lose(keep func() bool) {
	for _, c := range d.unsynced {
		if keep() {
			d.durable[c.sector] = c.value
		}
	}
	d.unsynced, d.current = nil, d.durable
}

// possible returns every content that the sector can have after a crash now.
func (d *testDisk) possible(sector int) []value {
	values := []value{d.durable[sector], d.current[sector]}
	for _, c := range d.unsynced {
		if c.sector == sector {
			values = append(values, c.value)
		}
	}
	for i := range d.ops {
		op := &d.ops[i]
		first := int(op.start())
		if op.writes() && first <= sector && sector < first+len(op.data) {
			values = append(values, op.data[sector-first])
		}
	}
	return values
}

func (op *diskOp) start() uint64 {
	if op.effect.Kind == model.EffectExtentWrite {
		return uint64(op.effect.Count) * extentSectors
	}
	return op.effect.IO.Sector
}

func (op *diskOp) writes() bool {
	switch op.effect.Kind {
	case model.EffectExtentWrite, model.EffectDiskCopy:
		return true
	case model.EffectDisk:
		return op.effect.IO.Op == model.OpWrite
	}
	return false
}

// do lets the operation take effect and returns what a read reads.
func (d *testDisk) do(op *diskOp) []value {
	e := &op.effect
	switch e.Kind {
	case model.EffectIntent:
		marks, _ := model.ParseBitmap(e.Data, extents)
		d.marks.Union(marks)
	case model.EffectExtentWrite:
		d.write(op.start(), op.data, true)
	case model.EffectExtentRead:
		return d.read(uint64(e.Count)*extentSectors, extentSectors)
	case model.EffectDiskRead:
		return d.read(e.IO.Sector, e.IO.Count)
	default:
		switch e.IO.Op {
		case model.OpWrite:
			d.write(e.IO.Sector, op.data, e.IO.FUA)
		case model.OpRead:
			return d.read(e.IO.Sector, e.IO.Count)
		default:
			d.flush(op.upto)
		}
	}
	return nil
}
