package disk

import "holdfast/sim/random"

// Loss says what a power loss does to the writes that were not synced.
type Loss uint8

// The kinds of loss.
const (
	LoseAll  Loss = iota // every unsynced write is lost
	KeepAll              // every unsynced write happens to be on the medium
	TornAll              // of every unsynced write some sectors are lost, and some kept if it has several
	LossDraw             // each unsynced write is kept, lost or torn by chance
)

var lossNames = [...]string{LoseAll: "lose", KeepAll: "keep", TornAll: "torn", LossDraw: "draw"}

// String returns the word for the kind of loss.
func (l Loss) String() string {
	if int(l) < len(lossNames) {
		return lossNames[l]
	}
	return "unknown"
}

// ParseLoss is the inverse of Loss.String; ok is false for an unknown word.
func ParseLoss(s string) (loss Loss, ok bool) {
	for i, n := range lossNames {
		if n == s {
			return Loss(i), true
		}
	}
	return LoseAll, false
}

// PowerLoss empties the cache: each unsynced write is put on the medium, dropped
// or torn, as mode says. Two writes to one sector keep their order; different
// writes are independent of each other, so a later one may survive an earlier one.
// r is not drawn from by LoseAll and KeepAll and may then be nil.
func (d *Disk) PowerLoss(r *random.Stream, mode Loss) {
	for i := 0; i < len(d.cache); {
		end := i + 1
		for end < len(d.cache) && d.cache[end].write == d.cache[i].write {
			end++
		}
		d.lose(d.cache[i:end], r, mode)
		i = end
	}
	for i := range d.cache {
		d.latest[d.cache[i].sector] = 0
	}
	d.cache, d.writes = d.cache[:0], 0
}

// lose puts of one write on the medium what the power loss leaves of it.
func (d *Disk) lose(w []cached, r *random.Stream, mode Loss) {
	if mode == LossDraw {
		mode = Loss(r.Below(uint64(LossDraw)))
	}
	switch mode {
	case KeepAll:
		d.keep(w)
	case TornAll:
		d.tear(w, r)
	}
}

// tear keeps a prefix or a random subset of the sectors of a write, never all.
// A single sector is atomic: it is lost.
func (d *Disk) tear(w []cached, r *random.Stream) {
	if len(w) < 2 {
		return
	}
	if r.Chance(1, 2) {
		d.keep(w[:r.Int(1, len(w)-1)])
		return
	}
	lost := r.Int(0, len(w)-1)
	for i := range w {
		if i != lost && r.Chance(1, 2) {
			d.keep(w[i : i+1])
		}
	}
}

func (d *Disk) keep(w []cached) {
	for i := range w {
		if !w[i].dead {
			d.settle(w[i].sector, &w[i].data)
		}
	}
}
