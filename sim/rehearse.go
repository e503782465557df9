package sim

import (
	"holdfast/engine/model"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
)

// testRun boots the guest from a snapshot of the copy, where nothing else sees it. The outcome is known at once
// and told when a guest would have come up.
func (p *place) testRun(e *model.Effect) {
	snapshot := disk.New(diskSectors + 1)
	snapshot.CopyFrom(p.disk)
	for i := range p.recovery.journal[:p.recovery.sealed] {
		if j := &p.recovery.journal[i]; j.att != nil {
			_ = snapshot.Write(j.sector, j.att.sectors, false) // the range was checked when it was first written
		}
	}
	ok := boots(p.vm.guest, snapshot)
	ev := p.w.after(createTime+bootTime, classDevice, p.m.id, evDisk)
	ev.vm, ev.life, ev.op, ev.att, ev.id, ev.gen, ev.epoch, ev.flags = p.vm.id, p.opsLife, opTest, nil, e.ID, 0, e.Epoch, 0
	if !ok {
		ev.flags = model.FlagError
	}
}

// boots runs a guest on a disk until it serves, and reports whether it does and finds nothing wrong.
func boots(c guest.Config, d *disk.Disk) bool {
	machine, err := guest.NewMachine(c)
	if err != nil {
		return false
	}
	var out, next guest.Out
	machine.Boot(1, &out)
	for range 100 * diskSectors {
		if len(out.Requests) == 0 || machine.Serving() {
			break
		}
		r := &out.Requests[0]
		var data []disk.Sector
		switch r.IO.Op {
		case model.OpRead:
			data = make([]disk.Sector, r.IO.Count)
			err = d.Read(r.IO.Sector, uint64(r.IO.Count), data)
		case model.OpWrite:
			err = d.Write(r.IO.Sector, r.Data, false)
		}
		id := r.IO.ID
		rest := append([]guest.DiskRequest(nil), out.Requests[1:]...)
		next.Reset()
		machine.DiskDone(id, err == nil, data, &next)
		out.Requests = append(rest, next.Requests...)
		if err != nil {
			return false
		}
	}
	return machine.Serving() && machine.Check() == nil
}
