package sim

import (
	"time"

	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// PowerOff takes a member's power away. loss says what becomes of unsynced disk writes.
func (w *World) PowerOff(id model.NodeID, loss disk.Loss) {
	m := w.nodes[id]
	if !m.powered {
		return
	}
	voters := w.monitor.losing(m)
	m.die()
	m.powered, m.frozen, m.hostLife = false, false, w.nextLife()
	m.disturb()
	w.monitor.powerLost(m, voters)
	m.lostPower = w.now
	m.watchdog.stopAll()
	m.store.PowerLoss(w.rDisk, loss)
	for _, p := range m.vms {
		if p != nil {
			p.powerLoss(loss)
		}
	}
	w.tape.host(w, m)
}

// PowerOn gives it back; oldDisk restores the system disk that SaveDisk remembered.
func (w *World) PowerOn(id model.NodeID, oldDisk bool) {
	m := w.nodes[id]
	if m.powered || m.spare {
		return
	}
	if oldDisk && m.saved != nil {
		m.store.Restore(m.saved)
	}
	w.powerUp(m)
}

// Powered reports whether a member has power.
func (w *World) Powered(id model.NodeID) bool { return id != model.NoNode && w.nodes[id].powered }

// SaveDisk remembers the member's system disk as it is now.
func (w *World) SaveDisk(id model.NodeID) { w.nodes[id].saved = w.nodes[id].store.Snapshot() }

// Freeze stops everything on a member. Thaw lets it go on.
func (w *World) Freeze(id model.NodeID) {
	m := w.nodes[id]
	if m.powered && !m.frozen {
		m.frozen = true
		m.disturb()
		w.tape.host(w, m)
	}
}

// Thaw lets a frozen member go on.
func (w *World) Thaw(id model.NodeID) {
	m := w.nodes[id]
	if !m.frozen {
		return
	}
	m.frozen = false
	m.disturb()
	w.tape.host(w, m)
	w.At(w.now, m.resume)
}

// SlowCPU makes a member's CPU slower by a factor, 1 for normal.
func (w *World) SlowCPU(id model.NodeID, factor int) {
	w.nodes[id].slow = max(factor, 1)
	w.nodes[id].disturb()
}

// KillDaemon kills the daemon of a member; it starts again after restart.
func (w *World) KillDaemon(id model.NodeID, restart time.Duration) {
	m := w.nodes[id]
	if m.node == nil {
		return
	}
	m.die()
	w.startDaemon(m, restart)
}

// OldDaemon replaces the daemon of a member by the previous version, which speaks the previous protocol, or
// that by the present one. It is down for so long.
func (w *World) OldDaemon(id model.NodeID, old bool, down time.Duration) {
	if m := w.nodes[id]; m.old != old {
		m.old = old
		w.monitor.health.versions = w.now
		w.KillDaemon(id, down)
	}
}

// StopDaemon stops the daemon without ending it. ContinueDaemon lets it go on.
func (w *World) StopDaemon(id model.NodeID) {
	w.nodes[id].stopped = w.nodes[id].node != nil
	w.nodes[id].disturb()
}

// ContinueDaemon lets a stopped daemon go on.
func (w *World) ContinueDaemon(id model.NodeID) {
	m := w.nodes[id]
	if m.stopped {
		m.stopped = false
		m.disturb()
		w.At(w.now, m.resume)
	}
}

// CrashDaemonAt kills the daemon instead of its n-th effect from now on, n at least
// 1; it starts again after 300 ms.
func (w *World) CrashDaemonAt(id model.NodeID, n uint64) {
	m := w.nodes[id]
	m.effects, m.crashAt = 0, n
}

// Effects returns how many effects the member performed since CrashDaemonAt was called with a number
// that was not reached.
func (w *World) Effects(id model.NodeID) uint64 { return w.nodes[id].effects }

// ToolstackErrors lets the next n creations of an instance on the host fail.
func (w *World) ToolstackErrors(id model.NodeID, n int) { w.nodes[id].toolErrors = n }

// HalfCreates lets the next n creations of an instance on the host fail and leave a domain behind
// that never runs: nothing can be created for its VM there until it is destroyed.
func (w *World) HalfCreates(id model.NodeID, n int) { w.nodes[id].toolHalves = n }

// ToolstackHang makes creations of instances on the host wait until the given time: Never for one that is not known
// yet, the present to end it.
func (w *World) ToolstackHang(id model.NodeID, until model.Time) {
	m := w.nodes[id]
	switch m.toolHang = until; {
	case until <= w.now:
		m.createAll()
	case until < model.Never:
		w.At(until, m.createAll)
	}
}

// CrashVM crashes the guest of the VM where it runs.
func (w *World) CrashVM(vm model.VMID) {
	for _, m := range w.nodes[1:] {
		if p := m.vms[vm]; p != nil && p.inst.present {
			w.At(w.now, p.crashGuest)
		}
	}
}

// HangVM makes the guest of the VM hang where it runs, ResumeVM lets it go on wherever it runs then.
func (w *World) HangVM(vm model.VMID) { w.hang(vm, true) }

// ResumeVM lets a guest that hangs go on.
func (w *World) ResumeVM(vm model.VMID) { w.hang(vm, false) }

func (w *World) hang(vm model.VMID, on bool) {
	w.vms[vm].hangs = on
	w.At(w.now, func() {
		for _, m := range w.nodes[1:] {
			if p := m.vms[vm]; p != nil && p.inst.present {
				p.hang(on)
			}
		}
	})
}

// Wire returns what is wrong with one direction of a link, to be changed.
func (w *World) Wire(from, to model.NodeID, link model.Link) *Wire {
	w.nodes[from].rewired, w.nodes[to].rewired = w.now, w.now
	return &w.links[from][to][link].Wire
}

// NIC breaks or mends the guest network port of a host; its engine is told.
func (w *World) NIC(id model.NodeID, up bool) {
	m := w.nodes[id]
	if m.nic == up {
		return
	}
	m.nic = up
	w.At(w.now, func() {
		ev := model.Event{Kind: model.EventNIC}
		if m.nic {
			ev.Flags = model.FlagOn
		}
		m.tell(&ev)
	})
}

// CutLAN cuts a host off the guest network, upstream of its port, where it cannot see it.
func (w *World) CutLAN(id model.NodeID, cut bool) { w.nodes[id].cut = cut }

// Disk returns the health of the copy of a VM's disk on a host, to be changed; nil if there is none.
// When Hang is taken back, call ResumeDisk.
func (w *World) Disk(id model.NodeID, vm model.VMID) *disk.Health {
	if p := w.nodes[id].vms[vm]; p != nil {
		return &p.health
	}
	return nil
}

// HealDisk ends every fault of the copy of a VM's disk on a host.
func (w *World) HealDisk(id model.NodeID, vm model.VMID) {
	if p := w.nodes[id].vms[vm]; p != nil {
		p.healDisk()
	}
}

// LieAboutFlushes lets a copy report flushes without performing them, or no longer.
func (w *World) LieAboutFlushes(id model.NodeID, vm model.VMID, lie bool) {
	switch p := w.nodes[id].vms[vm]; {
	case p == nil:
	case lie:
		p.health.IgnoreFlush = true
	default:
		p.speakTruth()
	}
}

// ResumeDisk lets the operations finish that a hanging disk kept.
func (w *World) ResumeDisk(id model.NodeID, vm model.VMID) {
	if p := w.nodes[id].vms[vm]; p != nil {
		p.resumeDisk()
	}
}

// CorruptDisk damages some sectors of a copy silently, among them such that the guest uses.
func (w *World) CorruptDisk(id model.NodeID, vm model.VMID) {
	p := w.nodes[id].vms[vm]
	for range 8 {
		_ = p.disk.Corrupt(w.rDisk.Below(diskSectors)) // within the disk
	}
	_ = p.disk.Corrupt(0)
}
