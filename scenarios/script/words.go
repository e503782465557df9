package script

import (
	"strconv"
	"time"
)

// Level is the protection of a VM.
type Level uint8

// The levels.
const (
	LevelRestart Level = iota + 1
	LevelHA
	LevelFT
	LevelNone
)

// Service is the application in the guest that the clients use.
type Service uint8

const (
	// ServiceRegisters keeps its keys in memory only; it needs level ft.
	ServiceRegisters Service = iota + 1
	// ServiceLog is a key-value store that logs every write on the guest's disk and flushes it
	// before it answers.
	ServiceLog
	// ServiceBank moves money between accounts, logged and flushed in the same way; the sum of all
	// accounts never changes.
	ServiceBank
)

// Setting is an adjustable time of the engine.
type Setting uint8

// The settings; Default gives their values.
const (
	SettingHeartbeat Setting = iota + 1
	SettingSuspectAfter
	SettingPromoteWait
	SettingIOTimeout
	SettingAckTimeout
	SettingEpoch
	SettingColdStartAfter
	SettingHangAfter
	SettingEpochMax
	SettingRehomeAfter
	SettingVoterLostAfter
	SettingMTBF
	SettingMendAfter
	SettingLeaseTimeout
)

// Stage is a point that a VM passes in its life, or in the life of an epoch, a resync or a write.
type Stage uint8

// The stages. Stages from StageEpochStarted to StageReleased exist for level ft only.
const (
	StageEpochStarted Stage = iota + 1
	StageCapturing
	StageCaptured
	StageCheckpointSent
	StageCheckpointReceived
	StageSealed
	StageAcknowledged
	StageReleased
	StageExposeProposed
	StageExposed
	StagePromoteProposed
	StagePromoted
	StageStarted
	StageResyncStarted
	StageResyncHalfway
	StageResyncCopied
	StageAttachProposed
	StageAttached
	StageProtected
	StageIntentMarked
	StageWriteIssued
	StageWriteLocalDone
	StageWriteRemoteDone
	StageClaimed
	StagePointSent
	StagePointSealed
	StagePointApplied
	StageFailOverProposed
	StageOverflow
)

// Event is a kind of notice that people and metrics see (R10).
type Event uint8

// The events.
const (
	EventSuspected Event = iota + 1
	EventHeard
	EventLinkDown
	EventLinkUp
	EventExposed
	EventProtected
	EventDegraded
	EventProposed
	EventPromoted
	EventStarted
	EventStateLost
	EventFaultCounted
	EventRetired
	EventCleared
	EventLevel
	EventMaintenance
	EventEvacuated
	EventResumed
	EventHung
	EventFenced
	EventResync
	EventCopied
	EventAttached
	EventDiskFault
	EventDiskLost
	EventRedirected
	EventDirect
	EventAmnesia
	EventOutgrown
	EventOverride
	EventRefused
	EventNoQuorum
	EventRehomed
	EventJoined
	EventLeaving
	EventLeft
	EventVoter
	EventLearner
	EventPolicyBroken
	EventPolicyKept
	EventMoving
	EventClaimed
	EventReleased
	EventUnrenewed
	EventReset
	EventRecoveryPoint
	EventRecoveryLate
	EventOverflow
	EventFailedOver
	EventFailedBack
	EventTested
	EventTestFailed
)

// PolicyKind is what a policy demands.
type PolicyKind uint8

// The policies.
const (
	// PolicyApart: no host runs two of the VMs.
	PolicyApart PolicyKind = iota + 1
	// PolicyApartHomes: no host is a home of two of the VMs.
	PolicyApartHomes
	// PolicySiteOther: the two homes of each of the VMs are on different sites. PolicySiteSame: on the same one.
	PolicySiteOther
	PolicySiteSame
)

// word is an enum's word in scripts and its sentence in the reference.
type word struct{ text, doc string }

var (
	levelWords = []word{
		{"restart", "a lost VM is started again on the other host, exactly once; its disk has two copies"},
		{"ha", "as restart, and a failed disk, NIC or link is replaced by the other host's without the guest noticing"},
		{"ft", "memory and disk go on on the other host: nothing is lost, connections included"},
		{"none", "no second copy, and nothing happens when the VM is lost but that its own host starts it again"},
	}
	serviceWords = []word{
		{"registers", "keys in memory only; needs level ft"},
		{"log", "a key-value store that logs each write on the guest's disk and flushes it before it answers"},
		{"bank", "transfers between accounts, logged and flushed in the same way; the sum never changes"},
	}
	settingWords = []word{
		{"heartbeat", "time between two heartbeats on each link"},
		{"suspect-after", "silence after which a member is suspected"},
		{"promote-wait", "how much longer the secondary waits before it proposes, so that a living primary wins"},
		{"io-timeout", "time T after which a disk operation counts as failed"},
		{"ack-timeout", "time after which an unacknowledged checkpoint counts as failed"},
		{"epoch", "time between two checkpoints while output waits"},
		{"cold-start-after", "when both hosts of a VM were lost: how long a copy that is in sync waits for the other host before the VM boots from it alone"},
		{"hang-after", "how long a guest may not respond before it is booted anew"},
		{"epoch-max", "longest time between two checkpoints, while no output waits"},
		{"rehome-after", "how long a VM's second home is of no use before another host becomes its second home"},
		{"voter-lost-after", "how long a voter is not heard before another member votes in its place"},
		{"mtbf", "mean time between failures below which a component is taken out of service: five faults within four times this"},
		{"mend-after", "how long a policy is broken, or hosts are out of balance, before a VM is moved for it"},
		{"lease-timeout", "time W after which the watchdog resets a host that runs VMs on shared storage and cannot renew its lease; 1s at least"},
	}
	settingDefaults = []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 200 * time.Millisecond,
		500 * time.Millisecond, time.Second, 50 * time.Millisecond, 5 * time.Second, 5 * time.Second, 500 * time.Millisecond,
		5 * time.Minute, time.Minute, 5 * time.Second, 30 * time.Second, 5 * time.Second}
	stageWords = []word{
		{"epoch-started", "the guest runs in a new epoch"},
		{"capturing", "the guest is paused for its checkpoint"},
		{"captured", "the checkpoint is in the primary's staging buffer and the guest runs again"},
		{"checkpoint-sent", "the primary has sent the last byte of it"},
		{"checkpoint-received", "the secondary has received its last byte"},
		{"sealed", "the secondary holds all of it, the epoch's disk writes included"},
		{"acknowledged", "the secondary has sent its acknowledgement"},
		{"released", "the primary has let the epoch's output go"},
		{"expose-proposed", "the primary asked the pool to go on as the only copy"},
		{"exposed", "the pool agreed"},
		{"promote-proposed", "the secondary asked the pool to take over"},
		{"promoted", "the VM goes on on the former secondary"},
		{"started", "the VM boots from its disk"},
		{"resync-started", "the copy of a returned host begins to be brought up to date"},
		{"resync-halfway", "half of it is copied"},
		{"resync-copied", "all of it is copied, not yet attached"},
		{"attach-proposed", "the pool is asked to count the copy as in sync"},
		{"attached", "the pool agreed"},
		{"protected", "the VM has its full redundancy"},
		{"intent-marked", "the intent to write a block is durable"},
		{"write-issued", "a disk write of the guest was issued to the copies"},
		{"write-local-done", "the copy on the primary has it"},
		{"write-remote-done", "the copy on the secondary has it"},
		{"claimed", "the pool gave a VM on shared storage to its other home, which waits until the old instance has certainly stopped"},
		{"point-sent", "the primary has announced a recovery point"},
		{"point-sealed", "the recovery copy has the point durably"},
		{"point-applied", "the point is on the recovery copy, out of the journal"},
		{"fail-over-proposed", "the host of the recovery copy asked the pool to start the VM from it"},
		{"overflow", "more writes wait for the recovery copy than are kept"},
	}
	eventWords = []word{
		{"suspected", "a member is no longer heard"},
		{"heard", "it is heard again"},
		{"link-down", "a link to a member is down"},
		{"link-up", "it is up again"},
		{"exposed", "a VM runs as its only copy"},
		{"protected", "a VM has its full redundancy"},
		{"degraded", "a copy of a VM was taken out of the in-sync set"},
		{"proposed", "a new generation of a VM was proposed"},
		{"promoted", "a VM continued on its secondary"},
		{"started", "a VM boots from its disk"},
		{"state-lost", "a VM has to boot although its level promises more"},
		{"fault-counted", "a fault was counted against a component of a member or VM"},
		{"retired", "a component of a member or VM failed too often and is out of service until it is cleared"},
		{"cleared", "it is in service again"},
		{"level", "a VM has another level from now on"},
		{"maintenance", "a host is in maintenance"},
		{"evacuated", "no VM runs any more on a host in maintenance"},
		{"resumed", "a host is in use again"},
		{"hung", "the guest of a VM has not responded for too long and is booted anew"},
		{"fenced", "an instance of a VM was destroyed because the pool went on without it"},
		{"resync", "a copy of a VM is being brought up to date"},
		{"copied", "a copy of a VM lacks nothing more and is about to be attached"},
		{"attached", "a copy of a VM is in sync again"},
		{"disk-fault", "an operation on a copy of a VM's disk failed"},
		{"disk-lost", "a copy of a VM lacks something that its disk had called durable"},
		{"redirected", "a VM's disk or network traffic goes over the other host"},
		{"direct", "it does no longer"},
		{"amnesia", "a member lost the end of its control log and does not vote until it has caught up"},
		{"outgrown", "a member runs a version that cannot read what the pool decided, and takes no part until it is upgraded"},
		{"override", "an operator overrode the rules, or a member learnt that others were told to go on without it"},
		{"refused", "an order or a proposal was refused"},
		{"no-quorum", "the pool cannot decide"},
		{"rehomed", "a VM has another second home"},
		{"joined", "a host belongs to the pool"},
		{"leaving", "a host gives up its copies in order to leave"},
		{"left", "a host does not belong to the pool any more"},
		{"voter", "a member votes on the pool's log that did not"},
		{"learner", "a member does not vote any more"},
		{"policy-broken", "a policy about a VM or a host does not hold"},
		{"policy-kept", "it holds again"},
		{"moving", "a VM or its second copy moves because of a policy"},
		{"claimed", "a VM on shared storage belongs to its other home, which starts it when the old instance has certainly stopped"},
		{"released", "a VM on shared storage was stopped and given to its other home"},
		{"unrenewed", "a host that runs a VM on shared storage cannot renew its lease; its watchdog is about to reset it"},
		{"reset", "a host was reset by its watchdog"},
		{"recovery-point", "a VM's recovery copy is within its recovery point target"},
		{"recovery-late", "it is not"},
		{"overflow", "more writes wait for a recovery copy than are kept; changed extents are copied instead"},
		{"failed-over", "a VM is started from its recovery copy"},
		{"failed-back", "a VM returned from there to its homes"},
		{"tested", "a test fail-over of a VM served"},
		{"test-failed", "it did not"},
	}
	policyWords = []word{
		{"apart", "no host runs two of the VMs, which are two at least; a failover may break it, and it is mended"},
		{"apart-homes", "no host has copies of two of them, in addition"},
		{"site-other", "the second copy of each of the VMs is on another site than the VM"},
		{"site-same", "it is on the same site"},
	}
	comparatorWords = []word{{"<", "less than"}, {"<=", "at most"}, {"=", "exactly"}, {">=", "at least"}, {">", "more than"}}
	expectWords     = []word{{"pause", ""}, {"promotions", ""}, {"restarts", ""}, {"resets", ""}, {"primary", ""}, {"converged", ""},
		{"event", ""}, {"no", ""}, {"stalled", ""}, {"served", ""}, {"state-lost", ""}, {"secondary", ""}, {"apart", ""}, {"refused", ""}, {"rpo", ""}}
)

// String returns the level's word.
func (l Level) String() string { return wordOf(levelWords, int(l)) }

// String returns the service's word.
func (s Service) String() string { return wordOf(serviceWords, int(s)) }

// String returns the setting's word.
func (s Setting) String() string { return wordOf(settingWords, int(s)) }

// Default returns the value of a valid setting that a script does not tune.
func (s Setting) Default() time.Duration { return settingDefaults[s-1] }

// Stages returns every stage, in the order of the language reference.
func Stages() []Stage {
	list := make([]Stage, len(stageWords))
	for i := range list {
		list[i] = Stage(i + 1)
	}
	return list
}

// String returns the stage's word.
func (s Stage) String() string { return wordOf(stageWords, int(s)) }

// FTOnly reports whether only VMs of level ft pass the stage.
func (s Stage) FTOnly() bool { return s >= StageEpochStarted && s <= StageReleased }

// String returns the event's word, which is also the name of the engine's notice.
func (e Event) String() string { return wordOf(eventWords, int(e)) }

// String returns the policy's word.
func (k PolicyKind) String() string { return wordOf(policyWords, int(k)) }

// Apart reports whether the policy is about VMs that are kept from each other.
func (k PolicyKind) Apart() bool { return k == PolicyApart || k == PolicyApartHomes }

// String returns the comparator's sign.
func (c Comparator) String() string { return wordOf(comparatorWords, int(c)) }

// String returns the word that starts the expectation; ExpectNoEvent is "no".
func (k ExpectKind) String() string { return wordOf(expectWords, int(k)) }

// Holds reports whether measure compares to bound as c says.
func (c Comparator) Holds(measure, bound int64) bool {
	switch c {
	case Less:
		return measure < bound
	case AtMost:
		return measure <= bound
	case Equal:
		return measure == bound
	case AtLeast:
		return measure >= bound
	case Greater:
		return measure > bound
	default:
		return false
	}
}

// wordOf returns the word of the enum value i, which counts from 1.
func wordOf(words []word, i int) string {
	if i < 1 || i > len(words) {
		return "unknown(" + strconv.Itoa(i) + ")"
	}
	return words[i-1].text
}

// texts returns the words alone.
func texts(words []word) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = w.text
	}
	return list
}
