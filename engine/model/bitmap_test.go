package model

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A bitmap behaves like a set of numbers.
func TestBitmapMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "extents")
		b, set := NewBitmap(n), map[uint32]bool{}
		extent := func(t *rapid.T) uint32 { return uint32(rapid.IntRange(0, n-1).Draw(t, "extent")) }
		t.Repeat(map[string]func(*rapid.T){
			"set":   func(t *rapid.T) { x := extent(t); b.Set(x); set[x] = true },
			"clear": func(t *rapid.T) { x := extent(t); b.Clear(x); delete(set, x) },
			"reset": func(*rapid.T) { b.Reset(); clear(set) },
			"fill": func(*rapid.T) {
				b.Fill(n)
				for x := range uint32(n) {
					set[x] = true
				}
			},
			"subtract": func(t *rapid.T) {
				other := NewBitmap(n)
				for range rapid.IntRange(0, 5).Draw(t, "others") {
					x := extent(t)
					other.Set(x)
					delete(set, x)
				}
				kept := other.Clone()
				b.Subtract(other)
				require.Equal(t, kept, other)
			},
			"union": func(t *rapid.T) {
				other := NewBitmap(n)
				for range rapid.IntRange(0, 5).Draw(t, "others") {
					x := extent(t)
					other.Set(x)
					set[x] = true
				}
				kept := other.Clone()
				b.Union(other)
				require.Equal(t, kept, other)
			},
			"clone": func(t *rapid.T) {
				c := b.Clone()
				c.Set(extent(t))
			},
			"": func(t *rapid.T) { requireSet(t, n, b, set) },
		})
	})
}

func requireSet(t *rapid.T, n int, b Bitmap, set map[uint32]bool) {
	require.Equal(t, len(set), b.Len())
	seen := 0
	for x, ok := b.Next(0); ok; x, ok = b.Next(x + 1) {
		require.True(t, set[x])
		seen++
	}
	require.Equal(t, len(set), seen)
	for x := range uint32(n) {
		require.Equal(t, set[x], b.Has(x))
		next, ok := b.Next(x)
		require.Equal(t, set[x], ok && next == x)
	}
	_, ok := b.Next(uint32(n))
	require.False(t, ok)
	parsed, ok := ParseBitmap(b.Bytes(), n)
	require.True(t, ok)
	require.Equal(t, b, parsed)
}

// Parsing accepts exactly what Bytes produces.
func FuzzParseBitmap(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0}, 3)
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0}, 3)
	f.Add([]byte{}, 1)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 64)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		if n < 1 || n > 4096 {
			return
		}
		b, ok := ParseBitmap(data, n)
		if !ok {
			return
		}
		require.Equal(t, data, b.Bytes())
		_, beyond := b.Next(uint32(n))
		require.False(t, beyond, "an extent beyond the disk")
	})
}
