package disk_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/sim/disk"
	"holdfast/sim/random"
)

const size = 12

// version is one content that a sector may turn out to have after a power loss.
type version struct {
	write int // 0: the medium
	value uint64
}

// naive keeps, for every sector, the contents that may survive: what is durable and all
// that was written since.
type naive struct {
	sectors [size][]version
	damaged [size]bool
}

func newNaive() *naive {
	n := &naive{}
	for i := range n.sectors {
		n.sectors[i] = []version{{}}
	}
	return n
}

func (n *naive) newest(s int) uint64 { return n.sectors[s][len(n.sectors[s])-1].value }

func (n *naive) settle(s int, value uint64) {
	n.sectors[s] = append(n.sectors[s][:0], version{value: value})
	n.damaged[s] = false
}

func sectors(first uint64, count int) []disk.Sector {
	data := make([]disk.Sector, count)
	for i := range data {
		data[i] = disk.Sector{first + uint64(i), 7: first}
	}
	return data
}

func TestDiskAgainstVersions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, n := disk.New(size), newNaive()
		r := random.New(rapid.Uint64().Draw(t, "seed"), random.Disk)
		for w := range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch what := rapid.IntRange(0, 19).Draw(t, "what"); {
			case what < 11:
				first := rapid.IntRange(0, size-1).Draw(t, "first")
				count := rapid.IntRange(0, size-first).Draw(t, "count")
				fua := rapid.IntRange(0, 4).Draw(t, "fua") == 0
				require.NoError(t, d.Write(uint64(first), sectors(uint64(100*w+1), count), fua))
				for i := range count {
					v := version{write: w + 1, value: uint64(100*w + 1 + i)}
					n.sectors[first+i] = append(n.sectors[first+i], v)
					if fua {
						n.settle(first+i, v.value)
					}
				}
			case what < 14:
				d.Flush()
				for s := range size {
					if len(n.sectors[s]) > 1 {
						n.settle(s, n.newest(s))
					}
				}
			case what < 16:
				s := rapid.IntRange(0, size-1).Draw(t, "sector")
				require.NoError(t, d.Corrupt(uint64(s)))
				n.damaged[s] = true
			case what < 19:
				compare(t, d, n)
			default:
				lose(t, d, n, r)
			}
		}
		lose(t, d, n, r)
		compare(t, d, n)
	})
}

func compare(t *rapid.T, d *disk.Disk, n *naive) {
	var got [1]disk.Sector
	for s := range size {
		err := d.Read(uint64(s), 1, got[:])
		if n.damaged[s] && len(n.sectors[s]) == 1 {
			require.ErrorIs(t, err, disk.ErrChecksum)
			var at *disk.SectorError
			require.ErrorAs(t, err, &at)
			require.Equal(t, uint64(s), at.Sector)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, n.newest(s), got[0][0], "sector %d", s)
	}
}

// lose cuts the power and demands that what is left can be explained.
func lose(t *rapid.T, d *disk.Disk, n *naive, r *random.Stream) {
	mode := disk.Loss(rapid.IntRange(0, int(disk.LossDraw)).Draw(t, "mode"))
	d.PowerLoss(r, mode)
	require.Zero(t, d.Unsynced())
	var got [1]disk.Sector
	for s := range size {
		if err := d.Read(uint64(s), 1, got[:]); err != nil {
			require.True(t, n.damaged[s], "sector %d is damaged without cause", s)
			n.sectors[s] = n.sectors[s][:1]
			continue
		}
		versions := n.sectors[s]
		switch mode {
		case disk.LoseAll:
			versions = versions[:1]
		case disk.KeepAll:
			versions = versions[len(versions)-1:]
		}
		possible := false
		for _, v := range versions {
			possible = possible || v.value == got[0][0]
		}
		require.True(t, possible, "sector %d after %v: %v is not among %v", s, mode, got[0][0], versions)
		n.settle(s, got[0][0])
	}
}

func TestEveryTearHappens(t *testing.T) {
	r := random.New(1, random.Disk)
	seen := map[[3]bool]bool{}
	for range 500 {
		d := disk.New(3)
		require.NoError(t, d.Write(0, sectors(1, 3), false))
		d.PowerLoss(r, disk.TornAll)
		var got [3]disk.Sector
		require.NoError(t, d.Read(0, 3, got[:]))
		seen[[3]bool{got[0][0] != 0, got[1][0] != 0, got[2][0] != 0}] = true
	}
	require.Len(t, seen, 7, "every subset but the whole write")
	require.NotContains(t, seen, [3]bool{true, true, true})
}

func TestRange(t *testing.T) {
	d := disk.New(4)
	require.ErrorIs(t, d.Write(3, sectors(1, 2), false), disk.ErrRange)
	require.ErrorIs(t, d.Read(5, 0, nil), disk.ErrRange)
	require.ErrorIs(t, d.Corrupt(4), disk.ErrRange)
	require.ErrorIs(t, d.Read(^uint64(0), 2, make([]disk.Sector, 2)), disk.ErrRange)
	require.Zero(t, d.Unsynced())
}

func TestCompare(t *testing.T) {
	a, b := disk.New(8), disk.New(8)
	require.NoError(t, a.Write(2, sectors(5, 3), false))
	first, equal := disk.Equal(a, b)
	require.False(t, equal)
	require.Equal(t, uint64(2), first)
	_, equal = disk.EqualDurable(a, b)
	require.True(t, equal)
	require.Equal(t, a.Digest(5, 3), b.Digest(5, 3))
	require.NotEqual(t, a.Digest(4, 3), b.Digest(4, 3))
	_, equal = disk.EqualRange(a, b, 5, 3)
	require.True(t, equal)
	require.NoError(t, b.Write(2, sectors(5, 3), true))
	_, equal = disk.Equal(a, b)
	require.True(t, equal)
	_, equal = disk.EqualDurable(a, b)
	require.False(t, equal)

	var c disk.Disk
	c.CopyFrom(a)
	a.PowerLoss(nil, disk.LoseAll)
	_, equal = disk.Equal(&c, b)
	require.True(t, equal, "a copy is independent")
}

func TestFullCacheIsWrittenBack(t *testing.T) {
	d := disk.New(16)
	for range 3000 {
		require.NoError(t, d.Write(0, sectors(1, 16), false))
	}
	require.LessOrEqual(t, d.Unsynced(), 4096)
}

func TestHealth(t *testing.T) {
	h := disk.Health{FailReads: 1, FailWrites: -1, NextWriteDelay: 7, Slow: 2}
	require.False(t, h.Read())
	require.True(t, h.Read())
	require.False(t, h.Write())
	require.False(t, h.Flush())
	require.EqualValues(t, 9, h.WriteDelay())
	require.EqualValues(t, 2, h.WriteDelay())
	h = disk.Health{Full: true}
	require.False(t, h.Write())
	require.True(t, h.Flush())
	for _, l := range []disk.Loss{disk.LoseAll, disk.KeepAll, disk.TornAll, disk.LossDraw} {
		got, ok := disk.ParseLoss(l.String())
		require.True(t, ok)
		require.Equal(t, l, got)
	}
}

func BenchmarkWriteFlush(b *testing.B) {
	d := disk.New(4096)
	data := sectors(1, 3)
	at := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		at = (at + 3) % 4000
		_ = d.Write(at, data, false)
		d.Flush()
	}
}
