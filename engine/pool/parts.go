package pool

import (
	"cmp"
	"fmt"
	"slices"

	"holdfast/engine/model"
)

// Component is what a fault is counted against.
type Component uint8

// The components. The comment says which fields of a Part name one.
const (
	// ComponentNIC is the guest network port of Node.
	ComponentNIC Component = iota + 1
	// ComponentDisk is the copy of VM's disk on Node.
	ComponentDisk
	// ComponentHost is Node as a whole.
	ComponentHost
	// ComponentVM is the guest of VM, wherever it runs.
	ComponentVM

	numComponents
)

var componentNames = [...]string{
	ComponentNIC: "nic", ComponentDisk: "disk", ComponentHost: "host", ComponentVM: "vm",
}

func (c Component) String() string {
	if c > 0 && c < numComponents {
		return componentNames[c]
	}
	return fmt.Sprintf("component(%d)", uint8(c))
}

// Part is one component of the pool. Fields that its Component does not use are zero.
type Part struct {
	Component Component
	Node      model.NodeID
	VM        model.VMID
}

// Health is what the pool knows of a part that ever had a fault.
type Health struct {
	Part
	Faults  uint64 // counted since it was cleared last
	Retired bool   // out of service until it is cleared
}

func comparePart(h Health, p Part) int {
	return cmp.Or(cmp.Compare(h.Component, p.Component), cmp.Compare(h.Node, p.Node), cmp.Compare(h.VM, p.VM))
}

// Parts returns the parts that had faults, in the order of component, member and VM. The
// caller must not change the slice; Apply may.
func (s *State) Parts() []Health { return s.parts }

// Health returns what is known of a part; no faults if there were none.
func (s *State) Health(p Part) Health {
	if i, found := slices.BinarySearchFunc(s.parts, p, comparePart); found {
		return s.parts[i]
	}
	return Health{Part: p}
}

// Retired reports whether a part is out of service.
func (s *State) Retired(p Part) bool { return len(s.parts) > 0 && s.Health(p).Retired }

func (c *Command) part() Part { return Part{Component: c.Component, Node: c.Node, VM: c.VM} }

// checkPart returns why cmd cannot be about a part of the pool, or nil.
func checkPart(m Members, cmd Command) error {
	p := cmd.part()
	switch {
	case !m.All().Has(cmd.By):
		return ErrProposer
	case cmd.Kind == KindClear && p == Part{}:
		return nil
	case p.Component == 0 || p.Component >= numComponents:
		return fmt.Errorf("%w: %v", ErrMember, p.Component)
	case (p.Component == ComponentVM) != (p.Node == model.NoNode) || p.Node != model.NoNode && !m.All().Has(p.Node):
		return fmt.Errorf("%w: %v", ErrMember, p.Component)
	case (p.VM != 0) != (p.Component == ComponentVM || p.Component == ComponentDisk):
		return fmt.Errorf("%w: %v of VM %d", ErrMember, p.Component, p.VM)
	}
	return nil
}

// service applies a command about a part.
func (s *State) service(cmd Command) {
	p := cmd.part()
	if cmd.Kind == KindClear {
		s.parts = slices.DeleteFunc(s.parts, func(h Health) bool { return p == Part{} || h.Part == p })
		return
	}
	i, found := slices.BinarySearchFunc(s.parts, p, comparePart)
	if !found {
		s.parts = slices.Insert(s.parts, i, Health{Part: p})
	}
	if cmd.Kind == KindRetire {
		s.parts[i].Retired = true
	} else {
		s.parts[i].Faults++
	}
}

// forget drops what is known of parts of a host that left.
func (s *State) forget(node model.NodeID) {
	s.parts = slices.DeleteFunc(s.parts, func(h Health) bool { return h.Node == node })
}
