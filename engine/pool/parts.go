package pool

import (
	"cmp"
	"fmt"
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Part is one component of the pool. Fields that its Component does not use are zero.
type Part struct {
	Component model.Component
	Node      model.NodeID
	VM        model.VMID
}

// Health is what the pool knows of a part that had a fault, or for which there is a rule.
type Health struct {
	Part
	Faults  uint64 // counted since it was cleared last
	Retired bool   // out of service until it is cleared
	Rule    model.Repair
}

// well reports whether there is nothing to clear.
func (h *Health) well() bool { return h.Faults == 0 && !h.Retired }

func comparePart(h Health, p Part) int {
	return cmp.Or(cmp.Compare(h.Component, p.Component), cmp.Compare(h.Node, p.Node), cmp.Compare(h.VM, p.VM))
}

// Parts returns the parts that had faults or have a rule, in the order of component, member and VM. The
// caller must not change the slice; Apply may.
func (s *State) Parts() []Health { return s.parts }

// Health returns what is known of a part; no faults if there were none.
func (s *State) Health(p Part) Health {
	if i, found := slices.BinarySearchFunc(s.parts, p, comparePart); found {
		return s.parts[i]
	}
	return Health{Part: p}
}

// Troubled reports whether faults are counted, or anything is out of service.
func (s *State) Troubled() bool {
	return slices.ContainsFunc(s.parts, func(h Health) bool { return !h.well() })
}

// Retired reports whether a part is out of service.
func (s *State) Retired(p Part) bool { return len(s.parts) > 0 && s.Health(p).Retired }

// Part returns the part that a command about parts is about.
func (c *Command) Part() Part { return Part{Component: c.Component, Node: c.Node, VM: c.VM} }

// checkPart returns why cmd cannot be about a part of the pool, or nil.
func checkPart(m Members, cmd Command) error {
	p := cmd.Part()
	switch {
	case !m.All().Has(cmd.By):
		return ErrProposer
	case cmd.Kind == KindClear && p == Part{}:
		return nil
	case p.Component == 0 || p.Component >= model.NumComponents:
		return fmt.Errorf("%w: %v", ErrMember, p.Component)
	case (p.Component == model.ComponentVM) != (p.Node == model.NoNode) || p.Node != model.NoNode && !m.All().Has(p.Node):
		return fmt.Errorf("%w: %v", ErrMember, p.Component)
	case (p.VM != 0) != (p.Component == model.ComponentVM || p.Component == model.ComponentDisk):
		return fmt.Errorf("%w: %v of VM %d", ErrMember, p.Component, p.VM)
	case !cmd.Repair.Valid():
		return fmt.Errorf("%w: a rule of mode %d with an MTBF of %v", ErrMember, cmd.Repair.Mode, cmd.Repair.MTBF)
	}
	return nil
}

// checkRetire returns why a part is not to be taken out of service, or nil: its rule has changed since that was asked for, or its faults
// were cleared.
func (s *State) checkRetire(cmd Command) error {
	h := s.Health(cmd.Part())
	if h.Rule.Mode != model.RepairByMTBF && !planted.On(planted.RuleIgnored) || h.Faults < uint64(cmd.Expect) {
		return fmt.Errorf("%v of %v of member %d, VM %d, by member %d: %w: %d faults of %d, and the rule of mode %d",
			cmd.Kind, cmd.Component, cmd.Node, cmd.VM, cmd.By, ErrStale, h.Faults, cmd.Expect, h.Rule.Mode)
	}
	return nil
}

// service applies a command about a part.
func (s *State) service(cmd Command) {
	p := cmd.Part()
	if cmd.Kind == KindClear {
		for i := range s.parts {
			if h := &s.parts[i]; p == (Part{}) || h.Part == p {
				h.Faults, h.Retired = 0, false
			}
		}
		s.dropEmpty()
		return
	}
	i, found := slices.BinarySearchFunc(s.parts, p, comparePart)
	if !found {
		s.parts = slices.Insert(s.parts, i, Health{Part: p})
	}
	switch cmd.Kind {
	case KindRetire:
		s.parts[i].Retired = true
	case KindRepair:
		s.parts[i].Rule = cmd.Repair
		s.dropEmpty()
	default:
		s.parts[i].Faults++
		if s.parts[i].Rule.Mode == model.RepairNever && !planted.On(planted.RuleIgnored) {
			s.parts[i].Retired = true
		}
	}
}

// dropEmpty drops parts of which there is nothing to know.
func (s *State) dropEmpty() {
	s.parts = slices.DeleteFunc(s.parts, func(h Health) bool { return h.well() && h.Rule == model.Repair{} })
}

// forget drops what is known of a host that left: of its parts, and of what it ordered.
func (s *State) forget(node model.NodeID) {
	s.parts = slices.DeleteFunc(s.parts, func(h Health) bool { return h.Node == node })
	s.orders = slices.DeleteFunc(s.orders, func(o passed) bool { return o.by == node })
}
