package engine

import (
	"time"

	"holdfast/engine/model"
)

// sharedDisk passes a guest's requests on to shared storage, and notices when that does not answer.
type sharedDisk struct {
	vm      model.VMID
	timeout time.Duration
	next    uint64
	ops     []sharedOp // under way, the oldest first
	failed  bool       // the storage refused something, and the other home could do better
}

// sharedOp is a request of the guest on its way.
type sharedOp struct {
	id uint64
	io model.IO
	at model.Time

	refused bool
}

// storagePatience is the number of I/O time-outs after which storage that does not answer is given up. It is
// longer than for a mirror's copy, because the price is a boot.
const storagePatience = 4

func newSharedDisk(vm model.VMID, timeout time.Duration, token uint64) *sharedDisk {
	return &sharedDisk{vm: vm, timeout: storagePatience * timeout, next: token}
}

// request takes what the guest asks, once.
func (d *sharedDisk) request(now model.Time, io *model.IO, out *model.Effects) {
	for i := range d.ops {
		if d.ops[i].io.ID == io.ID {
			return
		}
	}
	d.next++
	d.ops = append(d.ops, sharedOp{id: d.next, io: *io, at: now})
	e := out.Add(model.EffectDisk, d.vm)
	e.ID, e.IO = d.next, *io
}

// done takes the outcome of an operation. An error is given to the guest only if no other host could do better:
// otherwise the VM moves, and its guest never learns of it.
func (d *sharedDisk) done(id uint64, failed, elsewhere bool, out *model.Effects) {
	for i := range d.ops {
		if d.ops[i].id != id {
			continue
		}
		if failed && elsewhere {
			d.ops[i].refused, d.failed = true, true
			return
		}
		e := out.Add(model.EffectComplete, d.vm)
		e.ID, e.IO = id, d.ops[i].io
		if failed {
			e.Flags = model.FlagError
		}
		d.ops = append(d.ops[:i], d.ops[i+1:]...)
		return
	}
}

// giveBack tells the guest of what the storage refused, because no other host could do better after all.
func (d *sharedDisk) giveBack(out *model.Effects) {
	d.failed = false
	kept := d.ops[:0]
	for _, op := range d.ops {
		if !op.refused {
			kept = append(kept, op)
			continue
		}
		e := out.Add(model.EffectComplete, d.vm)
		e.ID, e.IO, e.Flags = op.id, op.io, model.FlagError
	}
	d.ops = kept
}

// slow reports whether the storage does not answer, and until when it has time.
func (d *sharedDisk) slow(now model.Time) (model.Time, bool) {
	if len(d.ops) == 0 {
		return model.Never, false
	}
	due := d.ops[0].at.Add(d.timeout)
	return due, now >= due
}
