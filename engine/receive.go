package engine

import "holdfast/engine/model"

func (n *Node) receive(ev *model.Event) {
	m := &ev.Message
	p := &n.peers[m.From&model.MaxNode]
	if p.id == model.NoNode && m.Kind == model.MsgHeartbeat && m.From != n.cfg.ID {
		n.mention(model.Nodes(m.From)) // somebody who takes this node for a peer
	}
	if !n.inLife(p, m.Incarnation) {
		return
	}
	if m.Version != 0 || m.Kind == model.MsgHeartbeat {
		p.protocol = min(max(m.Version, model.Protocol1), n.cfg.Protocol)
	}
	switch m.Kind {
	case model.MsgHeartbeat:
		n.heard(p, ev.Link, m)
	case model.MsgControl:
		n.receiveControl(m)
	default:
		if v := n.vm(m.VM); v != nil {
			v.receive(m)
			v.touch()
		}
	}
}

// inLife notes in which life a member is; false: it is nobody we know, or the life is over.
func (n *Node) inLife(p *peer, life uint64) bool {
	if p.id == model.NoNode || life < p.incarnation {
		return false
	}
	if life > p.incarnation {
		if p.incarnation != 0 {
			n.log.Suspect(n.now, p.id) // what it led or promised in its earlier life is over
			n.logBusy = true
		}
		p.incarnation, p.beat, p.eager, p.protocol = life, 0, eagerBeats, model.Protocol1 // until it is heard itself
		n.touchAll()
	}
	return true
}

// receiveControl takes a message of the control log, perhaps one that the sender passes on.
func (n *Node) receiveControl(m *model.Message) {
	if author := m.Subject; author != model.NoNode && n.cfg.Protocol >= model.Protocol2 && author != n.cfg.ID &&
		!n.inLife(&n.peers[author&model.MaxNode], m.ID) {
		return
	}
	n.drain() // one message between two drains, so that what it answers to is settled
	if err := n.log.Receive(n.now, m.From, m.Incarnation, m.Data); err != nil {
		n.refuse(0, m.From, err.Error())
	}
	n.logBusy = true
}

// receive takes a message about the VM.
func (v *vm) receive(m *model.Message) {
	switch m.Kind {
	case model.MsgShipOpen, model.MsgShipWrite, model.MsgShipExtent, model.MsgShipPoint:
		v.fromSource(m)
	case model.MsgShipState, model.MsgShipAck:
		v.fromTarget(m)
	case model.MsgChanged:
		v.changedElsewhere(m)
	case model.MsgReport:
		if m.From != v.other {
			return // of a home that was replaced
		}
		before := v.report
		v.report = report{incarnation: m.Incarnation, gen: m.Gen, flags: m.Flags}
		if v.report != before {
			v.announceAgain()
		}
	case model.MsgForward:
		v.forward(m)
	case model.MsgIntent, model.MsgMirrorAck, model.MsgReadDone, model.MsgCopied, model.MsgAck, model.MsgRefuse:
		v.fromReplica(m)
	default:
		v.fromPrimary(m)
	}
}

// fromReplica takes what the partner answers to this primary.
func (v *vm) fromReplica(m *model.Message) {
	if v.main == nil || v.instance != running {
		return
	}
	now, out := v.n.now, &v.n.out
	switch m.Kind {
	case model.MsgIntent:
		v.main.Intent(now, m, out)
	case model.MsgMirrorAck:
		v.main.MirrorAck(now, m, out)
	case model.MsgReadDone:
		v.main.ReadDone(now, m, out)
	case model.MsgCopied:
		v.main.Copied(now, m, out)
	case model.MsgAck:
		v.out.Ack(now, m, v.gen, out)
	case model.MsgRefuse:
		v.out.Refused(m)
	}
}
