package disk

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"holdfast/faults"
)

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// The most that is remembered of writes that were not flushed, in bytes; the oldest beyond it count as flushed. A disk
// that lies about its flushes remembers more, because a loss of power has to show it.
const (
	maxUnsynced      = 64 << 20
	maxUnsyncedLying = 512 << 20
)

// Disk is a disk with a volatile write cache. Its methods may be called from several goroutines.
type Disk struct {
	mu       sync.Mutex
	file     *os.File
	size     int64
	unsynced []undo // oldest first
	held     int64  // bytes in unsynced
	faults   state
	changed  chan struct{} // closed when faults changes
	rng      *rand.Rand
	stats    Stats
}

// undo is a write that was not flushed: where, and what was there before.
type undo struct {
	at  int64
	old []byte
}

func (u undo) end() int64 { return u.at + int64(len(u.old)) }

// Stats counts what a disk did.
type Stats struct {
	Reads   int64 `json:"reads"`
	Writes  int64 `json:"writes"`
	Flushes int64 `json:"flushes"`
	// Failed are operations that a fault made fail, Delayed those that it held up, Corrupted sectors that it changed.
	Failed    int64 `json:"failed"`
	Delayed   int64 `json:"delayed"`
	Corrupted int64 `json:"corrupted"`
	// Unsynced is what a loss of power could take, in bytes.
	Unsynced int64 `json:"unsynced"`
	// Faults are those in effect, as in a script, without host and VM.
	Faults []string `json:"faults,omitempty"`
}

// Open opens the file of a disk, which must have its size already. seed decides what chance decides.
func Open(path string, seed uint64) (*Disk, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("disk: %w", err)
	}
	return &Disk{file: f, size: info.Size(), changed: make(chan struct{}), rng: rand.New(rand.NewPCG(seed, 1))}, nil
}

// Close closes the file.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.file.Close()
}

// Stats returns the counters.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Unsynced, s.Faults = d.held, d.faults.list()
	return s
}

// read fills p from a place.
func (d *Disk) read(p []byte, at int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Reads++
	_, err := d.file.ReadAt(p, at)
	return err
}

// write writes p to a place; with fua it is as if a flush of exactly that followed.
func (d *Disk) write(p []byte, at int64, fua bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Writes++
	if fua && !d.faults.lying {
		d.settle(at, at+int64(len(p)))
	} else if err := d.remember(at, len(p)); err != nil {
		return err
	}
	_, err := d.file.WriteAt(p, at)
	return err
}

// zero makes a range read as zeros, and frees its room. As with real disks, what was there is gone at once.
func (d *Disk) zero(at, length int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Writes++
	d.settle(at, at+length)
	return unix.Fallocate(int(d.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, length)
}

// flush makes durable what was written before.
func (d *Disk) flush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Flushes++
	if !d.faults.lying {
		d.unsynced, d.held = nil, 0
	}
}

// remember keeps what a write is about to replace.
func (d *Disk) remember(at int64, length int) error {
	old := make([]byte, length)
	if _, err := d.file.ReadAt(old, at); err != nil {
		return err
	}
	d.unsynced = append(d.unsynced, undo{at, old})
	d.held += int64(length)
	limit := int64(maxUnsynced)
	if d.faults.lying {
		limit = maxUnsyncedLying
	}
	for d.held > limit {
		d.held -= int64(len(d.unsynced[0].old))
		d.unsynced = d.unsynced[1:]
	}
	return nil
}

// settle makes durable every write that touches a range.
func (d *Disk) settle(start, end int64) {
	kept := d.unsynced[:0]
	for _, u := range d.unsynced {
		if u.at < end && start < u.end() {
			d.held -= int64(len(u.old))
			continue
		}
		kept = append(kept, u)
	}
	d.unsynced = kept
}

// PowerLoss decides what becomes of writes that were not flushed, and forgets that they were not. It returns how many of
// how many were lost, a torn one included. Faults stay: they are the disk's, not the host's.
func (d *Disk) PowerLoss(how faults.Unsynced) (lost, of int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	of = len(d.unsynced)
	written := make([][]byte, of) // what each had written
	for i := of - 1; i >= 0; i-- {
		u := d.unsynced[i]
		written[i] = make([]byte, len(u.old))
		if _, err := d.file.ReadAt(written[i], u.at); err != nil {
			return 0, of, err
		}
		if _, err := d.file.WriteAt(u.old, u.at); err != nil {
			return 0, of, err
		}
	}
	for i, u := range d.unsynced {
		n := d.survives(how, i == of-1, len(u.old))
		if n < len(u.old) {
			lost++
		}
		if _, err := d.file.WriteAt(written[i][:n], u.at); err != nil {
			return lost, of, err
		}
	}
	d.unsynced, d.held = nil, 0
	return lost, of, nil
}

// survives returns how many bytes of a write of a length are on the disk after a loss of power.
func (d *Disk) survives(how faults.Unsynced, last bool, length int) int {
	switch {
	case how == faults.UnsyncedKept:
		return length
	case how == faults.UnsyncedLost:
		return 0
	case how == faults.UnsyncedTorn && last:
		sectors := length / sector
		if sectors < 2 {
			return 0
		}
		return (1 + d.rng.IntN(sectors-1)) * sector
	}
	return length * d.rng.IntN(2)
}

// corruptTries is how many places are looked at for a sector that holds something: a disk that was copied whole is mostly zeros, which
// nobody reads.
const corruptTries = 4096

// corrupt changes one byte of a sector that was written, and that is not all zeros if one such is found.
func (d *Disk) corrupt() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]byte, sector)
	for try := 1; ; try++ {
		at, err := d.written()
		if err != nil {
			return err
		}
		n := at % sector
		if _, err := d.file.ReadAt(all, at-n); err != nil {
			return err
		}
		if try < corruptTries && bytes.Equal(all, make([]byte, sector)) {
			continue
		}
		if _, err := d.file.WriteAt([]byte{all[n] ^ 0x5a}, at); err != nil {
			return err
		}
		d.stats.Corrupted++
		return nil
	}
}

// written returns a place, by chance, where something was written.
func (d *Disk) written() (int64, error) {
	type extent struct{ start, end int64 }
	var all []extent
	var total int64
	for at := int64(0); at < d.size; {
		start, err := unix.Seek(int(d.file.Fd()), at, unix.SEEK_DATA)
		if err == unix.ENXIO {
			break
		}
		if err != nil {
			return 0, err
		}
		end, err := unix.Seek(int(d.file.Fd()), start, unix.SEEK_HOLE)
		if err != nil {
			return 0, err
		}
		all = append(all, extent{start, end})
		total += end - start
		at = end
	}
	if total == 0 {
		return 0, fmt.Errorf("%w: nothing was written to the disk yet", ErrFault)
	}
	n := d.rng.Int64N(total)
	for _, e := range all {
		if n < e.end-e.start {
			return e.start + n, nil
		}
		n -= e.end - e.start
	}
	return 0, io.ErrUnexpectedEOF
}
