package engine

import (
	"holdfast/engine/lease"
	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// sharedState is what a home has of a VM whose disk is shared storage, besides the instance. There is no copy, no
// mirror and no pair: the guest's requests go to the storage, and its output passes, because the lease keeps
// everybody else from running the VM (see package lease).
type sharedState struct {
	disk    *sharedDisk // while there is an instance
	settled bool        // nothing of an instance is left here, by the runner's word
	ending  uint64      // the EffectDestroy that is not answered; 0: none
	away    bool        // the other home should run the VM
	lonely  bool        // it was said that the other home is not there
	claim   lease.Claim
	said    model.Gen  // generation of which it was said how the VM came here
	passed  model.Gen  // generation out of which this life asked to pass the VM on
	probing bool       // the storage was asked whether it is there
	probeAt model.Time // when to ask again; then no answer counts as none

	trouble trouble // with running the VM here

	launchedAt model.Time // when the creation began that is under way

	mineSince model.Gen // generation since which nobody but this host has changed the VM
}

// reconcileShared does the next step of a home of a VM on shared storage.
func (v *vm) reconcileShared() {
	if v.instance != absent && !v.byRight() {
		v.endInstance()
		v.n.out.Notify(model.NoticeFenced, v.id, v.self()).Gen = v.gen
	}
	if !v.isPrimary() {
		v.sayAble() // before it tells anything in this generation
	}
	v.sayHow()
	if v.isPrimary() {
		v.hold()
	} else {
		v.standBy()
	}
	v.settleProposal()
}

// sayAble tells the other home whether this one is able to run the VM. Whose VM it is passes it on by the log, and tries by itself if it has to:
// its troubles are nobody's concern.
func (v *vm) sayAble() { v.cannotRun(v.disk == diskFailed || !v.isPrimary() && v.troubled()) }

// hold does the next step of the host to which the VM belongs.
func (v *vm) hold() {
	switch v.instance {
	case absent:
		v.bringUpShared()
	case foreign:
		if v.mine() && v.cfg.Gen > v.gen {
			v.takeOverShared()
		} else {
			v.gen = v.cfg.Gen // by right until here, also where an override moved the generation
			v.propose(pool.Command{Kind: pool.KindBump})
		}
	case starting:
		v.boundLaunch()
	case running:
		v.runShared()
	}
}

// boundLaunch gives a creation up that does not return, if the other home is able to run the VM.
func (v *vm) boundLaunch() {
	due := v.shared.launchedAt.Add(launchPatience * v.n.cfg.Timing.ColdStartAfter)
	v.lookAgain(due)
	if v.n.now >= due && v.otherAble() && !planted.On(planted.LaunchAwaited) {
		v.giveUpShared("the hypervisor does not create the instance")
	}
}

// launchPatience is the number of ColdStartAfter that a creation may take while the other home could try. To be wrong costs little: the
// VM does not run, and the other home does not give it back soon.
const launchPatience = 2

// giveUpShared ends what there is of an instance that could not be created, and has the other home try.
func (v *vm) giveUpShared(why string) {
	v.endInstance()
	v.retryAt = v.n.now.Add(v.n.cfg.Timing.RepairEvery)
	v.shared.trouble.count(v.n.now, v.patience())
	v.shared.away = true // perhaps the other one can
	notice := v.n.out.Notify(model.NoticeRefused, v.id, v.self())
	notice.Gen, notice.Detail = v.gen, why
}

// sayHow tells the other home, once in a generation, what there is here, and says how the VM came to this host.
func (v *vm) sayHow() {
	if v.shared.said == v.cfg.Gen {
		return
	}
	v.shared.said = v.cfg.Gen
	v.tell()
	if !v.isPrimary() {
		return
	}
	switch v.cfg.Cause {
	case pool.KindClaim:
		notice := v.n.out.Notify(model.NoticeClaimed, v.id, v.self())
		notice.Gen, notice.Detail = v.cfg.Gen, "it is started when the old instance has certainly stopped, after "+v.n.cfg.Lease.Wait().String()+" at the latest"
	case pool.KindRelease:
		v.n.out.Notify(model.NoticeReleased, v.id, v.self()).Gen = v.cfg.Gen
	}
}

// bringUpShared starts the VM here if the log said so in this life, passes it on, or asks for a start. Once it asked to pass
// the VM on it starts nothing in that generation, whatever became of the reason: the log may still agree.
func (v *vm) bringUpShared() {
	n := v.n
	settled, reaches := v.settle(), v.reaches()
	v.sayAble()
	switch {
	case !settled:
	case v.cfg.Cause != pool.KindClaim && (v.shared.away || v.disk == diskFailed || v.yields()) && v.otherAble():
		if !planted.On(planted.PassedForgotten) {
			v.shared.passed = v.cfg.Gen
		}
		v.propose(pool.Command{Kind: pool.KindRelease, Node: v.other})
	case n.now < v.retryAt:
		v.lookAgain(v.retryAt)
	case !reaches:
	case v.startsShared():
		if n.lease.Held() {
			v.launchShared()
		}
	case v.stopped():
	case v.cfg.Cause == pool.KindClaim && !v.certain():
	default:
		v.propose(pool.Command{Kind: pool.KindStart, Node: v.self()})
	}
}

// startsShared reports whether this life is to start the VM: the log said so, and it is not out of service.
func (v *vm) startsShared() bool {
	return v.mine() && v.cfg.Cause == pool.KindStart && v.launched != v.cfg.Gen && v.shared.passed != v.cfg.Gen && !v.held()
}

// certain reports whether the old instance of a VM that this host has claimed has stopped: its host says so, or
// its watchdog must have seen to it.
func (v *vm) certain() bool {
	v.shared.claim.Learn(v.cfg.Gen, v.claimSince())
	if r, known := v.reported(); known && !r.flags.Has(model.FlagInstance) {
		return true
	}
	at, over := v.shared.claim.Over(v.n.now, v.n.cfg.Lease.Wait())
	v.lookAgain(at)
	return over
}

func (v *vm) launchShared() {
	v.launched, v.born, v.gen, v.instance = v.cfg.Gen, v.cfg.Gen, v.cfg.Gen, starting
	v.shared.settled, v.shared.away, v.shared.launchedAt = false, false, v.n.now
	v.n.out.Add(model.EffectStart, v.id).Gen = v.gen
	v.shared.disk = newSharedDisk(v.id, v.n.cfg.Mirror.IOTimeout, v.n.token())
}

// sharedStarted takes the outcome of a start.
func (v *vm) sharedStarted(failed bool) {
	out := &v.n.out
	if failed {
		v.giveUpShared("the hypervisor could not create the instance")
		return
	}
	v.instance = running
	out.Notify(model.NoticeStarted, v.id, v.self()).Gen = v.gen
	v.shared.lonely = false
	v.serve()
}

// takeOverShared makes an instance that an earlier life left behind this life's own.
func (v *vm) takeOverShared() {
	v.instance, v.gen = running, v.cfg.Gen
	v.shared.disk = newSharedDisk(v.id, v.n.cfg.Mirror.IOTimeout, v.n.token())
	v.serveAnew()
	v.serve()
}

// serve lets the outside see the VM.
func (v *vm) serve() {
	v.n.out.Add(model.EffectPass, v.id)
	v.updateRoute()
	v.tell()
}

// runShared keeps a running VM in line with the configuration.
func (v *vm) runShared() {
	if v.cfg.Gen != v.gen && v.cfg.Cause == pool.KindStart {
		v.endInstance() // it hung
		return
	}
	if v.cfg.Gen != v.gen {
		v.gen = v.cfg.Gen
		v.n.out.Add(model.EffectAdopt, v.id).Gen = v.gen
	}
	v.updateRoute()
	v.sayLonely()
	due, slow := v.shared.disk.slow(v.n.now)
	v.lookAgain(due)
	if slow || v.shared.disk.failed {
		v.sayStorage()
	}
	movable := v.otherAble() && !v.pinned()
	if v.shared.disk.failed && !movable {
		v.shared.disk.giveBack(&v.n.out)
	}
	switch {
	case (slow || v.shared.disk.failed || v.shared.away || v.yields()) && movable:
		if slow || v.shared.disk.failed {
			v.shared.trouble.count(v.n.now, v.patience())
		}
		v.shared.away = true
		v.endInstance()
	case v.hangs():
		v.sayHung()
		if v.stopped() {
			v.endInstance()
			break
		}
		v.propose(pool.Command{Kind: pool.KindStart, Node: v.self()})
	default:
		v.shared.away = false
	}
}

// sayLonely says when there is no second host to go on with, and when there is again.
func (v *vm) sayLonely() {
	if lonely := v.peer().suspected; lonely != v.shared.lonely {
		v.shared.lonely = lonely
		kind := model.NoticeProtected
		if lonely {
			kind = model.NoticeExposed
		}
		v.n.out.Notify(kind, v.id, v.self()).Gen = v.cfg.Gen
	}
}

// sayStorage says, once, that this host does not reach the storage.
func (v *vm) sayStorage() {
	if !v.broken {
		v.broken = true
		v.n.out.Notify(model.NoticeDiskFault, v.id, v.self())
	}
}

// standBy does the next step of the other home.
func (v *vm) standBy() {
	v.shared.away = false
	settled, reaches := v.settle(), v.reaches()
	v.sayAble()
	if !settled || !reaches || v.stopped() {
		return
	}
	r, known := v.reported()
	unable := known && !r.flags.Has(model.FlagInstance) && r.flags.Has(model.FlagCannotRun)
	if unable || v.holderGone() {
		v.propose(pool.Command{Kind: pool.KindClaim, Node: v.self()})
	}
}

// holderGone reports whether the host to which the VM belongs has to be replaced: nobody hears it any more,
// or it has not renewed its lease for so long that it must have been reset.
func (v *vm) holderGone() bool {
	n, p := v.n, v.peer()
	if !p.suspected {
		return false
	}
	due := p.since + model.Time(n.cfg.Timing.PromoteWait)
	if n.vouched(v.other) {
		due = max(due, n.renewals[v.other]).Add(n.cfg.Lease.Timeout)
	}
	v.lookAgain(due)
	return n.now >= due
}

// settle has the runner make sure that nothing of an instance is left here, and reports whether that is so.
func (v *vm) settle() bool {
	if !v.shared.settled && v.shared.ending == 0 && v.instance == absent {
		v.destroyShared()
	}
	return v.shared.settled
}

// endInstance destroys the instance here; destroyed says when it is gone.
func (v *vm) endInstance() {
	v.destroyShared()
	v.lose()
}

func (v *vm) destroyShared() {
	v.shared.settled, v.shared.ending = false, v.n.token()
	e := v.n.out.Add(model.EffectDestroy, v.id)
	e.Gen, e.ID = v.gen, v.shared.ending
}

// destroyed takes the runner's word that nothing of an instance is left.
func (v *vm) destroyed(ev *model.Event) {
	if ev.ID == v.shared.ending && ev.ID != 0 {
		v.shared.ending, v.shared.settled = 0, true
		v.tell()
	}
}

// otherAble reports whether the other home could run the VM now.
func (v *vm) otherAble() bool {
	r, known := v.reported()
	return known && !r.flags.Has(model.FlagCannotRun) && v.other != model.NoNode
}

// reaches looks at the storage again and again while there is no instance, and reports whether it answers.
func (v *vm) reaches() bool {
	n := v.n
	if v.disk == diskClosed || n.now >= v.shared.probeAt {
		switch {
		case v.disk == diskClosed:
			v.disk = diskOpening
		case v.shared.probing:
			v.disk = diskFailed
			v.sayStorage()
		}
		v.shared.probing, v.shared.probeAt = true, n.now.Add(max(2*n.cfg.Mirror.IOTimeout, n.cfg.Timing.RepairEvery))
		v.open()
	}
	v.lookAgain(v.shared.probeAt)
	return v.disk == diskOpen
}

// orderHandOver takes an operator's wish to have the VM run by its other home.
func (n *Node) orderHandOver(o *model.Order) {
	v, reason := n.vm(o.VM), ""
	switch {
	case v == nil || !v.isPrimary() || v.instance != running:
		reason = "give the order to the host that runs the VM"
	case !v.cfg.Shared:
		reason = "its disk is no shared storage"
	case v.stopped():
		reason = vmRetired
	case !v.otherAble():
		reason = "the other home does not answer, or cannot run the VM"
	default:
		v.shared.away = true
		v.touch()
		return
	}
	n.refuse(o.VM, n.cfg.ID, reason)
}

// sharedOpened takes whether the storage answers.
func (v *vm) sharedOpened(ev *model.Event) {
	if v.instance != absent {
		return
	}
	v.disk, v.shared.probing = diskOpen, false
	if ev.Flags.Has(model.FlagError) {
		v.disk = diskFailed
		v.sayStorage()
		return
	}
	v.broken = false
}
