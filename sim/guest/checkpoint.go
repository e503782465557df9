package guest

import (
	"errors"
	"fmt"
	"math/bits"
)

// track is what the hypervisor, not the guest, knows about a machine's checkpoints.
type track struct {
	lineage  uint64 // names one life of one instance
	captures uint64 // checkpoints taken in this life
}

// Checkpoint is a copy of the pages that changed since the one before, and of the CPU. It is
// reused from capture to capture.
type Checkpoint struct {
	Full    bool   // all pages, rather than those that changed
	Lineage uint64 // which life of which instance it belongs to
	Number  uint64 // of the checkpoint in that life, from 1
	CPU     CPU
	Pages   []uint32 // numbers of the pages that it holds, ascending
	Words   []uint64 // their content, PageWords each
}

// Bytes returns the size of the checkpoint on the wire, about.
func (c *Checkpoint) Bytes() int { return len(c.Words)*8 + len(c.Pages)*4 + 64 }

// CopyFrom makes c a copy of src that shares no memory with it.
func (c *Checkpoint) CopyFrom(src *Checkpoint) {
	pages, words := append(c.Pages[:0], src.Pages...), append(c.Words[:0], src.Words...)
	*c = *src
	c.Pages, c.Words = pages, words
}

// Capture copies the pages that changed since the capture before (all of them if full,
// or if this is the first of the machine's life) and the CPU to ck, and clears the dirty bits.
func (m *Machine) Capture(full bool, ck *Checkpoint) {
	if m.track.captures == 0 {
		full = true
	}
	if full {
		m.mem.setAll(true)
	}
	m.track.captures++
	ck.Full, ck.Lineage, ck.Number, ck.CPU = full, m.track.lineage, m.track.captures, m.cpu
	ck.Pages, ck.Words = ck.Pages[:0], ck.Words[:0]
	for i, set := range m.mem.dirty {
		for ; set != 0; set &= set - 1 {
			page := i<<6 + bits.TrailingZeros64(set)
			ck.Pages = append(ck.Pages, uint32(page))
			ck.Words = append(ck.Words, m.mem.words[page*PageWords:(page+1)*PageWords]...)
		}
	}
	m.mem.setAll(false)
}

// Dirty returns the number of pages that changed since the last capture.
func (m *Machine) Dirty() int {
	n := 0
	for _, set := range m.mem.dirty {
		n += bits.OnesCount64(set)
	}
	return n
}

var (
	// ErrGap is returned for a checkpoint that does not continue what an image holds.
	ErrGap = errors.New("checkpoint does not continue the image")
	// ErrShape is returned for a checkpoint or image of a machine of another size.
	ErrShape = errors.New("checkpoint of a machine of another size")
	// ErrNoImage is returned if an image to be used holds no checkpoint yet.
	ErrNoImage = errors.New("image holds no checkpoint")
)

// Image is the state of a machine as checkpoints left it.
type Image struct {
	words   []uint64
	cpu     CPU
	lineage uint64
	number  uint64 // of the checkpoint that it is at, 0: none
}

// NewImage returns an image without content for machines like c. It fails with ErrConfig.
func NewImage(c Config) (*Image, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	l := c.layout()
	return &Image{words: make([]uint64, l.pages*PageWords)}, nil
}

// Apply brings the image to the instant of ck. It fails, and changes nothing, with ErrGap if ck is not full and is
// not the next one of the life that the image is at, or with ErrShape.
func (g *Image) Apply(ck *Checkpoint) error {
	if !ck.Full && (g.number == 0 || ck.Lineage != g.lineage || ck.Number != g.number+1) {
		return fmt.Errorf("%w: image at %d of life %x, checkpoint %d of life %x", ErrGap, g.number, g.lineage, ck.Number, ck.Lineage)
	}
	last := len(ck.Pages) - 1
	if last >= 0 && (int(ck.Pages[last])+1)*PageWords > len(g.words) || ck.Full && len(ck.Words) != len(g.words) {
		return fmt.Errorf("%w: image of %d pages, checkpoint of %d", ErrShape, len(g.words)/PageWords, last+1)
	}
	for i, page := range ck.Pages {
		copy(g.words[int(page)*PageWords:(int(page)+1)*PageWords], ck.Words[i*PageWords:])
	}
	g.cpu, g.lineage, g.number = ck.CPU, ck.Lineage, ck.Number
	return nil
}

// Empty reports whether the image holds no checkpoint.
func (g *Image) Empty() bool { return g.number == 0 }

// Clear forgets what the image holds and keeps its memory.
func (g *Image) Clear() { g.number = 0 }

// CopyFrom makes g hold what src holds.
func (g *Image) CopyFrom(src *Image) {
	g.words = append(g.words[:0], src.words...)
	g.cpu, g.lineage, g.number = src.cpu, src.lineage, src.number
}

// LoadImage makes the machine continue from an image, as a life of its own: its first checkpoint
// is a full one. life must be different for each LoadImage of a VM; it is not visible to
// the guest. Pending then emits what the guest has outstanding. It fails, and
// changes nothing, with ErrNoImage or ErrShape.
func (m *Machine) LoadImage(g *Image, life uint64) error {
	if g.number == 0 {
		return ErrNoImage
	}
	if len(g.words) != len(m.mem.words) {
		return fmt.Errorf("%w: machine of %d pages, image of %d", ErrShape, m.mem.pages(), len(g.words)/PageWords)
	}
	copy(m.mem.words, g.words)
	m.mem.setAll(true)
	m.cpu = g.cpu
	m.track = track{lineage: lineage(g.lineage, life)}
	return nil
}

// NewMachineFromImage is NewMachine followed by LoadImage.
func NewMachineFromImage(c Config, g *Image, life uint64) (*Machine, error) {
	m, err := NewMachine(c)
	if err != nil {
		return nil, err
	}
	return m, m.LoadImage(g, life)
}

// Digest returns a 64-bit digest of memory and CPU, for comparing machines.
func (m *Machine) Digest() uint64 {
	h := checksum(m.mem.words)
	h = sumStep(h, m.cpu.Boot)
	h = sumStep(h, m.cpu.Steps)
	return sumEnd(sumStep(h, m.cpu.Time))
}

// lineage names things uniquely: b-th of a.
func lineage(a, b uint64) uint64 {
	return sumEnd(sumStep(sumStep(sumStart, a), b))
}
