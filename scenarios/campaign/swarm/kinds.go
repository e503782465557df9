package swarm

import (
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

type fault = faults.Fault

// weighted says how a kind of fault is drawn.
type weighted struct {
	kind   faults.Kind
	weight int // relative, before the seed's own factor
	// draw returns the fault with what belongs to it. nil: left says why, or with names the kind in whose
	// draws it comes.
	draw func(*drawer) []part
	with faults.Kind
	left string
	// fits, if set, says whether the kind makes sense in the pool.
	fits func(*drawer) bool
}

// table has one entry for each kind of package faults. A test demands that.
var table = []weighted{
	{kind: faults.PowerOff, weight: 10, draw: (*drawer).powerOff},
	{kind: faults.PowerOn, with: faults.PowerOff},
	{kind: faults.Reboot, weight: 5, draw: lasting(faults.Reboot, 6*time.Second)},
	{kind: faults.Freeze, weight: 8, draw: (*drawer).freeze},
	{kind: faults.Thaw, with: faults.Freeze},
	{kind: faults.SlowCPU, weight: 2, draw: (*drawer).slowCPU},
	{kind: faults.SaveDisk, weight: 2, draw: (*drawer).oldDisk},

	{kind: faults.KillDaemon, weight: 6, draw: lasting(faults.KillDaemon, 4*time.Second)},
	{kind: faults.StopDaemon, weight: 5, draw: (*drawer).stopDaemon},
	{kind: faults.ContinueDaemon, with: faults.StopDaemon},
	{kind: faults.CrashDaemon, weight: 4, draw: (*drawer).crashDaemon},
	{kind: faults.OldDaemon, weight: 2, draw: lasting(faults.OldDaemon, 10*time.Second)},

	{kind: faults.ToolstackError, weight: 2, draw: (*drawer).toolstackError},
	{kind: faults.ToolstackHang, weight: 2, draw: hosting(faults.ToolstackHang, 6*time.Second)},
	{kind: faults.HalfCreate, weight: 2, draw: (*drawer).halfCreate},
	{kind: faults.CrashVM, weight: 2, draw: (*drawer).crashVM},
	{kind: faults.HangVM, weight: 4, draw: (*drawer).hangVM},

	{kind: faults.Cut, weight: 8, draw: (*drawer).cut},
	{kind: faults.Heal, with: faults.Cut},
	{kind: faults.Loss, weight: 3, draw: wireFault(faults.Loss)},
	{kind: faults.Delay, weight: 3, draw: wireFault(faults.Delay)},
	{kind: faults.Jitter, weight: 2, draw: wireFault(faults.Jitter)},
	{kind: faults.Duplicate, weight: 2, draw: wireFault(faults.Duplicate)},
	{kind: faults.Reorder, weight: 2, draw: wireFault(faults.Reorder)},
	{kind: faults.Corrupt, weight: 2, draw: wireFault(faults.Corrupt)},
	{kind: faults.Slow, weight: 2, draw: wireFault(faults.Slow)},
	{kind: faults.Isolate, weight: 6, draw: (*drawer).isolate},
	{kind: faults.Partition, weight: 4, draw: (*drawer).partition},
	{kind: faults.NICDown, weight: 3, draw: (*drawer).nic},
	{kind: faults.NICUp, with: faults.NICDown},
	{kind: faults.HealAll, weight: 1, draw: func(*drawer) []part { return one(fault{Kind: faults.HealAll}) }},

	{kind: faults.DiskError, weight: 3, draw: (*drawer).diskError},
	{kind: faults.DiskHang, weight: 3, draw: diskFault(faults.DiskHang)},
	{kind: faults.DiskSlow, weight: 2, draw: diskFault(faults.DiskSlow)},
	{kind: faults.DiskFull, weight: 2, draw: diskFault(faults.DiskFull)},
	{kind: faults.DiskCorrupt, weight: 1, draw: diskFault(faults.DiskCorrupt), fits: func(d *drawer) bool {
		// A lost block explains everything that comes after it, so most unbounded plans do without.
		return !d.unbounded || d.Chance(1, 4)
	}},
	{kind: faults.DiskLyingFlush, left: "a VM that runs exposed on such a disk loses acknowledged writes with the power; that this is found out, the scripts certify"},
	{kind: faults.DiskHeal, with: faults.DiskError},
	{kind: faults.IODelay, weight: 3, draw: (*drawer).ioDelay},

	{kind: faults.ClockJump, weight: 2, draw: (*drawer).clockJump},
	{kind: faults.ClockDrift, weight: 2, draw: (*drawer).clockDrift},
	{kind: faults.ClockFreeze, weight: 2, draw: lasting(faults.ClockFreeze, 5*time.Second)},

	{kind: faults.Override, weight: 6, draw: (*drawer).override, fits: func(d *drawer) bool {
		return len(d.script.Hosts) == 2 && d.script.Witness.Name == ""
	}},
	{kind: faults.ForceStart, weight: 1, draw: (*drawer).forceStart, fits: func(d *drawer) bool {
		return d.script.VMs[0].Home != "" && d.shape != distant // a fail-over takes the place of it there
	}},
	{kind: faults.SetLevel, weight: 3, draw: (*drawer).setLevel, fits: func(d *drawer) bool { return d.onDisk() != nil }},
	{kind: faults.Migrate, weight: 3, draw: func(d *drawer) []part { return one(fault{Kind: faults.Migrate, VM: d.anyVM().Name}) }},
	{kind: faults.Maintain, weight: 2, draw: (*drawer).maintain},
	{kind: faults.Resume, with: faults.Maintain},
	{kind: faults.ClearFaults, weight: 1, draw: func(*drawer) []part { return one(fault{Kind: faults.ClearFaults}) }},
	{kind: faults.JoinHost, weight: 3, draw: (*drawer).joinHost, fits: larger},
	{kind: faults.LeaveHost, weight: 3, draw: (*drawer).leaveHost, fits: changeable},
	{kind: faults.ReplaceHome, weight: 3, draw: (*drawer).replaceHome, fits: changeable},
	{kind: faults.OrderVM, weight: 6, draw: (*drawer).orderVM, fits: func(d *drawer) bool { return d.lateVM() != nil }},
	{kind: faults.StorageCut, weight: 5, draw: (*drawer).storageCut, fits: onShared},
	{kind: faults.WatchdogDrift, weight: 3, draw: (*drawer).watchdogDrift, fits: onShared},
	{kind: faults.HandOver, weight: 3, draw: (*drawer).handOver, fits: onShared},
	{kind: faults.FailOver, weight: 8, draw: (*drawer).failOver, fits: away},
	{kind: faults.FailBack, with: faults.FailOver},
	{kind: faults.TestFailOver, weight: 3, draw: (*drawer).testFailOver, fits: away},
	{kind: faults.AddRecovery, with: faults.RemoveRecovery},
	{kind: faults.RemoveRecovery, weight: 3, draw: (*drawer).removeRecovery, fits: away},
	{kind: faults.MTBF, weight: 2, draw: (*drawer).mtbf},
}

// larger reports whether hosts can come and go in the pool.
func larger(d *drawer) bool { return len(d.script.Hosts) > 2 }

// changeable reports whether hosts can leave the pool, and VMs get other homes: not where recovery copies keep them.
func changeable(d *drawer) bool { return larger(d) && d.shape != distant }

// away reports whether there are recovery copies at another place.
func away(d *drawer) bool { return d.shape == distant }

// onShared reports whether there is a VM on shared storage.
func onShared(d *drawer) bool { return d.shape == sharing }

// entryOf returns the entry of a kind.
func entryOf(k faults.Kind) weighted {
	for _, w := range table {
		if w.kind == k {
			return w
		}
	}
	return weighted{kind: k}
}

// Planned reports whether plans draw the kind. If not, the reason says why.
func Planned(k faults.Kind) (ok bool, reason string) {
	switch w := entryOf(k); {
	case w.draw != nil, w.with != 0:
		return true, ""
	default:
		return false, w.left
	}
}

func one(f fault) []part { return []part{{fault: f}} }

// pairOf is a fault and, after a while, its end, both of the same named member.
func pairOf(f fault, end faults.Kind, after time.Duration) []part {
	back := fault{Kind: end, Member: f.Member}
	return []part{{fault: f}, {fault: back, after: after}}
}

// lasting draws a fault of any member that ends by itself, hosting one of a host.
func lasting(k faults.Kind, most time.Duration) func(*drawer) []part {
	return func(d *drawer) []part { return one(fault{Kind: k, Member: d.member(), For: d.length(most)}) }
}

func hosting(k faults.Kind, most time.Duration) func(*drawer) []part {
	return func(d *drawer) []part { return one(fault{Kind: k, Member: d.host(), For: d.length(most)}) }
}

func (d *drawer) powerOff() []part {
	f := fault{Kind: faults.PowerOff, Member: d.member(), Unsynced: faults.Unsynced(d.Int(0, 3))}
	switch d.Weighted([]uint32{6, 3, 1}) {
	case 0:
		f.For = d.length(8 * time.Second)
		return one(f)
	case 1:
		f.Member = d.fixed()
		return pairOf(f, faults.PowerOn, d.length(8*time.Second))
	}
	f.Member = d.fixed() // it stays without power to the end
	return one(f)
}

func (d *drawer) freeze() []part {
	if d.Chance(1, 2) {
		return pairOf(fault{Kind: faults.Freeze, Member: d.fixed()}, faults.Thaw, d.length(6*time.Second))
	}
	return one(fault{Kind: faults.Freeze, Member: d.member(), For: d.length(6 * time.Second)})
}

func (d *drawer) stopDaemon() []part {
	if d.Chance(1, 2) {
		return pairOf(fault{Kind: faults.StopDaemon, Member: d.fixed()}, faults.ContinueDaemon, d.length(6*time.Second))
	}
	return one(fault{Kind: faults.StopDaemon, Member: d.member(), For: d.length(6 * time.Second)})
}

func (d *drawer) slowCPU() []part {
	return one(fault{Kind: faults.SlowCPU, Member: d.member(), Factor: 1 << d.Int(1, 7), For: d.length(8 * time.Second)})
}

// oldDisk is a member whose system disk goes back to an earlier time: saved, later off, then on with it.
func (d *drawer) oldDisk() []part {
	if d.rolled {
		return d.powerOff()
	}
	d.rolled = true
	m := d.fixed()
	off := d.magnitude(time.Second, 10*time.Second)
	return []part{
		{fault: fault{Kind: faults.SaveDisk, Member: m}},
		{fault: fault{Kind: faults.PowerOff, Member: m}, after: off},
		{fault: fault{Kind: faults.PowerOn, Member: m, OldDisk: true}, after: off + d.magnitude(10*time.Millisecond, 4*time.Second)},
	}
}

func (d *drawer) crashDaemon() []part {
	return one(fault{Kind: faults.CrashDaemon, Member: d.member(), Effect: 1 << d.Int(0, 6) * d.Int(1, 3)})
}

func (d *drawer) toolstackError() []part {
	return one(fault{Kind: faults.ToolstackError, Member: d.host(), Count: d.Int(1, 4)})
}

func (d *drawer) halfCreate() []part {
	return one(fault{Kind: faults.HalfCreate, Member: d.host(), Count: d.Int(1, 3)})
}

func (d *drawer) hangVM() []part {
	f := fault{Kind: faults.HangVM, VM: d.anyVM().Name}
	if d.Chance(1, 2) { // else for good
		f.For = d.length(12 * time.Second)
	}
	return one(f)
}

func (d *drawer) crashVM() []part { return one(fault{Kind: faults.CrashVM, VM: d.anyVM().Name}) }

func (d *drawer) cut() []part {
	f := fault{Kind: faults.Cut, OneWay: d.Chance(1, 3)}
	f.Member, f.Peer, f.Link = d.wire()
	if d.Chance(1, 3) && f.Member.Kind == faults.RoleName && f.Peer.Kind == faults.RoleName {
		end := f
		end.Kind = faults.Heal
		return []part{{fault: f}, {fault: end, after: d.length(6 * time.Second)}}
	}
	f.For = d.length(6 * time.Second)
	return one(f)
}

// wireFault draws a link that works badly.
func wireFault(k faults.Kind) func(*drawer) []part {
	return func(d *drawer) []part {
		f := fault{Kind: k, OneWay: d.Chance(1, 4)}
		f.Member, f.Peer, f.Link = d.wire()
		switch k {
		case faults.Delay, faults.Jitter:
			f.Amount = d.magnitude(time.Millisecond, time.Second)
		case faults.Slow:
			f.Bandwidth = 16 << d.Int(0, 10)
		default:
			f.Chance = []int{1_000, 10_000, 50_000, 200_000, 500_000, 900_000}[d.Int(0, 5)]
		}
		f.For = d.length(8 * time.Second)
		return one(f)
	}
}

func (d *drawer) isolate() []part {
	return one(fault{Kind: faults.Isolate, Member: d.member(), KeepLAN: d.Chance(1, 2), For: d.length(6 * time.Second)})
}

func (d *drawer) partition() []part {
	return one(fault{Kind: faults.Partition, Groups: d.sides(), For: d.length(6 * time.Second)})
}

func (d *drawer) nic() []part {
	if d.Chance(1, 3) {
		return pairOf(fault{Kind: faults.NICDown, Member: d.anyHost()}, faults.NICUp, d.length(6*time.Second))
	}
	return one(fault{Kind: faults.NICDown, Member: d.host(), For: d.length(6 * time.Second)})
}

func (d *drawer) diskError() []part {
	vm := d.anyVM()
	f := fault{Kind: faults.DiskError, Member: d.home(vm), VM: vm.Name, IO: faults.IO(d.Int(1, 2))}
	if d.Chance(1, 2) {
		f.Count = d.Int(1, 5)
		return one(f)
	}
	if f.Member.Kind == faults.RoleName && d.Chance(1, 2) {
		return []part{{fault: f}, {fault: fault{Kind: faults.DiskHeal, Member: f.Member, VM: vm.Name}, after: d.length(6 * time.Second)}}
	}
	f.For = d.length(5 * time.Second)
	return one(f)
}

func diskFault(k faults.Kind) func(*drawer) []part {
	return func(d *drawer) []part {
		vm := d.anyVM()
		f := fault{Kind: k, Member: d.home(vm), VM: vm.Name}
		if k != faults.DiskCorrupt {
			f.For = d.length(5 * time.Second)
		}
		if k == faults.DiskSlow {
			f.Amount = d.magnitude(time.Millisecond, d.script.Value(script.SettingIOTimeout)*2)
		}
		return one(f)
	}
}

func (d *drawer) ioDelay() []part {
	vm := d.anyVM()
	f := fault{Kind: faults.IODelay, Member: d.home(vm), VM: vm.Name, IO: faults.IO(d.Int(1, 2))}
	f.Timeouts = []int{500, 1000, 1000, 1000, 1500, 2000, 2000}[d.Int(0, 6)]
	if f.Timeouts%1000 == 0 {
		f.Amount = time.Duration(d.Int(-1, 1)) * time.Millisecond
	}
	return one(f)
}

func (d *drawer) clockJump() []part {
	jump := d.magnitude(time.Millisecond, time.Minute)
	if d.Chance(1, 3) {
		jump = -jump
	}
	return one(fault{Kind: faults.ClockJump, Member: d.member(), Amount: jump})
}

func (d *drawer) clockDrift() []part {
	ppm := []int{100, 1000, 20_000, 100_000, 400_000}[d.Int(0, 4)]
	if d.Chance(1, 2) {
		ppm = -ppm
	}
	return one(fault{Kind: faults.ClockDrift, Member: d.member(), DriftPPM: ppm, For: d.length(20 * time.Second)})
}

func (d *drawer) storageCut() []part {
	f := fault{Kind: faults.StorageCut, Member: d.home(d.sharedVM())}
	if d.Chance(9, 10) {
		f.For = d.length(8 * time.Second)
	}
	return one(f)
}

// watchdogDrift draws a drift of the watchdog's clock, at most as much as the lease is made for.
func (d *drawer) watchdogDrift() []part {
	ppm := []int{100, 1000, 9_000, 10_000}[d.Int(0, 3)]
	if d.Chance(1, 2) {
		ppm = -ppm
	}
	return one(fault{Kind: faults.WatchdogDrift, Member: d.home(d.sharedVM()), DriftPPM: ppm, For: d.length(20 * time.Second)})
}
