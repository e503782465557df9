//go:build planted

package scenarios

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/planted"
	"holdfast/reports"
	"holdfast/scenarios/library"
)

// catch says which scenario finds a planted bug, and which rule it must name: one of those given.
var catch = map[planted.Bug]struct {
	scenario string
	rules    []string
}{
	planted.ReleaseOnSend:       {"ft/power-loss-checkpoint-sent", []string{"R1"}},
	planted.ReleaseOnSuspicion:  {"ft/isolated-primary-keeps-lan", []string{"R1"}},
	planted.BarrierIgnored:      {"ha/isolated-primary", []string{"R1"}},
	planted.NoCompareAndSwap:    {"restart/vm-crash-slow-links", []string{"R2"}},
	planted.RejoinUnchecked:     {"ft/daemon-killed-primary", []string{"R1", "R2"}},
	planted.KeepFenced:          {"ft/isolated-primary", []string{"R2"}},
	planted.PromoteUnsealed:     {"network/lossy-disk-then-power-loss", []string{"R6"}},
	planted.AckUnsealed:         {"ft/power-loss-checkpoint-received", []string{"R1"}},
	planted.DetachAfterAck:      {"disk/ha-write-error", []string{"R4"}},
	planted.FlushLocalOnly:      {"ha/power-loss", []string{"R4"}},
	planted.StartStale:          {"ha/stale-copy-alone", []string{"R5"}},
	planted.StartLost:           {"disk/ha-lost-content", []string{"R5", "history"}},
	planted.AckLocal:            {"disk/ha-error-then-power-loss", []string{"R4"}},
	planted.BoundaryShort:       {"disk/ft-intent-power-loss", []string{"R6"}},
	planted.JoinOverLate:        {"found/join-over-late-write", []string{"R7"}},
	planted.PassAlone:           {"clock/frozen-primary", []string{"R1", "R8"}},
	planted.ProposeOnce:         {"clock/frozen-secondary", []string{"expect", "R9"}},
	planted.StrikesForgotten:    {"health/flapping-disk", []string{"R9", "expect"}},
	planted.HangIgnored:         {"ha/vm-hang", []string{"R9", "expect"}},
	planted.RemnantKept:         {"restart/half-create", []string{"R9", "expect"}},
	planted.ApplyOpenEpoch:      {"ft/bank-power-loss", []string{"R6"}},
	planted.IntentNotUnited:     {"ha/unmirrored-write", []string{"R7"}},
	planted.AttachEarly:         {"ha/power-loss", []string{"R7"}},
	planted.NeverReprotect:      {"ft/second-host-after-reprotection", []string{"R9"}},
	planted.PromoteOlder:        {"ft/power-loss-captured", []string{"R3"}},
	planted.PromoteOnce:         {"ft/half-create", []string{"R3"}},
	planted.AttachUnproven:      {"ft/attach-proposed-links-cut", []string{"R3"}},
	planted.ReleaseOnTimeout:    {"pool/no-witness-isolated-primary", []string{"R1"}},
	planted.RenounceForgotten:   {"found/late-checkpoints", []string{"R3"}},
	planted.FlushEarly:          {"found/flush-over-held-writes", []string{"R7"}},
	planted.WriteTimesOut:       {"disk/ha-remote-hang", []string{"R4"}},
	planted.LevelKeepsSecondary: {"found/level-changed-under-writes", []string{"R4"}},
	planted.FaultsUncounted:     {"health/flapping-host", []string{"R9", "expect"}},
	planted.RetireAnyway:        {"health/rare-faults", []string{"R9", "expect"}},
	planted.RetiredUsed:         {"health/retired-disk-unused", []string{"R9", "expect"}},
	planted.StartDropped:        {"pool/dropped-home-alone", []string{"R5"}},
	planted.RehomeUnchecked:     {"pool/two-orders-at-once", []string{"R2"}},
	planted.KeepDropped:         {"pool/home-twice", []string{"R7"}},
	planted.LearnerVotes:        {"pool/learners-with-one-voter", []string{"R2"}},
	planted.LeaseWaitEarly:      {"shared/suspected-long-before", []string{"R2"}},
	planted.LeaseUnproven:       {"shared/isolated-primary", []string{"R2"}},
	planted.LeaseUnarmed:        {"shared/frozen-after-start", []string{"R2"}},
	planted.SilentExposure:      {"ft/power-loss-captured", []string{"R10"}},
	planted.ReservedNotCounted:  {"policy/any-host-lost", []string{"R9", "expect"}},
	planted.SitesIgnored:        {"policy/site-lost", []string{"R9", "expect"}},
	planted.ApartOutdated:       {"policy/apart-restored-ft", []string{"expect"}},
	planted.RehomeUnruled:       {"policy/no-room-for-a-third-home", []string{"expect"}},
	planted.PointUnsealed:       {"dr/fail-over-unsettled", []string{"R9"}},
	planted.PointTorn:           {"dr/overflow-lossy-link", []string{"R6"}},
	planted.PointUncommitted:    {"dr/promoted-while-shipping", []string{"R6"}},
	planted.JournalReversed:     {"dr/lossy-link", []string{"R6"}},
	planted.ChangesForgotten:    {"dr/target-lost-receiving", []string{"R6"}},
	planted.FailOverIncomplete:  {"dr/fail-over-before-first-point", []string{"R6"}},
	planted.FailBackEarly:       {"dr/fail-back-slow-disk", []string{"R5"}},
	planted.RecoveryRoomFree:    {"dr/room-reserved", []string{"R9", "expect"}},
	planted.RecoveryMoves:       {"dr/balance-spares", []string{"expect"}},
	planted.EraKept:             {"found/override-discards-points", []string{"R2"}},
	planted.EraIgnored:          {"found/override-discards-points", []string{"R6"}},
	planted.DeadDecide:          {"found/declared-dead-decide", []string{"R2"}},
	planted.PassedForgotten:     {"found/passed-on-then-started", []string{"R2"}},
	planted.RuleIgnored:         {"health/never-repaired-disk", []string{"R9", "expect"}},
	planted.OrdersRepeated:      {"operator/later-order-stands", []string{"expect"}},
	planted.LandingUntold:       {"disk/ft-secondary-full-then-alone", []string{"R9", "expect"}},
	planted.OpeningAwaited:      {"disk/ha-hang-while-opening", []string{"R9", "expect"}},
	planted.HungElsewhere:       {"health/hung-then-cleared", []string{"R9", "expect"}},
	planted.RightDropped:        {"found/override-in-promotion", []string{"R3"}},
	planted.TermShared:          {"found/rival-overrides-recovery-copy", []string{"R2"}},
	planted.SessionKept:         {"found/override-under-attach", []string{"R9", "expect"}},
	planted.RequestsForgotten:   {"found/override-over-requests", []string{"R9", "expect"}},
	planted.ClaimForgotten:      {"shared/override-while-claimed", []string{"R2"}},
	planted.PromotionForgotten:  {"found/override-over-promotion", []string{"R3"}},
	planted.LivesForeign:        {"found/daemon-killed-in-adoption", []string{"R9", "expect"}},
	planted.LeaderUncounted:     {"health/never-repaired-leader", []string{"R9", "expect"}},
	planted.RetiredRun:          {"health/never-restarted-slow-log", []string{"R9", "expect"}},
	planted.OpeningMistaken:     {"pool/home-twice-disk-hangs", []string{"R7"}},
	planted.InstanceMistaken:    {"ha/vm-hang", []string{"R9", "expect"}},
	planted.ReadsAbandoned:      {"found/read-ended-by-opening", []string{"R9", "expect"}},
	planted.RefusalIgnored:      {"disk/ft-secondary-write-error", []string{"R1", "R3", "R6"}},
	planted.LandingIgnored:      {"operator/migrate-to-full-disk", []string{"expect"}},
	planted.OwnEarsOnly:         {"pool/leader-hears-for-all", []string{"R9", "expect"}},
	planted.YieldAnyway:         {"found/yield-to-failed-disk", []string{"expect"}},
	planted.YieldStopped:        {"found/stopped-stays", []string{"expect"}},
	planted.HangAwaited:         {"found/daemon-killed-while-disk-hangs", []string{"expect", "R9"}},
	planted.PortFirst:           {"found/maintenance-against-port", []string{"expect"}},
	planted.OwnCopyKeeps:        {"found/maintenance-without-disk", []string{"expect"}},
	planted.MoveForgotten:       {"found/migrate-over-distance", []string{"expect"}},
	planted.TroubleForgotten:    {"found/storage-refuses-both", []string{"expect"}},
	planted.LaunchAwaited:       {"found/creation-hangs-shared", []string{"expect"}},
	planted.WaitedFor:           {"found/policy-while-one-waits", []string{"expect"}},
	planted.StoppedAwaited:      {"found/stopped-evacuated", []string{"expect"}},
	planted.RecordUntold:        {"found/record-refused", []string{"expect"}},
	planted.OrdersCross:         {"found/recovery-copy-replaced", []string{"expect"}},
	planted.MoveAnywhere:        {"found/migrate-then-another-home", []string{"expect"}},
	planted.SessionsShared:      {"found/level-after-power-loss", []string{"R1", "R6"}},
	planted.RightAssumed:        {"ft/both-lost-primary-first-secondary-back-first", []string{"R2"}},
}

// elsewhere are the bugs whose window no scenario of the library hits; the test named finds them.
var elsewhere = map[planted.Bug]string{
	planted.AmnesiaIgnored:     "engine/control, in the random test of the log: votes of a term that was forgotten",
	planted.TwoChanges:         "engine/control, in the random test of the log: a second change of the voters is begun before the first is decided",
	planted.RecordForgotten:    "engine/mirror, in its random test: marks are forgotten while a write to two extents waits for its record",
	planted.LateReadTaken:      "engine/mirror, in its random test: the answer to a read comes in a later life, which asks under the same number",
	planted.SendBeforePersist:  "engine/control, in the random test of the log: a crash between two effects",
	planted.RecordOnce:         "engine/mirror, in a trace: the record of the last copy fails, and its time-out comes again",
	planted.OvertakenBelieved:  "engine, in a test: a heartbeat arrives over a slow link after a newer one over another",
	planted.HungForGood:        "engine, in a test: a guest responds again in the step in which it was said to hang",
	planted.ClearToldEarly:     "engine, in a test: a clear and what takes it back are decided in one step",
	planted.LossUpheld:         "engine, in a test: a host is heard again before its loss, which takes it out of service, is decided",
	planted.ChangedWhileCopied: "engine, in a test: what a durable point has, told while extents are copied",
	planted.HeldUntrue:         "engine, in a test: a home with a copy that lost what it had promised, and a checkpoint",
	planted.FinalAwaited:       "engine, in a test: a host that has the last checkpoint of a VM says that it cannot go on with it",
	planted.SessionTwice:       "engine, in a test: a copy that was opened again, and a session that the one before it followed",
	planted.HistoryKept:        "engine, in a test: a recovery copy that is removed and added again within one step",
	planted.LateLife:           "engine, in a test: a session that was opened with an earlier life",
	planted.LeaverOrders:       "engine, in a test: a member leaves with orders that are not decided",
	planted.OverrideUnread:     "engine, in a test: the only entry that the others have not is of a newer version",
	planted.CreationForgotten:  "engine, in a test: two members are told to create a VM at the same time",
	planted.StartForgotten:     "engine, in a test: the generation moves between the order to start and its proposal",
	planted.OpenForEver:        "engine, in a test: an order that was proposed once, and what takes it back, wait for the VM to be protected",
	planted.HearsayAgreed:      "engine, in a test: a member that is cut off is told what seems to be so",
	planted.WishKept:           "engine, in a test: the VM has moved before what was wanted could be done",
}

// plantedSeeds bounds the search for each bug by its script.
const plantedSeeds = 40

// caught is what a script says about a bug.
type caught struct {
	scenario string
	seed     uint64
	rule     string
	text     string
}

// byScript plants the bug and runs its script with seed after seed until it names one of its rules; false: it did not
// within that many seeds.
func byScript(t *testing.T, bug planted.Bug, first, seeds uint64) (caught, bool) {
	t.Helper()
	c := catch[bug]
	s, err := library.Get(c.scenario)
	require.NoError(t, err)
	planted.Plant(bug)
	defer planted.Plant(planted.None)
	for seed := first; seed < first+seeds; seed++ {
		for _, f := range attempt(s, seed).Failures {
			if slices.Contains(c.rules, f.Rule) {
				return caught{scenario: c.scenario, seed: seed, rule: f.Rule, text: f.Text}, true
			}
		}
	}
	return caught{}, false
}

// TestPlantedBugs plants each bug and demands that its scenario finds it and names its rule,
// and that the same scenario passes without it.
func TestPlantedBugs(t *testing.T) {
	for _, bug := range planted.All() {
		if where, ok := elsewhere[bug]; ok {
			t.Logf("%-22s is found in %s", bug, where)
			continue
		}
		t.Run(bug.String(), func(t *testing.T) {
			found, ok := byScript(t, bug, 1, plantedSeeds)
			require.True(t, ok, "%s did not find %v within %d seeds", catch[bug].scenario, bug, plantedSeeds)
			s, err := library.Get(found.scenario)
			require.NoError(t, err)
			require.Equal(t, reports.Pass, attempt(s, found.seed).Outcome, "%s fails without the bug", found.scenario)
			t.Logf("%-22s %-44s seed %2d  %s: %s", bug, found.scenario, found.seed, found.rule, found.text)
		})
	}
}
