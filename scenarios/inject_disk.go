package scenarios

import (
	"time"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/scenarios/script"
	"holdfast/sim/disk"
)

var losses = map[faults.Unsynced]disk.Loss{
	faults.UnsyncedSeeded: disk.LossDraw, faults.UnsyncedTorn: disk.TornAll,
	faults.UnsyncedKept: disk.KeepAll, faults.UnsyncedLost: disk.LoseAll,
}

// hitDisk handles a disk copy, or a host's way to shared storage.
func (r *run) hitDisk(f *faults.Fault, m model.NodeID) {
	w, vm := r.world, r.world.VM(f.VM)
	if f.Kind == faults.StorageCut {
		w.CutStorage(m, true)
		r.ends(f, 0, func() { w.CutStorage(m, false) })
		return
	}
	h := w.Disk(m, vm)
	if h == nil {
		return
	}
	count := f.Count
	if count == 0 {
		count = -1
	}
	switch f.Kind {
	case faults.DiskError:
		target := &h.FailWrites
		if f.IO == faults.IORead {
			target = &h.FailReads
		}
		*target = count
		r.ends(f, 0, func() { *target = 0 })
	case faults.DiskHang:
		h.Hang = true
		r.ends(f, 0, func() {
			h.Hang = false
			w.ResumeDisk(m, vm)
		})
	case faults.DiskSlow:
		h.Slow = f.Amount
		r.ends(f, 0, func() { h.Slow = 0 })
	case faults.DiskFull:
		h.Full = true
		r.ends(f, 0, func() { h.Full = false })
	case faults.DiskCorrupt:
		w.CorruptDisk(m, vm)
	case faults.DiskLyingFlush:
		w.LieAboutFlushes(m, vm, true)
		r.ends(f, 0, func() { w.LieAboutFlushes(m, vm, false) })
	case faults.DiskHeal:
		w.HealDisk(m, vm)
	case faults.IODelay:
		d := time.Duration(f.Timeouts)*r.script.Value(script.SettingIOTimeout)/1000 + f.Amount
		if f.IO == faults.IORead {
			h.NextReadDelay = d
		} else {
			h.NextWriteDelay = d
		}
	}
}
