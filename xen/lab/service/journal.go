package service

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The journal makes changes durable. The disk has two halves; generation g lives in half g%2: a snapshot of all
// registers, then batches of changes. Numbers are little endian.
//
//	half:   snapshot header │ registers │ batch │ batch │ …
//	header: magic, generation, checksum of header and registers
//	batch:  magic, generation, number, count, checksum │ key, value │ … filled up to a block
//
// A batch is written, then flushed; only then its operations are answered. When a half is full, and at every start,
// the next generation begins in the other half: header and registers, then a flush. Until that snapshot is whole the
// older generation is the truth, and nothing of it is overwritten.
//
// At a start the half with the highest whole snapshot is taken and its batches are replayed up to the first that is
// torn, missing, or of another generation or number.
const (
	block         = 4096
	snapshotMagic = 0x31504e5354464448 // "HDFTSNP1"
	batchMagic    = 0x3148435454464448 // "HDFTTCH1"
	headerBytes   = 24
	batchHeader   = 40
	entryBytes    = 16
	snapshotBytes = block + Keys*8
	// maxBatch is the number of changes that fit into the largest batch.
	maxBatch = (16*block - batchHeader) / entryBytes
	// MinDisk is the smallest disk in bytes, with room for a snapshot and some batches in each half.
	MinDisk = 2 * (snapshotBytes + 64*block)
)

// Disk is where a journal lives: a block device or a file.
type Disk interface {
	ReadAt(p []byte, at int64) (int, error)
	WriteAt(p []byte, at int64) (int, error)
	// Sync returns when everything that was written is durable.
	Sync() error
}

// ErrDisk is returned for a disk that cannot hold a journal.
var ErrDisk = errors.New("service: disk not usable")

var sums = crc32.MakeTable(crc32.Castagnoli)

type journal struct {
	disk       Disk
	half       int64 // bytes in a half
	generation uint64
	number     uint64 // of the next batch
	at         int64  // where the next batch goes, from the start of its half
}

// openJournal reads what the disk holds into s and begins a new generation.
func openJournal(disk Disk, size int64, s *store) (*journal, error) {
	if size < MinDisk {
		return nil, fmt.Errorf("%w: it has %d bytes, a journal needs %d", ErrDisk, size, MinDisk)
	}
	j := &journal{disk: disk, half: size / 2 / block * block}
	// What is read from here on must not be lost later, whatever the last life left in a cache.
	if err := disk.Sync(); err != nil {
		return nil, err
	}
	newest := [2]uint64{}
	var values [2][Keys]int64
	for i := range newest {
		g, err := j.readSnapshot(int64(i), &values[i])
		if err != nil {
			return nil, err
		}
		newest[i] = g
	}
	if i := latest(newest); newest[i] > 0 {
		s.values, j.generation = values[i], newest[i]
		if err := j.replay(s); err != nil {
			return nil, err
		}
	}
	return j, j.begin(s)
}

func latest(g [2]uint64) int {
	if g[1] > g[0] {
		return 1
	}
	return 0
}

// readSnapshot returns the generation of the snapshot in a half, 0 if there is no whole one.
func (j *journal) readSnapshot(half int64, values *[Keys]int64) (uint64, error) {
	data := make([]byte, snapshotBytes)
	if _, err := j.disk.ReadAt(data, half*j.half); err != nil {
		return 0, err
	}
	generation := binary.LittleEndian.Uint64(data[8:])
	if binary.LittleEndian.Uint64(data) != snapshotMagic || generation%2 != uint64(half) || seal(data, 16) != binary.LittleEndian.Uint32(data[16:]) {
		return 0, nil
	}
	for i := range values {
		values[i] = int64(binary.LittleEndian.Uint64(data[block+i*8:]))
	}
	return generation, nil
}

// seal returns the checksum of data without the four bytes at the place of the checksum.
func seal(data []byte, at int) uint32 {
	return crc32.Update(crc32.Checksum(data[:at], sums), sums, data[at+4:])
}

// replay applies the batches of the present generation.
func (j *journal) replay(s *store) error {
	base := int64(j.generation%2) * j.half
	data := make([]byte, maxBatch*entryBytes+batchHeader+block)
	for at := int64(snapshotBytes); at+block <= j.half; {
		n := min(int64(len(data)), j.half-at)
		if _, err := j.disk.ReadAt(data[:n], base+at); err != nil {
			return err
		}
		batch := j.whole(data[:n])
		if batch == nil {
			return nil
		}
		for e := batchHeader; e+entryBytes <= batchHeader+entryBytes*int(binary.LittleEndian.Uint32(batch[24:])); e += entryBytes {
			s.values[binary.LittleEndian.Uint32(batch[e:])%Keys] = int64(binary.LittleEndian.Uint64(batch[e+8:]))
		}
		j.number++
		at += int64(len(batch))
	}
	return nil
}

// whole returns the batch at the start of data, nil if there is not the one that comes next.
func (j *journal) whole(data []byte) []byte {
	if binary.LittleEndian.Uint64(data) != batchMagic || binary.LittleEndian.Uint64(data[8:]) != j.generation || binary.LittleEndian.Uint64(data[16:]) != j.number {
		return nil
	}
	count := int(binary.LittleEndian.Uint32(data[24:]))
	if count > maxBatch {
		return nil
	}
	n := blocks(batchHeader + count*entryBytes)
	if n > len(data) || seal(data[:n], 28) != binary.LittleEndian.Uint32(data[28:]) {
		return nil
	}
	return data[:n]
}

// blocks rounds up to whole blocks.
func blocks(n int) int { return (n + block - 1) / block * block }

// begin starts the next generation with the registers as they are.
func (j *journal) begin(s *store) error {
	j.generation++
	j.number, j.at = 0, snapshotBytes
	data := make([]byte, snapshotBytes)
	binary.LittleEndian.PutUint64(data, snapshotMagic)
	binary.LittleEndian.PutUint64(data[8:], j.generation)
	for i, v := range s.values {
		binary.LittleEndian.PutUint64(data[block+i*8:], uint64(v))
	}
	binary.LittleEndian.PutUint32(data[16:], seal(data, 16))
	return j.put(data, 0)
}

// append makes changes durable, which are already in s.
func (j *journal) append(changes []change, s *store) error {
	n := blocks(batchHeader + len(changes)*entryBytes)
	if j.at+int64(n) > j.half {
		return j.begin(s)
	}
	data := make([]byte, n)
	binary.LittleEndian.PutUint64(data, batchMagic)
	binary.LittleEndian.PutUint64(data[8:], j.generation)
	binary.LittleEndian.PutUint64(data[16:], j.number)
	binary.LittleEndian.PutUint32(data[24:], uint32(len(changes)))
	for i, c := range changes {
		binary.LittleEndian.PutUint32(data[batchHeader+i*entryBytes:], uint32(c.key))
		binary.LittleEndian.PutUint64(data[batchHeader+i*entryBytes+8:], uint64(c.value))
	}
	binary.LittleEndian.PutUint32(data[28:], seal(data, 28))
	if err := j.put(data, j.at); err != nil {
		return err
	}
	j.number++
	j.at += int64(n)
	return nil
}

// put writes to the half of the present generation and flushes.
func (j *journal) put(data []byte, at int64) error {
	if _, err := j.disk.WriteAt(data, int64(j.generation%2)*j.half+at); err != nil {
		return err
	}
	return j.disk.Sync()
}
