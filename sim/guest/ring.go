package guest

import (
	"math/bits"

	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// maxTransfer is the largest number of sectors of one disk request.
const maxTransfer = 16

// The ring of outstanding disk requests is in guest memory, and so is their data:
// a machine that continues from a checkpoint can issue all of them again.

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
	slot := m.layout.ring + i*ringWords
	m.mem.store(slot+ringID, m.mem.add(hdrNextIO, 1))
	m.mem.store(slot+ringWhat, what)
	m.mem.store(slot+ringSector, sector)
	m.mem.store(slot+ringAddr, uint64(addr))
	m.emit(slot, out)
}

// emit puts the request of a ring entry into out.
func (m *Machine) emit(slot int, out *Out) {
	what := m.mem.load(slot + ringWhat)
	io := model.IO{
		ID:     m.mem.load(slot + ringID),
		Sector: m.mem.load(slot + ringSector),
		Count:  uint32(what >> 16),
		Op:     model.IOOp(what),
		FUA:    what>>8&1 == 1,
	}
	var data []uint64
	if io.Op == model.OpWrite {
		data = m.mem.view(int(m.mem.load(slot+ringAddr)), int(io.Count)*disk.SectorWords)
	}
	out.request(io, data)
}

// Pending emits all outstanding disk requests again, as the frontend of a machine does
// that was activated from an image. All of them are idempotent.
func (m *Machine) Pending(out *Out) {
	for used := m.mem.load(hdrRing); used != 0; used &= used - 1 {
		m.emit(m.layout.ring+bits.TrailingZeros64(used)*ringWords, out)
	}
}

// Outstanding returns the number of outstanding disk requests.
func (m *Machine) Outstanding() int { return bits.OnesCount64(m.mem.load(hdrRing)) }

// findRequest returns the ring entry of an outstanding request.
func (m *Machine) findRequest(id uint64) (slot int, found bool) {
	for used := m.mem.load(hdrRing); used != 0; used &= used - 1 {
		slot = m.layout.ring + bits.TrailingZeros64(used)*ringWords
		if m.mem.load(slot+ringID) == id {
			return slot, true
		}
	}
	return 0, false
}

// finishRequest takes what was read into memory and frees the ring entry.
func (m *Machine) finishRequest(slot int, data []disk.Sector) {
	what := m.mem.load(slot + ringWhat)
	if model.IOOp(what) == model.OpRead {
		words := m.mem.span(int(m.mem.load(slot+ringAddr)), int(what>>16)*disk.SectorWords)
		for i := range data[:what>>16] {
			copy(words[i*disk.SectorWords:], data[i][:])
		}
	}
	i := (slot - m.layout.ring) / ringWords
	m.mem.store(hdrRing, m.mem.load(hdrRing)&^(1<<i))
}
