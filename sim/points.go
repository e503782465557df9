package sim

import (
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/engine/pool"
	"holdfast/sim/disk"
)

// Cut is what a start from a recovery copy lost: what was completed for the guest before Lo is there, what was
// completed from Hi on is not; nothing happened in between.
type Cut struct {
	Lo, Hi model.Time
	At     model.Time // when the VM was started
}

// points is the world's own knowledge of a VM's disk over time: a log of everything that was completed for its guest. The
// recovery copy must at every moment be the disk after a prefix of that log, and prefixes only grow (R6).
type points struct {
	vm      model.VMID
	on      bool
	begun   bool          // the recovery copy was moved once
	fresh   bool          // it was just given to the VM, and has no point yet
	log     []change      // from the change after the point of the copy on
	first   int           // number of log[0] among all changes
	at      []disk.Sector // the disk at the point of the copy
	newest  []disk.Sector // the disk after the whole log
	lo      model.Time    // when the newest change in the point was completed
	ends    []end         // captures of the guest
	cuts    []Cut
	longest time.Duration // highest age of the point, until a fail-over
	over    model.Gen     // in which the pool has decided to go on from the point; 0: it has not, or goes on
	got     []disk.Sector
}

// change is what one completed write, or a start of the VM from another copy, changed.
type change struct {
	at      model.Time
	sectors []uint64
	data    []disk.Sector
}

// end is a capture of the guest: changes before it belong to the epoch.
type end struct {
	epoch  model.Epoch
	number int
}

func (t *points) init(v *load) {
	t.vm, t.on = v.id, true
	t.at, t.newest, t.got = make([]disk.Sector, diskSectors), make([]disk.Sector, diskSectors), make([]disk.Sector, diskSectors)
}

func (t *points) add(c change) {
	for i, s := range c.sectors {
		t.newest[s] = c.data[i]
	}
	t.log = append(t.log, c)
}

// completed takes a write that the mirror has completed, where the VM runs by the pool's word. A guest that hangs is told
// later, if ever.
func (t *points) completed(w *World, p *place, c *call, failed bool) {
	if !t.on || c.io.Op != model.OpWrite || w.monitor.vms[t.vm].newest().Primary != p.m.id {
		return
	}
	n := change{at: w.now}
	for i := range c.att.sectors {
		s := c.io.Sector + uint64(i)
		data := c.att.sectors[i]
		if failed {
			_ = p.disk.Read(s, 1, t.got[:1]) // whatever it left; the range was checked
			data = t.got[0]
		}
		n.sectors, n.data = append(n.sectors, s), append(n.data, data)
	}
	t.add(n)
}

// launched takes it that the VM begins from the disk of p, whatever it holds, and its epochs anew.
func (t *points) launched(w *World, p *place) {
	if !t.on {
		return
	}
	t.ends = t.ends[:0]
	n := change{at: w.now}
	t.content(p)
	if t.over != 0 {
		t.goOn(w, p)
		return
	}
	for s := range t.got {
		if t.got[s] != t.newest[s] {
			n.sectors, n.data = append(n.sectors, uint64(s)), append(n.data, t.got[s])
		}
	}
	if len(n.sectors) > 0 {
		t.add(n)
	}
}

// rewound takes it that an override discarded what the VM did, and that it goes on where its primary's disk at p stands. One
// that is not running there is launched yet.
func (t *points) rewound(p *place) {
	if !t.on || !p.inst.present {
		return
	}
	if t.over != 0 {
		t.over, t.cuts = 0, t.cuts[:len(t.cuts)-1]
	}
	t.launched(p.w, p)
}

// goOn lets the VM's disk go on from its recovery copy, which must be the point that it was.
func (t *points) goOn(w *World, p *place) {
	t.over = 0
	t.cuts[len(t.cuts)-1].At = w.now
	if !slices.Equal(t.got, t.at) {
		w.monitor.breaks("R6", p, "the VM starts from its recovery copy, which is not the newest point")
	}
	t.first += len(t.log)
	t.log = t.log[:0]
	copy(t.newest, t.got)
	copy(t.at, t.got)
}

// content reads what the copy at p would recover to.
func (t *points) content(p *place) {
	for s := range uint64(diskSectors) {
		_ = p.disk.Read(s, 1, t.got[s:s+1]) // within the disk; damage is found by the guest
	}
	for i := range p.recovery.journal[:p.recovery.sealed] {
		if j := &p.recovery.journal[i]; j.att != nil {
			copy(t.got[j.sector:], j.att.sectors)
		}
	}
}

// moved checks a recovery copy that changed, or was recovered.
func (t *points) moved(w *World, p *place) {
	cfg := w.monitor.vms[t.vm].newest()
	if !t.on || cfg.Recovery != p.m.id || p.recovery.history != cfg.History {
		return // of an earlier history: it is replaced as a whole
	}
	t.begun = true
	t.content(p)
	differ := 0
	for s := range t.got {
		if t.got[s] != t.at[s] {
			differ++
		}
	}
	if len(t.cuts) == 0 && !t.fresh {
		t.longest = max(t.longest, t.Age(w))
	}
	t.fresh = false
	for i := 0; differ > 0; i++ {
		if i == len(t.log) {
			w.monitor.breaks("R6", p, "the recovery copy at point %d is not the disk at any moment since the last point", p.recovery.point)
			t.on = false // once is enough
			return
		}
		c := &t.log[i]
		for k, s := range c.sectors {
			was := t.at[s] != t.got[s]
			t.at[s] = c.data[k]
			if is := t.at[s] != t.got[s]; is != was {
				if is {
					differ++
				} else {
					differ--
				}
			}
		}
		if differ == 0 {
			t.lo = c.at
			t.first += i + 1
			t.log = append(t.log[:0], t.log[i+1:]...)
			return
		}
	}
}

// Age returns how long ago the oldest completed change was completed that the recovery copy lacks; of a VM that
// does not run, how long before the newest one.
func (t *points) Age(w *World) time.Duration {
	if len(t.log) == 0 {
		return 0
	}
	until := w.now
	if cfg := w.Config(t.vm); cfg.Gen == 0 || !w.nodes[cfg.Primary].vms[t.vm].runs() {
		until = t.log[len(t.log)-1].at
	}
	return until.Sub(t.log[0].at)
}

// captured notes where in the log an epoch of the guest ends.
func (t *points) captured(epoch model.Epoch) {
	if !t.on {
		return
	}
	if len(t.ends) >= 16 {
		t.ends = append(t.ends[:0], t.ends[8:]...)
	}
	t.ends = append(t.ends, end{epoch, t.first + len(t.log)})
}

// promoted checks that the recovery copy has nothing of what the pool goes back behind (R6). It may have what an override
// discarded, until it is replaced.
func (t *points) promoted(o *monitor, p *place, epoch model.Epoch) {
	if cfg := o.vms[t.vm].newest(); cfg.Recovery != model.NoNode {
		if r := &o.w.nodes[cfg.Recovery].place(t.vm).recovery; r.maker.Era() < cfg.Gen.Era() {
			return
		}
	}
	i := len(t.ends) - 1 // the newest of that number: another life of the daemon, or another pair, counts anew
	for i >= 0 && t.ends[i].epoch != epoch {
		i--
	}
	if t.on && t.begun && i >= 0 && t.first > t.ends[i].number {
		o.breaks("R6", p, "the recovery copy has writes from after checkpoint %d, with which the VM goes on", epoch)
	}
}

// failedOver takes down what a start from the recovery copy lost.
func (t *points) failedOver(w *World, p *place, gen model.Gen) {
	if !t.begun || t.fresh {
		w.monitor.breaks("R6", p, "the VM is started from a recovery copy that has no whole point")
	}
	hi := w.now
	if len(t.log) > 0 {
		hi = t.log[0].at
	}
	t.longest = max(t.longest, t.Age(w))
	t.over = gen
	t.cuts = append(t.cuts, Cut{Lo: t.lo, Hi: hi, At: w.now})
}

// failedBack checks that the copy to which a VM returns lacks nothing (R5). Writes that failed may have changed nothing.
func (t *points) failedBack(w *World, p *place) {
	if t.on && !slices.Equal(t.at, t.newest) {
		w.monitor.breaks("R5", p, "the VM returns to a copy that lacks %d completed writes", len(t.log))
	}
}

// undo takes a start from the recovery copy back that came to nothing; it reports whether cfg was one.
func (t *points) undo(cfg *pool.Config) bool {
	if t.over == 0 || t.over != cfg.Gen {
		return false
	}
	t.over = 0
	t.cuts = t.cuts[:len(t.cuts)-1]
	return true
}

// Cuts returns what starts of the VM from its recovery copy lost, in order.
func (w *World) Cuts(vm model.VMID) []Cut { return w.monitor.points[vm].cuts }

// RecoveryAge returns how long ago the oldest completed write of the VM was completed that its recovery copy lacks, as
// the world knows it; longest is the highest value since ResetRecoveryAge.
func (w *World) RecoveryAge(vm model.VMID) (now, longest time.Duration) {
	t := &w.monitor.points[vm]
	if cfg := w.monitor.vms[vm].newest(); t.fresh || cfg.Recovery == model.NoNode && t.begun {
		return 0, t.longest
	}
	now = t.Age(w)
	if len(t.cuts) > 0 {
		return now, t.longest
	}
	return now, max(now, t.longest)
}

// ResetRecoveryAge forgets the highest value so far.
func (w *World) ResetRecoveryAge(vm model.VMID) { w.monitor.points[vm].longest = 0 }
