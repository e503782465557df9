package engine

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// loss is what a node keeps about the loss of a host, so that it is counted once, also if the host led the log or nobody did.
//
// The leader counts a host that it begins to suspect. If there is none at that moment, every member that had heard the
// host owes the count, and the first of them to lead asks for it, after it has applied what earlier leaders
// decided: if one of them had it counted, the log's number of faults is not that of the host's last heartbeat any more,
// and nobody owes anything.
type loss struct {
	faults uint64 // counted against the host when it was heard last
	owed   bool
	before uint64 // the number that the log had counted before this loss
	asked  uint64 // term in which this node, as its leader, asked for it
}

func hostPart(id model.NodeID) pool.Part {
	return pool.Part{Component: model.ComponentHost, Node: id}
}

// hostLost takes that a member fell silent.
func (n *Node) hostLost(p *peer) {
	switch lead := n.log.Leader(); {
	case !n.pool.Members().Hosts.Has(p.id):
	case n.log.Leading():
		n.fault(hostPart(p.id))
	case p.incarnation == 0 || planted.On(planted.LeaderUncounted):
		// It was not there when this life began: others have counted that, if it was to be counted.
	case lead == model.NoNode || lead == p.id || n.peers[lead].suspected:
		p.loss.owed, p.loss.before, p.loss.asked = true, p.loss.faults, 0
	}
}

// countLosses has the log count the losses that nobody counted, because nobody led.
func (n *Node) countLosses() {
	if !n.log.CaughtUp() {
		return
	}
	for _, id := range n.others {
		l := &n.peers[id].loss
		if !l.owed || l.asked == n.log.Term() {
			continue // what was asked for in this term is in this leader's log
		}
		part := hostPart(id)
		if n.pool.Health(part).Faults != l.before || !n.pool.Members().Hosts.Has(id) {
			l.owed = false
		} else if n.fault(part) {
			l.asked = n.log.Term()
		}
	}
}
