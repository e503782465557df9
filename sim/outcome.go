package sim

import (
	"holdfast/engine/dr"
	"holdfast/engine/model"
	"holdfast/engine/pool"
	"holdfast/sim/client"
)

// Serving returns the host that runs the VM with its service ready, or NoNode.
func (w *World) Serving(vm model.VMID) model.NodeID {
	cfg := w.Config(vm)
	if cfg.Gen == 0 {
		return model.NoNode
	}
	p := w.nodes[cfg.Primary].place(vm)
	if p.runs() && p.inst.machine.Serving() {
		return cfg.Primary
	}
	return model.NoNode
}

// Redundant reports whether the VM has the full redundancy of its level and runs.
func (w *World) Redundant(vm model.VMID) bool {
	cfg := w.Config(vm)
	if !w.recoverable(vm, &cfg) {
		return false
	}
	if !cfg.Former.Empty() { // it runs on its recovery copy, and its former primary has one in turn
		return w.Serving(vm) != model.NoNode
	}
	if cfg.Shared && !w.nodes[cfg.Secondary].running() {
		return false
	}
	whole := !cfg.Exposed() && cfg.InSync == cfg.Homes || cfg.Level == model.LevelNone
	return cfg.Gen != 0 && whole && w.Serving(vm) != model.NoNode
}

// GuestFault returns what the VM's own self-checks found wrong where it runs, or nil.
func (w *World) GuestFault(vm model.VMID) error {
	if at := w.Serving(vm); at != model.NoNode {
		return w.nodes[at].vms[vm].inst.machine.Check()
	}
	return nil
}

// StopClients lets every client end what it is doing and begin nothing more.
func (w *World) StopClients() {
	for _, v := range w.vms[1:] {
		for _, c := range v.clients {
			c.Stop()
		}
	}
}

// ClientsIdle reports whether no client waits for anything.
func (w *World) ClientsIdle() bool {
	for _, v := range w.vms[1:] {
		for _, c := range v.clients {
			if !c.Idle() {
				return false
			}
		}
	}
	return true
}

// FinalReads lets one client of each VM read everything once. Call it when clients are idle.
func (w *World) FinalReads() {
	for _, v := range w.vms[1:] {
		if len(v.clients) > 0 {
			v.clients[0].FinalReads(w.now, v.guest.Keys)
			w.scheduleClient(v, 0)
		}
	}
}

// ClientStats returns what the clients of the VM lived through.
func (w *World) ClientStats(vm model.VMID) (s client.Stats) {
	for _, c := range w.vms[vm].clients {
		s.Add(c.Stats())
	}
	return s
}

// CheckEnd checks at the end of a run that everything that had to be said was said (R10), and that
// no host keeps an instance that it knows the pool went on without (R2), unless its daemon was started, or learnt that, so lately that it
// may not have looked or may still be destroying it.
func (w *World) CheckEnd() {
	for i := range w.monitor.vms[1:] {
		w.monitor.told(&w.monitor.vms[i+1], w.now)
	}
	for _, m := range w.nodes[1:] {
		for _, p := range m.vms {
			if p == nil || !p.inst.present || !m.running() || w.now.Sub(max(m.began, p.learntAt)) < settledIn {
				continue
			}
			if cfg := m.node.Pool().VM(p.vm.id); cfg.Gen > p.inst.gen && cfg.Primary != m.id {
				w.monitor.breaks("R2", p, "the instance of generation %v is still there; generation %v is on %s", p.inst.gen, cfg.Gen, w.nodes[cfg.Primary].name)
			}
		}
	}
}

// recoverable reports whether the VM's recovery copy, if it is to have one, has a point of its own history and follows.
func (w *World) recoverable(vm model.VMID, cfg *pool.Config) bool {
	if cfg.Recovery == model.NoNode {
		return w.vms[vm].recovery == model.NoNode
	}
	m := w.nodes[cfg.Primary]
	if m.node == nil {
		return false
	}
	point, ok := m.node.RecoveryPoint(vm)
	return ok && point.State == dr.Shipping
}
