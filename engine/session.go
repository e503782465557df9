package engine

import (
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/pair"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

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
	v.session, v.sessionOf = n.nextSession(), p.incarnation
	v.main.Open(n.now, v.session, v.sessionOf, &n.out)
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

// peerTrouble reports that the partner of the present session can no longer be relied on.
func (v *vm) peerTrouble() bool {
	p := v.peer()
	if v.session == 0 {
		return v.cfg.InSync.Has(v.other) && v.cfg.InSync.Has(v.self())
	}
	if r, known := v.reported(); v.out.Suspended() && known && r.flags.Has(model.FlagCannotRun) && !planted.On(planted.FinalAwaited) {
		return true // its word that it cannot take over may have been lost
	}
	return p.suspected || p.incarnation != v.sessionOf || v.main.Refused() || v.main.RemoteFailed() && !v.reopening() || v.out.Failed()
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
