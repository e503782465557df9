package policy

import (
	"fmt"

	"holdfast/engine/model"
)

// BreachKind is what does not hold.
type BreachKind uint8

// The kinds of breach, in the order in which they are mended.
const (
	// BreachRoom: more is placed on Node than it has room for.
	BreachRoom BreachKind = iota + 1
	// BreachPrimaries: Node runs both VM and Other.
	BreachPrimaries
	// BreachHomes: Node is a home of both VM and Other.
	BreachHomes
	// BreachSites: the second home of VM is on the wrong site.
	BreachSites
	// BreachPlace: Node, with the recovery copy of VM or one of the homes to which it returns, is on the site of
	// a home. Nothing moves for that.
	BreachPlace
)

// Breach is something that a rule demands and that does not hold. Fields that Kind does not use are zero.
type Breach struct {
	Kind      BreachKind
	VM, Other model.VMID // VM is the lower one
	Node      model.NodeID
}

// Broken returns everything that does not hold, ordered by Kind, then by host or VMs.
func (v *View) Broken() (list []Breach) {
	if v.Rules.Empty() {
		return nil
	}
	for i := range v.Rules.Hosts {
		if h := &v.Rules.Hosts[i]; h.Memory != 0 && v.Load(h.Node).Memory() > uint64(h.Memory) {
			list = append(list, Breach{Kind: BreachRoom, Node: h.Node})
		}
	}
	var homes []Breach
	for i := range v.VMs {
		for j := i + 1; j < len(v.VMs); j++ {
			a, b := &v.VMs[i], &v.VMs[j]
			switch apart, shared := v.Rules.apart(a.VM, b.VM), a.Homes&b.Homes; {
			case apart != model.ApartNot && a.Primary == b.Primary:
				list = append(list, Breach{Kind: BreachPrimaries, VM: a.VM, Other: b.VM, Node: a.Primary})
			case apart == model.ApartHomes && !shared.Empty():
				homes = append(homes, Breach{Kind: BreachHomes, VM: a.VM, Other: b.VM, Node: shared.First()})
			}
		}
	}
	list = append(list, homes...)
	for i := range v.VMs {
		p := &v.VMs[i]
		if p.second() != model.NoNode && v.misplaced(v.Rules.Sites(p.VM), p.second(), p.Primary) != "" {
			list = append(list, Breach{Kind: BreachSites, VM: p.VM, Node: p.second()})
		}
	}
	for i := range v.VMs {
		p := &v.VMs[i]
		for rest := p.Elsewhere; !rest.Empty(); rest = rest.Without(rest.First()) {
			if v.sameSite(rest.First(), p.Homes) != "" {
				list = append(list, Breach{Kind: BreachPlace, VM: p.VM, Node: rest.First()})
			}
		}
	}
	return list
}

// Describe says a breach in words, with numbers.
func (v *View) Describe(b Breach) string {
	switch b.Kind {
	case BreachRoom:
		l := v.Load(b.Node)
		return fmt.Sprintf("host %d: %d MiB used and %d reserved of %d MiB", b.Node, l.Used, l.Reserved, v.Rules.Host(b.Node).Memory)
	case BreachPrimaries:
		return fmt.Sprintf("host %d runs VM %d and VM %d, which are kept apart", b.Node, b.VM, b.Other)
	case BreachHomes:
		return fmt.Sprintf("host %d is a home of VM %d and of VM %d, whose homes are kept apart", b.Node, b.VM, b.Other)
	case BreachPlace:
		if p := v.vm(b.VM); p != nil {
			return v.sameSite(b.Node, p.Homes)
		}
		return ""
	default:
		if p := v.vm(b.VM); p != nil {
			return v.misplaced(v.Rules.Sites(b.VM), p.second(), p.Primary)
		}
		return ""
	}
}
