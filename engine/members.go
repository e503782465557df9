package engine

import (
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// meet brings the peers in line with the members of the pool and of its log, and
// finds out anew which of them are near. It says who votes now, if this node leads.
func (n *Node) meet() {
	members, voters, learners := n.pool.Members().All(), n.log.Voters(), n.log.Learners()
	if !n.astray() {
		n.mentioned = 0
	}
	if applied := n.pool.Applied(); n.others != nil && applied == n.metAt && voters == n.voters && learners == n.learners && n.mentioned == n.metOf {
		return
	}
	n.metAt, n.metOf = n.pool.Applied(), n.mentioned
	n.sayVoters(voters, learners)
	n.voters, n.learners = voters, learners
	all := members | voters | learners | n.mentioned
	if !members.Has(n.cfg.ID) {
		all |= n.cfg.Contacts
	}
	n.introduce(all.Without(n.cfg.ID))
	n.near = n.nearOf(n.cfg.ID)
}

// astray reports whether this node may not know who the members are: it is none of them, or hears nobody who
// leads the log, or is led by somebody of whom its own log knows nothing. While it was away all that it knew may have been
// replaced.
func (n *Node) astray() bool {
	leader := n.log.Leader()
	return !n.member() || leader == model.NoNode || leader != n.cfg.ID && (n.peers[leader].suspected || !n.known().Has(leader))
}

// known returns everybody who belongs to the pool, or to its log, as far as this node's own log says.
func (n *Node) known() model.NodeSet {
	return n.pool.Members().All() | n.log.Voters() | n.log.Learners()
}

// mention takes over whom a peer hears, or who speaks to this node, if it is astray: one of them leads.
func (n *Node) mention(hears model.NodeSet) {
	if hears&^n.mentioned != 0 && n.astray() {
		n.mentioned |= hears
		n.meet()
	}
}

// sayVoters tells people who votes and who does not any more.
func (n *Node) sayVoters(voters, learners model.NodeSet) {
	if n.others == nil || !n.leads {
		return
	}
	for rest := voters &^ n.voters; !rest.Empty(); rest = rest.Without(rest.First()) {
		n.out.Notify(model.NoticeVoter, 0, rest.First())
	}
	for rest := n.voters &^ voters; !rest.Empty(); rest = rest.Without(rest.First()) {
		n.out.Notify(model.NoticeLearner, 0, rest.First())
	}
}

// introduce makes all the peers of this node.
func (n *Node) introduce(all model.NodeSet) {
	before := model.Nodes(n.others...)
	if all == before && n.others != nil {
		return
	}
	for rest := before &^ all; !rest.Empty(); rest = rest.Without(rest.First()) {
		n.peers[rest.First()] = peer{}
	}
	n.others = make([]model.NodeID, 0, all.Len())
	for rest := all; !rest.Empty(); rest = rest.Without(rest.First()) {
		id := rest.First()
		n.others = append(n.others, id)
		if before.Has(id) {
			continue
		}
		p := &n.peers[id]
		*p = peer{id: id, present: 1 << model.LinkManagement, protocol: model.Protocol1}
		if !n.cfg.Witnesses.Has(id) && !n.cfg.Witnesses.Has(n.cfg.ID) {
			p.present |= 1<<model.LinkA1 | 1<<model.LinkA2
		}
		n.presumeUp(p)
	}
	n.detectAt = min(n.detectAt, n.now.Add(n.cfg.Timing.SuspectAfter))
	n.touchAll()
}

// nearOf returns the members with which a member votes, or keeps something of the same VM.
func (n *Node) nearOf(id model.NodeID) (near model.NodeSet) {
	if voters := n.log.Voters(); voters.Has(id) {
		near = voters
	}
	vms := n.pool.VMs()
	for i := range vms {
		if holders := vms[i].Holders(); holders.Has(id) {
			near |= holders
		}
	}
	return near.Without(id)
}

// member reports whether this node belongs to the pool, as far as it knows.
func (n *Node) member() bool { return n.pool.Members().All().Has(n.cfg.ID) }

// steer lets the leader change the members of the control log, one at a time, until they are those of
// the pool and enough of them vote.
func (n *Node) steer() {
	if !n.log.Quorate() {
		return // it would be decided later, when who was chosen may be gone, too, and is counted all the same
	}
	e := electorate{
		members: n.pool.Members(), want: n.cfg.Voters, self: n.cfg.ID,
		voters: n.log.Voters(), learners: n.log.Learners(),
	}
	for _, id := range n.others {
		p := &n.peers[id]
		if p.suspected {
			e.silent = e.silent.With(id)
			if n.now >= p.since.Add(n.cfg.Timing.VoterLostAfter) {
				e.lost = e.lost.With(id)
			}
		}
		if p.gone {
			e.gone = e.gone.With(id)
		}
	}
	if change, id := e.next(); change != 0 && n.log.Change(n.now, change, id) {
		n.logBusy = true
	}
}

// orderMembers carries out an operator's order about a host of the pool.
func (n *Node) orderMembers(cmd pool.Command) {
	if reason := n.tooOld(cmd.Format()); reason != "" {
		n.refuse(0, cmd.Node, reason)
		return
	}
	if _, err := n.pool.Check(cmd); err != nil && !n.ordering() {
		stranger := cmd.Kind == pool.KindLeave && !n.pool.Members().Hosts.Has(cmd.Node)
		if !n.agreed(&cmd) || stranger {
			n.refuse(0, cmd.Node, err.Error())
			return
		}
		if n.informed() {
			return
		}
	}
	n.keepOrder(cmd)
}

// membersChanged says what became of an order about the members.
func (n *Node) membersChanged(before pool.Members, cmd *pool.Command) {
	after := n.pool.Members()
	if before == after || cmd.By != n.cfg.ID || cmd.Incarnation != n.incarnation {
		return
	}
	say := func(kind model.NoticeKind, who model.NodeSet) {
		for ; !who.Empty(); who = who.Without(who.First()) {
			n.out.Notify(kind, 0, who.First())
		}
	}
	say(model.NoticeJoined, after.Staying()&^before.Staying())
	say(model.NoticeLeaving, after.Leaving&^before.Leaving)
	say(model.NoticeLeft, before.Hosts&^after.Hosts)
}

// leftAlone reports whether the VM is not in the way of this host's maintenance although it is at home here: it is out of service, does
// not run, and the other home has all of it.
func (v *vm) leftAlone() bool {
	return v.instance == absent && v.stopped() && (v.complete() || v.cfg.Shared) && !planted.On(planted.StoppedAwaited)
}

// maintained says what became of this host's maintenance, and when no VM runs on it any more.
func (n *Node) maintained() {
	in := n.pool.Members().Maintenance.Has(n.cfg.ID)
	if in != n.inMaintenance {
		n.inMaintenance, n.evacuated = in, false
		kind := model.NoticeResumed
		if in {
			kind = model.NoticeMaintenance
		}
		n.out.Notify(kind, 0, n.cfg.ID)
		n.touchAll()
	}
	before := n.evacuated
	n.evacuated = in && !slices.ContainsFunc(n.vms, func(v *vm) bool { return v.instance != absent || v.isPrimary() && !v.leftAlone() })
	if n.evacuated && !before {
		n.out.Notify(model.NoticeEvacuated, 0, n.cfg.ID)
	}
}
