// Package planted holds the switch for deliberate protocol bugs. A checker that
// was never seen failing proves nothing: each bug listed here breaks a rule of
// the protocol on purpose, and the certification must find it and name the rule.
//
// In a normal build the switch is a function that returns false and is inlined, so
// the compiler removes each planted branch. Only a build with the tag "planted"
// has a switch that can be turned on, and every such build says so (Compiled).
package planted

// Bug names one deliberate mistake.
type Bug uint8

// The planted bugs. The comment says what goes wrong; Rules which rule must catch it.
const (
	None Bug = iota
	// ReleaseOnSend lets output go when the checkpoint was sent, not acknowledged.
	ReleaseOnSend
	// ReleaseOnSuspicion lets held output go as soon as the secondary is
	// suspected, without asking the log.
	ReleaseOnSuspicion
	// BarrierIgnored lets the output of an ha VM go without its partner's leave.
	BarrierIgnored
	// NoCompareAndSwap commits a new generation whatever the old one was.
	NoCompareAndSwap
	// RejoinUnchecked lets a primary that comes back from a crash go on without
	// confirming its generation in the log.
	RejoinUnchecked
	// KeepFenced forgets to destroy the instance of a host that lost its VM.
	KeepFenced
	// PromoteUnsealed promotes a checkpoint whose disk writes have not all arrived.
	PromoteUnsealed
	// AckUnsealed acknowledges a checkpoint that arrived but is not yet one unit
	// with its disk writes, so a promotion goes back behind what was acknowledged.
	AckUnsealed
	// DetachAfterAck acknowledges a guest's write when one copy failed, and takes
	// the copy out of the in-sync set afterwards.
	DetachAfterAck
	// FlushLocalOnly completes a guest's flush when the local copy is durable.
	FlushLocalOnly
	// StartStale starts a VM from any copy, in sync or not.
	StartStale
	// StartLost starts a VM from a copy that lost what it had called durable.
	StartLost
	// ApplyOpenEpoch writes the disk writes of an open epoch at once.
	ApplyOpenEpoch
	// IntentNotUnited repairs a copy only by what the source wrote.
	IntentNotUnited
	// AttachEarly declares a copy in sync while extents are still missing.
	AttachEarly
	// SendBeforePersist lets a voter forget what it told others.
	SendBeforePersist
	// AmnesiaIgnored lets a voter with an old disk vote.
	AmnesiaIgnored
	// NeverReprotect leaves an exposed VM exposed.
	NeverReprotect
	// HangIgnored leaves a guest that does not respond as it is.
	HangIgnored
	// RemnantKept does not clear away what a failed creation left behind.
	RemnantKept
	// StrikesForgotten never takes a flapping component out of service.
	StrikesForgotten
	// RenounceForgotten acknowledges checkpoints after the promotion was proposed.
	RenounceForgotten
	// AckLocal answers a guest's write when the local copy has it, and does not wait for the other.
	AckLocal
	// FlushEarly lets a replica answer a flush before the writes that it covers are on its disk.
	FlushEarly
	// BoundaryShort leaves the last disk write of an epoch out of its checkpoint.
	BoundaryShort
	// JoinOverLate lets a copy join while a write that others were enough for is on its way to it.
	JoinOverLate
	// PassAlone lets held output go when nobody at all is heard.
	PassAlone
	// ProposeOnce does not repeat a proposal that was lost.
	ProposeOnce
	// LevelKeepsSecondary changes the level and leaves the secondary as if it had what that promises.
	LevelKeepsSecondary
	// SilentExposure does not tell anybody that redundancy is gone.
	SilentExposure
	// PromoteOlder activates the checkpoint before the newest acknowledged one.
	PromoteOlder
	// PromoteOnce boots the VM anew when a promotion could not create its instance, although the checkpoint is still there.
	PromoteOnce
	// AttachUnproven proposes a secondary before it has acknowledged the first checkpoint that counts.
	AttachUnproven
	// ReleaseOnTimeout lets the output go that waits for an acknowledgement which takes too long.
	ReleaseOnTimeout
	// WriteTimesOut takes a copy that does not answer in time for one that is out of the in-sync set, without asking the log.
	WriteTimesOut
	// FaultsUncounted counts no fault against any component.
	FaultsUncounted
	// RetireAnyway takes a component out of service after its fifth fault, however rare they are.
	RetireAnyway
	// RetiredUsed goes on using a disk that is out of service.
	RetiredUsed
	// StartDropped lets a host that is no home of a VM any more start it.
	StartDropped
	// RehomeUnchecked changes a VM's homes whatever its generation is.
	RehomeUnchecked
	// KeepDropped lets a home that comes back after it was dropped go on with the copy that it
	// held before.
	KeepDropped
	// LearnerVotes lets learners of the control log count themselves as voters.
	LearnerVotes
	// TwoChanges begins a change of the voters before the one before it is decided.
	TwoChanges
	// ReservedNotCounted places VMs as if second homes kept no room.
	ReservedNotCounted
	// SitesIgnored places second homes on any site.
	SitesIgnored
	// ApartOutdated keeps VMs apart from where others once may have run, not from where they run.
	ApartOutdated
	// RehomeUnruled gives a VM a third home whatever the policies say.
	RehomeUnruled
	// LeaseWaitEarly counts a successor's wait on shared storage from the first suspicion, not from the log's
	// word that no lease can be renewed any more.
	LeaseWaitEarly
	// LeaseUnproven renews the lease of a VM on shared storage without a majority.
	LeaseUnproven
	// LeaseUnarmed starts a VM on shared storage before the watchdog is armed.
	LeaseUnarmed
	// PointUnsealed tells of a recovery point before it is durable as a whole.
	PointUnsealed
	// PointTorn seals a recovery point of which entries are still missing.
	PointTorn
	// PointUncommitted makes recovery points of writes that the secondary does not have yet.
	PointUncommitted
	// JournalReversed applies the entries of a recovery point in the wrong order.
	JournalReversed
	// ChangesForgotten begins a new stream to a recovery copy without what an earlier one did not deliver.
	ChangesForgotten
	// FailOverIncomplete starts a VM from a recovery copy that has no whole point.
	FailOverIncomplete
	// FailBackEarly returns a VM to its homes before the last point is durable there.
	FailBackEarly
	// RecoveryRoomFree reserves no room for a VM where its recovery copy is.
	RecoveryRoomFree
	// RecoveryMoves lets policies move the second copy of a VM with a recovery copy.
	RecoveryMoves
	// EraKept lets VMs go on in their generations after an override, as if nothing had been discarded.
	EraKept
	// EraIgnored takes the points of a history that an override discarded for those of the history that goes on.
	EraIgnored
	// DeadDecide lets a member that was declared dead vote and lead although it has heard of the override.
	DeadDecide
	// PassedForgotten starts a VM on shared storage in the generation out of which this host asked to pass it on.
	PassedForgotten
	// RuleIgnored treats every component by the default rule, whatever an operator said about it.
	RuleIgnored
	// LandingUntold does not conclude from an opening that the copy has taken what it had refused.
	LandingUntold
	// OpeningAwaited waits for a copy that is being opened as long as it takes.
	OpeningAwaited
	// HungForGood takes a guest that hung and responds again for one that still hangs.
	HungForGood
	// ClearToldEarly tells the other home what a clear changes before the rest of what was decided with it is known.
	ClearToldEarly
	// LossUpheld takes a host out of service for a loss that was not decided before the host was heard again.
	LossUpheld
	// LeaverOrders repeats the orders of a member that has left the pool.
	LeaverOrders
	// HungElsewhere lets the other home go on with the checkpoint of a guest that hung and was cleared.
	HungElsewhere
	// OrdersRepeated carries an order out as often as it arrives, also after a later one.
	OrdersRepeated
	// RightDropped boots a VM that was to be promoted, because somebody else moved its generation meanwhile.
	RightDropped
	// RightAssumed launches a VM by the right that an earlier life of this host's daemon won.
	RightAssumed
	// TermShared lets overrides of two members, made without knowing of each other, begin the same era.
	TermShared
	// SessionKept lets the mirror wait for a copy whose session an override ended.
	SessionKept
	// RequestsForgotten takes an instance over without asking what its guest waits for.
	RequestsForgotten
	// ClaimForgotten starts a VM on shared storage at once after an override, as if the old instance need not be waited for.
	ClaimForgotten
	// PromotionForgotten does not recognise the own promotion that an override found.
	PromotionForgotten
	// LivesForeign takes the generations that earlier lives of the own daemon asked for to be somebody else's.
	LivesForeign
	// LeaderUncounted does not count the loss of a host that led the log.
	LeaderUncounted
	// RetiredRun lets the other home of a VM that is out of service run it.
	RetiredRun
	// RecordOnce does not ask for a record again that failed, once the local copy is the last one.
	RecordOnce
	// RecordForgotten forgets marks of extents of which a record is just being made.
	RecordForgotten
	// OpeningMistaken takes the outcome of an earlier opening of a copy for that of the present one.
	OpeningMistaken
	// LateReadTaken takes an answer of an earlier session, or of an earlier life, for that to the present request.
	LateReadTaken
	// InstanceMistaken takes what is told of an earlier instance of the VM to be about the present one.
	InstanceMistaken
	// ReadsAbandoned waits for reads for the recovery copy that an opening of the disk has ended.
	ReadsAbandoned
	// RefusalIgnored acknowledges a checkpoint whose writes the disk refuses.
	RefusalIgnored
	// LandingIgnored takes a VM over that is handed over before the disk has what belongs to it.
	LandingIgnored
	// OvertakenBelieved believes a heartbeat that a later one has overtaken.
	OvertakenBelieved
	// OwnEarsOnly asks the log for nothing unless this member itself hears most of the voters.
	OwnEarsOnly
	// ChangedWhileCopied takes extents out of the change record of a copy that is still being made.
	ChangedWhileCopied
	// YieldAnyway leaves a VM to the other home although that cannot run it.
	YieldAnyway
	// YieldStopped gives a VM away that is out of service, and that nobody may start.
	YieldStopped
	// HeldUntrue has a copy that lacks writes tell of the memory that it could go on with.
	HeldUntrue
	// HangAwaited waits for a disk that hangs with a VM that an earlier life of the daemon left behind.
	HangAwaited
	// FinalAwaited waits for a host that has a VM's last checkpoint and said that it cannot go on with it.
	FinalAwaited
	// PortFirst has a VM leave a host whose network port is out of service for one that is to be emptied.
	PortFirst
	// OwnCopyKeeps keeps a VM on a host that has no copy of it, because it has none.
	OwnCopyKeeps
	// MoveForgotten forgets that an operator wants a VM elsewhere when it ends here.
	MoveForgotten
	// TroubleForgotten takes a host for able that could not run the VM a moment ago.
	TroubleForgotten
	// LaunchAwaited waits for a creation that does not return.
	LaunchAwaited
	// SessionTwice follows a session again after the copy that followed it was closed.
	SessionTwice
	// SessionsShared numbers sessions as other nodes do.
	SessionsShared
	// LateLife follows a session that was opened with an earlier life of the daemon.
	LateLife
	// HistoryKept keeps a recovery copy open under the name of a history that is over.
	HistoryKept
	// WaitedFor has policies wait for a VM that waits for a person.
	WaitedFor
	// StoppedAwaited waits for a VM that is out of service and does not run, to call a host evacuated.
	StoppedAwaited
	// RecordUntold does not count a replica's disk as failed when it refuses an intent record.
	RecordUntold
	// OrdersCross carries out what an operator orders of a VM's level or recovery copy in any order.
	OrdersCross
	// MoveAnywhere moves a VM to whatever its other home is by now.
	MoveAnywhere
	// OverrideUnread lets an override decide what the member cannot read.
	OverrideUnread
	// CreationForgotten drops the second creation of a VM without a word.
	CreationForgotten
	// StartForgotten says nothing of an operator's start that comes too late.
	StartForgotten
	// OpenForEver takes it that an order can be decided in generations after the one that it was proposed in.
	OpenForEver
	// HearsayAgreed believes that an order is carried out where nobody knows what was decided.
	HearsayAgreed
	// WishKept keeps what an operator wants of a VM's homes when it has become something else.
	WishKept
	numBugs
)

func (b Bug) String() string { return about[b].name }

// All lists every planted bug.
func All() []Bug {
	all := make([]Bug, 0, numBugs-1)
	for b := None + 1; b < numBugs; b++ {
		all = append(all, b)
	}
	return all
}
