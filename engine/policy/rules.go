package policy

import (
	"slices"

	"holdfast/engine/model"
)

// Rules are all that people stated. The zero Rules state nothing. Lists are in ascending order of their
// first field, without repetitions, and hold only what states something.
type Rules struct {
	Hosts  []Host
	VMs    []VM
	Groups []Group
}

// Host is what was stated about a host.
type Host struct {
	Node   model.NodeID
	Site   model.Site
	Memory uint32 // MiB; 0: no bound
}

// VM is what was stated about a VM.
type VM struct {
	VM     model.VMID
	Memory uint32 // MiB
	Sites  model.SiteRule
}

// Group is a set of VMs with what holds for them. At least one of Apart and Sites is not zero.
type Group struct {
	ID    model.GroupID
	Apart model.Apart
	Sites model.SiteRule
	VMs   []model.VMID // ascending
}

// Empty reports whether nothing is stated.
func (r *Rules) Empty() bool { return len(r.Hosts)+len(r.VMs)+len(r.Groups) == 0 }

// Host returns what was stated about a host; apart from Node it is zero if that is nothing.
func (r *Rules) Host(node model.NodeID) Host {
	if i, found := r.host(node); found {
		return r.Hosts[i]
	}
	return Host{Node: node}
}

// VM returns what was stated about a VM; apart from its VM it is zero if that is nothing.
func (r *Rules) VM(vm model.VMID) VM {
	if i, found := r.vm(vm); found {
		return r.VMs[i]
	}
	return VM{VM: vm}
}

// Group returns a group; its Apart and Sites are zero if there is none.
func (r *Rules) Group(id model.GroupID) Group {
	if i, found := r.group(id); found {
		return r.Groups[i]
	}
	return Group{ID: id}
}

// Sites returns the site rule for a VM: its own or that of a group, which do not contradict each other.
func (r *Rules) Sites(vm model.VMID) model.SiteRule {
	rule := r.VM(vm).Sites
	for i := range r.Groups {
		if g := &r.Groups[i]; g.Sites != model.SiteAny && g.has(vm) {
			rule = g.Sites
		}
	}
	return rule
}

// apart returns how far two VMs must be kept from each other.
func (r *Rules) apart(a, b model.VMID) (strictest model.Apart) {
	for i := range r.Groups {
		if g := &r.Groups[i]; g.Apart > strictest && g.has(a) && g.has(b) {
			strictest = g.Apart
		}
	}
	return strictest
}

func (g *Group) has(vm model.VMID) bool {
	_, found := slices.BinarySearch(g.VMs, vm)
	return found
}

func (r *Rules) host(node model.NodeID) (int, bool) {
	return slices.BinarySearchFunc(r.Hosts, node, func(h Host, id model.NodeID) int { return int(h.Node) - int(id) })
}

func (r *Rules) vm(vm model.VMID) (int, bool) {
	return slices.BinarySearchFunc(r.VMs, vm, func(v VM, id model.VMID) int { return int(v.VM) - int(id) })
}

func (r *Rules) group(id model.GroupID) (int, bool) {
	return slices.BinarySearchFunc(r.Groups, id, func(g Group, id model.GroupID) int { return int(g.ID) - int(id) })
}
