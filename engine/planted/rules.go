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

// about says of each bug which rules it breaks, the first one most of all, and where.
var about = [numBugs]struct {
	rules []string
	area  Area
}{
	ReleaseOnSend:       {[]string{"R1"}, Epochs},
	ReleaseOnSuspicion:  {[]string{"R1", "R8"}, Takeover},
	BarrierIgnored:      {[]string{"R1", "R8"}, Epochs},
	NoCompareAndSwap:    {[]string{"R2"}, Takeover},
	RejoinUnchecked:     {[]string{"R2", "R1"}, Takeover},
	KeepFenced:          {[]string{"R2"}, Takeover},
	PromoteUnsealed:     {[]string{"R3", "R6"}, Epochs},
	AckUnsealed:         {[]string{"R1", "R3"}, Epochs},
	DetachAfterAck:      {[]string{"R4"}, Mirror},
	FlushLocalOnly:      {[]string{"R4"}, Mirror},
	StartStale:          {[]string{"R5"}, Takeover},
	StartLost:           {[]string{"R5"}, Mirror},
	ApplyOpenEpoch:      {[]string{"R6"}, Epochs},
	IntentNotUnited:     {[]string{"R7"}, Resync},
	AttachEarly:         {[]string{"R7"}, Resync},
	SendBeforePersist:   {[]string{"R2"}, Log},
	AmnesiaIgnored:      {[]string{"R2"}, Log},
	NeverReprotect:      {[]string{"R9"}, Resync},
	HangIgnored:         {[]string{"R9"}, Takeover},
	RemnantKept:         {[]string{"R9"}, Takeover},
	StrikesForgotten:    {[]string{"R9"}, MTBF},
	RenounceForgotten:   {[]string{"R3"}, Takeover},
	AckLocal:            {[]string{"R4"}, Mirror},
	FlushEarly:          {[]string{"R4", "R7"}, Mirror},
	BoundaryShort:       {[]string{"R6"}, Epochs},
	JoinOverLate:        {[]string{"R7", "R4"}, Resync},
	PassAlone:           {[]string{"R8", "R1"}, Takeover},
	ProposeOnce:         {[]string{"R9"}, Log},
	LevelKeepsSecondary: {[]string{"R3", "R1"}, Levels},
	SilentExposure:      {[]string{"R10"}, Notices},
	PromoteOlder:        {[]string{"R3"}, Takeover},
	PromoteOnce:         {[]string{"R3"}, Takeover},
	AttachUnproven:      {[]string{"R3"}, Resync},
	ReleaseOnTimeout:    {[]string{"R8", "R1"}, Epochs},
	WriteTimesOut:       {[]string{"R8", "R4"}, Mirror},
	FaultsUncounted:     {[]string{"R9"}, MTBF},
	RetireAnyway:        {[]string{"R9"}, MTBF},
	RetiredUsed:         {[]string{"R9"}, MTBF},
	StartDropped:        {[]string{"R5"}, Membership},
	RehomeUnchecked:     {[]string{"R2"}, Membership},
	KeepDropped:         {[]string{"R7"}, Membership},
	LearnerVotes:        {[]string{"R2"}, Membership},
	TwoChanges:          {[]string{"R2"}, Membership},
	ReservedNotCounted:  {[]string{"R9"}, Policies},
	SitesIgnored:        {[]string{"R9"}, Policies},
	ApartOutdated:       {[]string{"R9"}, Policies},
	RehomeUnruled:       {[]string{"R9"}, Policies},
	LeaseWaitEarly:      {[]string{"R2"}, Leases},
	LeaseUnproven:       {[]string{"R2"}, Leases},
	LeaseUnarmed:        {[]string{"R2"}, Leases},
	PointUnsealed:       {[]string{"R6"}, Recovery},
	PointTorn:           {[]string{"R6"}, Recovery},
	PointUncommitted:    {[]string{"R6"}, Recovery},
	JournalReversed:     {[]string{"R6"}, Recovery},
	ChangesForgotten:    {[]string{"R6"}, Recovery},
	FailOverIncomplete:  {[]string{"R6"}, Recovery},
	FailBackEarly:       {[]string{"R5"}, Recovery},
	RecoveryRoomFree:    {[]string{"R9"}, Recovery},
	RecoveryMoves:       {[]string{"R9"}, Recovery},
}

// Rules returns the rules that the bug breaks, "R1" to "R10", the first one most of all.
func (b Bug) Rules() []string { return about[b].rules }

// Area returns the part of the protocol that the bug is planted in.
func (b Bug) Area() Area { return about[b].area }
