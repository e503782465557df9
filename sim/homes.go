package sim

import (
	"fmt"

	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// place returns what the host has of a VM, and makes it when the host becomes a home of the VM for
// the first time: 16 hosts with as many VMs need no more than two places for each VM.
func (m *member) place(vm model.VMID) *place {
	if m.vms[vm] == nil {
		p, err := newPlace(m.w, m, m.w.vms[vm])
		if err != nil {
			panic(fmt.Sprintf("sim: the shape of VM %d was valid before: %v", vm, err)) // the world made a machine of it
		}
		m.vms[vm] = p
	}
	return m.vms[vm]
}

// renew prepares the copy for being opened by a home of the generation gen: one that was made for
// an earlier generation is void.
func (p *place) renew(gen model.Gen) {
	p.wanted = gen
	if p.made < gen {
		p.blank(gen)
	}
}

// erase performs an EffectErase.
func (m *member) erase(e *model.Effect) {
	p := m.vms[e.VM]
	if p == nil {
		return
	}
	p.forwardTo = model.NoNode
	if p.made < e.Gen && p.recovery.since <= e.Gen {
		p.endOpenings()
		p.endOperations()
		p.blank(e.Gen)
	}
}

// blank puts an empty copy in the place of the one that is there, all of which counts as different from
// any other.
func (p *place) blank(gen model.Gen) {
	if p.vm.shared != nil {
		return
	}
	p.w.monitor.discarded(p)
	p.dropReplica()
	p.dropLanding()
	p.dropJournal()
	p.recovery.blank(p.w)
	p.disk = disk.New(diskSectors + 1)
	p.promises, p.lost, p.liar = promises{}, false, false
	p.lied.Reset()
	p.marked.Fill(diskExtents)
	p.made = gen
}

// Spare reports whether a host has not been in the pool yet.
func (w *World) Spare(id model.NodeID) bool { return w.nodes[id].spare }
