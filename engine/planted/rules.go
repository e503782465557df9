package planted

// Area is a part of the protocol that bugs are planted in on purpose, besides its rules.
type Area string

// The areas.
const (
	Epochs     Area = "epochs" // checkpoints, barriers, output commit
	Takeover   Area = "takeover"
	Mirror     Area = "mirror"
	Resync     Area = "resync"
	Membership Area = "membership"
	Levels     Area = "levels"
	Leases     Area = "leases"
	Recovery   Area = "dr"
	MTBF       Area = "MTBF"
	Policies   Area = "policies"
	Log        Area = "control log"
	Notices    Area = "notices"
)

// about says of each bug how it is called, which rules it breaks, the first one most of all, and where.
var about = [numBugs]struct {
	name  string
	rules []string
	area  Area
}{
	None:                {"none", nil, ""},
	ReleaseOnSend:       {"release-on-send", []string{"R1"}, Epochs},
	ReleaseOnSuspicion:  {"release-on-suspicion", []string{"R1", "R8"}, Takeover},
	BarrierIgnored:      {"barrier-ignored", []string{"R1", "R8"}, Epochs},
	NoCompareAndSwap:    {"no-compare-and-swap", []string{"R2"}, Takeover},
	RejoinUnchecked:     {"rejoin-unchecked", []string{"R2", "R1"}, Takeover},
	KeepFenced:          {"keep-fenced", []string{"R2"}, Takeover},
	PromoteUnsealed:     {"promote-unsealed", []string{"R3", "R6"}, Epochs},
	AckUnsealed:         {"ack-unsealed", []string{"R1", "R3"}, Epochs},
	DetachAfterAck:      {"detach-after-ack", []string{"R4"}, Mirror},
	FlushLocalOnly:      {"flush-local-only", []string{"R4"}, Mirror},
	StartStale:          {"start-stale", []string{"R5"}, Takeover},
	StartLost:           {"start-lost", []string{"R5"}, Mirror},
	ApplyOpenEpoch:      {"apply-open-epoch", []string{"R6"}, Epochs},
	IntentNotUnited:     {"intent-not-united", []string{"R7"}, Resync},
	AttachEarly:         {"attach-early", []string{"R7"}, Resync},
	SendBeforePersist:   {"send-before-persist", []string{"R2"}, Log},
	AmnesiaIgnored:      {"amnesia-ignored", []string{"R2"}, Log},
	NeverReprotect:      {"never-reprotect", []string{"R9"}, Resync},
	HangIgnored:         {"hang-ignored", []string{"R9"}, Takeover},
	RemnantKept:         {"remnant-kept", []string{"R9"}, Takeover},
	StrikesForgotten:    {"strikes-forgotten", []string{"R9"}, MTBF},
	RenounceForgotten:   {"renounce-forgotten", []string{"R3"}, Takeover},
	AckLocal:            {"ack-local", []string{"R4"}, Mirror},
	FlushEarly:          {"flush-early", []string{"R4", "R7"}, Mirror},
	BoundaryShort:       {"boundary-short", []string{"R6"}, Epochs},
	JoinOverLate:        {"join-over-late", []string{"R7", "R4"}, Resync},
	PassAlone:           {"pass-alone", []string{"R8", "R1"}, Takeover},
	ProposeOnce:         {"propose-once", []string{"R9"}, Log},
	LevelKeepsSecondary: {"level-keeps-secondary", []string{"R3", "R1"}, Levels},
	SilentExposure:      {"silent-exposure", []string{"R10"}, Notices},
	PromoteOlder:        {"promote-older", []string{"R3"}, Takeover},
	PromoteOnce:         {"promote-once", []string{"R3"}, Takeover},
	AttachUnproven:      {"attach-unproven", []string{"R3"}, Resync},
	ReleaseOnTimeout:    {"release-on-timeout", []string{"R8", "R1"}, Epochs},
	WriteTimesOut:       {"write-times-out", []string{"R8", "R4"}, Mirror},
	FaultsUncounted:     {"faults-uncounted", []string{"R9"}, MTBF},
	RetireAnyway:        {"retire-anyway", []string{"R9"}, MTBF},
	RetiredUsed:         {"retired-used", []string{"R9"}, MTBF},
	StartDropped:        {"start-dropped", []string{"R5"}, Membership},
	RehomeUnchecked:     {"rehome-unchecked", []string{"R2"}, Membership},
	KeepDropped:         {"keep-dropped", []string{"R7"}, Membership},
	LearnerVotes:        {"learner-votes", []string{"R2"}, Membership},
	TwoChanges:          {"two-changes", []string{"R2"}, Membership},
	ReservedNotCounted:  {"reserved-not-counted", []string{"R9"}, Policies},
	SitesIgnored:        {"sites-ignored", []string{"R9"}, Policies},
	ApartOutdated:       {"apart-outdated", []string{"R9"}, Policies},
	RehomeUnruled:       {"rehome-unruled", []string{"R9"}, Policies},
	LeaseWaitEarly:      {"lease-wait-early", []string{"R2"}, Leases},
	LeaseUnproven:       {"lease-unproven", []string{"R2"}, Leases},
	LeaseUnarmed:        {"lease-unarmed", []string{"R2"}, Leases},
	PointUnsealed:       {"point-unsealed", []string{"R6", "R9"}, Recovery},
	PointTorn:           {"point-torn", []string{"R6"}, Recovery},
	PointUncommitted:    {"point-uncommitted", []string{"R6"}, Recovery},
	JournalReversed:     {"journal-reversed", []string{"R6"}, Recovery},
	ChangesForgotten:    {"changes-forgotten", []string{"R6"}, Recovery},
	FailOverIncomplete:  {"fail-over-incomplete", []string{"R6"}, Recovery},
	FailBackEarly:       {"fail-back-early", []string{"R5"}, Recovery},
	RecoveryRoomFree:    {"recovery-room-free", []string{"R9"}, Recovery},
	RecoveryMoves:       {"recovery-moves", []string{"R9"}, Recovery},
	EraKept:             {"era-kept", []string{"R2"}, Takeover},
	EraIgnored:          {"era-ignored", []string{"R6"}, Recovery},
	DeadDecide:          {"dead-decide", []string{"R2"}, Log},
	PassedForgotten:     {"passed-forgotten", []string{"R2"}, Leases},
	RuleIgnored:         {"rule-ignored", []string{"R9"}, MTBF},
	LandingUntold:       {"landing-untold", []string{"R9"}, Takeover},
	OpeningAwaited:      {"opening-awaited", []string{"R9"}, Takeover},
	HungForGood:         {"hung-for-good", []string{"R9"}, Takeover},
	ClearToldEarly:      {"clear-told-early", []string{"R9"}, MTBF},
	LossUpheld:          {"loss-upheld", []string{"R9"}, MTBF},
	LeaverOrders:        {"leaver-orders", []string{"R9"}, Membership},
	HungElsewhere:       {"hung-elsewhere", []string{"R9"}, MTBF},
	OrdersRepeated:      {"orders-repeated", []string{"R9"}, Membership},
	RightDropped:        {"right-dropped", []string{"R3"}, Takeover},
	RightAssumed:        {"right-assumed", []string{"R2"}, Takeover},
	TermShared:          {"term-shared", []string{"R2"}, Log},
	SessionKept:         {"session-kept", []string{"R9"}, Takeover},
	RequestsForgotten:   {"requests-forgotten", []string{"R9"}, Takeover},
	ClaimForgotten:      {"claim-forgotten", []string{"R2"}, Leases},
	PromotionForgotten:  {"promotion-forgotten", []string{"R3"}, Takeover},
	LivesForeign:        {"lives-foreign", []string{"R9"}, Leases},
	LeaderUncounted:     {"leader-uncounted", []string{"R9"}, MTBF},
	RetiredRun:          {"retired-run", []string{"R9"}, MTBF},
	RecordOnce:          {"record-once", []string{"R9"}, Mirror},
	RecordForgotten:     {"record-forgotten", []string{"R7"}, Mirror},
	OpeningMistaken:     {"opening-mistaken", []string{"R7", "R5"}, Resync},
	LateReadTaken:       {"late-read-taken", []string{"R4"}, Mirror},
	InstanceMistaken:    {"instance-mistaken", []string{"R9"}, Takeover},
	ReadsAbandoned:      {"reads-abandoned", []string{"R9"}, Recovery},
	RefusalIgnored:      {"refusal-ignored", []string{"R1", "R3"}, Epochs},
	LandingIgnored:      {"landing-ignored", []string{"R9"}, Takeover},
	OvertakenBelieved:   {"overtaken-believed", []string{"R10"}, Notices},
	OwnEarsOnly:         {"own-ears-only", []string{"R9"}, Log},
	ChangedWhileCopied:  {"changed-while-copied", []string{"R6"}, Recovery},
	YieldAnyway:         {"yield-anyway", []string{"R9"}, Takeover},
	YieldStopped:        {"yield-stopped", []string{"R9"}, Takeover},
	HeldUntrue:          {"held-untrue", []string{"R9"}, Takeover},
	HangAwaited:         {"hang-awaited", []string{"R9"}, Takeover},
	FinalAwaited:        {"final-awaited", []string{"R9"}, Takeover},
	PortFirst:           {"port-first", []string{"R9"}, MTBF},
	OwnCopyKeeps:        {"own-copy-keeps", []string{"R9"}, Takeover},
	MoveForgotten:       {"move-forgotten", []string{"R9"}, Takeover},
	TroubleForgotten:    {"trouble-forgotten", []string{"R9"}, Leases},
	LaunchAwaited:       {"launch-awaited", []string{"R9"}, Leases},
	SessionTwice:        {"session-twice", []string{"R7", "R4"}, Resync},
	SessionsShared:      {"sessions-shared", []string{"R1", "R6"}, Epochs},
	LateLife:            {"late-life", []string{"R7", "R4"}, Resync},
	HistoryKept:         {"history-kept", []string{"R6"}, Recovery},
	WaitedFor:           {"waited-for", []string{"R9"}, Policies},
	StoppedAwaited:      {"stopped-awaited", []string{"R9"}, Takeover},
	RecordUntold:        {"record-untold", []string{"R9"}, Mirror},
	OrdersCross:         {"orders-cross", []string{"R9"}, Membership},
	MoveAnywhere:        {"move-anywhere", []string{"R9"}, Takeover},
	OverrideUnread:      {"override-unread", []string{"R5"}, Log},
	CreationForgotten:   {"creation-forgotten", []string{"R10"}, Notices},
	StartForgotten:      {"start-forgotten", []string{"R10"}, Notices},
	OpenForEver:         {"open-for-ever", []string{"R9"}, Membership},
	HearsayAgreed:       {"hearsay-agreed", []string{"R9"}, Membership},
	WishKept:            {"wish-kept", []string{"R9"}, Takeover},
}

// Rules returns the rules that the bug breaks, "R1" to "R10", the first one most of all.
func (b Bug) Rules() []string { return about[b].rules }

// Area returns the part of the protocol that the bug is planted in.
func (b Bug) Area() Area { return about[b].area }
