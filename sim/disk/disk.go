package disk

// cacheSectors bounds the volatile cache: a disk writes back by itself when it is full.
const cacheSectors = 4096

// Disk is a disk of fixed size with a volatile write cache. A new one holds zeros.
type Disk struct {
	medium  []Sector
	damaged []bool
	latest  []uint32 // per sector: 1 + index in cache of its newest content, or 0
	cache   []cached // unsynced sectors in the order in which they were written
	writes  uint32   // number of the newest write in the cache, from 1
	damage  int      // number of damaged sectors
}

// cached is one sector of an unsynced write.
type cached struct {
	sector uint64
	write  uint32 // sectors of one write share it and are neighbours
	dead   bool   // a later FUA write has replaced it
	data   Sector
}

// New returns a disk of the given size that holds zeros.
func New(sectors uint64) *Disk {
	return &Disk{
		medium:  make([]Sector, sectors),
		damaged: make([]bool, sectors),
		latest:  make([]uint32, sectors),
	}
}

// Sectors returns the size of the disk.
func (d *Disk) Sectors() uint64 { return uint64(len(d.medium)) }

// Unsynced returns the number of sectors that a power loss could lose.
func (d *Disk) Unsynced() int { return len(d.cache) }

// Write stores data from sector first on: in the volatile cache, or, if fua,
// on the medium at once. It repairs damaged sectors as soon as it reaches the
// medium. Nothing is written if it fails, which it does only with ErrRange.
func (d *Disk) Write(first uint64, data []Sector, fua bool) error {
	if err := d.check(first, uint64(len(data))); err != nil {
		return err
	}
	if fua {
		for i := range data {
			d.bury(first + uint64(i))
			d.settle(first+uint64(i), &data[i])
		}
		return nil
	}
	if len(d.cache)+len(data) > cacheSectors {
		d.Flush()
	}
	d.writes++
	for i := range data {
		d.cache = append(d.cache, cached{sector: first + uint64(i), write: d.writes, data: data[i]})
		d.latest[first+uint64(i)] = uint32(len(d.cache))
	}
	return nil
}

// Flush makes everything written so far durable.
func (d *Disk) Flush() {
	for i := range d.cache {
		if c := &d.cache[i]; !c.dead {
			d.settle(c.sector, &c.data)
			d.latest[c.sector] = 0
		}
	}
	d.cache, d.writes = d.cache[:0], 0
}

// Read copies count sectors from first on to dst, which must have room for them. It fails with
// ErrRange, or with ErrChecksum at the first damaged sector; dst then holds
// the sectors before it.
func (d *Disk) Read(first, count uint64, dst []Sector) error {
	if err := d.check(first, count); err != nil {
		return err
	}
	for i := range count {
		s := first + i
		if at := d.latest[s]; at != 0 {
			dst[i] = d.cache[at-1].data
			continue
		}
		if d.damaged[s] {
			return &SectorError{Sector: s, Err: ErrChecksum}
		}
		dst[i] = d.medium[s]
	}
	return nil
}

// Corrupt damages a sector of the medium silently: the next read of it finds out,
// unless newer content of the sector is in the cache. A write repairs it.
func (d *Disk) Corrupt(sector uint64) error {
	if err := d.check(sector, 1); err != nil {
		return err
	}
	if !d.damaged[sector] {
		d.damaged[sector] = true
		d.damage++
	}
	return nil
}

// Damaged returns the number of sectors whose next read from the medium would fail.
func (d *Disk) Damaged() int { return d.damage }

// content returns what a sector holds, damaged or not.
func (d *Disk) content(sector uint64) *Sector {
	if at := d.latest[sector]; at != 0 {
		return &d.cache[at-1].data
	}
	return &d.medium[sector]
}

// settle puts data on the medium.
func (d *Disk) settle(sector uint64, data *Sector) {
	d.medium[sector] = *data
	if d.damaged[sector] {
		d.damaged[sector] = false
		d.damage--
	}
}

// bury makes sure that no older content of the sector ever leaves the cache.
func (d *Disk) bury(sector uint64) {
	if d.latest[sector] == 0 {
		return
	}
	for i := range d.cache {
		if d.cache[i].sector == sector {
			d.cache[i].dead = true
		}
	}
	d.latest[sector] = 0
}

func (d *Disk) check(first, count uint64) error {
	size := uint64(len(d.medium))
	if first > size || count > size-first {
		return &SectorError{Sector: max(first, size), Err: ErrRange}
	}
	return nil
}
