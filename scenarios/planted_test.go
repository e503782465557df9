//go:build planted

package scenarios

import (
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
	planted.ReleaseOnSend:      {"ft/power-loss-checkpoint-sent", []string{"R1"}},
	planted.ReleaseOnSuspicion: {"ft/isolated-primary-keeps-lan", []string{"R1"}},
	planted.BarrierIgnored:     {"ha/isolated-primary", []string{"R1"}},
	planted.NoCompareAndSwap:   {"restart/vm-crash-slow-links", []string{"R2"}},
	planted.RejoinUnchecked:    {"ft/daemon-killed-primary", []string{"R1", "R2"}},
	planted.KeepFenced:         {"ft/isolated-primary", []string{"R2"}},
	planted.PromoteUnsealed:    {"network/lossy-disk-then-power-loss", []string{"R6"}},
	planted.AckUnsealed:        {"ft/power-loss-checkpoint-received", []string{"R1"}},
	planted.DetachAfterAck:     {"disk/ha-write-error", []string{"R4"}},
	planted.FlushLocalOnly:     {"ha/power-loss", []string{"R4"}},
	planted.StartStale:         {"ha/stale-copy-alone", []string{"R5"}},
	planted.StartLost:          {"disk/ha-lost-content", []string{"R5", "history"}},
	planted.AckLocal:           {"disk/ha-error-then-power-loss", []string{"R4"}},
	planted.BoundaryShort:      {"disk/ft-intent-power-loss", []string{"R6"}},
	planted.JoinOverLate:       {"found/join-over-late-write", []string{"R7"}},
	planted.PassAlone:          {"clock/frozen-primary", []string{"R1", "R8"}},
	planted.ProposeOnce:        {"clock/frozen-secondary", []string{"expect", "R9"}},
	planted.StrikesForgotten:   {"health/flapping-disk", []string{"expect"}},
	planted.HangIgnored:        {"ha/vm-hang", []string{"R9", "expect"}},
	planted.RemnantKept:        {"restart/half-create", []string{"R9", "expect"}},
	planted.ApplyOpenEpoch:     {"ft/bank-power-loss", []string{"R6"}},
	planted.IntentNotUnited:    {"ha/unmirrored-write", []string{"R7"}},
	planted.AttachEarly:        {"ha/power-loss", []string{"R7"}},
	planted.NeverReprotect:     {"ft/second-host-after-reprotection", []string{"R9"}},
	planted.StartDropped:       {"pool/dropped-home-alone", []string{"R5"}},
	planted.RehomeUnchecked:    {"pool/two-orders-at-once", []string{"R2"}},
	planted.KeepDropped:        {"pool/home-twice", []string{"R7"}},
	planted.LearnerVotes:       {"pool/learners-with-one-voter", []string{"R2"}},
	planted.LeaseWaitEarly:     {"shared/suspected-long-before", []string{"R2"}},
	planted.LeaseUnproven:      {"shared/isolated-primary", []string{"R2"}},
	planted.LeaseUnarmed:       {"shared/frozen-after-start", []string{"R2"}},
	planted.SilentExposure:     {"ft/power-loss-captured", []string{"R10"}},
	planted.ReservedNotCounted: {"policy/any-host-lost", []string{"expect"}},
	planted.SitesIgnored:       {"policy/site-lost", []string{"expect"}},
	planted.ApartOutdated:      {"policy/apart-restored-ft", []string{"expect"}},
	planted.RehomeUnruled:      {"policy/no-room-for-a-third-home", []string{"expect"}},
	planted.PointUnsealed:      {"dr/target-lost-unsealed", []string{"R6"}},
	planted.PointTorn:          {"dr/overflow-lossy-link", []string{"R6"}},
	planted.PointUncommitted:   {"dr/promoted-while-shipping", []string{"R6"}},
	planted.JournalReversed:    {"dr/lossy-link", []string{"R6"}},
	planted.ChangesForgotten:   {"dr/target-lost-receiving", []string{"R6"}},
	planted.FailOverIncomplete: {"dr/fail-over-before-first-point", []string{"R6"}},
	planted.FailBackEarly:      {"dr/fail-back-slow-disk", []string{"R5"}},
	planted.RecoveryRoomFree:   {"dr/room-reserved", []string{"expect"}},
	planted.RecoveryMoves:      {"dr/balance-spares", []string{"expect"}},
}

// elsewhere are the bugs whose window no scenario of the library hits; the test named finds them.
var elsewhere = map[planted.Bug]string{
	planted.RenounceForgotten:   "random plans, in scenarios/campaign",
	planted.FlushEarly:          "random plans, in scenarios/campaign",
	planted.LevelKeepsSecondary: "random plans, in scenarios/campaign",
	planted.AmnesiaIgnored:      "engine/control, in the random test of the log: votes of a term that was forgotten",
	planted.TwoChanges:          "engine/control, in the random test of the log: a second change of the voters is begun before the first is decided",
	planted.SendBeforePersist:   "engine/control, in the random test of the log: a crash between two effects",
}

// plantedSeeds bounds the search for each bug.
const plantedSeeds = 40

// TestPlantedBugs plants each bug and demands that its scenario finds it and names its rule,
// and that the same scenario passes without it.
func TestPlantedBugs(t *testing.T) {
	for _, bug := range planted.All() {
		if where, ok := elsewhere[bug]; ok {
			t.Logf("%-22s is found in %s", bug, where)
			continue
		}
		t.Run(bug.String(), func(t *testing.T) {
			c := catch[bug]
			s, err := library.Get(c.scenario)
			require.NoError(t, err)
			planted.Plant(bug)
			defer planted.Plant(planted.None)
			for seed := uint64(1); seed <= plantedSeeds; seed++ {
				text := named(attempt(s, seed).Failures, c.rules)
				if text == "" {
					continue
				}
				planted.Plant(planted.None)
				require.Equal(t, reports.Pass, attempt(s, seed).Outcome, "%s fails without the bug", c.scenario)
				t.Logf("%-22s %-44s seed %2d  %s", bug, c.scenario, seed, text)
				return
			}
			t.Fatalf("%s did not find %v within %d seeds", c.scenario, bug, plantedSeeds)
		})
	}
}

// named returns the first failure that names one of the rules, or nothing.
func named(failures []reports.Failure, rules []string) string {
	for _, f := range failures {
		for _, rule := range rules {
			if f.Rule == rule {
				return f.Rule + ": " + f.Text
			}
		}
	}
	return ""
}

// TestSharedRandomFindsPlantedBugs shows that the random plans for shared storage find what is wrong with leases.
func TestSharedRandomFindsPlantedBugs(t *testing.T) {
	for _, bug := range []planted.Bug{planted.LeaseWaitEarly, planted.LeaseUnproven, planted.LeaseUnarmed} {
		t.Run(bug.String(), func(t *testing.T) {
			planted.Plant(bug)
			defer planted.Plant(planted.None)
			for seed := uint64(0); seed < 2000; seed++ {
				if text := named(attempt(sharedScript(t, "log", sharedPlan(seed)), seed).Failures, []string{"R2"}); text != "" {
					t.Logf("%-18s seed %d  %s", bug, seed, text)
					return
				}
			}
			t.Fatalf("no plan found %v", bug)
		})
	}
}
