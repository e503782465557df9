package sim

import (
	"time"

	"holdfast/engine/model"
	"holdfast/sim/guest"
)

// Wire is one direction of one link, and what is wrong with it.
type Wire struct {
	Cut                               bool
	Loss, Duplicate, Reorder, Corrupt int           // chances in millionths
	Delay                             time.Duration // added to every message
	Jitter                            time.Duration // up to so much more
	Bandwidth                         int           // KiB/s; 0: full
}

// wire is a Wire with its traffic.
type wire struct {
	Wire
	busyUntil   model.Time // of bulk data
	lastArrival model.Time // messages stay in order unless they are reordered
}

// Properties of healthy networks.
const (
	linkTime       = 90 * time.Microsecond
	managementTime = 250 * time.Microsecond
	lanTime        = 150 * time.Microsecond
	fullBandwidth  = 120_000 // KiB/s
	messageBytes   = 160
	bulkBytes      = 1500 // larger messages wait for each other
	// queueTime bounds the backlog of a port: what comes while larger messages wait for longer is lost.
	queueTime  = 2 * time.Second
	allChances = 1_000_000
)

// send puts the message of an EffectSend on its link.
func (m *member) send(e *model.Effect) {
	w := m.w
	msg := &e.Message
	if m.first {
		msg.Version = 0 // it says none
	}
	att := m.attach(msg)
	wi := &w.links[m.id][msg.To][e.Link]
	w.monitor.sent(m, msg, att)
	if !wi.Cut && !(wi.Loss > 0 && w.rNet.Chance(int64(wi.Loss), allChances)) && !(wi.Corrupt > 0 && w.rNet.Chance(int64(wi.Corrupt), allChances)) {
		w.transmit(wi, e.Link, msg, att)
		if wi.Duplicate > 0 && w.rNet.Chance(int64(wi.Duplicate), allChances) {
			w.transmit(wi, e.Link, msg, att)
		}
	}
	w.drop(att)
	switch msg.Kind {
	case model.MsgCheckpoint:
		w.stage(StageSent, m.vms[msg.VM])
	case model.MsgShipPoint:
		w.stage(StagePointSent, m.vms[msg.VM])
	case model.MsgAck:
		w.stage(StageAcknowledged, m.vms[msg.VM])
	}
}

func (w *World) transmit(wi *wire, link model.Link, msg *model.Message, att *attachment) {
	base := linkTime
	if link == model.LinkManagement {
		base = managementTime
	}
	size := messageBytes + len(msg.Data)
	if att != nil {
		size += len(att.sectors)*64 + att.ck.Bytes()
	}
	rate := fullBandwidth
	if wi.Bandwidth > 0 {
		rate = wi.Bandwidth
	}
	start := w.now
	bulk := size > bulkBytes || msg.Kind == model.MsgShipWrite || msg.Kind == model.MsgShipExtent
	if bulk {
		if wi.busyUntil > w.now.Add(queueTime) {
			return // the port's queue is full
		}
		start = max(start, wi.busyUntil)
	}
	done := start.Add(time.Duration(size) * time.Second / time.Duration(rate*1024))
	if bulk {
		wi.busyUntil = done
	}
	at := done.Add(base + wi.Delay + w.rNet.Duration(0, base/8))
	if wi.Jitter > 0 {
		at = at.Add(w.rNet.Duration(0, wi.Jitter))
	}
	if wi.Reorder > 0 && w.rNet.Chance(int64(wi.Reorder), allChances) {
		at = at.Add(w.rNet.Duration(base, 20*base))
	} else {
		at = max(at, wi.lastArrival)
		wi.lastArrival = at
	}
	if slow := w.nodes[msg.To].slow; slow > 1 {
		at = at.Add(time.Duration(slow-1) * stepSlowness)
	}
	e := w.add(at, classArrival, msg.To, evMessage)
	e.link, e.msg, e.vm, e.client = link, *msg, msg.VM, 0
	e.att = att.share()
}

// attach returns the data that travels with a message, with a reference of its own.
func (m *member) attach(msg *model.Message) *attachment {
	if msg.VM == 0 || int(msg.VM) >= len(m.vms) || m.vms[msg.VM] == nil {
		return nil
	}
	p := m.vms[msg.VM]
	switch msg.Kind {
	case model.MsgCheckpoint:
		if p.stagedAs == msg.Epoch {
			return p.staged.share()
		}
	case model.MsgWrite:
		return p.dataOf(msg.ID, &msg.IO).share()
	case model.MsgCopy:
		return p.extents.get(0, msg.ID).share()
	case model.MsgReadDone:
		return p.answers.take(0, msg.ID)
	case model.MsgShipWrite, model.MsgShipExtent:
		return p.recovery.get(msg.ID).share()
	}
	return nil
}

// arrive hands a message to the member that it is for.
func (w *World) arrive(e *event) {
	m := w.nodes[e.node]
	ev := model.Event{Kind: model.EventMessage, Link: e.link, Message: e.msg}
	att := e.att
	if !m.powered || m.node == nil {
		w.drop(att)
		return
	}
	life := m.life
	switch {
	case !m.running():
	case ev.Message.Kind == model.MsgCheckpoint:
		w.stage(StageReceived, m.vms[ev.Message.VM])
	case ev.Message.Kind == model.MsgMirrorAck:
		w.stage(StageWriteRemote, m.vms[ev.Message.VM])
	}
	if m.life != life {
		w.drop(att)
		return
	}
	m.give(&ev, att)
}

// receive stores what came with a message where effects will look for it.
func (m *member) receive(msg *model.Message, att *attachment) {
	if att == nil || int(msg.VM) >= len(m.vms) || m.vms[msg.VM] == nil {
		return
	}
	p := m.vms[msg.VM]
	switch msg.Kind {
	case model.MsgCheckpoint:
		p.inbound[p.inboundNext].take(m.w, msg, att)
		p.inboundNext = (p.inboundNext + 1) % len(p.inbound)
	case model.MsgWrite:
		p.incoming.replace(m.w, msg.Session, uint64(msg.Seq), att.share())
	case model.MsgCopy:
		p.copies.keep(m.w, msg.Session, msg.ID, att.share())
	case model.MsgShipWrite, model.MsgShipExtent:
		p.recovery.incoming.replace(m.w, msg.Session, uint64(msg.Seq), att.share())
	case model.MsgReadDone:
		p.answers.keep(m.w, 0, msg.ID, att.share())
		p.copies.keep(m.w, msg.Session, msg.ID, att.share())
	}
}

// inbound is a checkpoint that arrived and that the engine has not decided about.
type inbound struct {
	session uint64
	epoch   model.Epoch
	att     *attachment
}

func (i *inbound) take(w *World, msg *model.Message, att *attachment) {
	w.drop(i.att)
	*i = inbound{session: msg.Session, epoch: msg.Epoch, att: att.share()}
}

// connected reports whether any link carries traffic from one member to another.
func (w *World) connected(from, to model.NodeID) bool {
	for l := range model.NumLinks {
		if !w.links[from][to][l].Cut {
			return true
		}
	}
	return false
}

// leave sends a packet of the guest to its client.
func (p *place) leave(pkt *guest.Packet) {
	w, exit, d := p.w, p.m, lanTime
	if p.via != model.NoNode {
		exit, d = w.nodes[p.via], d+linkTime
		if !w.connected(p.m.id, exit.id) {
			return
		}
	}
	if !exit.powered || exit.frozen || !exit.nic || exit.cut {
		return
	}
	p.vm.attached = exit.id
	e := w.after(d+w.rNet.Duration(0, d/8), classArrival, 0, evToClient)
	e.vm, e.client, e.pkt = p.vm.id, pkt.Client, *pkt
}

// toClient hands a packet to a client and sends what it says to that.
func (w *World) toClient(e *event) {
	v := w.vms[e.vm]
	c := e.client
	if int(c) >= len(v.clients) {
		return
	}
	pkt := e.pkt
	if pkt.Kind == guest.Reply {
		v.lastOK = w.now
	}
	if v.clients[c].Deliver(w.now, &pkt, &w.reply) {
		w.fromClient(v)
	}
	w.scheduleClient(v, c)
}

// fromClient sends w.reply towards the guest.
func (w *World) fromClient(v *load) {
	e := w.after(lanTime+w.rNet.Duration(0, lanTime/8), classArrival, v.attached, evToGuest)
	e.vm, e.client, e.pkt, e.flags = v.id, w.reply.Client, w.reply, 0
}

// toGuest hands a client's packet to the host at whose port the VM's address is.
func (w *World) toGuest(e *event) {
	m := w.nodes[e.node]
	p := m.vms[e.vm]
	tunnelled := e.flags.Has(model.FlagRemote)
	if p == nil || !m.alive() || !tunnelled && (!m.nic || m.cut) {
		return
	}
	pkt := e.pkt
	if p.inst.present {
		p.deliver(&pkt)
		return
	}
	if to := p.forwardTo; to != model.NoNode && !tunnelled && w.connected(m.id, to) {
		n := w.after(linkTime, classArrival, to, evToGuest)
		n.vm, n.client, n.pkt, n.flags = p.vm.id, pkt.Client, pkt, model.FlagRemote
	}
}

// clientWakes lets a client act.
func (w *World) clientWakes(vm model.VMID, c uint32, now model.Time) {
	v := w.vms[vm]
	if now < v.clientAt[c] {
		return // it was scheduled anew meanwhile
	}
	v.clientAt[c] = model.Never
	if v.clients[c].Wake(now, &w.reply) {
		w.fromClient(v)
	}
	w.scheduleClient(v, c)
}

func (w *World) scheduleClient(v *load, c uint32) {
	at := max(v.clients[c].NextWake(), w.now)
	if at == model.Never || at >= v.clientAt[c] {
		return
	}
	v.clientAt[c] = at
	e := w.add(at, classTimer, 0, evClient)
	e.vm, e.client = v.id, c
}
