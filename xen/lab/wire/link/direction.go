package link

import (
	"math/rand/v2"
	"time"

	"holdfast/xen/lab/wire/frame"
)

// Counters count what became of the frames of one direction. When nothing is on its way,
//
//	Offered + Duplicated = Passed + Cut + Lost + Discarded + Backlog + Overflow
type Counters struct {
	Offered      uint64 `json:"offered"`       // frames that were to go this way
	OfferedBytes uint64 `json:"offered_bytes"` // their bytes
	Passed       uint64 `json:"passed"`        // copies handed to the port at the end
	PassedBytes  uint64 `json:"passed_bytes"`  // their bytes
	Cut          uint64 `json:"cut"`           // dropped: the direction was cut
	Lost         uint64 `json:"lost"`          // dropped: loss
	Discarded    uint64 `json:"discarded"`     // dropped: damaged, and without a checksum that could tell
	Backlog      uint64 `json:"backlog"`       // dropped: had to wait too long for bandwidth
	Overflow     uint64 `json:"overflow"`      // dropped: too much on its way already
	Damaged      uint64 `json:"damaged"`       // went on with a bit inverted
	Duplicated   uint64 `json:"duplicated"`    // second copies made
	Reordered    uint64 `json:"reordered"`     // copies held back
}

// Copy is a frame, or one of two of it, that goes on.
type Copy struct {
	At    time.Duration // when it reaches the other end; not after now: at once
	Frame []byte
}

// Decision is what becomes of a frame: its copies, the first N of Copies; none if it was dropped.
type Decision struct {
	Copies [2]Copy
	N      int
}

// The random streams of a Direction.
const (
	drawLoss = iota
	drawCorrupt
	drawDuplicate
	drawJitter
	drawReorder
	numDraws
)

// Direction is one direction of one link. Its zero value is not usable; make one with New.
type Direction struct {
	// Faults may be changed between any two frames. What is on its way is not affected.
	Faults
	Counters Counters

	limits  Limits
	draws   [numDraws]*rand.Rand
	freeAt  time.Duration // when the last frame that waited for bandwidth has been sent
	lastAt  time.Duration // when the last frame that was not reordered arrives: the next does not come earlier
	onWay   int           // delayed copies that have not landed
	onBytes int
}

// New returns a healthy direction. Different seeds give independent draws. The limits must be valid; zeros are defaults.
func New(seed uint64, limits Limits) *Direction {
	d := &Direction{limits: limits.WithDefaults()}
	for i := range d.draws {
		d.draws[i] = rand.New(rand.NewPCG(seed, uint64(i)))
	}
	return d
}

// Decide says what becomes of a frame that enters at now, counted from any fixed instant and never going back. Copies that
// arrive after now are on their way until Landed is called for each of them. The slices of copies are f itself or,
// if it was damaged, a changed copy.
func (d *Direction) Decide(now time.Duration, f []byte) Decision {
	d.Counters.Offered++
	d.Counters.OfferedBytes += uint64(len(f))
	var decision Decision
	switch {
	case d.Cut:
		d.Counters.Cut++
		return decision
	case d.chance(drawLoss, d.Loss):
		d.Counters.Lost++
		return decision
	case d.chance(drawCorrupt, d.Corrupt):
		if f = d.damage(f); f == nil {
			d.Counters.Discarded++
			return decision
		}
		d.Counters.Damaged++
	}
	copies := 1
	if d.chance(drawDuplicate, d.Duplicate) {
		d.Counters.Duplicated++
		copies = 2
	}
	for range copies {
		if at, ok := d.schedule(now, len(f)); ok {
			decision.Copies[decision.N] = Copy{At: at, Frame: f}
			decision.N++
		}
	}
	return decision
}

// Landed says that a copy of so many bytes, which was on its way, has arrived.
func (d *Direction) Landed(bytes int) {
	d.onWay--
	d.onBytes -= bytes
	d.passed(bytes)
}

// OnWay returns how many copies are on their way, and their bytes.
func (d *Direction) OnWay() (copies, bytes int) { return d.onWay, d.onBytes }

func (d *Direction) passed(bytes int) {
	d.Counters.Passed++
	d.Counters.PassedBytes += uint64(bytes)
}

func (d *Direction) chance(stream, chance int) bool {
	return chance > 0 && d.draws[stream].IntN(AllChances) < chance
}

// damage returns f with one bit inverted that a checksum protects, or nil if there is none.
func (d *Direction) damage(f []byte) []byte {
	part := frame.ProtectedPart(f)
	if part.Bits() == 0 {
		return nil
	}
	f = append([]byte(nil), f...)
	part.Flip(f, d.draws[drawCorrupt].IntN(part.Bits()))
	return f
}

// schedule returns when a copy arrives, or false if it is dropped.
func (d *Direction) schedule(now time.Duration, bytes int) (time.Duration, bool) {
	at := now
	if d.Bandwidth > 0 {
		start := max(now, d.freeAt)
		took := d.sending(bytes)
		if start-now > max(d.limits.Backlog, d.sending(MinBacklog)) {
			d.Counters.Backlog++
			return 0, false
		}
		at = start + took
	}
	sent := at
	at += d.Delay
	if d.Jitter > 0 {
		at += time.Duration(d.draws[drawJitter].Int64N(int64(d.Jitter) + 1))
	}
	reordered := d.chance(drawReorder, d.Reorder)
	if reordered {
		at += d.limits.HoldMin + time.Duration(d.draws[drawReorder].Int64N(int64(d.limits.HoldMax-d.limits.HoldMin)+1))
	} else {
		at = max(at, d.lastAt)
	}
	if at > now {
		if d.onWay >= d.limits.Frames || d.onBytes+bytes > d.limits.Bytes {
			d.Counters.Overflow++
			return 0, false
		}
		d.onWay++
		d.onBytes += bytes
	} else {
		d.passed(bytes)
	}
	if reordered {
		d.Counters.Reordered++
	} else {
		d.lastAt = at
	}
	if d.Bandwidth > 0 {
		d.freeAt = sent
	}
	return at, true
}

// sending returns how long so many bytes take at the present bandwidth.
func (d *Direction) sending(bytes int) time.Duration {
	return time.Duration(bytes) * time.Second / time.Duration(d.Bandwidth*1024)
}
