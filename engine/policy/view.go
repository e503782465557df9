package policy

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// View is a pool at one moment.
type View struct {
	Hosts    model.NodeSet // that may get new copies
	Unlinked model.NodeSet // whose guest network port is out of service: no VM moves there to run
	VMs      []Placed      // ascending VM
	Rules    *Rules
}

// Placed is a VM that has homes.
type Placed struct {
	VM      model.VMID
	Level   model.Level
	Homes   model.NodeSet
	Primary model.NodeID
	// Whole: both copies are in sync and the second home can take over.
	Whole bool
	// Stopped: it is out of service, and stays where it is until a person has cleared its faults.
	Stopped bool
	// Waits: the copy that it lacks is out of service, or the host of that. It waits for a person, unless another host can take it.
	Waits bool
	// Fixed: no other host can become the second home, because the homes share one disk, or because there is a
	// recovery copy, with which a VM keeps its homes.
	Fixed bool
	// Elsewhere are hosts at another place that keep room for the VM: the one with its recovery copy, or, while the VM
	// runs there and has that one home only, the homes to which it returns.
	Elsewhere model.NodeSet
}

// second returns the home that is not the primary; NoNode while the VM runs on its recovery copy.
func (p *Placed) second() model.NodeID { return p.Homes.Other(p.Primary) }

// reserves reports whether a VM of the level keeps room on its second home.
func reserves(level model.Level) bool {
	return level != model.LevelNone && !planted.On(planted.ReservedNotCounted)
}

// Load is what is placed on a host.
type Load struct {
	Used, Reserved uint64 // MiB, of primaries and of what may have to go on here
	Copies         int    // of both
}

// Memory returns what is taken, in MiB.
func (l Load) Memory() uint64 { return l.Used + l.Reserved }

// less orders loads: memory first.
func (l Load) less(m Load) bool {
	if l.Memory() != m.Memory() {
		return l.Memory() < m.Memory()
	}
	return l.Copies < m.Copies
}

// Load returns what is placed on a host.
func (v *View) Load(node model.NodeID) Load { return v.without(node, 0) }

// without returns what is placed on a host apart from a VM.
func (v *View) without(node model.NodeID, vm model.VMID) (l Load) {
	for i := range v.VMs {
		p := &v.VMs[i]
		if p.VM == vm || !(p.Homes | p.Elsewhere).Has(node) {
			continue
		}
		memory := uint64(v.Rules.VM(p.VM).Memory)
		l.Copies++
		switch {
		case p.Primary == node:
			l.Used += memory
		case reserves(p.Level):
			l.Reserved += memory
		}
	}
	return l
}

// vm returns where a VM is, nil if it is nowhere.
func (v *View) vm(id model.VMID) *Placed {
	for i := range v.VMs {
		if v.VMs[i].VM == id {
			return &v.VMs[i]
		}
	}
	return nil
}
