package engine

import (
	"fmt"
	"slices"

	"holdfast/engine/model"
)

// ProposeRaw lets a test put something into the control log that no command encodes.
func (n *Node) ProposeRaw(now model.Time, data []byte) ([]model.Effect, error) {
	n.out.Reset()
	err := n.log.Propose(data)
	n.logBusy = true
	return append(n.out.List, n.Step(now, &model.Event{Kind: model.EventWake})...), err
}

// RosterError returns what the roster keeps of the VMs that is not true of them.
func (n *Node) RosterError() error {
	if n.outgrown != nil {
		return nil // it fell silent, and is woken no more
	}
	var needs leaseCount
	for i, v := range n.vms {
		c := v.leaseNeeds()
		needs.home, needs.want, needs.risk = needs.home+c.home, needs.want+c.want, needs.risk+c.risk
		if n.due[i] != v.nextWake() {
			return fmt.Errorf("engine: VM %d has to be woken at %v, not at %v", v.id, v.nextWake(), n.due[i])
		}
		if v.stale != slices.Contains(n.touched, v) || v.stale != v.listed {
			return fmt.Errorf("engine: VM %d: stale %t, listed %t", v.id, v.stale, v.listed)
		}
	}
	if needs != n.needs {
		return fmt.Errorf("engine: the VMs need %v of the lease, not %v", needs, n.needs)
	}
	return nil
}
