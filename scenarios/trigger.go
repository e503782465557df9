package scenarios

import (
	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/reports"
	"holdfast/scenarios/script"
	"holdfast/sim"
)

// trigger is an action that waits for a stage.
type trigger struct {
	action *script.Action
	index  int // in the script
	stage  sim.Stage
	vm     model.VMID
	seen   int
	fired  bool
}

// stages gives the simulator's name of each stage of the language.
var stages = map[script.Stage]sim.Stage{
	script.StageEpochStarted: sim.StageEpoch, script.StageCapturing: sim.StageCapturing,
	script.StageCaptured: sim.StageCaptured, script.StageCheckpointSent: sim.StageSent,
	script.StageCheckpointReceived: sim.StageReceived, script.StageSealed: sim.StageSealed,
	script.StageAcknowledged: sim.StageAcknowledged, script.StageReleased: sim.StageReleased,
	script.StageExposeProposed: sim.StageExposeProposed, script.StageExposed: sim.StageExposed,
	script.StagePromoteProposed: sim.StagePromoteProposed, script.StagePromoted: sim.StagePromoted,
	script.StageStarted: sim.StageStarted, script.StageResyncStarted: sim.StageResync,
	script.StageResyncHalfway: sim.StageResyncHalf, script.StageResyncCopied: sim.StageResyncCopied,
	script.StageAttachProposed: sim.StageAttachProposed, script.StageAttached: sim.StageAttached,
	script.StageClaimed: sim.StageClaimed, script.StageProtected: sim.StageProtected, script.StageIntentMarked: sim.StageIntent,
	script.StageWriteIssued: sim.StageWriteIssued, script.StageWriteLocalDone: sim.StageWriteLocal,
	script.StageWriteRemoteDone: sim.StageWriteRemote, script.StagePointSent: sim.StagePointSent,
	script.StagePointSealed: sim.StagePointSealed, script.StagePointApplied: sim.StagePointApplied,
	script.StageFailOverProposed: sim.StageFailOverProposed, script.StageOverflow: sim.StageOverflow,
}

// schedule arranges for the script's actions.
func (r *run) schedule() {
	for i := range r.script.Actions {
		a := &r.script.Actions[i]
		if a.Trigger.Kind == script.TriggerAt {
			r.world.At(r.zero.Add(a.Trigger.At), func() { r.act(i) })
			continue
		}
		r.pending = append(r.pending, &trigger{action: a, index: i, stage: stages[a.Trigger.Stage], vm: r.world.VM(a.Trigger.VM)})
	}
	if len(r.pending) > 0 || r.opt.Watch != nil {
		r.world.OnStage = r.onStage
	}
}

// onStage fires the triggers that wait for a stage.
func (r *run) onStage(vm model.VMID, stage sim.Stage, member model.NodeID) {
	if r.opt.Watch != nil {
		r.opt.Watch.Stage(r.now(), vm, stage, member)
	}
	for _, t := range r.pending {
		now := r.now()
		if t.fired || t.vm != vm || t.stage != stage || now < t.action.Trigger.At || now+t.action.Trigger.Delay >= r.script.Run {
			continue
		}
		if t.seen++; t.seen < max(t.action.Trigger.Nth, 1) {
			continue
		}
		t.fired = true
		if d := t.action.Trigger.Delay; d > 0 {
			r.world.At(r.world.Now().Add(d), func() { r.act(t.index) })
		} else {
			r.act(t.index)
		}
	}
}

// act performs an action of the script.
func (r *run) act(index int) {
	a := &r.script.Actions[index]
	members := r.members(a.Fault.Member)
	if !a.Fault.Member.Several() {
		r.perform(index, &a.Fault, members)
		return
	}
	for _, m := range members {
		f := a.Fault
		f.Member = faults.Named(r.name(m))
		if f.Kind.Class() == faults.ClassDisk && f.VM != "" && !r.script.MayHold(r.vm(f.VM), f.Member.Name) {
			continue
		}
		r.perform(index, &f, []model.NodeID{m})
	}
}

// perform performs a fault of an action on the members whom its first role means.
func (r *run) perform(index int, asked *faults.Fault, members []model.NodeID) {
	fault, ok := r.admit(index, asked, members)
	if !ok {
		return
	}
	f := &fault
	if r.began < 0 {
		r.began = r.now()
	}
	if as := r.script.Actions[index].As; as != "" && len(members) == 1 {
		r.names[as] = members[0]
	}
	mark := reports.Mark{At: r.at(r.world.Now()), Text: f.String()}
	if f.For > 0 {
		mark.Until = mark.At + reports.Time(f.For)
	}
	r.marks = append(r.marks, mark)
	if f.Member.Kind == faults.RoleNone {
		members = []model.NodeID{model.NoNode}
	}
	for _, m := range members {
		r.hit(f, m)
	}
}
