package sim

import (
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/engine/pool"
	"holdfast/sim/disk"
)

// completed checks, at the moment when a guest is told that a write or flush is
// done, that every member of the in-sync set has it (R4). Level ft is different: there the
// promise is made when output leaves (R1). An instance that was replaced, as one that is thawed, may be told what it
// likes: nobody hears of it (R2), and what it wrote is not the VM's disk.
func (o *monitor) completed(p *place, c *call, failed bool) {
	v := &o.vms[p.vm.id]
	if failed || p.m.node == nil || v.replaced(p.inst.gen) {
		return
	}
	cfg := p.m.node.Pool().VM(p.vm.id)
	if cfg.Level == model.LevelFT {
		if c.io.Op == model.OpWrite {
			v.supersede(o.w, &c.io) // what was there before, at another level
		}
		return
	}
	switch c.io.Op {
	case model.OpWrite:
		o.has(p, &cfg, c, &c.io, c.att.sectors, false)
		v.supersede(o.w, &c.io)
		v.writes = append(v.writes, written{io: c.io, at: o.w.now, att: c.att.share()})
		if c.io.FUA {
			o.has(p, &cfg, c, &c.io, c.att.sectors, true)
		}
	case model.OpFlush:
		kept := v.writes[:0]
		for _, wr := range v.writes {
			if wr.at > c.at {
				kept = append(kept, wr)
				continue
			}
			if !p.pendingOn(&wr.io) {
				o.has(p, &cfg, c, &wr.io, wr.att.sectors, true)
			}
			o.w.drop(wr.att)
		}
		v.writes = kept
	}
}

// replaced reports whether a newer generation than gen was started.
func (v *watch) replaced(gen model.Gen) bool {
	return len(v.starts) > 0 && v.starts[len(v.starts)-1] > gen
}

// supersede forgets writes that io overwrites in part or as a whole.
func (v *watch) supersede(w *World, io *model.IO) {
	kept := v.writes[:0]
	for _, wr := range v.writes {
		if overlaps(&wr.io, io) {
			w.drop(wr.att)
		} else {
			kept = append(kept, wr)
		}
	}
	v.writes = kept
}

// pendingOn reports whether the guest has a newer write to some of the sectors under way.
func (p *place) pendingOn(io *model.IO) bool {
	for i := range p.inst.calls {
		if c := &p.inst.calls[i]; c.io.Op == model.OpWrite && overlaps(&c.io, io) {
			return true
		}
	}
	return false
}

// has checks that every in-sync copy has the sectors.
func (o *monitor) has(p *place, cfg *pool.Config, c *call, io *model.IO, want []disk.Sector, durable bool) {
	for rest := cfg.InSync; !rest.Empty(); rest = rest.Without(rest.First()) {
		m := o.w.nodes[rest.First()]
		if !durable && (!m.powered || m.lostPower >= c.at) {
			continue // its cache is gone, and with it what nobody asked to be durable
		}
		copy := m.vms[p.vm.id]
		if copy == nil {
			continue // a home that has not looked at the shared storage yet
		}
		if durable && (copy.health.IgnoreFlush || copy.lost) {
			continue // it promises what it does not keep: that has to be found out, and is not survived
		}
		d := copy.disk
		got := o.scratch[:io.Count]
		var err error
		if durable {
			err = d.Durable(io.Sector, got)
		} else {
			err = d.Read(io.Sector, uint64(io.Count), got)
		}
		if err == nil && !slices.Equal(got, want) {
			what := "a write"
			if durable {
				what = "a flushed write"
			}
			o.breaks("R4", p, "%s to sectors %d+%d is acknowledged to the guest; the in-sync copy on %s lacks it", what, io.Sector, io.Count, m.name)
		}
	}
}

// compareCopies checks, when a copy enters the in-sync set, that it equals the others (R7). What
// is being written at that moment may differ.
func (o *monitor) compareCopies(v *watch, p *place, cfg *pool.Config) {
	defer func() { v.joining = false }()
	other := o.w.nodes[cfg.Homes.Other(cfg.Primary)].vms[cfg.VM]
	if !p.m.powered || !other.m.powered || max(p.m.lostPower, other.m.lostPower) >= v.copiedAt {
		return // a cache was lost on the way, and with it what nobody asked to be durable
	}
	for s := uint64(0); s < diskSectors; {
		at, equal := disk.EqualRange(p.disk, other.disk, s, diskSectors-s)
		if equal {
			return
		}
		s = at + 1
		io := model.IO{Sector: at, Count: 1}
		if p.pendingOn(&io) || v.orphaned(&io) || other.holds(at) || v.writtenLately(&io, o.w.now) {
			continue
		}
		o.breaks("R7", p, "generation %v puts the copy on %s into the in-sync set; sector %d differs", cfg.Gen, o.w.nodes[cfg.Homes.Other(cfg.Primary)].name, at)
		return
	}
}

// orphaned reports whether an instance that ended had a write to the sectors under way. What is left of it is
// marked, and settled when the VM starts again.
func (v *watch) orphaned(io *model.IO) bool {
	for i := range v.orphans {
		if overlaps(&v.orphans[i], io) {
			return true
		}
	}
	return false
}

// holds reports whether a write to the sector waits for its epoch here.
func (p *place) holds(sector uint64) bool {
	for _, list := range [][]heldWrite{p.held, p.landing} {
		for i := range list {
			if h := &list[i]; h.att != nil && h.sector <= sector && sector < h.sector+uint64(len(h.att.sectors)) {
				return true
			}
		}
	}
	return false
}

// onItsWay is how long a held write may be on its way to a copy that joins.
const onItsWay = 2 * time.Second

// lately returns the instant since which writes of a guest of level ft may be missing on the other copy. One that waits for
// the log's word to join may lack all that came after the newest checkpoint which it acknowledged, however long that takes: the
// guest's output waits, not the guest.
func (v *watch) lately(now model.Time) model.Time {
	since := now.Add(-onItsWay)
	if v.joining {
		since = min(since, max(v.copiedAt, v.covered))
	}
	return since
}

// writtenLately reports whether the guest wrote to the sectors lately.
func (v *watch) writtenLately(io *model.IO, now model.Time) bool {
	for i := range v.shadow.writes {
		if overlapsHeld(&v.shadow.writes[i], io) {
			return true
		}
	}
	for i := range v.recent {
		if overlaps(&v.recent[i].io, io) && v.recent[i].at > v.lately(now) {
			return true
		}
	}
	return false
}

// asked remembers the writes that a guest of level ft asked for lately.
func (o *monitor) asked(p *place, c *call) {
	if c.io.Op != model.OpWrite || o.vms[p.vm.id].newest().Level != model.LevelFT {
		return
	}
	v := &o.vms[p.vm.id]
	if len(v.recent) == cap(v.recent) {
		since := v.lately(o.w.now)
		v.recent = slices.DeleteFunc(v.recent, func(wr written) bool { return wr.at <= since })
	}
	v.recent = append(v.recent, written{io: c.io, at: o.w.now})
}

func overlaps(a, b *model.IO) bool {
	return a.Sector < b.Sector+uint64(b.Count) && b.Sector < a.Sector+uint64(a.Count)
}

func overlapsHeld(h *shadowWrite, io *model.IO) bool {
	return h.sector < io.Sector+uint64(io.Count) && io.Sector < h.sector+uint64(len(h.sectors))
}

// shadow is the disk of an ft VM as it must be at each checkpoint: what a promotion must find (R6).
type shadow struct {
	base   *disk.Disk // nil: not begun
	either []model.IO // writes under way when it began: the disk may have them or not
	writes []shadowWrite
	first  model.Seq // lowest sequence that was not seen yet
	of     uint64    // session
}

type shadowWrite struct {
	session uint64
	seq     model.Seq
	epoch   model.Epoch
	sector  uint64
	sectors []disk.Sector
}

// begin starts from the primary's disk and what is on its way to it.
func (s *shadow) begin(p *place) {
	if s.base == nil {
		s.base = disk.New(diskSectors)
	}
	s.base.CopyFrom(p.disk)
	s.writes, s.either = s.writes[:0], s.either[:0]
	for i := range p.inst.calls {
		if c := &p.inst.calls[i]; c.att != nil {
			s.either = append(s.either, c.io)
		}
	}
}

// write takes a held write when it is sent for the first time.
func (s *shadow) write(msg *model.Message, att *attachment) {
	if msg.Session != s.of {
		s.of, s.first, s.writes = msg.Session, 0, s.writes[:0]
	}
	if msg.Seq < s.first || att == nil {
		return
	}
	s.first = msg.Seq + 1
	s.writes = append(s.writes, shadowWrite{
		session: msg.Session, seq: msg.Seq, epoch: msg.Epoch, sector: msg.IO.Sector, sectors: slices.Clone(att.sectors),
	})
}

// fold makes the writes up to epoch a part of the base.
func (s *shadow) fold(epoch model.Epoch) {
	if s.base == nil {
		return
	}
	kept := s.writes[:0]
	for _, wr := range s.writes {
		if wr.epoch <= epoch {
			_ = s.base.Write(wr.sector, wr.sectors, true) // within the disk, as at the primary
		} else {
			kept = append(kept, wr)
		}
	}
	s.writes = kept
}

// compare checks the disk that a promotion at epoch finds.
func (s *shadow) compare(o *monitor, p *place, epoch model.Epoch) {
	if s.base == nil {
		return
	}
	s.fold(epoch)
	for first := uint64(0); first < diskSectors; {
		at, equal := disk.EqualRange(p.disk, s.base, first, diskSectors-first)
		if equal {
			break
		}
		if !s.mayDiffer(at) {
			o.breaks("R6", p, "the disk does not belong to the instant of checkpoint %d: sector %d differs", epoch, at)
			break
		}
		first = at + 1
	}
	s.writes = s.writes[:0]
}

func (s *shadow) mayDiffer(sector uint64) bool {
	for i := range s.either {
		if overlaps(&s.either[i], &model.IO{Sector: sector, Count: 1}) {
			return true
		}
	}
	return false
}
