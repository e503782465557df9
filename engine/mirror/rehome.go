package mirror

import "holdfast/engine/model"

// Peer returns the host of the other copy.
func (p *Primary) Peer() model.NodeID { return p.peer }

// Rehome makes peer the host of the other copy, in place of one whose copy is no part of the VM any
// more. A session with that one ends. The new host's copy begins with all extents marked, so that
// everything is copied to it.
func (p *Primary) Rehome(now model.Time, peer model.NodeID, out *model.Effects) {
	p.closeSession()
	p.peer = peer
	p.settle(now, out)
}
