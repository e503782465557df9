package engine

import (
	"holdfast/engine/dr"
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// diskState is where this host's copy stands.
type diskState uint8

const (
	diskClosed diskState = iota
	diskOpening
	diskOpen
	diskFailed
)

// opened takes the outcome of opening the local copy.
func (v *vm) opened(ev *model.Event) {
	if ev.ID != v.opening && !planted.On(planted.OpeningMistaken) {
		return
	}
	if v.cfg.Shared {
		v.sharedOpened(ev)
		return
	}
	if v.disk != diskOpening {
		return
	}
	v.gone = ev.Flags.Has(model.FlagLost) && !planted.On(planted.StartLost)
	v.sayGone(ev.Flags.Has(model.FlagError))
	marks, ok := model.ParseBitmap(ev.Data, v.n.cfg.Mirror.Extents)
	if ev.Flags.Has(model.FlagError) || !ok {
		v.failDisk()
		return
	}
	v.disk, v.marks, v.cannot, v.broken = diskOpen, marks, false, false
	if !planted.On(planted.LandingUntold) {
		v.in.Applied(v.in.Holds()) // a copy that can be opened has taken what was applied to it
	}
	v.changesRead(ev.Changed)
	if v.main != nil {
		v.main.LocalOpened(v.n.now, marks, &v.n.out)
	}
}

// sayGone says, once, that the local copy lost what it had called durable.
func (v *vm) sayGone(unfit bool) {
	if !v.gone || v.saidGone {
		v.saidGone = v.gone
		return
	}
	v.saidGone = true
	notice := v.n.out.Notify(model.NoticeDiskLost, v.id, v.self())
	switch {
	case unfit:
		notice.Detail = "it called writes durable and lost them; replace the disk or turn its write cache off, then it is copied anew"
	case v.cfg.InSync == model.Nodes(v.self()):
		notice.Detail = "it is the only copy in sync, and lacks writes that it had called durable; an operator has to choose the copy to start from"
	default:
		notice.Detail = "it lacks writes that it had called durable, and is copied anew"
	}
}

// truth reports whether this host's copy has every acknowledged write (R5).
func (v *vm) truth() bool { return v.cfg.InSync.Has(v.self()) && !v.gone }

// trust tells the runner that the local copy is what the pool counts on now.
func (v *vm) trust() {
	if v.gone {
		v.gone = false
		v.n.out.Add(model.EffectTrust, v.id)
	}
}

// failDisk takes the local copy out of service; it is opened again a little later.
func (v *vm) failDisk() {
	v.sayBroken()
	v.disk, v.marks, v.copy = diskFailed, nil, nil
	v.diskAt = v.n.now.Add(v.n.cfg.Timing.RepairEvery)
}

// sayBroken says and counts, once until it works again, that the local copy failed.
func (v *vm) sayBroken() {
	if !v.broken {
		v.broken = true
		v.n.out.Notify(model.NoticeDiskFault, v.id, v.self())
		v.n.fault(pool.Part{Component: model.ComponentDisk, Node: v.self(), VM: v.id})
	}
}

// ensureDisk opens the local copy if it is time to; it reports whether it is open.
func (v *vm) ensureDisk() bool {
	switch {
	case v.disk == diskOpen:
		return true
	case v.disk != diskOpening && v.unused():
	case v.disk == diskClosed, v.disk == diskFailed && v.n.now >= v.diskAt:
		v.disk = diskOpening
		v.open()
	}
	return false
}

// unused reports whether the local copy is not to be opened, because it is out of service. The only one in sync is better than none.
func (v *vm) unused() bool {
	return v.retired(model.ComponentDisk) && v.cfg.InSync != model.Nodes(v.self())
}

// openPatience is the number of I/O time-outs after which a copy that is still being opened counts as failed. It is not opened
// again then: the opening may have much to recover.
const openPatience = 4

// unfit reports whether the local copy failed, is out of service, or is not open after so long that it has to count as failed. One that
// failed is unfit until it is open.
func (v *vm) unfit() bool {
	if v.disk != diskOpening {
		return v.disk == diskFailed || v.disk == diskClosed && v.unused()
	}
	v.lookAgain(v.openBy)
	return v.cannot || v.n.now >= v.openBy && !planted.On(planted.OpeningAwaited)
}

// open has the local copy opened, or the shared storage looked at. What comes of an opening before that counts no more.
func (v *vm) open() {
	v.openedFor, v.opening, v.openBy = v.copyGen(), v.n.token(), v.n.now.Add(openPatience*v.n.cfg.Mirror.IOTimeout)
	e := v.n.out.Add(model.EffectOpen, v.id)
	e.Gen, e.ID = v.openedFor, v.opening
	for _, s := range []*dr.Source{v.recovery.src, v.recovery.left} {
		if s != nil {
			s.Reopened(v.n.now, &v.n.out)
		}
	}
}

// localReadable reports whether the local copy has what the guest wrote.
func (v *vm) localReadable() bool { return v.main.Local() == mirror.InSync && !v.main.LocalFailed() }

// copyGen returns the generation for which this host's copy must have been made.
func (v *vm) copyGen() model.Gen {
	if planted.On(planted.KeepDropped) {
		return 0
	}
	return v.cfg.HomeSince(v.self())
}
