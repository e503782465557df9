package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/faults"
)

const testSize = 64 * sector

func open(t require.TestingT, dir string, seed uint64) *Disk {
	path := filepath.Join(dir, "disk")
	require.NoError(t, os.WriteFile(path, make([]byte, testSize), 0o600))
	d, err := Open(path, seed)
	require.NoError(t, err)
	return d
}

func content(t require.TestingT, d *Disk) []byte {
	p := make([]byte, d.size)
	require.NoError(t, d.read(p, 0))
	return p
}

// TestPowerLossRules compares the disk with a naive one: a list of writes, each durable or not, replayed from nothing.
func TestPowerLossRules(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		d := open(t, dir, rapid.Uint64().Draw(t, "seed"))
		defer d.Close()
		durable, now := make([]byte, testSize), make([]byte, testSize) // after losing everything; and as it reads
		lying := false
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				at := rapid.Int64Range(0, 63).Draw(t, "at")
				p := bytes.Repeat([]byte{rapid.Byte().Draw(t, "value")}, sector*int(rapid.Int64Range(1, 64-at).Draw(t, "sectors")))
				require.NoError(t, d.write(p, at*sector, false))
				copy(now[at*sector:], p)
			},
			"flush": func(*rapid.T) {
				d.flush()
				if !lying {
					copy(durable, now)
				}
			},
			"lie": func(t *rapid.T) {
				lying = rapid.Bool().Draw(t, "lying")
				kind := faults.DiskHeal
				if lying {
					kind = faults.DiskLyingFlush
				}
				require.NoError(t, d.Inject(faults.Fault{Kind: kind}))
			},
			"lose power": func(t *rapid.T) {
				how := rapid.SampledFrom([]faults.Unsynced{faults.UnsyncedKept, faults.UnsyncedLost}).Draw(t, "how")
				_, _, err := d.PowerLoss(how)
				require.NoError(t, err)
				if how == faults.UnsyncedKept {
					copy(durable, now)
				}
				copy(now, durable)
			},
			"": func(t *rapid.T) {
				require.Equal(t, now, content(t, d))
				require.Equal(t, d.Stats().Unsynced == 0, len(d.unsynced) == 0)
			},
		})
	})
}

func TestForcedWriteIsDurableAndOthersAreNot(t *testing.T) {
	d := open(t, t.TempDir(), 1)
	require.NoError(t, d.write(bytes.Repeat([]byte("a"), sector), 0, false))
	require.NoError(t, d.write(bytes.Repeat([]byte("b"), sector), sector, true))
	lost, of, err := d.PowerLoss(faults.UnsyncedLost)
	require.NoError(t, err)
	require.Equal(t, [2]int{1, 1}, [2]int{lost, of})
	require.Equal(t, byte(0), content(t, d)[0])
	require.Equal(t, byte('b'), content(t, d)[sector])
}

func TestForcedWriteOverOneThatIsLost(t *testing.T) {
	d := open(t, t.TempDir(), 1)
	require.NoError(t, d.write(bytes.Repeat([]byte("a"), 2*sector), 0, false))
	require.NoError(t, d.write(bytes.Repeat([]byte("b"), sector), 0, true))
	_, _, err := d.PowerLoss(faults.UnsyncedLost)
	require.NoError(t, err)
	require.Equal(t, byte('b'), content(t, d)[0], "what replaced it is durable")
}

func TestTornWrite(t *testing.T) {
	torn := map[int]bool{}
	for seed := range uint64(50) {
		d := open(t, t.TempDir(), seed)
		require.NoError(t, d.write(bytes.Repeat([]byte("x"), 8*sector), 0, false))
		lost, of, err := d.PowerLoss(faults.UnsyncedTorn)
		require.NoError(t, err)
		require.Equal(t, [2]int{1, 1}, [2]int{lost, of})
		n := bytes.Count(content(t, d), []byte("x"))
		require.Zero(t, n%sector)
		torn[n/sector] = true
	}
	require.False(t, torn[0] || torn[8], "a part of it is written")
	require.Greater(t, len(torn), 3, "not always the same part")
}

func TestSeededLoss(t *testing.T) {
	lose := func(seed uint64) []byte {
		d := open(t, t.TempDir(), seed)
		for i := range int64(32) {
			require.NoError(t, d.write(bytes.Repeat([]byte("x"), sector), i*sector, false))
		}
		lost, of, err := d.PowerLoss(faults.UnsyncedSeeded)
		require.NoError(t, err)
		require.Equal(t, 32, of)
		require.Greater(t, lost, 0)
		require.Less(t, lost, 32)
		return content(t, d)
	}
	require.Equal(t, lose(7), lose(7), "the seed decides")
	require.NotEqual(t, lose(7), lose(8))
}

// empty returns a disk of that size, to which nothing was written.
func empty(t *testing.T, size int64) *Disk {
	path := filepath.Join(t.TempDir(), "disk")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(size))
	require.NoError(t, f.Close())
	d, err := Open(path, 3)
	require.NoError(t, err)
	return d
}

func TestCorruptChangesOneByteOfWhatWasWritten(t *testing.T) {
	d := empty(t, 1<<20)
	require.ErrorIs(t, d.Inject(faults.Fault{Kind: faults.DiskCorrupt}), ErrFault, "an empty disk")
	require.NoError(t, d.write(bytes.Repeat([]byte("x"), 4096), 512<<10, true))
	require.NoError(t, d.Inject(faults.Fault{Kind: faults.DiskCorrupt}))
	got := content(t, d)
	require.Equal(t, 4095, bytes.Count(got, []byte("x")))
	require.Equal(t, 4095, bytes.Count(got[512<<10:512<<10+4096], []byte("x")))
	require.Equal(t, int64(1), d.Stats().Corrupted)
}

// A disk that was copied whole is mostly zeros, which nobody reads.
func TestCorruptHitsWhatIsNotZero(t *testing.T) {
	d := empty(t, 1<<20)
	require.NoError(t, d.write(make([]byte, 900<<10), 0, true))
	require.NoError(t, d.Inject(faults.Fault{Kind: faults.DiskCorrupt}), "zeros, where there is nothing else")
	require.NoError(t, d.write(make([]byte, 900<<10), 0, true))
	require.NoError(t, d.write(bytes.Repeat([]byte("x"), 4096), 128<<10, true))
	require.NoError(t, d.Inject(faults.Fault{Kind: faults.DiskCorrupt}))
	require.Equal(t, 4095, bytes.Count(content(t, d), []byte("x")))
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	d := empty(t, 256<<20)
	p := make([]byte, 1<<20)
	for i := range int64(100) {
		require.NoError(t, d.write(p, i<<20, false))
	}
	require.Equal(t, int64(maxUnsynced), d.Stats().Unsynced)
}

func TestFaultsThatCannotBe(t *testing.T) {
	for kind, want := range map[faults.Kind]string{faults.IODelay: "does not know the I/O time-out", faults.StorageCut: "no shared storage", faults.Cut: "cut: it is no fault of a disk"} {
		err := Possible(faults.Fault{Kind: kind})
		require.ErrorIs(t, err, ErrFault)
		require.ErrorContains(t, err, want)
	}
	for _, kind := range faults.Kinds() {
		if kind.Class() == faults.ClassDisk && kind != faults.IODelay && kind != faults.StorageCut {
			require.NoError(t, Possible(faults.Fault{Kind: kind}), kind)
		}
	}
}
