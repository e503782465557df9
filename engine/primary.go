package engine

import (
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/pair"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// reconcilePrimary does the next step of the host that the pool wants to run the VM.
func (v *vm) reconcilePrimary() {
	switch v.instance {
	case absent:
		if v.returns() {
			break
		}
		v.bringUp()
	case foreign:
		v.confirm()
	case running:
		v.run()
	}
	v.settleProposal()
}

// bringUp launches the instance that this life of this node won in the log, or asks for one.
func (v *vm) bringUp() {
	if !v.mine() || v.launched == v.cfg.Gen || (v.cfg.Cause != pool.KindStart && v.cfg.Cause != pool.KindPromote) {
		v.seekStart()
		return
	}
	if n := v.n; n.now < v.retryAt {
		v.lookAgain(v.retryAt)
	} else if v.ensureDisk() {
		v.launch()
	}
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
	v.launched, v.gen, v.instance = v.cfg.Gen, v.cfg.Gen, starting
	v.session, v.sessionOf, v.attachGen = 0, 0, 0
	var last model.Epoch
	if v.cfg.Cause == pool.KindPromote {
		last = v.in.Holds()
		e := out.Add(model.EffectActivate, v.id)
		e.Gen, e.Epoch = v.gen, last
		if planted.On(planted.PromoteOlder) {
			e.Epoch--
		}
	} else {
		if v.losesIn == v.cfg.Gen-1 {
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
	if v.instance == absent || v.instance == starting && ev.Gen != v.gen || v.instance != starting && !failed {
		return
	}
	if v.cfg.Shared {
		v.sharedStarted(failed)
		return
	}
	if failed {
		if v.cfg.Cause == pool.KindPromote && v.in.Holds() != 0 && v.instance == starting && !planted.On(planted.PromoteOnce) {
			v.launched = 0 // what it held is still there
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
	v.instance = running
	v.in = pair.NewSecondary(v.id)
	kind := model.NoticeStarted
	if v.cfg.Cause == pool.KindPromote {
		kind = model.NoticePromoted
	}
	notice := out.Notify(kind, v.id, v.self())
	notice.Gen, notice.Epoch = v.gen, v.out.Acked()
	v.exposed()
	v.out.Pass(out)
	v.updateRoute()
	v.tell()
}

// exposed says that the VM has no second host to go on with.
func (v *vm) exposed() {
	if planted.On(planted.SilentExposure) || v.cfg.Level == model.LevelNone {
		return
	}
	v.n.out.Notify(model.NoticeExposed, v.id, v.self()).Gen = v.cfg.Gen
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
		v.cannotRun(!v.truth() || v.disk == diskFailed)
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
	if v.cfg.Level == model.LevelFT && v.cfg.Secondary != model.NoNode {
		r, known := v.reported()
		patience := v.absentSince.Add(n.cfg.Timing.ColdStartAfter)
		if known && r.flags.Has(model.FlagCheckpoint) || !known && n.now < patience {
			if n.now < patience {
				v.lookAgain(patience)
			}
			return // the secondary has the VM's memory and takes over
		}
	}
	if v.cfg.Level == model.LevelFT && v.cfg.Cause != pool.KindCreate {
		v.losesIn = v.cfg.Gen
	}
	v.propose(pool.Command{Kind: pool.KindStart, Node: v.self()})
}

// cannotRun tells the other home whether this one is able to run the VM.
func (v *vm) cannotRun(cannot bool) {
	if v.cannot != cannot {
		v.cannot = cannot
		v.tell()
	}
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
		if v.disk == diskFailed && theirs {
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
	v.machines(marks, v.in.Holds())
	v.n.out.Add(model.EffectAdopt, v.id).Gen = v.gen
	if v.cfg.Exposed() || planted.On(planted.RejoinUnchecked) {
		v.exposed()
		v.out.Pass(&v.n.out)
	}
	v.updateRoute()
	v.tell()
}

// run keeps a running VM in line with the configuration and its redundancy complete.
func (v *vm) run() {
	if v.cfg.Gen != v.gen && v.cfg.Cause == pool.KindStart {
		v.destroy() // it hung
		v.bringUp()
		return
	}
	if v.cfg.Gen != v.gen {
		v.adopt()
	}
	v.updateRoute()
	if v.hangs() {
		v.bootAnew()
		return
	}
	if v.shipping(); v.instance != running || !v.checkLocal() {
		return
	}
	if v.rehome() {
		return
	}
	if v.peerTrouble() {
		v.losePeer()
		return
	}
	if v.yields() {
		v.giveAway()
	}
	if v.instance == running {
		v.replicate()
	}
}

// adopt takes over a newer configuration under which the VM goes on running here.
func (v *vm) adopt() {
	now, out := v.n.now, &v.n.out
	v.gen = v.cfg.Gen
	out.Add(model.EffectAdopt, v.id).Gen = v.gen
	wasLocal := v.main.Local()
	if v.main.Peer() != v.other {
		v.rehomed()
	}
	v.main.Reconfigure(now, v.self(), v.gen, v.cfg.InSync, out)
	switch v.cfg.Cause {
	case pool.KindDetach:
		if wasLocal == mirror.InSync && v.main.Local() != mirror.InSync {
			v.failDisk()
			out.Notify(model.NoticeDegraded, v.id, v.self()).Gen = v.gen
			out.Notify(model.NoticeRedirected, v.id, v.other).Gen = v.gen
		} else {
			out.Notify(model.NoticeDegraded, v.id, v.other).Gen = v.gen
		}
	case pool.KindAttach:
		v.notifyAttached(wasLocal)
	case pool.KindBump:
		v.disconnect()
	case pool.KindLevel:
		out.Notify(model.NoticeLevel, v.id, v.self()).Detail = v.cfg.Level.String()
		v.disconnect()
	}
	if v.cfg.Exposed() {
		v.forgetSession()
		v.exposed()
		v.out.Pass(out)
		v.out.Prove(v.cfg.Level == model.LevelFT)
	} else {
		v.out.Continue(v.gen)
	}
}

func (v *vm) notifyAttached(wasLocal mirror.CopyState) {
	out := &v.n.out
	node := v.other
	if wasLocal != mirror.InSync && v.main.Local() == mirror.InSync {
		node = v.self()
		v.trust()
		out.Notify(model.NoticeDirect, v.id, node).Gen = v.gen
	}
	out.Notify(model.NoticeAttached, v.id, node).Gen = v.gen
	if v.cfg.InSync == v.cfg.Homes && !v.cfg.Exposed() {
		out.Notify(model.NoticeProtected, v.id, v.self()).Gen = v.gen
	}
}

// checkLocal does what a failed local disk asks for: go on over the other host's
// copy (ha), hand the VM over (ft), or let it be restarted there (restart).
// It reports whether there is nothing to wait for.
func (v *vm) checkLocal() bool {
	out := &v.n.out
	switch {
	case v.main.Local() == mirror.Absent:
		v.ensureDisk()
		if v.marks != nil && v.main.Connected() {
			v.main.LocalOpened(v.n.now, v.marks, out)
		}
	case !v.main.LocalFailed():
	case v.main.Local() != mirror.InSync && v.attachGen == v.cfg.Gen:
		v.propose(pool.Command{Kind: pool.KindBump}) // the log may still take it in: it stays needed until then
		return false
	case v.main.Local() != mirror.InSync:
		v.main.LocalLost(v.n.now, out)
		v.failDisk()
	case v.cfg.Level == model.LevelHA && v.peerTrouble():
		return true // the other copy is no better: it may have lost its cache
	case v.cfg.Level == model.LevelHA:
		v.propose(pool.Command{Kind: pool.KindDetach, Node: v.self()})
		return false
	case v.cfg.Level == model.LevelFT:
		v.out.HandOver(v.n.now)
	default:
		v.giveUp()
		v.failDisk()
		return false
	}
	return true
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

// peerTrouble reports that the partner of the present session can no longer be relied on.
func (v *vm) peerTrouble() bool {
	p := v.peer()
	if v.session == 0 {
		return v.cfg.InSync.Has(v.other) && v.cfg.InSync.Has(v.self())
	}
	return p.suspected || p.incarnation != v.sessionOf || v.main.RemoteFailed() && !v.reopening() || v.out.Failed()
}

// reopening reports that a session with the only in-sync copy is being opened.
func (v *vm) reopening() bool {
	_, opening := v.main.Opening(v.n.now)
	return opening && v.main.Remote() == mirror.InSync
}

// losePeer goes on without the partner: by the log's word, where it may have become a part of the VM.
func (v *vm) losePeer() {
	if planted.On(planted.ReleaseOnSuspicion) && v.out.State() == pair.Holding {
		v.out.Pass(&v.n.out)
	}
	if planted.On(planted.PassAlone) && v.out.State() == pair.Holding && v.n.alone() {
		v.out.Pass(&v.n.out)
	}
	switch {
	case v.cfg.InSync.Has(v.other) && v.cfg.InSync.Has(v.self()):
		v.propose(pool.Command{Kind: pool.KindDetach, Node: v.other})
	case v.cfg.InSync.Has(v.other) && (v.attachGen == v.cfg.Gen || v.out.Failed()):
		// Nothing but the remote copy is left. It may have refused because it once proposed to take
		// over, and the own copy may still be taken in: a new generation settles both.
		v.propose(pool.Command{Kind: pool.KindBump})
	case v.cfg.InSync.Has(v.other):
		v.disconnect() // wait for it
	case v.attachGen == v.cfg.Gen:
		v.propose(pool.Command{Kind: pool.KindBump}) // the attach may still be decided
	default:
		v.disconnect()
		if v.out.State() != pair.Passing {
			v.out.Pass(&v.n.out)
		}
	}
}

// disconnect ends the session; another one is opened after a pause.
func (v *vm) disconnect() {
	v.main.Disconnect(v.n.now, &v.n.out)
	v.out.Disconnect()
	if v.main.Local() == mirror.Absent && v.disk == diskOpen {
		v.disk, v.marks = diskClosed, nil // reopening ends the writes that are still on their way to it
	}
	v.forgetSession()
}

func (v *vm) forgetSession() {
	if v.session != 0 {
		v.session = 0
		v.sessionAt = v.n.now.Add(v.n.cfg.Timing.RepairEvery)
	}
}

// replicate does the next step towards full redundancy, and keeps it going.
func (v *vm) replicate() {
	if v.cfg.Level == model.LevelNone {
		return
	}
	if planted.On(planted.NeverReprotect) && v.cfg.Gen > 4 && v.session == 0 {
		return
	}
	if v.session == 0 {
		v.openSession()
		return
	}
	copyIsLocal, synced := v.main.Synced()
	switch {
	case synced && copyIsLocal:
		v.attach(v.self(), 0)
	case synced && !v.cfg.InSync.Has(v.other):
		v.join()
	case v.main.Local() != mirror.InSync && v.main.Connected() && v.out.Session() != v.session:
		v.out.Begin(v.n.now, v.gen, v.other, v.session, &v.n.out)
	}
	v.capture()
}

// openSession asks the partner to be, or to become, this VM's second home.
func (v *vm) openSession() {
	n := v.n
	p := v.peer()
	if p.suspected || p.incarnation == 0 || v.avoided() && !v.cfg.InSync.Has(v.other) {
		return // reconcile runs again when it is heard
	}
	if n.now < v.sessionAt {
		v.lookAgain(v.sessionAt)
		return
	}
	if v.cfg.InSync == model.Nodes(v.other) && v.sessionOf != 0 && v.sessionOf != p.incarnation {
		// The only copy may have forgotten writes that the guest never flushed. To the guest that
		// must look like what it is, a loss of power.
		v.giveUp()
		return
	}
	n.sessions++
	v.session, v.sessionOf = n.incarnation<<20|n.sessions, p.incarnation
	v.main.Open(n.now, v.session, &n.out)
}

// join replicates to a copy whose disk is complete until its proof is complete too, and proposes it.
func (v *vm) join() {
	if v.out.State() == pair.Passing {
		if v.cfg.Level == model.LevelFT {
			v.main.Hold(v.out.Epoch())
		}
		v.out.Begin(v.n.now, v.gen, v.other, v.session, &v.n.out)
	}
	if base, ready := v.out.Base(); ready {
		if v.cfg.Level != model.LevelFT {
			base = 0
		}
		v.attach(v.other, base)
	}
}

func (v *vm) attach(node model.NodeID, base model.Epoch) {
	v.attachGen = v.cfg.Gen
	v.propose(pool.Command{Kind: pool.KindAttach, Node: node, BaseEpoch: base})
}

// capture ends the epoch if it is time.
func (v *vm) capture() {
	if !v.out.WantsCapture(v.n.now) {
		return
	}
	last, durable := v.main.Boundary(v.out.Epoch() + 1)
	if planted.On(planted.BoundaryShort) && last > 0 {
		last--
	}
	final := (v.main.LocalFailed() || v.yields()) && v.out.State() == pair.Holding && !v.cfg.Exposed()
	v.out.Capture(v.n.now, v.gen, last, durable, final, &v.n.out)
}

// settleProposal stops repeating a proposal that this round of reconcile did not repeat.
func (v *vm) settleProposal() {
	if !v.proposing && v.want.Kind != 0 {
		v.withdraw()
	}
	v.proposing = false
}
