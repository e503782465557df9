package model

import (
	"encoding/binary"
	"math/bits"
)

// Bitmap is a set of extents of a disk. Its length is fixed when it is made.
type Bitmap []uint64

// NewBitmap returns an empty set for extents 0 to n-1.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+63)/64) }

// Has reports whether extent i is in the set.
func (b Bitmap) Has(i uint32) bool { return b[i/64]&(1<<(i%64)) != 0 }

// Set adds extent i.
func (b Bitmap) Set(i uint32) { b[i/64] |= 1 << (i % 64) }

// Clear removes extent i.
func (b Bitmap) Clear(i uint32) { b[i/64] &^= 1 << (i % 64) }

// Union adds all of other, which must have the same length.
func (b Bitmap) Union(other Bitmap) {
	for i := range b {
		b[i] |= other[i]
	}
}

// Subtract removes all of other, which must have the same length.
func (b Bitmap) Subtract(other Bitmap) {
	for i := range b {
		b[i] &^= other[i]
	}
}

// Fill adds every extent from 0 to n-1, for the n with which the set was made.
func (b Bitmap) Fill(n int) {
	for i := range b {
		b[i] = ^uint64(0)
	}
	if tail := uint(n % 64); tail != 0 {
		b[len(b)-1] = 1<<tail - 1
	}
}

// Reset empties the set.
func (b Bitmap) Reset() {
	for i := range b {
		b[i] = 0
	}
}

// Len returns the number of extents in the set.
func (b Bitmap) Len() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// Next returns the first extent in the set at or after i; ok is false if there is none.
func (b Bitmap) Next(i uint32) (next uint32, ok bool) {
	for w := int(i / 64); w < len(b); w++ {
		word := b[w]
		if w == int(i/64) {
			word &= ^uint64(0) << (i % 64)
		}
		if word != 0 {
			return uint32(w*64 + bits.TrailingZeros64(word)), true
		}
	}
	return 0, false
}

// Clone returns a copy.
func (b Bitmap) Clone() Bitmap { return append(Bitmap(nil), b...) }

// Bytes encodes the set, eight bytes a word, least significant first.
func (b Bitmap) Bytes() []byte {
	data := make([]byte, 0, 8*len(b))
	for _, w := range b {
		data = binary.LittleEndian.AppendUint64(data, w)
	}
	return data
}

// ParseBitmap decodes what Bytes encoded; ok is false unless it is a set for n extents.
func ParseBitmap(data []byte, n int) (b Bitmap, ok bool) {
	b = NewBitmap(n)
	if len(data) != 8*len(b) {
		return nil, false
	}
	for i := range b {
		b[i] = binary.LittleEndian.Uint64(data[8*i:])
	}
	if tail := uint(n % 64); tail != 0 && b[len(b)-1]>>tail != 0 {
		return nil, false
	}
	return b, true
}
