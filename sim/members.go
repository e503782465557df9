package sim

import (
	"fmt"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// Members returns the members of the pool, as the member knows them that has applied most of the log.
func (w *World) Members() pool.Members { return w.Wisest().Members() }

// Electorate returns who votes on the pool's log, as its leader knows it; empty if nobody leads. One that was replaced
// without knowing, as a host that left the pool may have been for ever, has applied less than the one that leads.
func (w *World) Electorate() (voters model.NodeSet) {
	applied := uint64(0)
	for _, m := range w.nodes[1:] {
		if m.running() && m.node.Leader() == m.id && m.node.Pool().Applied() >= applied {
			voters, applied = m.node.Voters(), m.node.Pool().Applied()
		}
	}
	return voters
}

// View is what a member knows of the control log: who leads and who votes, and the pool as far as it has applied it.
type View struct {
	Leader model.NodeID
	Voters model.NodeSet
	Pool   *pool.State
}

// View returns what a member knows; false if its daemon does not run.
func (w *World) View(id model.NodeID) (v View, ok bool) {
	if id == model.NoNode || !w.nodes[id].running() {
		return v, false
	}
	n := w.nodes[id].node
	return View{Leader: n.Leader(), Voters: n.Voters(), Pool: n.Pool()}, true
}

// Wisest returns the pool as the running member knows it that has applied most of the log; if none runs, an empty one.
func (w *World) Wisest() *pool.State {
	best := &pool.State{}
	for _, m := range w.nodes[1:] {
		if m.node != nil && (best.Applied() == 0 || m.node.Pool().Applied() > best.Applied()) {
			best = m.node.Pool()
		}
	}
	return best
}

// MembersUnsettled says what is still to be done about the members of the pool, or nothing: an electorate that is not what
// the pool should have, or a host that is told to leave, could, and is still there.
func (w *World) MembersUnsettled() string {
	state := w.Wisest()
	members, voters := state.Members(), w.Electorate()
	want := pool.VotersWanted(members.All().Len(), w.opt.Voters)
	if voters.Len() != want || voters&^members.All() != 0 {
		return fmt.Sprintf("%v vote, of the members %v it should be %d", voters, members.All(), want)
	}
	for _, cfg := range state.VMs() {
		if leaves := cfg.Homes & members.Leaving; !leaves.Empty() && w.couldGoOn(state, &cfg) {
			return fmt.Sprintf("%v should leave and is still a home of %s", leaves, w.opt.VMs[cfg.VM-1].Name)
		}
	}
	return ""
}

// couldGoOn reports whether a VM with a home that leaves could do without it.
func (w *World) couldGoOn(state *pool.State, cfg *pool.Config) bool {
	members := state.Members()
	second := cfg.Homes.Other(cfg.Primary)
	if members.Leaving.Has(second) {
		_, err := state.Third(cfg.VM, members.Staying())
		return err == nil && cfg.InSync.Has(cfg.Primary)
	}
	return cfg.Level != model.LevelNone && !members.Maintenance.Has(second)
}
