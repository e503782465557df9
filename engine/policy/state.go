package policy

import (
	"errors"
	"fmt"
	"slices"

	"holdfast/engine/model"
)

// Why a statement is refused. A refused statement has no effect.
var (
	// ErrStatement: it says nothing that can be, or more than its kind does.
	ErrStatement = errors.New("it is no statement about a policy")
	// ErrContradiction: a VM's second home would have to be on the same site and on another.
	ErrContradiction = errors.New("it contradicts another site rule")
	// ErrNoGroup: the group does not exist.
	ErrNoGroup = errors.New("no such group")
	// ErrTooMany: there are MaxGroups groups, or MaxMembers VMs in the group.
	ErrTooMany = errors.New("there are too many")
)

// MaxGroups and MaxMembers bound what the pool's state can grow to.
const (
	MaxGroups  = 256
	MaxMembers = 256
)

// Check returns why a statement about the host node, the VM vm or a group must be refused: an error that wraps one of
// those above. It is the only place that says what may be stated; that node is a host of the pool is left to the caller.
func (r *Rules) Check(node model.NodeID, vm model.VMID, p model.Policy) error {
	if p != shape(p) || p.Memory > model.MaxMemory || p.Apart >= model.NumAparts || p.Sites >= model.NumSiteRules {
		return fmt.Errorf("%w: %+v", ErrStatement, p)
	}
	switch p.Kind {
	case model.PolicyHost:
		if node == model.NoNode || vm != 0 {
			return fmt.Errorf("%w: of host %d and VM %d", ErrStatement, node, vm)
		}
		return nil
	case model.PolicyVM, model.PolicyMember:
		if vm == 0 || node != model.NoNode {
			return fmt.Errorf("%w: of host %d and VM %d", ErrStatement, node, vm)
		}
	case model.PolicyGroup:
		if vm != 0 || node != model.NoNode || p.Group == 0 {
			return fmt.Errorf("%w: of host %d, VM %d and group %d", ErrStatement, node, vm, p.Group)
		}
	default:
		return fmt.Errorf("%w: %v", ErrStatement, p.Kind)
	}
	if err := r.bounded(p); err != nil {
		return err
	}
	return r.consistent(vm, p)
}

// shape returns p with only the fields that its kind uses.
func shape(p model.Policy) model.Policy {
	switch p.Kind {
	case model.PolicyHost:
		return model.Policy{Kind: p.Kind, Site: p.Site, Memory: p.Memory}
	case model.PolicyVM:
		return model.Policy{Kind: p.Kind, Memory: p.Memory, Sites: p.Sites}
	case model.PolicyGroup:
		return model.Policy{Kind: p.Kind, Group: p.Group, Apart: p.Apart, Sites: p.Sites}
	default:
		return model.Policy{Kind: p.Kind, Group: p.Group, Member: p.Member}
	}
}

func (r *Rules) bounded(p model.Policy) error {
	i, found := r.group(p.Group)
	switch {
	case p.Kind == model.PolicyGroup && !found && len(r.Groups) >= MaxGroups:
		return fmt.Errorf("%w: %d groups", ErrTooMany, MaxGroups)
	case p.Kind == model.PolicyMember && !found:
		return fmt.Errorf("%w: %d", ErrNoGroup, p.Group)
	case p.Kind == model.PolicyMember && p.Member && len(r.Groups[i].VMs) >= MaxMembers:
		return fmt.Errorf("%w: %d VMs in group %d", ErrTooMany, MaxMembers, p.Group)
	}
	return nil
}

// consistent demands that no VM would have two different site rules.
func (r *Rules) consistent(vm model.VMID, p model.Policy) error {
	vms, rule := []model.VMID{vm}, p.Sites
	switch p.Kind {
	case model.PolicyGroup:
		vms = r.Group(p.Group).VMs
	case model.PolicyMember:
		if rule = r.Group(p.Group).Sites; !p.Member {
			return nil
		}
	}
	if rule == model.SiteAny {
		return nil
	}
	for _, vm := range vms {
		if own := r.VM(vm).Sites; p.Kind != model.PolicyVM && own != model.SiteAny && own != rule {
			return fmt.Errorf("%w: VM %d wants site %v", ErrContradiction, vm, own)
		}
		for i := range r.Groups {
			if g := &r.Groups[i]; g.ID != p.Group && g.Sites != model.SiteAny && g.Sites != rule && g.has(vm) {
				return fmt.Errorf("%w: group %d wants site %v for VM %d", ErrContradiction, g.ID, g.Sites, vm)
			}
		}
	}
	return nil
}

// Apply makes a statement true that Check allows.
func (r *Rules) Apply(node model.NodeID, vm model.VMID, p model.Policy) {
	switch p.Kind {
	case model.PolicyHost:
		i, found := r.host(node)
		r.Hosts = put(r.Hosts, i, found, Host{Node: node, Site: p.Site, Memory: p.Memory}, p.Site == 0 && p.Memory == 0)
	case model.PolicyVM:
		i, found := r.vm(vm)
		r.VMs = put(r.VMs, i, found, VM{VM: vm, Memory: p.Memory, Sites: p.Sites}, p.Memory == 0 && p.Sites == 0)
	case model.PolicyGroup:
		i, found := r.group(p.Group)
		g := Group{ID: p.Group, Apart: p.Apart, Sites: p.Sites, VMs: r.Group(p.Group).VMs}
		r.Groups = put(r.Groups, i, found, g, p.Apart == 0 && p.Sites == 0)
	case model.PolicyMember:
		i, _ := r.group(p.Group)
		g := &r.Groups[i]
		at, found := slices.BinarySearch(g.VMs, vm)
		if p.Member || found {
			g.VMs = put(g.VMs, at, found, vm, !p.Member)
		}
	}
}

// put puts x at place i of a list, in the place of what is there if found; nothing, if it states nothing.
func put[T any](list []T, i int, found bool, x T, nothing bool) []T {
	switch {
	case found && nothing:
		return slices.Delete(list, i, i+1)
	case found:
		list[i] = x
		return list
	case nothing:
		return list
	default:
		return slices.Insert(list, i, x)
	}
}

// Forget drops what was stated about a host that left the pool.
func (r *Rules) Forget(node model.NodeID) {
	if i, found := r.host(node); found {
		r.Hosts = slices.Delete(r.Hosts, i, i+1)
	}
}

// Stated reports whether a statement holds already, so that applying it would change nothing.
func (r *Rules) Stated(node model.NodeID, vm model.VMID, p model.Policy) bool {
	switch p.Kind {
	case model.PolicyHost:
		return r.Host(node) == Host{Node: node, Site: p.Site, Memory: p.Memory}
	case model.PolicyVM:
		return r.VM(vm) == VM{VM: vm, Memory: p.Memory, Sites: p.Sites}
	case model.PolicyGroup:
		g := r.Group(p.Group)
		return g.Apart == p.Apart && g.Sites == p.Sites
	default:
		g := r.Group(p.Group)
		return g.has(vm) == p.Member
	}
}

// Validate returns what is wrong with rules that came from outside: an error that wraps ErrStatement or one of the others.
// Lists are in order, within their bounds, and every entry could have been stated.
func (r *Rules) Validate() error {
	for i, h := range r.Hosts {
		if i > 0 && r.Hosts[i-1].Node >= h.Node || h.Site == 0 && h.Memory == 0 {
			return fmt.Errorf("%w: host %d", ErrStatement, h.Node)
		}
		if err := r.Check(h.Node, 0, model.Policy{Kind: model.PolicyHost, Site: h.Site, Memory: h.Memory}); err != nil {
			return err
		}
	}
	for i, v := range r.VMs {
		if i > 0 && r.VMs[i-1].VM >= v.VM || v.Memory == 0 && v.Sites == 0 {
			return fmt.Errorf("%w: VM %d", ErrStatement, v.VM)
		}
		if err := r.Check(0, v.VM, model.Policy{Kind: model.PolicyVM, Memory: v.Memory, Sites: v.Sites}); err != nil {
			return err
		}
	}
	for i, g := range r.Groups {
		if i > 0 && r.Groups[i-1].ID >= g.ID || g.Apart == 0 && g.Sites == 0 || len(r.Groups) > MaxGroups || len(g.VMs) > MaxMembers {
			return fmt.Errorf("%w: group %d", ErrStatement, g.ID)
		}
		if err := r.Check(0, 0, model.Policy{Kind: model.PolicyGroup, Group: g.ID, Apart: g.Apart, Sites: g.Sites}); err != nil {
			return err
		}
		for j, vm := range g.VMs {
			if vm == 0 || j > 0 && g.VMs[j-1] >= vm {
				return fmt.Errorf("%w: VM %d of group %d", ErrStatement, vm, g.ID)
			}
		}
	}
	return nil
}
