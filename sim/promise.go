package sim

import (
	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// promises counts how often a disk copy called something durable. The count is kept in two
// places: on the copy itself, with each promise, and in the background on the host's system disk. A copy
// that later shows a lower count than the system disk remembers has broken a promise: it lied about
// a flush, or somebody put an old disk back.
type promises struct {
	newest  uint64
	known   uint64 // on the system disk
	writing uint64 // on its way there; 0: none
	done    model.Time
}

// next counts a promise.
func (c *promises) next(now model.Time) uint64 {
	c.settle(now)
	c.newest++
	if c.writing == 0 {
		c.writing, c.done = c.newest, now.Add(persistTime)
	}
	return c.newest
}

// settle brings known to what the system disk holds by now. One count at a time is on its way.
func (c *promises) settle(now model.Time) {
	if c.writing == 0 || now < c.done {
		return
	}
	c.known, c.writing = c.writing, 0
	if c.newest > c.known {
		c.writing, c.done = c.newest, max(c.done, now-model.Time(persistTime)).Add(persistTime)
		c.settle(now)
	}
}

// stampSector is the sector of a copy that holds the count, behind the guest's.
const stampSector = diskSectors

// promise notes on the copy that something on it is durable.
func (p *place) promise() {
	if p.vm.shared != nil {
		return // storage that several hosts write to keeps its own word
	}
	var s [1]disk.Sector
	s[0][0] = p.promises.next(p.w.now)
	_ = p.disk.Write(stampSector, s[:], !p.health.IgnoreFlush) // within the disk
}

// flush makes the copy durable, or says so.
func (p *place) flush() {
	if !p.health.IgnoreFlush {
		p.disk.Flush()
	}
	p.promise()
}

// forced reports whether writes that are to be durable at once really are.
func (p *place) forced() bool { return !p.health.IgnoreFlush }

// losePromises is what a power loss does to promises that a lying disk made.
func (p *place) losePromises(loss disk.Loss) disk.Loss {
	p.promises.settle(p.w.now)
	p.promises.newest, p.promises.writing = p.promises.known, 0
	if !p.health.IgnoreFlush {
		return loss
	}
	for i := range p.marked {
		p.marked[i] &^= p.lied[i]
	}
	for i := range p.journal {
		p.w.drop(p.journal[i].att)
	}
	p.journal = p.journal[:0]
	p.recovery.cut(p.w, 0)
	p.recovery.sealed = 0
	p.lied.Reset()
	return disk.LoseAll
}

// inspect finds out, when a copy is opened, whether it broke a promise.
func (p *place) inspect() {
	if p.vm.shared != nil {
		return
	}
	var s [1]disk.Sector
	_ = p.disk.Read(stampSector, 1, s[:]) // within the disk
	if s[0][0] >= p.promises.known {
		p.promises.newest = max(p.promises.newest, s[0][0])
		return
	}
	p.lost, p.liar = true, true
	p.promises.known = s[0][0]
	p.marked.Fill(diskExtents)
}

// healDisk ends every fault of the copy: an operator has seen to the device. What it lost stays lost.
func (p *place) healDisk() {
	p.speakTruth()
	p.inspect()
	p.health, p.liar = disk.Health{}, false
	p.resumeDisk()
}

// speakTruth ends a lie about flushes. Turning a cache off writes it back.
func (p *place) speakTruth() {
	if p.health.IgnoreFlush {
		p.health.IgnoreFlush = false
		p.disk.Flush()
		p.lied.Reset()
	}
}
