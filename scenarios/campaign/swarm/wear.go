package swarm

import (
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// worn is a component that fails again and again.
type worn struct {
	part   faults.Part
	member faults.Role // zero for a guest
	vm     string      // of a copy or a guest
	lo, hi time.Duration
	fails  fault
}

// wear is one component that fails again and again, for each reason that counts against it, with a rule for it that the
// failures break or keep by far. Often an operator clears it, and often it fails again after that.
func (d *drawer) wear(from time.Duration) {
	w := d.worn()
	gap := d.Duration(w.lo, w.hi).Round(time.Millisecond)
	if rule, ok := d.ruleFor(&w, gap); ok {
		d.place(at(from), one(rule))
		from += 300 * time.Millisecond
	}
	times := d.Int(5, 7)
	for i := range times {
		d.place(at(from+time.Duration(i)*gap), one(w.fails))
	}
	over := from + time.Duration(times)*gap
	if d.Chance(1, 2) {
		over += d.magnitude(time.Millisecond, 4*time.Second)
		d.place(at(over), one(fault{Kind: faults.ClearFaults}))
	}
	if d.Chance(1, 2) {
		d.place(at(over+gap), one(w.fails))
	}
}

// worn draws the component and how it fails, with the least and the greatest time between two failures: after one it has to
// be in use again, or the next one is none.
func (d *drawer) worn() worn {
	vm := d.anyVM()
	host := d.anyHost()
	if vm.Home != "" && d.Chance(2, 3) {
		host = faults.Named([]string{vm.Home, vm.Second}[d.Int(0, 1)])
	}
	sort := d.Weighted([]uint32{4, 4, 2, 2, 3})
	if vm.Home == "" && sort == 1 || vm.Shared && sort == 1 || vm.Level == script.LevelFT && !d.rough && sort == 4 {
		sort = 0 // where its copies are nobody knows, or they are one, or the crash of the guest is more than is promised
	}
	switch sort {
	case 1:
		f := fault{Kind: faults.DiskError, Member: host, VM: vm.Name, IO: faults.IOWrite}
		if vm.Home != "" {
			f.Member = faults.Named([]string{vm.Home, vm.Second}[d.Int(0, 1)])
		}
		if vm.Level == script.LevelFT && !d.rough {
			f.For = d.Duration(100*time.Millisecond, 400*time.Millisecond).Round(time.Millisecond)
		} else {
			f.Count = 1
		}
		return worn{faults.PartDisk, f.Member, vm.Name, 1500 * time.Millisecond, 3 * time.Second, f}
	case 2:
		down := d.Duration(500*time.Millisecond, 900*time.Millisecond).Round(time.Millisecond)
		return worn{faults.PartHost, host, "", 2 * time.Second, 3 * time.Second, fault{Kind: faults.KillDaemon, Member: host, For: down}}
	case 3:
		off := d.Duration(10*time.Millisecond, 3*time.Second).Round(time.Millisecond)
		return worn{faults.PartHost, host, "", off + 3500*time.Millisecond, off + 6*time.Second, fault{Kind: faults.PowerOff, Member: host, For: off}}
	case 4:
		return worn{faults.PartVM, faults.Role{}, vm.Name, 2500 * time.Millisecond, 4 * time.Second, fault{Kind: faults.CrashVM, VM: vm.Name}}
	}
	down := d.Duration(10*time.Millisecond, 200*time.Millisecond).Round(time.Millisecond)
	return worn{faults.PartNIC, host, "", 300 * time.Millisecond, 2 * time.Second, fault{Kind: faults.NICDown, Member: host, For: down}}
}

// ruleFor draws a rule for the component; false: that of the settings holds.
func (d *drawer) ruleFor(w *worn, gap time.Duration) (fault, bool) {
	f := fault{Kind: faults.MTBF, Part: w.part, Member: w.member, VM: w.vm}
	never := uint32(2)
	if w.part == faults.PartVM {
		never = 5 // a guest that nobody may go on with is the rarest of all
	}
	switch d.Weighted([]uint32{3, 3, 2, 2, never}) {
	case 0:
		return f, false
	case 1: // it fails less often than the rule has it
		f.Repair, f.Amount = faults.RepairMTBF, (gap / time.Duration(d.Int(2, 6))).Truncate(time.Millisecond)
	case 2: // more often
		f.Repair, f.Amount = faults.RepairMTBF, gap*time.Duration(d.Int(2, 4))
	case 3:
		f.Repair = faults.RepairAlways
	default:
		f.Repair = faults.RepairNever
	}
	return f, true
}
