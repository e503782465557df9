package guest

import (
	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// Words of a snapshot's header sector.
const (
	headMagic = iota
	headGen
	headSeq
	headKeys
	headValues // checksum of the values
	headSum    // checksum of the words before
	snapMagic  = 0x5a47
)

// Why a service gives up.
const (
	faultHead = iota + 1
	faultValues
)

var faultWords = [...]string{
	faultHead:   "no snapshot header is whole, although the disk was in use",
	faultValues: "the values of the newest snapshot do not match its header",
}

func sealHead(h *disk.Sector, gen, seq uint64, values []uint64) {
	*h = disk.Sector{headMagic: snapMagic, headGen: gen, headSeq: seq, headKeys: uint64(len(values)), headValues: checksum(values)}
	h[headSum] = checksum(h[:headSum])
}

func wholeHead(h *disk.Sector, values int) bool {
	return h[headMagic] == snapMagic && h[headKeys] == uint64(values) && h[headSum] == checksum(h[:headSum])
}

// recover begins to read back what the disk holds.
func (m *Machine) recover(out *Out) {
	m.mem.store(hdrStage, stageBootFlush)
	m.flush(out)
}

// advanceBoot goes on when all requests of the present stage of a boot are done.
func (m *Machine) advanceBoot(out *Out) {
	switch m.mem.load(hdrStage) {
	case stageBootFlush:
		m.mem.store(hdrStage, stageBootHeads)
		for i, slot := range m.layout.slot {
			m.transfer(model.OpRead, slot, 1, m.layout.snap+i*disk.SectorWords, false, out)
		}
	case stageBootHeads:
		m.chooseSnapshot(out)
	case stageBootValues:
		m.takeSnapshot(out)
	case stageBootReplay:
		m.replay(out)
	}
}

// chooseSnapshot looks for the newest whole snapshot header.
func (m *Machine) chooseSnapshot(out *Out) {
	values := int(m.layout.slotSectors-1) * disk.SectorWords
	best, blank := -1, true
	var gen uint64
	for i := range m.layout.slot {
		h := (*disk.Sector)(m.mem.view(m.layout.snap+i*disk.SectorWords, disk.SectorWords))
		blank = blank && *h == disk.Sector{}
		if wholeHead(h, values) && h[headGen] > gen {
			best, gen = i, h[headGen]
		}
	}
	switch {
	case best >= 0:
		h := m.mem.view(m.layout.snap+best*disk.SectorWords, disk.SectorWords)
		copy(m.mem.span(m.layout.snap, disk.SectorWords), h)
		m.mem.store(hdrStage, stageBootValues)
		m.transfer(model.OpRead, m.layout.slot[best]+1, m.layout.slotSectors-1, m.layout.snap+disk.SectorWords, false, out)
	case blank:
		m.format(out)
	default:
		m.giveUp(faultHead)
	}
}

// format begins the first generation on a disk that holds nothing.
func (m *Machine) format(out *Out) {
	if m.config.Service == Bank {
		for i := range m.config.Keys {
			m.mem.store(m.value(i)+valValue, uint64(m.config.Balance))
		}
	}
	m.compact(out)
}

// takeSnapshot takes over the values that were read and goes on to the log.
func (m *Machine) takeSnapshot(out *Out) {
	s := m.mem.view(m.layout.snap, int(m.layout.slotSectors)*disk.SectorWords)
	values := s[disk.SectorWords:]
	if s[headValues] != checksum(values) {
		m.giveUp(faultValues)
		return
	}
	for i := range m.config.Keys {
		m.mem.store(m.value(i)+valValue, values[i])
	}
	m.mem.store(hdrGen, s[headGen])
	m.mem.store(hdrSeq, s[headSeq])
	m.mem.store(hdrStage, stageBootReplay)
	m.readLog(out)
}

// readLog reads the next piece of the log.
func (m *Machine) readLog(out *Out) {
	pos := m.mem.load(hdrLogPos)
	n := min(replayWindow, m.layout.logSectors-pos)
	m.mem.store(hdrBatchLen, n)
	m.transfer(model.OpRead, m.layout.log[m.mem.load(hdrGen)%2]+pos, n, m.layout.snap, false, out)
}

// replay performs the batches in the piece of the log that was read, and reads the next piece or,
// at the end of the log, begins a new generation.
func (m *Machine) replay(out *Out) {
	piece := m.mem.view(m.layout.snap, int(m.mem.load(hdrBatchLen))*disk.SectorWords)
	start := m.mem.load(hdrLogPos)
	for len(piece) > 0 {
		seq := m.mem.load(hdrSeq) + 1
		sectors, ok := m.parse(piece, seq)
		if !ok {
			break
		}
		m.redo(piece)
		m.mem.store(hdrSeq, seq)
		m.mem.add(hdrReplayed, 1)
		m.mem.add(hdrLogPos, uint64(sectors))
		piece = piece[sectors*disk.SectorWords:]
	}
	// A batch may reach beyond the piece, but never beyond a piece that begins with it.
	moved := m.mem.load(hdrLogPos) > start
	if moved && len(piece) < maxBatchSectors*disk.SectorWords && m.mem.load(hdrLogPos) < m.layout.logSectors {
		m.readLog(out)
		return
	}
	m.compact(out)
}

// parse looks for batch seq of the present generation at the beginning of words.
func (m *Machine) parse(words []uint64, seq uint64) (sectors int, ok bool) {
	head := words[batMagic]
	sectors = int(head & 0xffff)
	entries := int(head >> 16 & 0xffff)
	if head>>32 != batchMagic || sectors == 0 || sectors*disk.SectorWords > len(words) ||
		batEntries+entries*entryWords > sectors*disk.SectorWords ||
		words[batGen] != m.mem.load(hdrGen) || words[batSeq] != seq {
		return 0, false
	}
	b := words[:sectors*disk.SectorWords]
	return sectors, checksumBatch(b) == b[batSum]
}

// checksumBatch digests a batch as if its checksum word were zero.
func checksumBatch(b []uint64) uint64 {
	h := uint64(len(b)) * sumStart
	for i, w := range b {
		if i == batSum {
			w = 0
		}
		h = sumStep(h, w)
	}
	return sumEnd(h)
}

// redo performs the operations of a batch on the values.
func (m *Machine) redo(b []uint64) {
	for i := range int(b[batMagic] >> 16 & 0xffff) {
		e := b[batEntries+i*entryWords:][:entryWords]
		if Op(e[0]) == OpTransfer {
			m.move(int(e[1]), int(e[2]), int64(e[3]))
			continue
		}
		m.set(int(e[1]), int64(e[2]))
	}
}

// giveUp ends a boot that found a damaged disk: to serve from it would be a lie.
func (m *Machine) giveUp(fault uint64) { m.mem.store(hdrFault, fault) }
