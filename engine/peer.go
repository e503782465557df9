package engine

import (
	"fmt"
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// peer is what a node knows about another member.
type peer struct {
	id          model.NodeID
	present     uint8 // links that exist, one bit each
	links       [model.NumLinks]link
	incarnation uint64
	beat        model.Seq // its newest heartbeat of that life; 0: none came yet, or they have no numbers
	suspected   bool
	since       model.Time    // when the suspicion began or ended
	nic         bool          // its guest network works
	hears       model.NodeSet // members that it does not suspect
	probation   bool          // it asked what is remembered of its control log
	protocol    uint8         // newest protocol that both speak
	gone        bool          // it knows that it left the pool
	eager       int           // heartbeats to send to it at full rate although it is far
	paced       int           // the pace at which this node spoke to it last
	loss        loss
}

// link is one way to a peer.
type link struct {
	heardAt model.Time // last heartbeat
	pace    int        // heartbeat intervals until the next one, as the last one said; 0: none came yet
	echoed  bool       // the peer hears this node on it
	up      bool       // heard and echoed
}

// eagerBeats is the number of full-rate heartbeats that a member gets although it is far: when it has
// begun a new life, or was near until now, so that a lost one does not make it a suspect.
const eagerBeats = 3

// greet gives every link the benefit of the doubt at the beginning of a life.
func (n *Node) greet() {
	for _, id := range n.others {
		n.presumeUp(&n.peers[id])
	}
	n.detectAt = n.now.Add(n.cfg.Timing.SuspectAfter)
	n.graceUntil = n.detectAt
	n.heartbeatAt = n.now
}

// presumeUp gives the links to a peer of which nothing is known yet the benefit of the doubt.
func (n *Node) presumeUp(p *peer) {
	p.since = n.now
	for l := range p.links {
		if p.present&(1<<l) != 0 {
			p.links[l] = link{heardAt: n.now, echoed: true, up: true}
		}
	}
}

// pace returns how many heartbeat intervals pass between two heartbeats to p: one to those that
// matter to this node's decisions, and while one of both has to learn what its log forgot.
func (n *Node) pace(p *peer) int {
	if n.near.Has(p.id) || p.probation || n.log.Probation() {
		return 1
	}
	return n.cfg.Timing.Far
}

// patience returns the silence after which link l to p counts as down. The peer itself says at which
// pace it speaks; before it has, both sides can only go by what the log says.
func (n *Node) patience(p *peer, l int) time.Duration {
	pace := p.links[l].pace
	if pace == 0 {
		pace = n.pace(p)
	}
	return time.Duration(pace) * n.cfg.Timing.SuspectAfter
}

// heartbeat tells every peer on every link that this node lives and whom it hears.
func (n *Node) heartbeat() {
	n.heartbeatAt = n.now.Add(n.cfg.Timing.Heartbeat)
	n.gossip++
	position, hears := n.log.Position(), n.hears()
	for i, id := range n.others {
		p := &n.peers[id]
		pace := n.pace(p)
		if pace > p.paced && p.paced != 0 {
			p.eager = eagerBeats
		}
		p.paced = pace
		if p.eager == 0 && (n.gossip+int(id))%pace != 0 {
			continue
		}
		p.eager = max(p.eager-1, 0)
		var heard uint8
		for l := range p.links {
			if p.present&(1<<l) != 0 && n.now < p.links[l].heardAt.Add(n.patience(p, l)) {
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
			m.Subject, m.SubjectPosition, m.Count = subject, n.log.Known(subject), uint32(pace)
			m.Seq = model.Seq(n.gossip)
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

// alone reports whether this node suspects everybody.
func (n *Node) alone() bool { return n.hears() == model.Nodes(n.cfg.ID) }

// vouched reports whether somebody who is heard still hears a member that is suspected here. Only those
// count that are near to both: others notice a silence too late to vouch for anybody.
func (n *Node) vouched(id model.NodeID) bool {
	witnesses := n.near & n.nearOf(id)
	for _, other := range n.others {
		if p := &n.peers[other]; witnesses.Has(other) && !p.suspected && p.hears.Has(id) {
			return true
		}
	}
	return false
}

func (n *Node) flags() (f model.Flags) {
	if n.nicUsable() {
		f |= model.FlagNIC
	}
	if n.log.Probation() {
		f |= model.FlagProbation
	}
	if !n.member() {
		f |= model.FlagGone
	}
	return f
}

// heard takes a heartbeat from a peer. One that a later one has overtaken shows that its link works and when the next one is due there;
// what else it says was so before.
func (n *Node) heard(p *peer, l model.Link, m *model.Message) {
	w := &p.links[l]
	w.heardAt, w.pace = n.now, min(max(int(m.Count), 1), maxFar)
	if m.Seq != 0 && m.Seq < p.beat && !planted.On(planted.OvertakenBelieved) {
		n.updateLinks(p)
		return
	}
	p.beat = m.Seq
	n.believe(p, m)
}

// believe takes what the newest heartbeat from a peer says.
func (n *Node) believe(p *peer, m *model.Message) {
	p.loss.faults = n.pool.Health(hostPart(p.id)).Faults
	p.gone = m.Flags.Has(model.FlagGone)
	for i := range p.links {
		// At the beginning of a life nobody can have heard this node on every link yet.
		p.links[i].echoed = m.Links&(1<<i) != 0 || n.now < n.graceUntil
	}
	if m.Hears != p.hears {
		p.hears = m.Hears
		n.touchAll() // secondaries wait for what it says
	}
	if p.suspected {
		p.eager = max(p.eager, 1) // it waits to hear that it is heard
	}
	n.updateLinks(p)
	if !p.suspected {
		n.mention(p.hears)
	}
	n.remember(p, m)
	if nic := m.Flags.Has(model.FlagNIC); nic != p.nic {
		p.nic = nic
		n.touchAll()
	}
	if !p.suspected {
		n.log.Heard(n.now, p.id)
	}
	if n.log.Leading() && !p.suspected {
		n.steer()
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
		up := w.echoed && n.now < w.heardAt.Add(n.patience(p, l))
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
		p.loss.owed = p.loss.owed && n.log.Leading()
		n.heardAgain(p.id)
		n.log.Heard(n.now, p.id)
	} else {
		n.out.Notify(model.NoticeSuspected, 0, p.id)
		n.hostLost(p)
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
			if at := p.links[l].heardAt.Add(n.patience(p, l)); p.present&(1<<l) != 0 && at > n.now {
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

// tooOld returns which member that is heard could not read a command of the format, or nothing. One that is
// away now and comes back with an old version finds out by itself, and takes no part.
func (n *Node) tooOld(format uint8) string {
	if n.cfg.Protocol < format {
		return "this member runs an older version; upgrade it first"
	}
	for _, id := range n.others {
		if p := &n.peers[id]; !p.suspected && p.incarnation != 0 && p.protocol < format {
			return fmt.Sprintf("member %d runs an older version that cannot read it; upgrade it first", id)
		}
	}
	return ""
}
