package engine

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// earlier reports whether an event of the generation gen is about an instance before the present one.
func (v *vm) earlier(gen model.Gen) bool {
	return gen < v.born && !planted.On(planted.InstanceMistaken)
}

// responding takes whether the guest responds to its watchdog or to the host's probes.
func (v *vm) responding(ev *model.Event) {
	switch {
	case v.instance == absent || v.earlier(ev.Gen):
	case ev.Flags.Has(model.FlagOn):
		v.silentSince = model.Never
		if !planted.On(planted.HungForGood) {
			v.hungIn = 0
		}
	case v.silentSince == model.Never:
		v.silentSince = v.n.now
	}
}

// hangs reports whether the guest has not responded for too long.
func (v *vm) hangs() bool {
	if v.silentSince == model.Never || planted.On(planted.HangIgnored) {
		return false
	}
	due := v.silentSince.Add(v.n.cfg.Timing.HangAfter)
	v.lookAgain(due)
	return v.n.now >= due
}

// sayHung says and counts, once in a generation, that the guest hangs.
func (v *vm) sayHung() {
	if v.hungIn != v.cfg.Gen {
		v.hungIn = v.cfg.Gen
		v.n.out.Notify(model.NoticeHung, v.id, v.self()).Gen = v.cfg.Gen
		v.guestFailed()
	}
}

// bootAnew asks the log to boot the VM: here, or, if this host has no disk for it, on the other one. A
// promotion would not help, because the checkpoints are of a guest that hangs. The instance
// is kept until the log agrees, so that it is never gone without a successor.
func (v *vm) bootAnew() {
	v.sayHung()
	if !v.cfg.InSync.Has(v.self()) || v.main.LocalFailed() {
		v.giveUp()
		return
	}
	if v.stopped() {
		v.destroy()
		return
	}
	if v.cfg.Level == model.LevelFT {
		v.losesIn = v.cfg.Gen
	}
	v.propose(pool.Command{Kind: pool.KindStart, Node: v.self()})
}

// bootsHere reports whether a guest that hung here and was taken out of service for that is to be booted here when it is cleared.
// The other home must not go on with its checkpoint before: that is of a guest that hangs.
func (v *vm) bootsHere() bool {
	return v.cfg.Level == model.LevelFT && v.hungIn == v.cfg.Gen && v.isPrimary() && v.truth() && !v.cannot && !v.retired(model.ComponentDisk) &&
		!planted.On(planted.HungElsewhere)
}
