package swarm

import (
	"slices"
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// part is a fault of an episode and how long after the episode's beginning it comes.
type part struct {
	fault fault
	after time.Duration
}

// episodes fills the run with troubles, near to each other in some plans and far apart in others.
func (d *drawer) episodes() {
	gap := d.magnitude(time.Second, 12*time.Second) // on average, for this plan
	if !d.rough && d.Chance(1, 2) {
		gap = d.magnitude(5*time.Second, 10*time.Second) // so that redundancy is back before the next loss
	}
	most := int(d.script.Run/time.Second)*2 + 4
	from := d.instant(calm, calm+gap)
	for n := 0; from < d.script.Run-calm && n < most; n++ {
		d.episode(from)
		from += d.Duration(gap/4, gap+gap*3/4).Round(time.Millisecond)
	}
	if d.shape == distant && d.lateVM() != nil { // what it finds there is the question
		d.place(at(d.instant(calm, d.script.Run/2)), d.orderVM())
	}
	for len(d.script.Actions) < 3 {
		d.episode(d.instant(calm, d.script.Run-calm))
	}
	d.sort()
}

// sorts are the sorts of episodes with their weights. Those that may be absent are off in some plans, wholly: they
// would make all plans alike.
var sorts = []struct {
	weight uint32
	absent bool
	draw   func(d *drawer, at time.Duration)
	fits   func(d *drawer) bool // nil: always
}{
	{weight: 5, draw: func(d *drawer, at time.Duration) { d.place(script.Trigger{Kind: script.TriggerAt, At: at}, d.fault()) }},
	{weight: 5, draw: func(d *drawer, at time.Duration) { d.place(d.stage(at, d.anyVM(), steady), d.fault()) }},
	{weight: 3, draw: (*drawer).burst},
	{weight: 2, draw: (*drawer).flap},
	{weight: 4, draw: (*drawer).edges},
	{weight: 5, draw: (*drawer).chase},
	{weight: 3, draw: (*drawer).strike},
	{weight: 6, absent: true, draw: (*drawer).wear},
	{weight: 2, absent: true, draw: (*drawer).cycle, fits: (*drawer).cyclable},
	{weight: 4, absent: true, draw: (*drawer).siteLoss, fits: func(d *drawer) bool { return d.shape == split }},
	{weight: 4, absent: true, draw: (*drawer).renew, fits: changeable},
	{weight: 4, absent: true, draw: (*drawer).interrupt},
	{weight: 5, absent: true, draw: (*drawer).overtake, fits: onShared},
	{weight: 3, absent: true, draw: (*drawer).relent, fits: func(d *drawer) bool { return d.paired() != nil }},
	{weight: 3, absent: true, draw: (*drawer).straggle, fits: func(d *drawer) bool { return d.logged() != nil }},
	{weight: 8, absent: true, draw: (*drawer).disaster, fits: away},
	{weight: 6, absent: true, draw: (*drawer).sever, fits: away},
}

// drawMoods switches some sorts of episodes off.
func (d *drawer) drawMoods() {
	d.moods = make([]uint32, len(sorts))
	for i, s := range sorts {
		if (s.fits == nil || s.fits(d)) && (!s.absent || d.Chance(1, 2)) {
			d.moods[i] = s.weight
		}
	}
}

// episode draws one trouble that begins at an instant.
func (d *drawer) episode(at time.Duration) { sorts[d.Weighted(d.moods)].draw(d, at) }

// fault draws one trouble of the plan's mix.
func (d *drawer) fault() []part { return d.mix[d.Weighted(d.weights)].draw(d) }

// place turns parts into actions that follow a trigger. What would come after the run is left to
// the healing at its end.
func (d *drawer) place(t script.Trigger, parts []part) {
	for _, p := range parts {
		u := t
		if u.Kind == script.TriggerAt {
			u.At += p.after
		} else if u.Delay += p.after; u.Delay > time.Minute {
			continue
		}
		if u.At < d.script.Run {
			d.add(script.Action{Trigger: u, Fault: p.fault})
		}
	}
}

// burst is several troubles within a moment.
func (d *drawer) burst(at time.Duration) {
	span := d.magnitude(time.Millisecond, time.Second)
	for range d.Int(2, 4) {
		d.place(script.Trigger{Kind: script.TriggerAt, At: at + d.Duration(0, span).Round(time.Millisecond)}, d.fault())
	}
}

// flap is the same trouble again and again.
func (d *drawer) flap(at time.Duration) {
	parts, step := d.fault(), d.length(4*time.Second)
	for i := range d.Int(2, 5) {
		d.place(script.Trigger{Kind: script.TriggerAt, At: at + time.Duration(i)*step}, parts)
	}
}

// edges is a second trouble at an edge of a time-out after the first.
func (d *drawer) edges(at time.Duration) {
	d.place(script.Trigger{Kind: script.TriggerAt, At: at}, d.fault())
	d.place(script.Trigger{Kind: script.TriggerAt, At: at + d.edge()}, d.fault())
}

// chase is a second trouble while the pool recovers from the first, and sometimes a third.
func (d *drawer) chase(at time.Duration) {
	vm := d.anyVM()
	first := script.Trigger{Kind: script.TriggerAt, At: at}
	if d.Chance(1, 3) {
		first = d.stage(at, vm, steady)
	}
	d.place(first, d.fault())
	for range d.Weighted([]uint32{0, 3, 1}) {
		d.place(d.stage(at, vm, recovery), d.fault())
	}
}

// strike is the loss of the primary at a stage of a checkpoint or of a write, if power losses are in the mix.
func (d *drawer) strike(at time.Duration) {
	vm := d.anyVM()
	t := d.stage(at, vm, steady)
	if !slices.ContainsFunc(d.mix, func(w weighted) bool { return w.kind == faults.PowerOff }) {
		d.place(t, d.fault())
		return
	}
	t.Delay = 0
	d.place(t, one(d.lossOf(vm)))
}

// lossOf is the loss of the host that runs a VM, for a while.
func (d *drawer) lossOf(vm *script.VM) fault {
	return fault{Kind: faults.PowerOff, Member: faults.Primary(vm.Name), Unsynced: faults.Unsynced(d.Int(0, 3)), For: d.length(6 * time.Second)}
}

// steady are stages that a VM passes while nothing is wrong; those of ft first.
var steady = []script.Stage{
	script.StageEpochStarted, script.StageCapturing, script.StageCaptured, script.StageCheckpointSent,
	script.StageCheckpointReceived, script.StageSealed, script.StageAcknowledged, script.StageReleased,
	script.StageIntentMarked, script.StageWriteIssued, script.StageWriteLocalDone, script.StageWriteRemoteDone,
	script.StagePointSent, script.StagePointSealed, script.StagePointApplied,
}

// recovery are stages on the way back to full redundancy.
var recovery = []script.Stage{
	script.StageExposeProposed, script.StageExposed, script.StagePromoteProposed, script.StagePromoted, script.StageStarted,
	script.StageResyncStarted, script.StageResyncHalfway, script.StageResyncCopied, script.StageAttachProposed,
	script.StageAttached, script.StageProtected, script.StageClaimed, script.StageFailOverProposed,
}

// reaches reports whether a VM of its level, service and storage passes the stage.
func reaches(vm *script.VM, s script.Stage) bool {
	switch s {
	case script.StageClaimed:
		return vm.Shared
	case script.StagePointSent, script.StagePointSealed, script.StagePointApplied:
		return vm.Recovery != "" && vm.Service != script.ServiceRegisters
	case script.StageFailOverProposed:
		return vm.Recovery != ""
	case script.StageStarted:
		return true
	case script.StageWriteLocalDone:
		return vm.Service != script.ServiceRegisters
	case script.StageIntentMarked, script.StageWriteIssued, script.StageWriteRemoteDone:
		return vm.Service != script.ServiceRegisters && !vm.Shared
	case script.StagePromoteProposed, script.StagePromoted:
		return vm.Level == script.LevelFT
	}
	return !vm.Shared && (vm.Level == script.LevelFT || !s.FTOnly())
}

// stage draws a trigger at a stage that the VM reaches.
func (d *drawer) stage(at time.Duration, vm *script.VM, of []script.Stage) script.Trigger {
	var fit []script.Stage
	for _, s := range of {
		if reaches(vm, s) {
			fit = append(fit, s)
		}
	}
	t := script.Trigger{Kind: script.TriggerWhen, At: at, VM: vm.Name, Nth: 1, Stage: fit[d.Int(0, len(fit)-1)]}
	if d.Chance(1, 5) {
		t.Nth = d.Int(2, 4)
	}
	if d.Chance(1, 3) {
		t.Delay = d.magnitude(time.Millisecond, 400*time.Millisecond)
	}
	return t
}
