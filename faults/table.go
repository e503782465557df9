package faults

// entry describes a kind: its word, its parameters in order, its options, and one sentence.
type entry struct {
	word      string
	class     Class
	hostsOnly bool
	params    []*param
	options   []*param
	doc       string
}

func list(p ...*param) []*param { return p }

// table is filled by init because the parameters refer to functions that refer to the table.
var table [numKinds]entry

func init() {
	table = [numKinds]entry{
		PowerOff: {"power-off", ClassHost, false, list(paramMember), list(optUnsynced, optFor),
			"The member loses power at once: memory is gone, and what was not flushed to a disk is kept or lost as the option says (default: the seed chooses). With for it gets power back after that time."},
		PowerOn: {"power-on", ClassHost, false, list(paramMember), list(optOldDisk),
			"The member gets power and boots; nothing happens if it has power. with-old-disk first puts its system disk back to what the last save-disk remembered."},
		Reboot: {"reboot", ClassHost, false, list(paramMember), list(optFor),
			"The member loses power and boots again after that time (default: as soon as it can)."},
		Freeze: {"freeze", ClassHost, false, list(paramMember), list(optFor),
			"The whole member stands still with all its guests; packets that arrive wait for it. It knows nothing of the pause when it thaws."},
		Thaw: {"thaw", ClassHost, false, list(paramMember), nil,
			"The frozen member goes on as if no time had passed."},
		SlowCPU: {"slow-cpu", ClassHost, false, list(paramMember, paramFactor), list(optFor),
			"Everything the member computes takes that many times longer."},
		SaveDisk: {"save-disk", ClassHost, false, list(paramMember), nil,
			"Remembers the member's system disk, with its control log, as it is now, for power-on with-old-disk. It harms nothing by itself."},

		KillDaemon: {"kill-daemon", ClassDaemon, false, list(paramMember), list(optFor),
			"The Holdfast daemon dies and is started again after that time (default 300ms). Guests go on running."},
		StopDaemon: {"stop-daemon", ClassDaemon, false, list(paramMember), list(optFor),
			"The daemon stands still (SIGSTOP); guests go on running."},
		ContinueDaemon: {"continue-daemon", ClassDaemon, false, list(paramMember), nil,
			"The stopped daemon goes on (SIGCONT)."},
		CrashDaemon: {"crash-daemon", ClassDaemon, false, list(paramMember, paramEffect), nil,
			"The daemon dies right before it performs its Nth effect from now, and is started again after 300ms: a crash at an exact point between two steps."},

		OldDaemon: {"old-daemon", ClassDaemon, false, list(paramMember), list(optFor),
			"The daemon is started again as the previous version, which speaks the previous protocol: a pool in the middle of an upgrade, or set back by mistake. With for the present version replaces it after that time; so does healing."},

		ToolstackError: {"toolstack-error", ClassToolstack, true, list(paramMember, paramCount), nil,
			"The next N creations of an instance on the host fail and leave nothing behind."},
		ToolstackHang: {"toolstack-hang", ClassToolstack, true, list(paramMember), list(optFor),
			"Creations of an instance on the host do not return until it ends."},
		HalfCreate: {"half-create", ClassToolstack, true, list(paramMember, paramCount), nil,
			"The next N creations of an instance on the host fail halfway and leave a domain behind that never runs. Nothing can be created for the VM there until that is destroyed."},
		CrashVM: {"crash-vm", ClassToolstack, true, list(paramVM), nil,
			"The guest itself crashes, on whichever host it runs; its hosts are well."},
		HangVM: {"hang-vm", ClassToolstack, true, list(paramVM), list(optFor),
			"The guest itself stops responding, on whichever host it runs: it takes no packet, asks nothing and finishes nothing; its hosts are well. Its checkpoints are of a guest that hangs."},

		Cut: {"cut", ClassNetwork, false, list(paramLink), list(optFor),
			"No packet passes, and nobody is told."},
		Heal: {"heal", ClassNetwork, false, list(paramLink), nil,
			"Ends every fault on these links between these members, in this direction."},
		Loss: {"loss", ClassNetwork, false, list(paramLink, paramChance), list(optFor),
			"That share of the packets is lost."},
		Delay: {"delay", ClassNetwork, false, list(paramLink, paramAmount), list(optFor),
			"Every packet takes that much longer."},
		Jitter: {"jitter", ClassNetwork, false, list(paramLink, paramAmount), list(optFor),
			"Every packet takes up to that much longer, each its own time; order is kept."},
		Duplicate: {"duplicate", ClassNetwork, false, list(paramLink, paramChance), list(optFor),
			"That share of the packets arrives twice."},
		Reorder: {"reorder", ClassNetwork, false, list(paramLink, paramChance), list(optFor),
			"That share of the packets is overtaken by later ones."},
		Corrupt: {"corrupt", ClassNetwork, false, list(paramLink, paramChance), list(optFor),
			"That share of the packets arrives damaged; checksums find it and the packet is dropped."},
		Slow: {"slow", ClassNetwork, false, list(paramLink, paramBandwidth), list(optFor),
			"Only that bandwidth is left, in each direction."},
		Isolate: {"isolate", ClassNetwork, false, list(paramMember), list(optKeepLAN, optFor),
			"All links of the member are cut both ways and its guest network too, unless keep-lan leaves it that."},
		Partition: {"partition", ClassNetwork, false, list(paramGroups), list(optFor),
			"All links between members of different groups are cut both ways; members that are not named keep theirs. The guest network is not touched."},
		NICDown: {"nic-down", ClassNetwork, true, list(paramMember), list(optFor),
			"The host's connection to the guest network fails; its links to the other members are well."},
		NICUp: {"nic-up", ClassNetwork, true, list(paramMember), nil,
			"The host's connection to the guest network works again."},
		HealAll: {"heal-all", ClassNetwork, false, nil, nil,
			"Ends every fault that is in effect, in all classes: links, NICs, disks, daemons, toolstacks, frozen and slow members and clocks' drift are well again, and members without power get it. The end of the run does the same."},

		DiskError: {"disk-error", ClassDisk, true, list(paramMember, paramVM, paramIO), list(optCount, optFor),
			"Operations of that direction on the host's copy of the VM's disk fail: the next N, or all."},
		DiskHang: {"disk-hang", ClassDisk, true, list(paramMember, paramVM), list(optFor),
			"Operations on the host's copy of the VM's disk do not complete until it ends."},
		DiskSlow: {"disk-slow", ClassDisk, true, list(paramMember, paramVM, paramBy), list(optFor),
			"Every operation on the host's copy of the VM's disk takes that much longer."},
		DiskFull: {"disk-full", ClassDisk, true, list(paramMember, paramVM), list(optFor),
			"The host's copy of the VM's disk has no room: writes fail, reads work."},
		DiskCorrupt: {"disk-corrupt", ClassDisk, true, list(paramMember, paramVM), nil,
			"A block that was written to the host's copy changes silently; its checksum tells when it is next read."},
		DiskLyingFlush: {"disk-lying-flush", ClassDisk, true, list(paramMember, paramVM), list(optFor),
			"The host's copy of the VM's disk reports flushes, forced writes and intent records as durable and keeps them in its cache: a loss of power loses everything written since."},
		DiskHeal: {"disk-heal", ClassDisk, true, list(paramMember, paramVM), nil,
			"Ends every fault of the host's copy of the VM's disk; what it missed has to be copied."},
		IODelay: {"io-delay", ClassDisk, true, list(paramMember, paramVM, paramIO, paramTimeouts), nil,
			"The next operation of that direction on the host's copy completes after that multiple of the I/O time-out T, plus or minus the offset."},

		ClockJump: {"clock-jump", ClassClock, false, list(paramMember, paramJump), nil,
			"The source of the clock that the member's daemon lives by jumps. Forwards, the clock follows; backwards, the daemon notices and goes on from where it was, because its clock never goes back."},
		ClockDrift: {"clock-drift", ClassClock, false, list(paramMember, paramPPM), list(optFor),
			"The member's clocks run too fast (positive) or too slow (negative) by that many parts per million."},
		ClockFreeze: {"clock-freeze", ClassClock, false, list(paramMember), list(optFor),
			"The clock that the member's daemon lives by stands still, so that no timer of it ends; everything else goes on. When it ends, the clock goes on from where it stood."},

		Override: {"override", ClassOperator, true, list(paramMember, paramDead), nil,
			"The operator tells the first host that the second is dead and will not act. For a pool that has no majority without the dead; it is recorded."},
		ForceStart: {"force-start", ClassOperator, true, list(paramVM, paramOn), nil,
			"The operator has the VM started from that host's copy although it may be stale; it is recorded."},
		JoinHost: {"join-host", ClassOperator, true, list(paramMember), nil,
			"The operator gives the host power and has the pool take it in; it is refused for a host that belongs to the pool and stays."},
		LeaveHost: {"leave-host", ClassOperator, true, list(paramMember), nil,
			"The operator has the host give up its copies and leave the pool; it is refused while the host has the only copy of a VM."},
		SetLevel: {"set-level", ClassOperator, true, list(paramVM, paramLevel), nil,
			"The owner gives the running VM another level. It runs exposed until its redundancy at that level is complete; none needs none. Refused while the VM's own host has no copy in sync."},
		Migrate: {"migrate", ClassOperator, true, list(paramVM), nil,
			"The operator has the VM run on its other home: at level ft without a boot, at the others by a restart there. Refused while the other home is not ready."},
		Maintain: {"maintain", ClassOperator, true, list(paramMember), list(optFor),
			"The operator puts the host into maintenance: its VMs move away as soon as their other home is ready, and nothing new comes to it. It keeps its copies."},
		Resume: {"resume", ClassOperator, true, list(paramMember), nil,
			"The operator ends the host's maintenance."},
		ClearFaults: {"clear-faults", ClassOperator, true, nil, nil,
			"The operator has seen to everything that was taken out of service because it failed too often: it is in service again. Healing at the end of the run does the same."},
		ReplaceHome: {"replace-home", ClassOperator, true, list(paramVM, paramFrom, paramTo), nil,
			"The operator has the second copy of the VM moved from the one host to the other."},
		FailOver: {"fail-over", ClassOperator, true, list(paramVM, paramOn), nil,
			"The operator starts the VM from its recovery copy, which that host has; what the copy lacks is lost, and it is recorded."},
		FailBack: {"fail-back", ClassOperator, true, list(paramVM, paramOn), nil,
			"The operator returns the VM, which runs on its recovery copy on that host, to its former homes. Nothing is lost."},
		TestFailOver: {"test-fail-over", ClassOperator, true, list(paramVM, paramOn), nil,
			"The operator has the VM booted from a snapshot of its recovery copy, which that host has, without any network; the snapshot is discarded."},
	}
}
