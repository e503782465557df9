package marks

// Mark is a rare situation.
type Mark uint8

// The marks. Texts say in words what each means.
const (
	LostCaptured Mark = iota
	LostSent
	LostReceived
	LostSealed
	LostAcknowledged
	LostAtPromotion
	LostAtExposure
	LostAtAttach
	SourceLostInResync
	TargetLostInResync
	DaemonKilledInResync
	ResyncBrokenOff
	PromotionInResync
	BothPrimaryWon
	BothSecondaryWon
	ProposalRefused
	PromotedBack
	ThreeGenerations
	LostAgain
	BothHomesOff
	ColdStart
	AllHostsOff
	WitnessLostInFailover
	ThawedFenced
	ReturnedFenced
	Adopted
	ForeignFenced
	RedirectedAndBack
	ServedByOther
	OnlyCopyLostWhileServing
	DiskFaultOnOnlyCopy
	Mended
	LaunchFailed
	LaunchFailedInPromotion
	StateLost
	GuestCrashed
	Amnesia
	AmnesiaCaughtUp
	NoQuorum
	NoQuorumOver
	OverrideMade
	OverrideRejoined
	ForcedStart
	ClockJumpInFailover
	FaultInSetOfTwo
	WatchdogFired
	FrozenBeyondLease
	ClaimantLost
	ClaimWaited
	ClaimByWord
	HandedOver
	VoterLostInChange
	LearnerLost
	HostJoined
	HostLeft
	LeaverLost
	Rehomed
	RehomedInResync
	ReturnedOutgone
	LevelWhileExposed
	Moved
	LostInMove
	ServedInMaintenance
	PolicyRefused
	PolicyBroken
	PolicyMended
	MovedByPolicy
	LostWhileMoving
	SiteLost
	EverybodyOff
	Retired
	ClearedInService
	GuestHung
	HungOutOfService
	FailedOver
	FailedOverAgain
	FailOverUnsettled
	FailOverInResync
	LostAtFailOver
	FailedBack
	FailBackAbandoned
	PromotedAfterOverflow
	RecoveryLostAtPoint
	RecoveryAdded
	RecoveryTested
	NumMarks
)

var list = [NumMarks]struct{ name, text string }{
	LostCaptured:             {"lost-captured", "the primary lost power with a checkpoint taken and not sent"},
	LostSent:                 {"lost-sent", "the primary lost power with a checkpoint on its way"},
	LostReceived:             {"lost-received", "the primary lost power with a checkpoint received and not yet one unit"},
	LostSealed:               {"lost-sealed", "the primary lost power with a checkpoint sealed and not acknowledged"},
	LostAcknowledged:         {"lost-acknowledged", "the primary lost power with an acknowledgement on its way: it never released what was acknowledged"},
	LostAtPromotion:          {"lost-at-promotion", "the successor was lost between its proposal and the decision"},
	LostAtExposure:           {"lost-at-exposure", "the primary was lost while it asked to go on alone"},
	LostAtAttach:             {"lost-at-attach", "a home was lost while its copy was about to count as in sync"},
	SourceLostInResync:       {"source-lost-in-resync", "the only good copy lost its host while the other was brought up to date"},
	TargetLostInResync:       {"target-lost-in-resync", "the returning copy lost its host again while it was brought up to date"},
	DaemonKilledInResync:     {"daemon-killed-in-resync", "a daemon died while a copy was brought up to date"},
	ResyncBrokenOff:          {"resync-broken-off", "a resync was broken off and began again"},
	PromotionInResync:        {"promotion-in-resync", "a VM was promoted while a copy of another VM was brought up to date"},
	BothPrimaryWon:           {"both-proposed-primary-won", "primary and secondary both proposed, and the primary won"},
	BothSecondaryWon:         {"both-proposed-secondary-won", "primary and secondary both proposed, and the secondary won"},
	ProposalRefused:          {"proposal-refused", "the log refused a proposal that came too late"},
	PromotedBack:             {"promoted-back", "a VM was promoted to one host and later back to the other"},
	ThreeGenerations:         {"three-generations", "three generations of a VM within two seconds"},
	LostAgain:                {"lost-again", "a host was lost again before redundancy was back"},
	BothHomesOff:             {"both-homes-off", "both homes of a VM were without power at once"},
	ColdStart:                {"cold-start", "a VM booted after both its homes had been without power"},
	AllHostsOff:              {"all-hosts-off", "every host was without power at once"},
	WitnessLostInFailover:    {"witness-lost-in-failover", "the witness was hit while a successor waited for the decision"},
	ThawedFenced:             {"thawed-fenced", "a frozen host thawed with an instance that the pool had gone on without, and destroyed it"},
	ReturnedFenced:           {"returned-fenced", "a host that had been cut off came back with an instance that the pool had gone on without"},
	Adopted:                  {"foreign-adopted", "a daemon restarted into a foreign instance and was allowed to keep it"},
	ForeignFenced:            {"foreign-fenced", "a daemon restarted into a foreign instance and had to destroy it"},
	RedirectedAndBack:        {"redirected-and-back", "a VM's traffic took the way over the other host, and later the direct one again"},
	ServedByOther:            {"served-by-other-disk", "a VM ran on one host and only the other's disk was in sync"},
	OnlyCopyLostWhileServing: {"only-disk-lost-while-serving", "the only disk in sync was lost while it served a VM on the other host"},
	DiskFaultOnOnlyCopy:      {"fault-on-only-copy", "a disk fault hit the only copy in sync"},
	Mended:                   {"block-mended", "a bad block was mended from the other copy"},
	LaunchFailed:             {"launch-failed", "the toolstack could not create an instance"},
	LaunchFailedInPromotion:  {"launch-failed-in-promotion", "the toolstack failed while a successor took over"},
	StateLost:                {"state-lost", "an ft VM lost its memory and booted from its disk"},
	GuestCrashed:             {"guest-crashed", "the guest itself crashed"},
	Amnesia:                  {"amnesia", "a member lost the end of its control log and stopped voting"},
	AmnesiaCaughtUp:          {"amnesia-then-catch-up", "a member lost the end of its control log, and the pool had its full redundancy again later"},
	NoQuorum:                 {"no-quorum", "the pool could not decide, and said so"},
	NoQuorumOver:             {"no-quorum-then-decision", "the pool could not decide, and later did"},
	OverrideMade:             {"override", "an operator declared a host dead"},
	OverrideRejoined:         {"override-then-return", "a host that was declared dead came back and took part again"},
	ForcedStart:              {"forced-start", "an operator forced a start, and the VM started"},
	ClockJumpInFailover:      {"clock-jump-in-failover", "a clock jumped while a successor waited for the decision"},
	FaultInSetOfTwo:          {"two-hosts-alone", "one of two hosts without a witness was lost"},
	WatchdogFired:            {"watchdog-fired", "a host that could not renew its lease was reset by its watchdog"},
	FrozenBeyondLease:        {"frozen-beyond-lease", "a host was reset by its watchdog while it was frozen"},
	ClaimantLost:             {"claimant-lost", "a host that had claimed a VM on shared storage was lost before the VM ran there"},
	ClaimWaited:              {"claim-waited", "a successor waited until the old holder's lease had certainly ended, and started the VM"},
	ClaimByWord:              {"claim-by-word", "a successor started the VM before that, because the old holder said that it had stopped"},
	HandedOver:               {"handed-over", "a VM on shared storage was stopped and given to its other home"},
	VoterLostInChange:        {"voter-lost-in-change", "a voter lost power while the electorate was changing"},
	LearnerLost:              {"learner-lost", "a host that does not vote lost power"},
	HostJoined:               {"host-joined", "a host joined the pool"},
	HostLeft:                 {"host-left", "a host left the pool"},
	LeaverLost:               {"leaver-lost", "a host that was about to leave lost power"},
	Rehomed:                  {"home-replaced", "a VM got another second home"},
	RehomedInResync:          {"home-replaced-in-resync", "a second home was replaced while its copy was brought up to date"},
	ReturnedOutgone:          {"returned-outgone", "a host came back to a pool that had given its place in a VM to another host"},
	LevelWhileExposed:        {"level-while-exposed", "the level of a VM changed while it was exposed"},
	Moved:                    {"moved-by-order", "an operator's migration or maintenance moved a VM"},
	LostInMove:               {"lost-in-move", "a home was lost right after an operator ordered a move of its VM"},
	ServedInMaintenance:      {"served-in-maintenance", "a host in maintenance had to take a VM over"},
	PolicyRefused:            {"policy-refused", "an order was refused because of a policy"},
	PolicyBroken:             {"policy-broken", "a failover broke a policy"},
	PolicyMended:             {"policy-mended", "a policy that was broken held again"},
	MovedByPolicy:            {"moved-by-policy", "a VM or its second copy moved because of a policy"},
	LostWhileMoving:          {"lost-while-moving", "a home was lost while a policy moved its VM"},
	SiteLost:                 {"site-lost", "all hosts of one of two sites were without power at once"},
	EverybodyOff:             {"everybody-off", "every member was without power at once, the witness included"},
	Retired:                  {"retired", "a component failed too often and was taken out of service"},
	GuestHung:                {"guest-hung", "a guest hung for so long that it was to be booted anew"},
	HungOutOfService:         {"hung-out-of-service", "a guest was taken out of service after it had hung"},
	ClearedInService:         {"cleared", "what had been out of service was put back by an operator in the middle of faults"},
	FailedOver:               {"failed-over", "a VM was started from its recovery copy"},
	FailedOverAgain:          {"failed-over-again", "the place where a VM ran on its recovery copy was lost as well, and it was started from the copy at a former home"},
	FailOverUnsettled:        {"fail-over-unsettled", "a fail-over was ordered while a recovery point was on its way, or being applied"},
	FailOverInResync:         {"fail-over-in-resync", "a VM was started from its recovery copy that had lost its homes while one of them was brought up to date"},
	LostAtFailOver:           {"lost-at-fail-over", "the host of a recovery copy was lost between its proposal to start the VM and the decision"},
	FailedBack:               {"failed-back", "a VM returned from its recovery copy to its homes"},
	FailBackAbandoned:        {"fail-back-abandoned", "a return to the homes was given up because the last point was not confirmed in time"},
	PromotedAfterOverflow:    {"promoted-after-overflow", "a VM went over to another host that had to know what the recovery copy lacked after an overflow"},
	RecoveryLostAtPoint:      {"recovery-lost-at-point", "the host of a recovery copy lost power with a point on its way, or half applied"},
	RecoveryAdded:            {"recovery-added", "a VM got another recovery copy while it ran"},
	RecoveryTested:           {"recovery-tested", "a test of a recovery copy served in the middle of faults"},
}

// String returns the mark's name.
func (m Mark) String() string { return list[m].name }

// Text returns in words what the mark means.
func (m Mark) Text() string { return list[m].text }

// All returns every mark.
func All() []Mark {
	all := make([]Mark, NumMarks)
	for i := range all {
		all[i] = Mark(i)
	}
	return all
}

// Counts says how often each mark was reached.
type Counts [NumMarks]int
