package guest

import "holdfast/sim/disk"

// PageWords is the number of words in a page of memory; PageBytes its size.
const (
	PageWords = 64
	PageBytes = PageWords * 8

	pageShift = 6
)

// Words of the header, which is the first page.
const (
	hdrSteps       = iota // inputs handled; the footer and the CPU hold it too
	hdrTime               // highest time ever seen
	hdrBackwards          // how often time was found to have gone back
	hdrServing            // 1 once the service answers
	hdrFault              // why the service gave up, or 0
	hdrNextToken          // number of the newest session token
	hdrRing               // bitmap of used ring entries
	hdrIOErrors           // disk requests that failed and were repeated
	hdrExecuted           // operations executed
	hdrChurn              // next scratch page to change
	hdrWaiting            // bitmap of clients whose reply waits for the log
	hdrStage              // what the journal is doing
	hdrGen                // journal: generation
	hdrSeq                // journal: newest batch given to the disk
	hdrDurable            // journal: newest batch known to be durable
	hdrLogPos             // journal: next free sector of the log
	hdrBuffer             // journal: which buffer collects, 0 or 1
	hdrCollected          // journal: entries in the collecting buffer
	hdrBatchAt            // journal: sector of the batch under way
	hdrBatchLen           // journal: sectors of the batch under way
	hdrCompactions        // journal: snapshots written
	hdrSnapSeq            // journal: newest batch that the snapshot under way covers
	hdrReplayed           // journal: batches replayed by the last boot
	hdrMismatches         // journal: records that did not read back as written
	hdrWords
)

// Words of a session, one per client.
const (
	sesSession = iota // 0: none
	sesToken
	sesNumber // newest request
	sesState
	sesWait // batch that must be durable before the reply goes
	sesOp
	sesKey
	sesStatus
	sesValue
	sesCount
	sesValues
	sessionWords = 32
)

// States of the newest request of a session.
const (
	stateNone    = iota // there is no request yet
	stateWaiting        // executed, its reply waits for the log
	stateReplied        // its reply is kept for repetition
)

// Words of an entry of the ring of outstanding disk requests.
const (
	ringWhat = iota // operation, FUA, sectors
	ringSector
	ringAddr // where in memory the data is or goes
	ringWords
	ringEntries = 16
)

// Words of a value.
const (
	valValue   = iota
	valVersion // the batch that wrote it
	valWords
)

// layout is where things are in memory, in words, and on disk, in sectors. It
// follows from the Config alone.
type layout struct {
	sessions, ring, values int
	batch                  [2]int // journal buffers, collecting in turns
	snap                   int    // journal: snapshot under way, or what a boot reads
	snapWords              int
	scratch, scratchPages  int
	footer                 int
	pages                  int

	slotSectors uint64    // of a snapshot
	slot        [2]uint64 // where the snapshots are
	log         [2]uint64 // where the logs are
	logSectors  uint64    // of each log
}

func (c *Config) layout() (l layout) {
	at := pagesFor(hdrWords) * PageWords
	take := func(words int) int {
		start := at
		at += pagesFor(words) * PageWords
		return start
	}
	l.sessions = take(c.Clients * sessionWords)
	l.ring = take(ringEntries * ringWords)
	l.values = take(c.Keys * valWords)
	if c.Service != Registers {
		l.slotSectors = slotSectors(c.Keys)
		l.slot = [2]uint64{0, l.slotSectors}
		l.logSectors = (c.Sectors - 2*l.slotSectors) / 2
		l.log = [2]uint64{2 * l.slotSectors, 2*l.slotSectors + l.logSectors}
		l.batch = [2]int{take(maxBatchSectors * disk.SectorWords), take(maxBatchSectors * disk.SectorWords)}
		l.snapWords = int(max(l.slotSectors, replayWindow)) * disk.SectorWords
		l.snap = take(l.snapWords)
	}
	l.scratch = at
	l.scratchPages = max(0, c.Pages-1-at/PageWords)
	at += l.scratchPages * PageWords
	l.footer = take(1)
	l.pages = at / PageWords
	return l
}

func pagesFor(words int) int { return (words + PageWords - 1) / PageWords }
