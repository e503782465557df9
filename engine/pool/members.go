package pool

import (
	"fmt"

	"holdfast/engine/model"
)

// Members are the pool's members. Hosts run VMs and hold disks; Witness, or NoNode,
// only votes. Leaving are the hosts that were told to give up what they hold: they
// get no new copies, and are hosts until they keep nothing of a VM. VMs run elsewhere than on
// hosts in Maintenance, if they can; these keep their copies and get no new ones.
type Members struct {
	Hosts       model.NodeSet
	Witness     model.NodeID
	Leaving     model.NodeSet
	Maintenance model.NodeSet
}

// All returns every member.
func (m Members) All() model.NodeSet { return m.Hosts.With(m.Witness) }

// Staying returns the hosts that are not about to leave.
func (m Members) Staying() model.NodeSet { return m.Hosts &^ m.Leaving }

// mayHost returns why a VM cannot have a new copy on one of the nodes, or nil.
func (m Members) mayHost(nodes model.NodeSet) error {
	switch {
	case nodes&^m.Hosts != 0:
		return fmt.Errorf("%w: %v of %v", ErrHomes, nodes, m.Hosts)
	case nodes&m.Leaving != 0:
		return fmt.Errorf("%w: %v", ErrLeaving, nodes&m.Leaving)
	case nodes&m.Maintenance != 0:
		return fmt.Errorf("%w: %v", ErrMaintenance, nodes&m.Maintenance)
	}
	return nil
}

// mayRecover returns why a VM with these homes cannot have a recovery copy on node, or nil. A host
// that leaves gives up its copies, and such a VM keeps all of its.
func (m Members) mayRecover(homes model.NodeSet, node model.NodeID) error {
	switch {
	case !m.Hosts.Has(node):
		return fmt.Errorf("%w: node %d of %v", ErrMember, node, m.Hosts)
	case homes&m.Leaving != 0:
		return fmt.Errorf("%w: home %v", ErrLeaving, homes&m.Leaving)
	}
	return m.mayHost(model.Nodes(node))
}

// CheckMembers returns the members that cmd makes of m in a pool with these VMs, or why
// it must be refused: one of the errors at Check. It decides about the commands that are
// not for a VM; those that are not about members leave them as they are.
func CheckMembers(m Members, vms []Config, cmd Command) (Members, error) {
	next, err := membership(m, vms, cmd)
	if err != nil {
		return m, fmt.Errorf("%v of member %d by member %d: %w", cmd.Kind, cmd.Node, cmd.By, err)
	}
	return next, nil
}

func membership(m Members, vms []Config, cmd Command) (Members, error) {
	switch cmd.Kind {
	case KindOverride:
		if !m.All().Has(cmd.By) || !m.All().Has(cmd.Node) || cmd.Expect > model.MaxEra {
			return m, ErrMember
		}
		for i := range vms {
			if era := vms[i].Gen.Era(); cmd.Expect != 0 && uint64(cmd.Expect) <= era {
				return m, fmt.Errorf("%w: era %d after era %d", ErrStale, cmd.Expect, era)
			}
		}
		return m, nil
	case KindRenew:
		if !m.Hosts.Has(cmd.By) {
			return m, ErrProposer
		}
		return m, nil
	case KindFault, KindRetire, KindClear, KindRepair:
		return m, checkPart(m, cmd)
	case KindJoin:
		return join(m, cmd)
	case KindLeave:
		return leave(m, vms, cmd)
	case KindMaintain:
		return maintain(m, cmd)
	default:
		return m, fmt.Errorf("%w: %v", ErrMember, cmd.Kind)
	}
}

func join(m Members, cmd Command) (Members, error) {
	switch {
	case !m.All().Has(cmd.By):
		return m, ErrProposer
	case !validNode(cmd.Node):
		return m, ErrMember
	case m.Leaving.Has(cmd.Node):
		m.Leaving = m.Leaving.Without(cmd.Node)
		return m, nil
	case m.All().Has(cmd.Node):
		return m, ErrIsMember
	case m.Hosts.Len() >= MaxHosts:
		return m, ErrPoolSize
	}
	m.Hosts = m.Hosts.With(cmd.Node)
	return m, nil
}

func leave(m Members, vms []Config, cmd Command) (Members, error) {
	switch {
	case !m.All().Has(cmd.By):
		return m, ErrProposer
	case !m.Hosts.Has(cmd.Node):
		return m, ErrMember
	case m.Leaving.Has(cmd.Node):
		return m, ErrLeaving
	case m.Staying().Without(cmd.Node).Len() < MinHosts:
		return m, fmt.Errorf("%w: %v would stay", ErrPoolSize, m.Staying().Without(cmd.Node))
	}
	for i := range vms {
		if vms[i].Shared && vms[i].Homes.Has(cmd.Node) {
			return m, fmt.Errorf("%w: it is a home of VM %d, which cannot get another one", ErrShared, vms[i].VM)
		}
		if vms[i].InSync == model.Nodes(cmd.Node) {
			return m, fmt.Errorf("%w of VM %d; wait until the VM is protected", ErrOnlyCopy, vms[i].VM)
		}
		if vms[i].KeepsHomes() && vms[i].Holders().Has(cmd.Node) {
			return m, fmt.Errorf("%w: VM %d on %v", ErrKeepsHomes, vms[i].VM, vms[i].Holders())
		}
	}
	m.Leaving = m.Leaving.With(cmd.Node)
	return m, nil
}

func maintain(m Members, cmd Command) (Members, error) {
	switch {
	case !m.All().Has(cmd.By):
		return m, ErrProposer
	case !m.Hosts.Has(cmd.Node):
		return m, ErrMember
	case m.Maintenance.Has(cmd.Node) != cmd.Override:
		return m, fmt.Errorf("%w: %v", ErrMaintenance, m.Maintenance)
	}
	m.Maintenance ^= model.Nodes(cmd.Node)
	return m, nil
}

// release lets the hosts go that are leaving and hold nothing any more.
func (s *State) release() {
	held := model.NodeSet(0)
	for i := range s.vms {
		held |= s.vms[i].Holders()
	}
	gone := s.members.Leaving &^ held
	s.members.Hosts &^= gone
	s.members.Leaving &^= gone
	s.members.Maintenance &^= gone
	for ; !gone.Empty(); gone = gone.Without(gone.First()) {
		s.forget(gone.First())
		s.rules.Forget(gone.First())
	}
}
