package scenarios

import (
	"time"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/sim"
	"holdfast/sim/disk"
)

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
	case faults.ClassOperator:
		r.order(f, m)
	default:
		r.hitSoftware(f, m)
	}
}

// hitHost handles power, halts and speed of a host.
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

// hitSoftware handles daemons, toolstacks, guests and clocks.
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
		r.hung[vm-1] = f.For == 0
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
	}
}

// order gives an operator's order; members are addressed by m where there is one.
func (r *run) order(f *faults.Fault, m model.NodeID) {
	w := r.world
	switch f.Kind {
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
	case faults.MTBF:
		r.rule(f, m)
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

// parts and modes are the engine's words for those of scripts.
var (
	parts = map[faults.Part]model.Component{
		faults.PartHost: model.ComponentHost, faults.PartNIC: model.ComponentNIC, faults.PartDisk: model.ComponentDisk, faults.PartVM: model.ComponentVM,
	}
	modes = map[faults.Repair]model.RepairMode{faults.RepairAlways: model.RepairAlways, faults.RepairNever: model.RepairNever}
)

// rule states when a component is taken out of service.
func (r *run) rule(f *faults.Fault, m model.NodeID) {
	o := model.Order{Component: parts[f.Part], Repair: model.Repair{Mode: modes[f.Repair], MTBF: f.Amount}}
	if f.Part != faults.PartVM {
		o.Node = m
	}
	if f.Part >= faults.PartDisk {
		o.VM = r.world.VM(f.VM)
	}
	r.world.StateRule(o)
}

// healAll ends every fault that is in effect. A guest that hangs for good nobody mends but the engine, which boots it anew.
func (r *run) healAll() {
	w := r.world
	for i, forever := range r.hung {
		if !forever {
			w.ResumeVM(model.VMID(i + 1))
		}
	}
	w.ClearFaults()
	for a := model.NodeID(1); a <= r.memberCount(); a++ {
		for b := model.NodeID(1); b <= r.memberCount(); b++ {
			for l := model.LinkA1; l < model.NumLinks; l++ {
				*w.Wire(a, b, l) = sim.Wire{}
			}
		}
		w.CrashDaemonAt(a, 0)
		w.ContinueDaemon(a)
		w.OldDaemon(a, false, faults.DefaultDaemonRestart)
		w.Thaw(a)
		w.SlowCPU(a, 1)
		w.ClockResume(a)
		w.ClockDrift(a, 0)
		w.WatchdogDrift(a, 0)
		w.CutStorage(a, false)
		w.CutLAN(a, false)
		w.NIC(a, true)
		w.ToolstackErrors(a, 0)
		w.HalfCreates(a, 0)
		w.ToolstackHang(a, w.Now())
		for i := range r.script.VMs {
			if int(a) <= len(r.script.Hosts) {
				w.HealDisk(a, model.VMID(i+1))
			}
		}
		w.PowerOn(a, false)
	}
}
