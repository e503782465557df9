package guest

import (
	"math/bits"

	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// The journal makes values durable. The disk holds two snapshots and two logs:
//
//	| snapshot 0 | snapshot 1 | log 0 ............ | log 1 ............ |
//
// Generation g is snapshot g%2 plus the batches of log g%2 that carry g. A batch is a group of
// operations, written by one or several requests, then flushed; only then are they
// answered. When the log of g is full, or after each boot, generation g+1 begins:
// values to snapshot (g+1)%2, flush, snapshot header, flush. Until that header
// is durable g stays the truth, and nothing of it is overwritten.
//
// A boot flushes first, so that all it reads is durable; takes the snapshot with the highest
// generation whose header is whole; replays batches until the first that is torn, missing
// or of another generation or number; and begins a new generation, so that
// nothing beyond that point can ever be taken for a batch again.
//
//	boot:    flush ► heads ► values ► replay … ► snapshot ► sync ► header ► header sync ─┐
//	serving: idle ◄─────────────────────────────────────────────────────────────────────┘
//	         idle ► batch ► batch sync ► (read back) ► idle, or as above when the log is full
const (
	stageIdle = iota
	stageBatch
	stageBatchSync
	stageReadBack
	stageSnapshot
	stageSnapshotSync
	stageHeader
	stageHeaderSync
	stageBootFlush
	stageBootHeads
	stageBootValues
	stageBootReplay
)

// Words of a batch: a header, then entries, then filling up to the end of its last sector.
const (
	batMagic = iota // magic, entries, sectors
	batGen
	batSeq
	batSum
	batEntries
	entryWords = 4

	maxPadding      = 2 // sectors added to some batches, so that small ones can be torn, too
	maxBatchWords   = batEntries + MaxClients*entryWords
	maxBatchSectors = (maxBatchWords+disk.SectorWords-1)/disk.SectorWords + maxPadding
	batchMagic      = 0xb47c

	// replayWindow is how many sectors of the log a boot reads at a time.
	replayWindow = 64

	// readBackEvery is how many batches lie between two that are read back.
	readBackEvery = 8
)

// MinSectors is the smallest disk that holds the given number of keys.
func MinSectors(keys int) uint64 { return 2*slotSectors(keys) + 2*maxBatchSectors }

func slotSectors(keys int) uint64 {
	return 1 + uint64(keys+disk.SectorWords-1)/disk.SectorWords
}

// log adds an operation to the batch that collects, and returns the number that the batch will have.
func (m *Machine) log(op Op, a, b, c uint64) (seq uint64) {
	if m.config.Service == Registers {
		return 0
	}
	n := int(m.mem.load(hdrCollected))
	e := m.mem.span(m.collecting()+batEntries+n*entryWords, entryWords)
	e[0], e[1], e[2], e[3] = uint64(op), a, b, c
	m.mem.store(hdrCollected, uint64(n+1))
	return m.mem.load(hdrSeq) + 1
}

func (m *Machine) collecting() int { return m.layout.batch[m.mem.load(hdrBuffer)] }

// commit starts to make durable what was collected, unless the journal is busy.
func (m *Machine) commit(out *Out) {
	n := m.mem.load(hdrCollected)
	if m.mem.load(hdrStage) != stageIdle || n == 0 {
		return
	}
	seq := m.mem.load(hdrSeq) + 1
	words := batEntries + n*entryWords
	sectors := (words+disk.SectorWords-1)/disk.SectorWords + seq%(maxPadding+1)
	if m.mem.load(hdrLogPos)+sectors > m.layout.logSectors {
		m.compact(out)
		return
	}
	addr := m.collecting()
	m.seal(m.mem.span(addr, int(sectors)*disk.SectorWords), n, seq)
	at := m.layout.log[m.mem.load(hdrGen)%2] + m.mem.load(hdrLogPos)
	m.mem.add(hdrLogPos, sectors)
	m.mem.store(hdrBatchAt, at)
	m.mem.store(hdrBatchLen, sectors)
	m.swap()
	// Every fourth batch is durable by FUA rather than by a flush.
	fua := seq%4 == 0
	m.mem.store(hdrStage, stageBatch)
	if fua {
		m.mem.store(hdrStage, stageBatchSync)
	}
	m.transfer(model.OpWrite, at, sectors, addr, fua, out)
}

// seal turns collected entries into a batch.
func (m *Machine) seal(b []uint64, entries, seq uint64) {
	b[batMagic] = batchMagic<<32 | entries<<16 | uint64(len(b)/disk.SectorWords)
	b[batGen], b[batSeq], b[batSum] = m.mem.load(hdrGen), seq, 0
	for i := batEntries + int(entries)*entryWords; i < len(b); i++ {
		b[i] = seq ^ uint64(i)
	}
	b[batSum] = checksum(b)
}

// swap gives the collected batch its number and lets the other buffer collect.
func (m *Machine) swap() {
	m.mem.add(hdrSeq, 1)
	m.mem.store(hdrBuffer, 1-m.mem.load(hdrBuffer))
	m.mem.store(hdrCollected, 0)
}

// compact begins a new generation with all values as they are now, which covers what is collected, too.
func (m *Machine) compact(out *Out) {
	if m.mem.load(hdrCollected) > 0 {
		m.swap()
	}
	words := int(m.layout.slotSectors) * disk.SectorWords
	s := m.mem.span(m.layout.snap, words)
	clear(s)
	for i := range m.config.Keys {
		s[disk.SectorWords+i] = m.mem.load(m.value(i) + valValue)
	}
	gen := m.mem.load(hdrGen) + 1
	sealHead((*disk.Sector)(s), gen, m.mem.load(hdrSeq), s[disk.SectorWords:])
	m.mem.store(hdrSnapSeq, m.mem.load(hdrSeq))
	m.mem.store(hdrStage, stageSnapshot)
	m.transfer(model.OpWrite, m.layout.slot[gen%2]+1, m.layout.slotSectors-1, m.layout.snap+disk.SectorWords, false, out)
}

// advance goes on when all requests of the present stage are done.
func (m *Machine) advance(out *Out) {
	switch m.mem.load(hdrStage) {
	case stageBatch:
		m.mem.store(hdrStage, stageBatchSync)
		m.flush(out)
	case stageBatchSync:
		m.batchDurable(out)
	case stageReadBack:
		m.readBack()
		m.idle(out)
	case stageSnapshot:
		m.mem.store(hdrStage, stageSnapshotSync)
		m.flush(out)
	case stageSnapshotSync:
		m.mem.store(hdrStage, stageHeader)
		slot := m.layout.slot[(m.mem.load(hdrGen)+1)%2]
		m.transfer(model.OpWrite, slot, 1, m.layout.snap, false, out)
	case stageHeader:
		m.mem.store(hdrStage, stageHeaderSync)
		m.flush(out)
	case stageHeaderSync:
		m.generationDurable(out)
	default:
		m.advanceBoot(out)
	}
}

func (m *Machine) batchDurable(out *Out) {
	seq := m.mem.load(hdrSeq)
	m.mem.store(hdrDurable, seq)
	m.release(out)
	if seq%readBackEvery != 0 || m.mem.load(hdrBatchLen) > replayWindow {
		m.idle(out)
		return
	}
	m.mem.store(hdrStage, stageReadBack)
	m.transfer(model.OpRead, m.mem.load(hdrBatchAt), m.mem.load(hdrBatchLen), m.layout.snap, false, out)
}

// readBack compares the newest batch as read from disk with its checksum and number.
func (m *Machine) readBack() {
	b := m.mem.view(m.layout.snap, int(m.mem.load(hdrBatchLen))*disk.SectorWords)
	if _, ok := m.parse(b, m.mem.load(hdrSeq)); !ok {
		m.mem.add(hdrMismatches, 1)
	}
}

func (m *Machine) generationDurable(out *Out) {
	m.mem.add(hdrGen, 1)
	m.mem.add(hdrCompactions, 1)
	m.mem.store(hdrLogPos, 0)
	m.mem.store(hdrDurable, m.mem.load(hdrSnapSeq))
	m.mem.store(hdrServing, 1)
	m.release(out)
	m.idle(out)
}

func (m *Machine) idle(out *Out) {
	m.mem.store(hdrStage, stageIdle)
	m.commit(out)
}

// The checksum of the journal is meant against tears and mix-ups, not against malice.
const sumStart = 0x9e3779b97f4a7c15

func sumStep(h, w uint64) uint64 { return bits.RotateLeft64(h^w, 29) * 0xff51afd7ed558ccd }

func sumEnd(h uint64) uint64 { return h ^ h>>33 }

// checksum digests words.
func checksum(words []uint64) uint64 {
	h := uint64(len(words)) * sumStart
	for _, w := range words {
		h = sumStep(h, w)
	}
	return sumEnd(h)
}
