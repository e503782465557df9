package scenarios

import (
	"time"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/reports"
	"holdfast/scenarios/script"
	"holdfast/sim"
	"holdfast/sim/disk"
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
	script.StageFailOverProposed: sim.StageFailOverProposed,
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
	fault, ok := r.admit(index, &a.Fault, members)
	if !ok {
		return
	}
	f := &fault
	if r.began < 0 {
		r.began = r.now()
	}
	if a.As != "" && len(members) == 1 {
		r.names[a.As] = members[0]
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

// members returns whom a role means now.
func (r *run) members(role faults.Role) []model.NodeID {
	var id model.NodeID
	switch role.Kind {
	case faults.RoleNone:
		return nil
	case faults.RoleAll:
		all := make([]model.NodeID, len(r.script.Hosts))
		for i := range all {
			all[i] = model.NodeID(i + 1)
		}
		return all
	case faults.RoleWitness:
		id = r.world.Member(r.script.Witness.Name)
	case faults.RolePrimary:
		id = r.primary(role.Name)
	case faults.RoleSecondary:
		id = r.secondary(role.Name)
	default:
		bound, ok := r.names[role.Name]
		if id = bound; !ok {
			id = r.world.Member(role.Name)
		}
		if id == model.NoNode {
			r.fail("expect", "nobody is bound to %q when an action needs it", role.Name)
			return nil
		}
	}
	if id == model.NoNode {
		r.fail("expect", "%s is nobody when an action needs it", role)
		return nil
	}
	if role.Other {
		id = model.NodeID(len(r.script.Hosts)) + 1 - id // pools of two hosts only
	}
	return []model.NodeID{id}
}

func (r *run) vm(name string) *script.VM {
	for i := range r.script.VMs {
		if r.script.VMs[i].Name == name {
			return &r.script.VMs[i]
		}
	}
	return nil
}

// primary returns the host that runs the VM by the newest committed configuration.
func (r *run) primary(vm string) model.NodeID {
	if cfg := r.world.Config(r.world.VM(vm)); cfg.Gen != 0 {
		return cfg.Primary
	}
	return r.world.Member(r.vm(vm).Home)
}

// secondary returns the other home of the VM by the newest committed configuration.
func (r *run) secondary(vm string) model.NodeID {
	if cfg := r.world.Config(r.world.VM(vm)); cfg.Gen != 0 {
		return cfg.Homes.Other(cfg.Primary)
	}
	return r.world.Member(r.vm(vm).Second)
}

// ends arranges for the end of a fault that lasts.
func (r *run) ends(f *faults.Fault, after time.Duration, end func()) {
	if f.For > 0 {
		after = f.For
	}
	if after > 0 {
		r.world.At(r.world.Now().Add(after), end)
	}
}

// hit lets a fault happen to a member.
func (r *run) hit(f *faults.Fault, m model.NodeID) {
	switch f.Kind.Class() {
	case faults.ClassHost:
		r.hitHost(f, m)
	case faults.ClassNetwork:
		r.hitNetwork(f, m)
	case faults.ClassDisk:
		r.hitDisk(f, m)
	default:
		r.hitSoftware(f, m)
	}
}

var losses = map[faults.Unsynced]disk.Loss{
	faults.UnsyncedSeeded: disk.LossDraw, faults.UnsyncedTorn: disk.TornAll,
	faults.UnsyncedKept: disk.KeepAll, faults.UnsyncedLost: disk.LoseAll,
}

func (r *run) hitHost(f *faults.Fault, m model.NodeID) {
	w := r.world
	switch f.Kind {
	case faults.PowerOff:
		w.PowerOff(m, losses[f.Unsynced])
		r.ends(f, 0, func() { w.PowerOn(m, false) })
	case faults.PowerOn:
		w.PowerOn(m, f.OldDisk)
	case faults.Reboot:
		w.PowerOff(m, disk.LossDraw)
		r.ends(f, time.Millisecond, func() { w.PowerOn(m, false) })
	case faults.Freeze:
		w.Freeze(m)
		r.ends(f, 0, func() { w.Thaw(m) })
	case faults.Thaw:
		w.Thaw(m)
	case faults.SlowCPU:
		w.SlowCPU(m, f.Factor)
		r.ends(f, 0, func() { w.SlowCPU(m, 1) })
	case faults.SaveDisk:
		w.SaveDisk(m)
	}
}

var levels = map[faults.Level]model.Level{
	faults.LevelNone: model.LevelNone, faults.LevelRestart: model.LevelRestart, faults.LevelHA: model.LevelHA, faults.LevelFT: model.LevelFT,
}

// hitSoftware handles daemons, toolstacks, guests, clocks and operators.
func (r *run) hitSoftware(f *faults.Fault, m model.NodeID) {
	w := r.world
	switch f.Kind {
	case faults.KillDaemon:
		down := f.For
		if down == 0 {
			down = faults.DefaultDaemonRestart
		}
		w.KillDaemon(m, down)
	case faults.OldDaemon:
		w.OldDaemon(m, true, faults.DefaultDaemonRestart)
		r.ends(f, 0, func() { w.OldDaemon(m, false, faults.DefaultDaemonRestart) })
	case faults.StopDaemon:
		w.StopDaemon(m)
		r.ends(f, 0, func() { w.ContinueDaemon(m) })
	case faults.ContinueDaemon:
		w.ContinueDaemon(m)
	case faults.CrashDaemon:
		w.CrashDaemonAt(m, uint64(f.Effect))
	case faults.ToolstackError:
		w.ToolstackErrors(m, f.Count)
	case faults.HalfCreate:
		w.HalfCreates(m, f.Count)
	case faults.ToolstackHang:
		until := model.Never
		if f.For > 0 {
			until = w.Now().Add(f.For)
		}
		w.ToolstackHang(m, until)
	case faults.CrashVM:
		w.CrashVM(w.VM(f.VM))
	case faults.HangVM:
		vm := w.VM(f.VM)
		w.HangVM(vm)
		r.ends(f, 0, func() { w.ResumeVM(vm) })
	case faults.ClockJump:
		w.ClockJump(m, f.Amount)
	case faults.ClockDrift:
		w.ClockDrift(m, f.DriftPPM)
		r.ends(f, 0, func() { w.ClockDrift(m, 0) })
	case faults.WatchdogDrift:
		w.WatchdogDrift(m, f.DriftPPM)
		r.ends(f, 0, func() { w.WatchdogDrift(m, 0) })
	case faults.ClockFreeze:
		w.ClockStop(m)
		r.ends(f, 0, func() { w.ClockResume(m) })
	case faults.Override:
		if dead := r.members(f.Peer); len(dead) == 1 {
			w.DeclareDead(m, dead[0])
		}
	case faults.ForceStart:
		w.ForceStart(m, w.VM(f.VM))
	case faults.SetLevel:
		w.SetLevel(w.VM(f.VM), levels[f.Level])
	case faults.Migrate:
		w.Migrate(w.VM(f.VM))
	case faults.Maintain:
		w.Maintain(m, true)
		r.ends(f, 0, func() { w.Maintain(m, false) })
	case faults.ClearFaults:
		w.ClearFaults()
	case faults.Resume:
		w.Maintain(m, false)
	case faults.JoinHost:
		w.JoinHost(m)
	case faults.LeaveHost:
		w.LeaveHost(m)
	case faults.OrderVM:
		w.OrderVM(w.VM(f.VM))
	case faults.HandOver:
		w.HandOver(w.VM(f.VM))
	case faults.ReplaceHome:
		if to := r.members(f.Peer); len(to) == 1 {
			w.ReplaceHome(w.VM(f.VM), m, to[0])
		}
	case faults.FailOver:
		w.FailOver(m, w.VM(f.VM))
	case faults.FailBack:
		w.FailBack(m, w.VM(f.VM))
	case faults.TestFailOver:
		w.TestFailOver(m, w.VM(f.VM))
	case faults.AddRecovery:
		w.AddRecovery(w.VM(f.VM), m, f.Amount)
	case faults.RemoveRecovery:
		w.RemoveRecovery(w.VM(f.VM))
	}
}

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
