package engine

import "holdfast/engine/model"

// route is the way of a VM's guest network traffic.
type route struct {
	set bool
	via model.NodeID // NoNode: this host's own network
	// used: the other host was asked to carry traffic at some time, so it must be told
	// when that changes, and told again in case that was lost.
	used bool
	nic  bool // this host's guest network worked when the route was announced
}

// updateRoute sends the VM's traffic by way of the other host while this host's guest
// network is down and the level promises that (ha, ft).
func (v *vm) updateRoute() {
	n, p := v.n, v.peer()
	if v.instance != running {
		return
	}
	via := model.NoNode
	if !n.nicUsable() && v.cfg.Level >= model.LevelHA && p.nic && !p.suspected {
		via = v.other
	}
	if v.route.set && v.route.via == via && v.route.nic == n.nicUsable() {
		return
	}
	if v.route.set && v.route.via != via || !v.route.set && via != model.NoNode {
		kind := model.NoticeDirect
		if via != model.NoNode {
			kind = model.NoticeRedirected
		}
		n.out.Notify(kind, v.id, via).Gen = v.gen
	}
	v.route = route{set: true, via: via, used: v.route.used || via != model.NoNode, nic: n.nicUsable()}
	if via == model.NoNode {
		n.out.Add(model.EffectAnnounce, v.id)
	} else {
		n.out.Add(model.EffectVia, v.id).Node = via
	}
	v.askForward()
}

// announceAgain repeats where the VM is. Until the other host has destroyed an instance that the pool
// went on without, the last that it was allowed to say can still teach the switches its own port. A host that
// may itself be the one that the pool goes on without keeps still: it would draw clients to where nobody answers.
func (v *vm) announceAgain() {
	if !v.route.set || v.route.via != model.NoNode || v.instance != running || v.cfg.Gen != v.gen {
		return
	}
	if v.cfg.Shared || v.cfg.Exposed() || !v.peerTrouble() {
		v.n.out.Add(model.EffectAnnounce, v.id)
	}
}

// askForward tells the other host whether to carry the VM's traffic.
func (v *vm) askForward() {
	if !v.route.used || v.instance != running {
		return
	}
	m := v.n.out.Send(model.MsgForward, v.other, v.id)
	m.Gen = v.gen
	if v.route.via != model.NoNode {
		m.Flags = model.FlagOn
	}
}

// forward carries, or stops to carry, the traffic of a VM that runs on the other host.
func (v *vm) forward(m *model.Message) {
	if v.cfg.Primary != m.From || m.Gen < v.cfg.Gen {
		return
	}
	e := v.n.out.Add(model.EffectForward, v.id)
	e.Node, e.Flags = m.From, m.Flags&model.FlagOn
}
