package engine

import (
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/pair"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// right is the right of this life of this node to launch the VM, which it won in the log.
type right struct {
	won   model.Gen // the configuration that gave it
	in    model.Gen // the one in which it holds: that, or one that changed nothing of it; 0: there is none
	cause pool.Kind // boot, or promotion
}

// entitle finds out, when cfg is about to follow the known configuration, whether this node may launch the VM in it: because
// it proposed that, or because it might before and only the generation moved, at the word of somebody else. When the VM runs,
// the right is used.
func (v *vm) entitle(cfg *pool.Config) {
	before, r := &v.cfg, &v.right
	if cfg.Cause == pool.KindStart || cfg.Primary != v.cfg.Primary {
		if v.moving && cfg.Primary == v.self() {
			v.n.refuse(v.id, v.self(), "the VM could not be moved; give the order again if it is to run on its other home")
		}
		v.moving = false // it was done, or could not be
	}
	if p := &v.partner; cfg.Primary != v.self() && p.instead != model.NoNode && !planted.On(planted.WishKept) {
		if !p.governed {
			v.n.refuse(v.id, v.self(), "the VM runs on its other home by now; give the order again there if it is to have another second home")
		}
		p.instead, p.governed = model.NoNode, false
	}
	own := cfg.By == v.self() && (cfg.Incarnation == v.n.incarnation || planted.On(planted.RightAssumed))
	switch cfg.Cause {
	case pool.KindStart, pool.KindPromote:
		if *r = (right{}); own {
			*r = right{won: cfg.Gen, in: cfg.Gen, cause: cfg.Cause}
		}
	case pool.KindBump, pool.KindOverride:
		moved := cfg.Gen == before.Gen+1 || cfg.Gen == before.Gen.In(cfg.Gen.Era())
		if r.in == 0 || r.in != before.Gen || !moved || planted.On(planted.RightDropped) {
			r.in = 0
			return
		}
		r.in = cfg.Gen
	default:
		r.in = 0
	}
}

// bringUp launches the instance that this life of this node won in the log, or asks for one.
func (v *vm) bringUp() {
	if v.right.in != v.cfg.Gen || v.launched == v.cfg.Gen {
		v.seekStart()
		return
	}
	if n := v.n; n.now < v.retryAt {
		v.lookAgain(v.retryAt)
	} else if !v.held() && v.ensureDisk() {
		v.launch()
	}
}

// seekStart asks the log to boot the VM here, once nobody can have newer state.
func (v *vm) seekStart() {
	n := v.n
	if v.stopped() {
		return
	}
	if v.lost != v.cfg.Gen {
		v.lost, v.absentSince = v.cfg.Gen, n.now
		v.tell()
	}
	if !v.cfg.InSync.Has(v.self()) || !v.ensureDisk() || v.gone {
		v.cannotRun(!v.truth() || v.unfit())
		return
	}
	if n.now < v.retryAt {
		v.lookAgain(v.retryAt)
		return
	}
	if v.yields() {
		v.cannotRun(true) // the other home starts it
		return
	}
	if v.cfg.Level == model.LevelFT && v.cfg.Secondary != model.NoNode && !v.bootsHere() {
		r, known := v.reported()
		patience := v.absentSince.Add(n.cfg.Timing.ColdStartAfter)
		if known && r.flags.Has(model.FlagCheckpoint) || !known && n.now < patience {
			if n.now < patience {
				v.lookAgain(patience)
			}
			return // the secondary has the VM's memory and takes over
		}
	}
	if v.cfg.Level == model.LevelFT && v.cfg.Cause != pool.KindCreate && v.failedIn != v.cfg.Gen {
		v.losesIn = v.cfg.Gen
	}
	v.propose(pool.Command{Kind: pool.KindStart, Node: v.self()})
}

// launch runs the VM here under the present configuration, at most once.
func (v *vm) launch() {
	out := &v.n.out
	marks := v.marks
	if v.copy != nil {
		marks = v.copy.Marked()
	}
	v.copy, v.marks = nil, nil
	v.trust() // only an operator's order gets here with a copy that is not the truth
	v.launched, v.born, v.gen, v.instance = v.cfg.Gen, v.cfg.Gen, v.cfg.Gen, starting
	v.session, v.sessionOf, v.attachGen = 0, 0, 0
	var last model.Epoch
	if v.right.cause == pool.KindPromote {
		last = v.in.Holds()
		e := out.Add(model.EffectActivate, v.id)
		e.Gen, e.Epoch = v.gen, last
		if planted.On(planted.PromoteOlder) {
			e.Epoch--
		}
	} else {
		if v.losesIn == v.right.won-1 {
			// Now it is decided. Before, this host may not have heard that the VM goes on elsewhere.
			out.Notify(model.NoticeStateLost, v.id, v.self()).Gen = v.cfg.Gen
		}
		v.in.Reset(0, out)
		out.Add(model.EffectStart, v.id).Gen = v.gen
	}
	v.machines(marks, last)
}

// machines makes the pair and the mirror of an instance on this host.
func (v *vm) machines(marks model.Bitmap, last model.Epoch) {
	n := v.n
	v.lacking(marks)
	v.main = mirror.NewPrimary(v.id, n.cfg.Mirror, v.self(), v.other, v.gen, v.cfg.InSync, marks, n.token())
	v.out = pair.NewPrimary(v.id, n.cfg.Pair, v.cfg.Level == model.LevelFT, last)
}

// started takes the outcome of a launch.
func (v *vm) started(ev *model.Event) {
	out := &v.n.out
	failed := ev.Flags.Has(model.FlagError)
	if v.instance == absent || v.earlier(ev.Gen) || v.instance == starting && ev.Gen != v.gen || v.instance != starting && !failed {
		return
	}
	if v.cfg.Shared {
		v.sharedStarted(failed)
		return
	}
	if failed {
		if v.right.cause == pool.KindPromote && v.in.Holds() != 0 && v.instance == starting && !planted.On(planted.PromoteOnce) {
			v.launched = 0 // what it held is still there
		} else {
			v.right.in = 0
		}
		if v.right.cause == pool.KindStart {
			v.failedIn = v.gen
		}
		if !planted.On(planted.RemnantKept) {
			v.n.out.Add(model.EffectDestroy, v.id).Gen = v.gen // what is left behind would be in the way
		}
		v.lose()
		v.retryAt = v.n.now.Add(v.n.cfg.Timing.RepairEvery)
		notice := out.Notify(model.NoticeRefused, v.id, v.self())
		notice.Gen, notice.Detail = v.gen, "the hypervisor could not create the instance; trying again"
		return
	}
	v.instance, v.right.in = running, 0
	v.in = pair.NewSecondary(v.id)
	kind := model.NoticeStarted
	if v.right.cause == pool.KindPromote {
		kind = model.NoticePromoted
	}
	notice := out.Notify(kind, v.id, v.self())
	notice.Gen, notice.Epoch = v.gen, v.out.Acked()
	v.sayExposed()
	v.out.Pass(out)
	v.updateRoute()
	v.tell()
}

// confirm asks the log whether an instance that an earlier life left behind is still
// the VM's: it becomes the only copy, or somebody else was faster.
func (v *vm) confirm() {
	if v.mine() && v.cfg.Gen > v.gen || planted.On(planted.RejoinUnchecked) {
		if v.ensureDisk() {
			v.takeOver()
		}
		return
	}
	mine, theirs := v.cfg.InSync.Has(v.self()), v.cfg.InSync.Has(v.other)
	switch {
	case !mine:
		v.giveUp() // whether the other copy kept its cache meanwhile, this life cannot know
	case !v.ensureDisk():
		// A disk that hangs leaves hope, so the other home has to be heard then.
		if hangs := v.unfit() && !v.peer().suspected && !planted.On(planted.HangAwaited); theirs && (v.disk == diskFailed || hangs) {
			v.giveUp()
			v.failDisk()
		}
	case theirs:
		v.propose(pool.Command{Kind: pool.KindDetach, Node: v.other})
	default:
		v.propose(pool.Command{Kind: pool.KindBump})
	}
}

// takeOver makes a confirmed foreign instance this life's own.
func (v *vm) takeOver() {
	v.instance, v.gen = running, v.cfg.Gen
	v.trust() // a loss of its content would have been a loss of the instance
	marks := v.marks
	v.marks = nil
	v.session, v.attachGen = 0, 0
	v.machines(marks, max(v.in.Holds(), v.epoch))
	v.serveAnew()
	if v.cfg.Exposed() || planted.On(planted.RejoinUnchecked) {
		v.sayExposed()
		v.out.Pass(&v.n.out)
	}
	v.updateRoute()
	v.tell()
}

// serveAnew makes the instance one of the present generation that this node serves from now on. What its guest waits for was
// taken by an earlier life, or by machines that an override made void, so the runner tells of it again.
func (v *vm) serveAnew() {
	e := v.n.out.Add(model.EffectAdopt, v.id)
	e.Gen = v.gen
	if !planted.On(planted.RequestsForgotten) {
		e.Flags = model.FlagOn
	}
}

// giveUp ends the instance because this host cannot go on with it; the other one starts the VM.
func (v *vm) giveUp() {
	v.destroy()
	v.cannotRun(true)
}

func (v *vm) destroy() {
	v.n.out.Add(model.EffectDestroy, v.id).Gen = v.gen
	v.lose()
}

// lose notes that the instance on this host is gone.
func (v *vm) lose() {
	if planted.On(planted.MoveForgotten) {
		v.moving = false
	}
	v.instance, v.lost, v.absentSince, v.silentSince = absent, v.cfg.Gen, v.n.now, model.Never
	v.out, v.main, v.shared.disk = nil, nil, nil
	v.stopShipping()
	v.session = 0
	v.disk = diskClosed // reopening ends the operations that are under way
	v.marks = nil
	v.route = route{}
	v.tell()
}
