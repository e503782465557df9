package disk

import "math/bits"

// Equal reports whether two disks hold the same content, cached or durable. If not,
// first is the first sector that differs (the size of the smaller disk, if that is all).
// Damage is no difference: it is found by reading.
func Equal(a, b *Disk) (first uint64, equal bool) {
	n := min(a.Sectors(), b.Sectors())
	for s := range n {
		if *a.content(s) != *b.content(s) {
			return s, false
		}
	}
	return n, a.Sectors() == b.Sectors()
}

// EqualRange is Equal for the count sectors from first on, which both disks must have.
func EqualRange(a, b *Disk, first, count uint64) (differs uint64, equal bool) {
	for s := first; s < first+count; s++ {
		if *a.content(s) != *b.content(s) {
			return s, false
		}
	}
	return first + count, true
}

// EqualDurable reports whether two disks would hold the same content if both lost
// every unsynced write now. If not, first is the first sector that differs.
func EqualDurable(a, b *Disk) (first uint64, equal bool) {
	n := min(a.Sectors(), b.Sectors())
	for s := range n {
		if a.medium[s] != b.medium[s] {
			return s, false
		}
	}
	return n, a.Sectors() == b.Sectors()
}

// Digest returns a 64-bit digest of the content, cached or durable, of the count sectors from
// first on. It is for comparing runs, not against malice.
func (d *Disk) Digest(first, count uint64) uint64 {
	h := 0x9e3779b97f4a7c15 ^ count
	for s := first; s < first+count; s++ {
		for _, w := range d.content(s) {
			h = bits.RotateLeft64(h^w, 27) * 0xff51afd7ed558ccd
		}
	}
	return h ^ h>>32
}

// CopyFrom makes d hold what src holds, durable, cached and damaged alike: a clone, or an
// old disk put back. It reuses d's memory.
func (d *Disk) CopyFrom(src *Disk) {
	d.medium = append(d.medium[:0], src.medium...)
	d.damaged = append(d.damaged[:0], src.damaged...)
	d.latest = append(d.latest[:0], src.latest...)
	d.cache = append(d.cache[:0], src.cache...)
	d.writes, d.damage = src.writes, src.damage
}

// Durable copies the sectors from first on as they would be after the loss of
// everything unsynced. It fails with ErrRange only; damage is not looked at.
func (d *Disk) Durable(first uint64, dst []Sector) error {
	if err := d.check(first, uint64(len(dst))); err != nil {
		return err
	}
	copy(dst, d.medium[first:])
	return nil
}
