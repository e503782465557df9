package mirror

import (
	"time"

	"holdfast/engine/model"
)

// proposal is what the primary asked of the control log.
type proposal struct {
	inSync model.NodeSet // 0: nothing
}

// reconcile is the part of the node that drives a mirror.
func (w *world) reconcile(happened func() bool) {
	if w.proposal.inSync != 0 || w.unlearned {
		return
	}
	p, both := w.p, w.inSync.Len() == 2
	switch {
	case w.restart && both:
		// it may have lost what was not durable: it must not become the only copy of a running guest
	case p.LocalFailed() && p.Local() == InSync && both && w.ft:
		w.loseHost(w.peer(), happened) // the VM is handed over
		return
	case p.LocalFailed() && p.Local() == InSync && both:
		w.proposal.inSync = model.Nodes(w.peer())
		return
	case p.LocalFailed() && p.Local() != InSync:
		p.LocalLost(w.now, &w.out)
		w.perform(w.at)
	case p.Local() == Absent && p.Connected():
		w.end(w.at, happened)
		p.LocalOpened(w.now, w.disks[w.at].marks.Clone(), &w.out)
		w.perform(w.at)
	}
	_, opening := p.Opening(w.now)
	trouble := w.restart || p.RemoteFailed() && !(opening && p.Remote() == InSync)
	switch copyIsLocal, synced := p.Synced(); {
	case both && (p.Session() == 0 || trouble):
		w.proposal.inSync = model.Nodes(w.at)
	case p.Session() == 0:
		w.sessions++
		w.restart = false
		p.Open(w.now, w.sessions, 0, &w.out)
		w.perform(w.at)
	case trouble:
		w.restart = false
		p.Disconnect(w.now, &w.out)
		w.perform(w.at)
	case synced && (copyIsLocal || !w.inSync.Has(w.peer())):
		if w.ft && !p.hold {
			p.Hold(w.epoch)
		}
		w.proposal.inSync = model.Nodes(1, 2)
	}
}

// commit lets the log decide what was proposed.
func (w *world) commit() {
	if w.proposal.inSync == 0 {
		return
	}
	attach := w.proposal.inSync.Len() == 2
	w.inSync, w.proposal.inSync = w.proposal.inSync, 0
	w.gen++
	w.unlearned, w.lossy = true, false
	if attach {
		w.compare()
	}
}

// learn tells both machines what the log decided.
func (w *world) learn() {
	if !w.unlearned {
		return
	}
	w.unlearned = false
	w.p.Reconfigure(w.now, w.at, w.gen, w.inSync, &w.out)
	w.perform(w.at)
	if w.r != nil && w.inSync.Len() == 2 && w.r.Session() != 0 && w.attached != w.r.Session() {
		w.attached = w.r.Session()
		w.r.Attached(&w.out)
		w.perform(w.peer())
	}
}

// checkpoint ends an epoch and lets the replica apply what it held for it.
func (w *world) checkpoint() {
	if !w.ft || !w.p.hold || w.r == nil {
		return
	}
	w.epoch++
	last, _ := w.p.Boundary(w.epoch)
	if w.r.Session() != w.p.Session() || w.r.Held() < last {
		return
	}
	kept := w.held[:0]
	for _, h := range w.held {
		if h.effect.Seq <= last {
			w.disks[w.peer()].do(&diskOp{effect: model.Effect{Kind: model.EffectDisk, IO: h.effect.IO}, data: h.data})
		} else {
			kept = append(kept, h)
		}
	}
	w.held = kept
	w.r.Applied(last, &w.out)
	w.perform(w.peer())
}

// wait lets time pass.
func (w *world) wait(d time.Duration) {
	w.now = w.now.Add(d)
	w.p.Wake(w.now, &w.out)
	w.perform(w.at)
}

// loseHost is a power loss of the host that runs the VM; it runs again on node, from a copy that is in sync.
func (w *world) loseHost(node model.NodeID, keep func() bool) {
	lost := w.at
	w.end(lost, keep)
	w.disks[lost].lose(keep)
	if node != lost && w.r != nil {
		w.end(node, keep)
	}
	w.proposal.inSync, w.unlearned, w.lossy = 0, false, false
	w.inSync = model.Nodes(node)
	w.gen++
	w.r, w.held, w.restart = nil, nil, false
	w.tokens[lost] = 0
	w.run(node)
	if w.ft {
		w.guest.crash(&w.disks[node].current)
	} else {
		w.guest.crash(nil)
	}
}

// loseReplica ends the replica's life: with its host, or only its daemon.
func (w *world) loseReplica(power bool, keep func() bool) {
	w.end(w.peer(), keep)
	if power {
		w.disks[w.peer()].lose(keep)
		w.lossy = true
	}
	w.r, w.held, w.restart = nil, nil, w.p.Session() != 0
	w.tokens[w.peer()] = 0
}
