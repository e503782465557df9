package guest

import (
	"math/bits"

	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// maxTransfer is the largest number of sectors of one disk request.
const maxTransfer = 16

// The ring of outstanding disk requests is in guest memory, and so is their data:
// a machine that continues from a checkpoint can issue all of them again. The number of a request is that of its entry, as
// with the rings of real frontends: once it is done the next request may have the same.

// transfer reads or writes sectors from sector on, to or from memory at addr, by as many requests as it takes.
func (m *Machine) transfer(op model.IOOp, sector, sectors uint64, addr int, fua bool, out *Out) {
	for sectors > 0 {
		n := min(sectors, maxTransfer)
		m.post(op, sector, n, addr, fua, out)
		sector, sectors, addr = sector+n, sectors-n, addr+int(n)*disk.SectorWords
	}
}

func (m *Machine) flush(out *Out) { m.post(model.OpFlush, 0, 0, 0, false, out) }

// post puts one request in the ring and emits it.
func (m *Machine) post(op model.IOOp, sector, sectors uint64, addr int, fua bool, out *Out) {
	used := m.mem.load(hdrRing)
	i := bits.TrailingZeros64(^used)
	if i >= ringEntries {
		panic("guest: more disk requests than the ring holds")
	}
	m.mem.store(hdrRing, used|1<<i)
	what := uint64(op) | sectors<<16
	if fua {
		what |= 1 << 8
	}
	entry := m.entry(i)
	m.mem.store(entry+ringWhat, what)
	m.mem.store(entry+ringSector, sector)
	m.mem.store(entry+ringAddr, uint64(addr))
	m.emit(i, out)
}

// entry returns where entry i of the ring is.
func (m *Machine) entry(i int) int { return m.layout.ring + i*ringWords }

// emit puts the request of ring entry i into out.
func (m *Machine) emit(i int, out *Out) {
	entry := m.entry(i)
	what := m.mem.load(entry + ringWhat)
	io := model.IO{
		ID:     uint64(i),
		Sector: m.mem.load(entry + ringSector),
		Count:  uint32(what >> 16),
		Op:     model.IOOp(what),
		FUA:    what>>8&1 == 1,
	}
	var data []uint64
	if io.Op == model.OpWrite {
		data = m.mem.view(int(m.mem.load(entry+ringAddr)), int(io.Count)*disk.SectorWords)
	}
	out.request(io, data)
}

// Pending emits all outstanding disk requests again, as the frontend of a machine does
// that was activated from an image. All of them are idempotent.
func (m *Machine) Pending(out *Out) {
	for used := m.mem.load(hdrRing); used != 0; used &= used - 1 {
		m.emit(bits.TrailingZeros64(used), out)
	}
}

// Outstanding returns the number of outstanding disk requests.
func (m *Machine) Outstanding() int { return bits.OnesCount64(m.mem.load(hdrRing)) }

// outstanding reports whether the request id is.
func (m *Machine) outstanding(id uint64) bool {
	return id < ringEntries && m.mem.load(hdrRing)>>id&1 == 1
}

// finishRequest takes what was read into memory and frees the ring entry.
func (m *Machine) finishRequest(i int, data []disk.Sector) {
	entry := m.entry(i)
	what := m.mem.load(entry + ringWhat)
	if model.IOOp(what) == model.OpRead {
		words := m.mem.span(int(m.mem.load(entry+ringAddr)), int(what>>16)*disk.SectorWords)
		for k := range data[:what>>16] {
			copy(words[k*disk.SectorWords:], data[k][:])
		}
	}
	m.mem.store(hdrRing, m.mem.load(hdrRing)&^(1<<i))
}
