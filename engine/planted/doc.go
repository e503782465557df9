// Package planted holds the switch for deliberate protocol bugs. A checker that
// was never seen failing proves nothing: each bug listed here breaks one rule of
// the protocol on purpose, and the certification must find it and name the rule.
//
// In a normal build the switch is a function that returns false and is inlined, so
// the compiler removes each planted branch. Only a build with the tag "planted"
// has a switch that can be turned on, and every such build says so (Compiled).
package planted

// Bug names one deliberate mistake.
type Bug uint8

// The planted bugs. The comment says what goes wrong and which rule must catch it.
const (
	None Bug = iota
	// ReleaseOnSend lets output go when the checkpoint was sent, not acknowledged (R1).
	ReleaseOnSend
	// ReleaseOnSuspicion lets held output go as soon as the secondary is
	// suspected, without asking the log (R1, R8).
	ReleaseOnSuspicion
	// BarrierIgnored lets the output of an ha VM go without its partner's leave (R1, R8).
	BarrierIgnored
	// NoCompareAndSwap commits a new generation whatever the old one was (R2).
	NoCompareAndSwap
	// RejoinUnchecked lets a primary that comes back from a crash go on without
	// confirming its generation in the log (R2).
	RejoinUnchecked
	// KeepFenced forgets to destroy the instance of a host that lost its VM (R2).
	KeepFenced
	// PromoteUnsealed promotes a checkpoint whose disk writes have not all arrived (R3, R6).
	PromoteUnsealed
	// AckUnsealed acknowledges a checkpoint that arrived but is not yet one unit
	// with its disk writes, so a promotion goes back behind what was acknowledged (R1, R3).
	AckUnsealed
	// DetachAfterAck acknowledges a guest's write when one copy failed, and takes
	// the copy out of the in-sync set afterwards (R4).
	DetachAfterAck
	// FlushLocalOnly completes a guest's flush when the local copy is durable (R4).
	FlushLocalOnly
	// StartStale starts a VM from any copy, in sync or not (R5).
	StartStale
	// StartLost starts a VM from a copy that lost what it had called durable (R5).
	StartLost
	// ApplyOpenEpoch writes the disk writes of an open epoch at once (R6).
	ApplyOpenEpoch
	// IntentNotUnited repairs a copy only by what the source wrote (R7).
	IntentNotUnited
	// AttachEarly declares a copy in sync while extents are still missing (R7).
	AttachEarly
	// SendBeforePersist lets a voter forget what it told others (R2).
	SendBeforePersist
	// AmnesiaIgnored lets a voter with an old disk vote (R2).
	AmnesiaIgnored
	// NeverReprotect leaves an exposed VM exposed (R9).
	NeverReprotect
	// HangIgnored leaves a guest that does not respond as it is (R9).
	HangIgnored
	// RemnantKept does not clear away what a failed creation left behind (R9).
	RemnantKept
	// StrikesForgotten never takes a flapping component out of service (R9).
	StrikesForgotten
	// RenounceForgotten acknowledges checkpoints after the promotion was proposed (R3).
	RenounceForgotten
	// AckLocal answers a guest's write when the local copy has it, and does not wait for the other (R4).
	AckLocal
	// FlushEarly lets a replica answer a flush before the writes that it covers are on its disk (R4).
	FlushEarly
	// BoundaryShort leaves the last disk write of an epoch out of its checkpoint (R6).
	BoundaryShort
	// JoinOverLate lets a copy join while a write that others were enough for is on its way to it (R7).
	JoinOverLate
	// PassAlone lets held output go when nobody at all is heard (R8).
	PassAlone
	// ProposeOnce does not repeat a proposal that was lost (R9).
	ProposeOnce
	// LevelKeepsSecondary changes the level and leaves the secondary as if it had what that promises (R1, R3).
	LevelKeepsSecondary
	// SilentExposure does not tell anybody that redundancy is gone (R10).
	SilentExposure
	// PromoteOlder activates the checkpoint before the newest acknowledged one (R3).
	PromoteOlder
	// PromoteOnce boots the VM anew when a promotion could not create its instance, although the checkpoint is still there (R3).
	PromoteOnce
	// AttachUnproven proposes a secondary before it has acknowledged the first checkpoint that counts (R3).
	AttachUnproven
	// ReleaseOnTimeout lets the output go that waits for an acknowledgement which takes too long (R8).
	ReleaseOnTimeout
	// WriteTimesOut takes a copy that does not answer in time for one that is out of the in-sync set, without asking the log (R8).
	WriteTimesOut
	// FaultsUncounted counts no fault against any component (R9).
	FaultsUncounted
	// RetireAnyway takes a component out of service after its fifth fault, however rare they are (R9).
	RetireAnyway
	// RetiredUsed goes on using a disk that is out of service (R9).
	RetiredUsed
	// StartDropped lets a host that is no home of a VM any more start it (R5).
	StartDropped
	// RehomeUnchecked changes a VM's homes whatever its generation is (R2).
	RehomeUnchecked
	// KeepDropped lets a home that comes back after it was dropped go on with the copy that it
	// held before (R7).
	KeepDropped
	// LearnerVotes lets learners of the control log count themselves as voters (R2).
	LearnerVotes
	// TwoChanges begins a change of the voters before the one before it is decided (R2).
	TwoChanges
	// ReservedNotCounted places VMs as if second homes kept no room (R9).
	ReservedNotCounted
	// SitesIgnored places second homes on any site.
	SitesIgnored
	// ApartOutdated keeps VMs apart from where others once may have run, not from where they run.
	ApartOutdated
	// RehomeUnruled gives a VM a third home whatever the policies say.
	RehomeUnruled
	// LeaseWaitEarly counts a successor's wait on shared storage from the first suspicion, not from the log's
	// word that no lease can be renewed any more (R2).
	LeaseWaitEarly
	// LeaseUnproven renews the lease of a VM on shared storage without a majority (R2).
	LeaseUnproven
	// LeaseUnarmed starts a VM on shared storage before the watchdog is armed (R2).
	LeaseUnarmed
	// PointUnsealed tells of a recovery point before it is durable as a whole (R6).
	PointUnsealed
	// PointTorn seals a recovery point of which entries are still missing (R6).
	PointTorn
	// PointUncommitted makes recovery points of writes that the secondary does not have yet (R6).
	PointUncommitted
	// JournalReversed applies the entries of a recovery point in the wrong order (R6).
	JournalReversed
	// ChangesForgotten begins a new stream to a recovery copy without what an earlier one did not deliver (R7).
	ChangesForgotten
	// FailOverIncomplete starts a VM from a recovery copy that has no whole point (R6).
	FailOverIncomplete
	// FailBackEarly returns a VM to its homes before the last point is durable there (R5).
	FailBackEarly
	// RecoveryRoomFree reserves no room for a VM where its recovery copy is.
	RecoveryRoomFree
	// RecoveryMoves lets policies move the second copy of a VM with a recovery copy.
	RecoveryMoves
	numBugs
)

var names = [numBugs]string{
	None: "none", ReleaseOnSend: "release-on-send", ReleaseOnSuspicion: "release-on-suspicion",
	BarrierIgnored: "barrier-ignored", NoCompareAndSwap: "no-compare-and-swap",
	RejoinUnchecked: "rejoin-unchecked", KeepFenced: "keep-fenced", PromoteUnsealed: "promote-unsealed",
	AckUnsealed: "ack-unsealed", DetachAfterAck: "detach-after-ack", FlushLocalOnly: "flush-local-only",
	StartStale: "start-stale", ApplyOpenEpoch: "apply-open-epoch", IntentNotUnited: "intent-not-united",
	AttachEarly: "attach-early", SendBeforePersist: "send-before-persist", AmnesiaIgnored: "amnesia-ignored",
	StrikesForgotten: "strikes-forgotten", StartLost: "start-lost", HangIgnored: "hang-ignored", RemnantKept: "remnant-kept",
	RenounceForgotten: "renounce-forgotten", AckLocal: "ack-local", FlushEarly: "flush-early",
	BoundaryShort: "boundary-short", JoinOverLate: "join-over-late",
	PassAlone: "pass-alone", ProposeOnce: "propose-once",
	LevelKeepsSecondary: "level-keeps-secondary",
	PromoteOlder:        "promote-older", PromoteOnce: "promote-once", AttachUnproven: "attach-unproven",
	ReleaseOnTimeout: "release-on-timeout", WriteTimesOut: "write-times-out",
	FaultsUncounted: "faults-uncounted", RetireAnyway: "retire-anyway", RetiredUsed: "retired-used",
	NeverReprotect: "never-reprotect", SilentExposure: "silent-exposure", StartDropped: "start-dropped",
	RehomeUnchecked: "rehome-unchecked", KeepDropped: "keep-dropped",
	LearnerVotes: "learner-votes", TwoChanges: "two-changes",
	ReservedNotCounted: "reserved-not-counted", SitesIgnored: "sites-ignored", ApartOutdated: "apart-outdated", RehomeUnruled: "rehome-unruled",
	LeaseWaitEarly: "lease-wait-early", LeaseUnproven: "lease-unproven", LeaseUnarmed: "lease-unarmed",
	PointUnsealed: "point-unsealed", PointTorn: "point-torn", PointUncommitted: "point-uncommitted",
	JournalReversed: "journal-reversed", ChangesForgotten: "changes-forgotten",
	FailOverIncomplete: "fail-over-incomplete", FailBackEarly: "fail-back-early",
	RecoveryRoomFree: "recovery-room-free", RecoveryMoves: "recovery-moves",
}

func (b Bug) String() string { return names[b] }

// All lists every planted bug.
func All() []Bug {
	all := make([]Bug, 0, numBugs-1)
	for b := None + 1; b < numBugs; b++ {
		all = append(all, b)
	}
	return all
}
