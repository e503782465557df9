package sim

import (
	"time"

	"holdfast/engine/model"
)

// destroyTime is how long it takes until nothing is left of an instance.
const destroyTime = 30 * time.Millisecond

// sayDestroyed answers an EffectDestroy: requests that the instance had under way are ended.
func (p *place) sayDestroyed(id uint64) {
	p.endOperations()
	ev := p.w.after(destroyTime, classDevice, p.m.id, evDestroyed)
	ev.vm, ev.life, ev.id = p.vm.id, p.m.life, id
}

// arriveLate lets a write that had left a host before it lost power or was reset reach the shared storage.
func (p *place) arriveLate(e *event) {
	if e.op == opGuest && e.io.Op == model.OpWrite && !p.m.storageCut && !p.health.Hang {
		p.write(e.io.Sector, e.att, e.io.FUA)
	}
}

// CutStorage cuts a host's way to shared storage: nobody is told, and what is asked there waits. When the way
// is mended, it goes on.
func (w *World) CutStorage(id model.NodeID, cut bool) {
	m := w.nodes[id]
	was := m.storageCut
	m.storageCut = cut
	for _, p := range m.vms {
		if was && !cut && p != nil && p.vm.shared != nil {
			p.resumeDisk()
		}
	}
}
