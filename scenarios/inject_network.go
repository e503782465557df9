package scenarios

import (
	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/sim"
)

var links = map[faults.Link]model.Link{
	faults.LinkA1: model.LinkA1, faults.LinkA2: model.LinkA2, faults.LinkManagement: model.LinkManagement,
}

// hitNetwork handles links, partitions and guest network ports.
func (r *run) hitNetwork(f *faults.Fault, m model.NodeID) {
	w := r.world
	switch f.Kind {
	case faults.Isolate:
		r.isolate(m, true, f.KeepLAN)
		r.ends(f, 0, func() { r.isolate(m, false, f.KeepLAN) })
	case faults.Partition:
		pairs := r.acrossGroups(f)
		r.cutPairs(pairs, true)
		r.ends(f, 0, func() { r.cutPairs(pairs, false) })
	case faults.NICDown:
		w.NIC(m, false)
		r.ends(f, 0, func() { w.NIC(m, true) })
	case faults.NICUp:
		w.NIC(m, true)
	case faults.HealAll:
		r.healAll()
	default:
		peers := r.members(f.Peer)
		if len(peers) != 1 {
			return
		}
		r.onWires(f, m, peers[0], func(wire *sim.Wire) { apply(f, wire) })
		r.ends(f, 0, func() { r.onWires(f, m, peers[0], func(wire *sim.Wire) { undo(f, wire) }) })
	}
}

// onWires does something to each wire that a link fault names.
func (r *run) onWires(f *faults.Fault, a, b model.NodeID, do func(*sim.Wire)) {
	for _, part := range f.Link.Parts() {
		do(r.world.Wire(a, b, links[part]))
		if !f.OneWay {
			do(r.world.Wire(b, a, links[part]))
		}
	}
}

// apply makes a wire faulty.
func apply(f *faults.Fault, wire *sim.Wire) {
	switch f.Kind {
	case faults.Cut:
		wire.Cut = true
	case faults.Heal:
		*wire = sim.Wire{}
	case faults.Loss:
		wire.Loss = f.Chance
	case faults.Delay:
		wire.Delay = f.Amount
	case faults.Jitter:
		wire.Jitter = f.Amount
	case faults.Duplicate:
		wire.Duplicate = f.Chance
	case faults.Reorder:
		wire.Reorder = f.Chance
	case faults.Corrupt:
		wire.Corrupt = f.Chance
	case faults.Slow:
		wire.Bandwidth = f.Bandwidth
	}
}

// undo takes one fault of a wire back: it is as if a fault of no strength were applied.
func undo(f *faults.Fault, wire *sim.Wire) {
	switch f.Kind {
	case faults.Cut:
		wire.Cut = false
	case faults.Heal:
	default:
		apply(&faults.Fault{Kind: f.Kind}, wire)
	}
}

// isolate cuts a member off from all others, or ends that; with it, unless keepLAN, the host's guest network.
func (r *run) isolate(m model.NodeID, cut, keepLAN bool) {
	var pairs [][2]model.NodeID
	for id := model.NodeID(1); id <= r.memberCount(); id++ {
		if id != m {
			pairs = append(pairs, [2]model.NodeID{m, id})
		}
	}
	r.cutPairs(pairs, cut)
	if !keepLAN {
		r.world.CutLAN(m, cut)
	}
}

// acrossGroups returns the pairs of members on different sides of a partition.
func (r *run) acrossGroups(f *faults.Fault) [][2]model.NodeID {
	var groups [][]model.NodeID
	for _, roles := range f.Groups {
		var group []model.NodeID
		for _, role := range roles {
			group = append(group, r.members(role)...)
		}
		groups = append(groups, group)
	}
	var pairs [][2]model.NodeID
	for i, g := range groups {
		for _, h := range groups[i+1:] {
			for _, a := range g {
				for _, b := range h {
					pairs = append(pairs, [2]model.NodeID{a, b})
				}
			}
		}
	}
	return pairs
}

func (r *run) cutPairs(pairs [][2]model.NodeID, cut bool) {
	for _, p := range pairs {
		for l := model.LinkA1; l < model.NumLinks; l++ {
			r.world.Wire(p[0], p[1], l).Cut = cut
			r.world.Wire(p[1], p[0], l).Cut = cut
		}
	}
}
