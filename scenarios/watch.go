package scenarios

import (
	"time"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/sim"
)

// Watcher is told what happens in a run, while it happens. It must not change the world. Times are on
// the script's clock, which begins when the pool is set up.
type Watcher interface {
	// Begin is called once, when the script's clock is at 0.
	Begin(w *sim.World)
	// Stage is called when a VM reaches a stage on a member.
	Stage(at time.Duration, vm model.VMID, stage sim.Stage, member model.NodeID)
	// Fault is called right before an action of the script happens.
	Fault(m *Moment)
	// Heal is called at the end of the part with faults, right before everything is healed.
	Heal(at time.Duration)
	// End is called when nothing more happens.
	End(at time.Duration)
}

// Moment is an action of a script that is about to happen.
type Moment struct {
	World *sim.World
	At    time.Duration
	// Action is its place in the script's actions, counted from 0.
	Action int
	Fault  faults.Fault
	// Members has the member that the fault's first role means now, and none for faults without one; a role of several is asked
	// about for each of them. Peers are those of the other end of a link.
	Members, Peers []model.NodeID
}

// moment describes an action that is about to happen.
func (r *run) moment(index int, f *faults.Fault, members []model.NodeID) Moment {
	m := Moment{World: r.world, At: r.now(), Action: index, Fault: *f, Members: members}
	if f.Peer.Kind != faults.RoleNone {
		m.Peers = r.members(f.Peer)
	}
	return m
}

// admit asks the guard about an action, tells the watcher, and returns the fault to perform; false: none.
func (r *run) admit(index int, f *faults.Fault, members []model.NodeID) (faults.Fault, bool) {
	if r.opt.Guard == nil && r.opt.Watch == nil {
		return *f, true
	}
	m := r.moment(index, f, members)
	if r.opt.Guard != nil {
		allowed, ok := r.opt.Guard(&m)
		if !ok {
			return *f, false
		}
		m.Fault = allowed
	}
	if r.opt.Watch != nil {
		r.opt.Watch.Fault(&m)
	}
	return m.Fault, true
}
