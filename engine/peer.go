package engine

import "holdfast/engine/model"

// peer is what a node knows about another member.
type peer struct {
	id          model.NodeID
	present     uint8 // links that exist, one bit each
	links       [model.NumLinks]link
	incarnation uint64
	suspected   bool
	since       model.Time    // when the suspicion began or ended
	nic         bool          // its guest network works
	hears       model.NodeSet // members that it does not suspect
	probation   bool          // it asked what is remembered of its control log
	protocol    uint8         // newest protocol that both speak
}

// link is one way to a peer.
type link struct {
	heardAt model.Time // last heartbeat
	echoed  bool       // the peer hears this node on it
	up      bool       // heard and echoed
}

func (n *Node) addPeers() {
	members := n.cfg.Hosts | n.cfg.Witnesses
	n.peers = make([]peer, model.MaxNode+1)
	for rest := members.Without(n.cfg.ID); !rest.Empty(); rest = rest.Without(rest.First()) {
		id := rest.First()
		p := &n.peers[id]
		p.id, p.protocol = id, model.Protocol1
		p.present = 1 << model.LinkManagement
		if n.cfg.Hosts.Has(id) && n.cfg.Hosts.Has(n.cfg.ID) {
			p.present |= 1<<model.LinkA1 | 1<<model.LinkA2
		}
		n.others = append(n.others, id)
	}
}

// greet gives every link the benefit of the doubt at the beginning of a life.
func (n *Node) greet() {
	for _, id := range n.others {
		p := &n.peers[id]
		p.since = n.now
		for l := range p.links {
			if p.present&(1<<l) != 0 {
				p.links[l] = link{heardAt: n.now, echoed: true, up: true}
			}
		}
	}
	n.detectAt = n.now.Add(n.cfg.Timing.SuspectAfter)
	n.graceUntil = n.detectAt
	n.heartbeatAt = n.now
}

// heartbeat tells every peer on every link that this node lives and whom it hears.
func (n *Node) heartbeat() {
	n.heartbeatAt = n.now.Add(n.cfg.Timing.Heartbeat)
	n.gossip++
	position, hears := n.log.Position(), n.hears()
	for i, id := range n.others {
		p := &n.peers[id]
		var heard uint8
		for l := range p.links {
			if p.present&(1<<l) != 0 && n.now < p.links[l].heardAt.Add(n.cfg.Timing.SuspectAfter) {
				heard |= 1 << l
			}
		}
		subject, about := n.others[(i+n.gossip)%len(n.others)], uint64(0)
		if p.probation || subject == id {
			subject, about = id, p.incarnation
		}
		for l := model.LinkA1; l < model.NumLinks; l++ {
			if p.present&(1<<l) == 0 {
				continue
			}
			m := n.out.Send(model.MsgHeartbeat, id, 0)
			n.out.List[len(n.out.List)-1].Link = l
			m.Links, m.Hears, m.Flags, m.Position, m.ID = heard, hears, n.flags(), position, about
			m.Version = n.cfg.Protocol
			m.Subject, m.SubjectPosition = subject, n.log.Known(subject)
		}
	}
}

// hears returns the members that this node does not suspect, itself included.
func (n *Node) hears() model.NodeSet {
	s := model.Nodes(n.cfg.ID)
	for _, id := range n.others {
		if !n.peers[id].suspected {
			s = s.With(id)
		}
	}
	return s
}

// vouched reports whether somebody who is heard still hears a member that is suspected here.
func (n *Node) vouched(id model.NodeID) bool {
	for _, other := range n.others {
		if p := &n.peers[other]; other != id && !p.suspected && p.hears.Has(id) {
			return true
		}
	}
	return false
}

func (n *Node) flags() (f model.Flags) {
	if n.nic {
		f |= model.FlagNIC
	}
	if n.log.Probation() {
		f |= model.FlagProbation
	}
	return f
}

// heard takes a heartbeat from a peer.
func (n *Node) heard(p *peer, l model.Link, m *model.Message) {
	w := &p.links[l]
	w.heardAt = n.now
	p.protocol = min(max(m.Version, model.Protocol1), n.cfg.Protocol)
	for i := range p.links {
		// At the beginning of a life nobody can have heard this node on every link yet.
		p.links[i].echoed = m.Links&(1<<i) != 0 || n.now < n.graceUntil
	}
	if m.Hears != p.hears {
		p.hears = m.Hears
		n.touchAll() // secondaries wait for what it says
	}
	n.updateLinks(p)
	n.remember(p, m)
	if nic := m.Flags.Has(model.FlagNIC); nic != p.nic {
		p.nic = nic
		n.touchAll()
	}
	if !p.suspected {
		n.log.Heard(n.now, p.id)
	}
	if n.log.Leading() && !n.log.Voters().Has(p.id) && !p.suspected {
		n.log.Readmit(n.now, p.id)
		n.logBusy = true
	}
}

// remember keeps what a heartbeat says about positions in the control log.
func (n *Node) remember(p *peer, m *model.Message) {
	probation := m.Flags.Has(model.FlagProbation)
	if probation && m.Position.Before(n.log.Known(p.id)) && !p.probation {
		n.out.Notify(model.NoticeAmnesia, 0, p.id)
	}
	p.probation = probation
	if probation && m.Position.Before(n.log.Known(p.id)) {
		n.log.PeerAmnesia(n.now, p.id)
	}
	n.log.Observe(p.id, m.Position)
	switch {
	case m.Subject == n.cfg.ID:
		if m.ID == n.incarnation {
			before := n.log.Probation() || n.log.Amnesia()
			n.log.Confirm(n.now, m.SubjectPosition)
			n.logBusy = n.logBusy || before || n.log.Amnesia()
		}
	case m.Subject != model.NoNode:
		n.log.Observe(m.Subject, m.SubjectPosition)
	}
}

// updateLinks finds which links of a peer work in both directions, and whether it is suspected.
func (n *Node) updateLinks(p *peer) {
	alive := false
	for l := range p.links {
		if p.present&(1<<l) == 0 {
			continue
		}
		w := &p.links[l]
		up := w.echoed && n.now < w.heardAt.Add(n.cfg.Timing.SuspectAfter)
		alive = alive || up
		if up == w.up {
			continue
		}
		w.up = up
		kind := model.NoticeLinkDown
		if up {
			kind = model.NoticeLinkUp
		}
		n.out.Notify(kind, 0, p.id).Link = model.Link(l)
	}
	if alive != p.suspected {
		return
	}
	p.suspected, p.since = !alive, n.now
	if alive {
		n.out.Notify(model.NoticeHeard, 0, p.id)
		n.log.Heard(n.now, p.id)
	} else {
		n.out.Notify(model.NoticeSuspected, 0, p.id)
		n.log.Suspect(n.now, p.id)
		n.logBusy = true
	}
	n.touchAll()
}

// detect looks for links that have fallen silent.
func (n *Node) detect() {
	next := n.now.Add(n.cfg.Timing.SuspectAfter)
	for _, id := range n.others {
		p := &n.peers[id]
		n.updateLinks(p)
		for l := range p.links {
			if at := p.links[l].heardAt.Add(n.cfg.Timing.SuspectAfter); p.present&(1<<l) != 0 && at > n.now {
				next = min(next, at)
			}
		}
	}
	n.detectAt = next
}

// best returns the link to use for a message to p: the first that works in both
// directions, else one on which p is heard, else the last resort.
func (p *peer) best() model.Link {
	heard, latest := model.LinkManagement, model.Time(-1)
	for l := range p.links {
		if p.present&(1<<l) == 0 {
			continue
		}
		if p.links[l].up {
			return model.Link(l)
		}
		if p.links[l].heardAt > latest {
			heard, latest = model.Link(l), p.links[l].heardAt
		}
	}
	return heard
}
