package engine

import (
	"holdfast/engine/mirror"
	"holdfast/engine/model"
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

// sayExposed says that the VM has no second host to go on with.
func (v *vm) sayExposed() {
	if planted.On(planted.SilentExposure) || v.cfg.Level == model.LevelNone {
		return
	}
	v.n.out.Notify(model.NoticeExposed, v.id, v.self()).Gen = v.cfg.Gen
}

// run keeps a running VM in line with the configuration and its redundancy complete.
func (v *vm) run() {
	if v.cfg.Gen != v.gen && (v.cfg.Cause == pool.KindStart || v.right.in == v.cfg.Gen) {
		v.destroy() // it hung, and another one was decided, perhaps in a generation that others have moved on since
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
	wasLocal, wasRemote := v.main.Local(), v.main.Remote()
	if v.main.Peer() != v.other {
		v.rehomed()
	}
	v.main.Reconfigure(now, v.self(), v.gen, v.cfg.InSync, out)
	// Somebody else may have moved the generation once more since this host's Detach or Attach: what they did counts.
	hadLocal, hadRemote := wasLocal == mirror.InSync, wasRemote == mirror.InSync
	hasLocal, hasRemote := v.main.Local() == mirror.InSync, v.main.Remote() == mirror.InSync
	switch {
	case hadLocal && !hasLocal:
		v.failDisk()
		out.Notify(model.NoticeDegraded, v.id, v.self()).Gen = v.gen
		out.Notify(model.NoticeRedirected, v.id, v.other).Gen = v.gen
	case !hadLocal && hasLocal || !hadRemote && hasRemote:
		v.sayAttached(wasLocal)
	case v.cfg.Cause == pool.KindLevel:
		out.Notify(model.NoticeLevel, v.id, v.self()).Detail = v.cfg.Level.String()
	case v.cfg.Cause == pool.KindDetach || hadRemote && !hasRemote:
		out.Notify(model.NoticeDegraded, v.id, v.other).Gen = v.gen
	}
	// In an exposed configuration nothing waits for the other home, also if this host had asked to take it in: that is void now.
	// A Bump of this host's own settles what it had asked for; that of the host with the recovery copy is not about the session.
	if v.cfg.Cause == pool.KindOverride && planted.On(planted.SessionKept) {
		v.forgetSession()
	} else if v.cfg.Exposed() || v.cfg.Cause == pool.KindBump && v.cfg.By == v.self() {
		v.disconnect()
	}
	if v.cfg.Exposed() {
		v.sayExposed()
		v.out.Pass(out)
		v.out.Prove(v.cfg.Level == model.LevelFT)
	} else {
		v.out.Continue(v.gen)
	}
}

// sayAttached says that a copy is in sync again, and what that is good for.
func (v *vm) sayAttached(wasLocal mirror.CopyState) {
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
		v.sayBroken()
		v.out.HandOver(v.n.now)
	default:
		v.giveUp()
		v.failDisk()
		return false
	}
	return true
}
