package engine

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// trouble remembers that this host could not run a VM on shared storage: that the storage refused or did not answer what the guest
// asked for, or that no instance could be created. For a while the host says that it cannot run the VM. Without that each of two
// hosts would take the other one for able, although both fail, and the VM would go to and fro between them, with a boot each time, and its
// guest would never learn what the storage refuses.
//
// Who has the VM goes on trying, and who has to replace a host that is lost does so, whatever their troubles.
type trouble struct {
	times int        // in succession; 0: none
	at    model.Time // the last time
}

// maxTroubles bounds how much longer the word of a host holds with each trouble that follows soon.
const maxTroubles = 8

// soonFactor is how many times as long as the word holds the next trouble counts as one in succession.
const soonFactor = 4

// lasts returns how long the host says that it cannot run the VM: twice as long with each trouble in succession.
func (t *trouble) lasts(patience time.Duration) time.Duration { return patience << (t.times - 1) }

// count counts a trouble now.
func (t *trouble) count(now model.Time, patience time.Duration) {
	if t.times > 0 && now.Sub(t.at) >= soonFactor*t.lasts(patience) {
		t.times = 0
	}
	t.times, t.at = min(t.times+1, maxTroubles), now
}

// patience is for how long a host that could not run the VM once says so. Whatever is wrong with a path or a toolstack seldom mends
// itself sooner.
func (v *vm) patience() time.Duration { return 10 * v.n.cfg.Timing.ColdStartAfter }

// troubled reports whether this host could not run the VM a short time ago.
func (v *vm) troubled() bool {
	t := &v.shared.trouble
	if t.times == 0 || planted.On(planted.TroubleForgotten) {
		return false
	}
	until := t.at.Add(t.lasts(v.patience()))
	v.lookAgain(until)
	return v.n.now < until
}
