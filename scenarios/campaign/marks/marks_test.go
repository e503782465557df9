package marks_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/scenarios"
	"holdfast/scenarios/campaign/marks"
	"holdfast/scenarios/script"
)

// reached runs a script and returns how often each mark was reached.
func reached(t *testing.T, pool, body string) marks.Counts {
	t.Helper()
	s, err := script.Parse("test", "scenario test\npurpose \"A rare situation.\"\n"+pool+body)
	require.NoError(t, err)
	c := marks.New(s)
	_, err = scenarios.Run(context.Background(), s, scenarios.Options{Seed: 1, Watch: c})
	require.NoError(t, err)
	return c.Counts()
}

const (
	three = "host a\nhost b\nwitness w\n"
	two   = "host a\nhost b\n"
	ft    = "vm db level ft service log on a\nclients db count 3 rate 60/s keys 6\n"
	four  = "host a site north\nhost b site south\nhost c site north\nhost d site south\nvoters 3\n"
	far   = "vm db level ft service log on a second b\nclients db count 3 rate 60/s keys 6\ntune rehome-after 1s\ntune voter-lost-after 2s\n"

	shared = "vm db level restart service log storage shared on a\nclients db count 3 rate 60/s keys 6\ntune lease-timeout 2s\n"
	ha     = "vm db level ha service log on a\nclients db count 3 rate 60/s keys 6\n"

	places   = "host a\nhost b\nhost c\n"
	covered  = "vm db level ha service log on a second b dr c rpo 1s\nclients db count 4 rate 100/s keys 8\n"
	lost     = "at 2s power-off a\nat 2s power-off b\nat 3s override c declare-dead a\n"
	returned = "at 6s power-on a\nat 6s power-on b\n"
)

// TestMarks: each situation, made on purpose, is recognised; and a calm run reaches none.
func TestMarks(t *testing.T) {
	for i, c := range []struct {
		pool, body string
		want       []marks.Mark
		not        []marks.Mark
	}{
		{three, ft + "run 3s\n", nil, marks.All()},
		{three, ft + "when db stage captured after 1s power-off a for 2s\nrun 6s\n", []marks.Mark{marks.LostCaptured}, []marks.Mark{marks.LostSent, marks.BothHomesOff, marks.StateLost}},
		{three, ft + "when db stage checkpoint-sent after 1s power-off a for 2s\nrun 6s\n", []marks.Mark{marks.LostSent}, []marks.Mark{marks.LostCaptured}},
		{three, ft + "when db stage checkpoint-received after 1s power-off a for 2s\nrun 6s\n", []marks.Mark{marks.LostReceived}, nil},
		{three, ft + "when db stage sealed after 1s power-off a for 2s\nrun 6s\n", []marks.Mark{marks.LostSealed}, nil},
		{three, ft + "when db stage acknowledged after 1s power-off a for 2s\nrun 6s\n", []marks.Mark{marks.LostAcknowledged}, []marks.Mark{marks.LostSealed}},
		{three, ft + "when db stage released after 1s power-off a for 2s\nrun 6s\n", nil, []marks.Mark{marks.LostAcknowledged, marks.LostSealed}},
		{three, ft + "at 1s power-off a for 2s\nwhen db stage promote-proposed power-off b for 1s\nrun 9s\nexpect state-lost(db)\n", []marks.Mark{marks.LostAtPromotion, marks.BothHomesOff, marks.AllHostsOff}, nil},
		{three, ft + "at 1s power-off b for 2s\nwhen db stage expose-proposed power-off a for 1s\nrun 9s\nexpect state-lost(db)\n", []marks.Mark{marks.LostAtExposure, marks.BothHomesOff}, nil},
		{three, ft + "at 1s power-off b for 1s\nwhen db stage attach-proposed after 1s power-off b for 1s\nrun 9s\n", []marks.Mark{marks.LostAtAttach, marks.LostAgain}, nil},
		{three, ha + "at 1s power-off b for 1s\nwhen db stage resync-started after 1s power-off a for 1s\nrun 9s\n", []marks.Mark{marks.SourceLostInResync}, []marks.Mark{marks.TargetLostInResync}},
		{three, ha + "at 1s power-off b for 1s\nwhen db stage resync-started after 1s power-off b for 1s\nrun 9s\n", []marks.Mark{marks.TargetLostInResync, marks.ResyncBrokenOff}, []marks.Mark{marks.SourceLostInResync}},
		{three, ha + "at 1s power-off b for 1s\nwhen db stage resync-started after 1s kill-daemon b\nrun 9s\n", []marks.Mark{marks.DaemonKilledInResync}, nil},
		{three, ft + "tune promote-wait 1ms\nat 1s cut all a <-> b for 4s\nrun 8s\nexpect state-lost(db)\n", []marks.Mark{marks.BothSecondaryWon}, []marks.Mark{marks.BothPrimaryWon}},
		{three, ft + "at 1s power-off a for 1s\nat 8s power-off b for 1s\nrun 14s\n", []marks.Mark{marks.PromotedBack}, []marks.Mark{marks.BothHomesOff}},
		{three, ft + "at 1s power-off a for 3s\nat 1s power-off b for 3s\nrun 16s\nexpect state-lost(db)\n", []marks.Mark{marks.BothHomesOff, marks.AllHostsOff, marks.ColdStart, marks.StateLost}, nil},
		{three, ft + "at 1s power-off a for 3s\nwhen db stage promote-proposed reboot w\nrun 8s\n", []marks.Mark{marks.WitnessLostInFailover}, nil},
		{three, ft + "at 1s power-off a for 3s\nwhen db stage promote-proposed clock-jump b +2s\nrun 8s\n", []marks.Mark{marks.ClockJumpInFailover}, nil},
		{three, ft + "at 1s freeze a for 3s\nrun 8s\n", []marks.Mark{marks.ThawedFenced}, []marks.Mark{marks.ReturnedFenced, marks.ForeignFenced}},
		{three, ft + "at 1s isolate a for 3s\nrun 8s\n", []marks.Mark{marks.ReturnedFenced}, []marks.Mark{marks.ThawedFenced}},
		{three, ft + "at 1s kill-daemon a for 3s\nrun 8s\n", []marks.Mark{marks.ForeignFenced}, []marks.Mark{marks.Adopted}},
		{three, ft + "at 1s kill-daemon a for 50ms\nrun 8s\n", []marks.Mark{marks.Adopted}, []marks.Mark{marks.ForeignFenced}},
		{three, ha + "at 1s disk-error a db write for 1s\nrun 6s\n", []marks.Mark{marks.ServedByOther, marks.RedirectedAndBack}, nil},
		{three, ha + "at 1s disk-error a db write for 6s\nat 3s power-off b for 1s\nrun 9s\n", []marks.Mark{marks.OnlyCopyLostWhileServing}, nil},
		{three, ha + "at 1s power-off b for 5s\nat 4s disk-error a db write count 1\nrun 9s\n", []marks.Mark{marks.DiskFaultOnOnlyCopy}, nil},
		{three, ft + "at 990ms toolstack-error b count 1\nat 1s power-off a for 3s\nrun 8s\n", []marks.Mark{marks.LaunchFailed, marks.LaunchFailedInPromotion}, nil},
		{three, ha + "at 1s crash-vm db\nrun 5s\n", []marks.Mark{marks.GuestCrashed}, []marks.Mark{marks.StateLost}},
		{three, ha + "at 1s save-disk w\nat 2s power-off b for 1s\nat 7s power-off w\nat 8s power-on w with-old-disk\nrun 11s\n", []marks.Mark{marks.Amnesia, marks.AmnesiaCaughtUp}, nil},
		{two, ha + "at 1s power-off b for 4s\nrun 9s\n", []marks.Mark{marks.FaultInSetOfTwo, marks.NoQuorum, marks.NoQuorumOver}, nil},
		{two, ha + "at 1s power-off b\nat 4s override a declare-dead b\nat 8s power-on b\nrun 12s\n", []marks.Mark{marks.OverrideMade, marks.OverrideRejoined}, nil},
		{three, ft + "tune cold-start-after 30s\nat 1s power-off all\nat 2s power-on b\nat 6s force-start db on b\nat 9s power-on a\nrun 12s\nexpect state-lost(db)\n", []marks.Mark{marks.ForcedStart}, nil},
		{three, shared + "at 3s isolate a for 6s\nrun 12s\n", []marks.Mark{marks.WatchdogFired, marks.ClaimWaited}, []marks.Mark{marks.FrozenBeyondLease, marks.HandedOver, marks.ClaimByWord}},
		{three, shared + "at 3s freeze a for 4s\nrun 12s\n", []marks.Mark{marks.WatchdogFired, marks.FrozenBeyondLease, marks.ClaimWaited}, []marks.Mark{marks.ClaimantLost}},
		{three, shared + "at 3s power-off a for 6s\nwhen db stage claimed after 3s power-off b for 1s\nrun 20s\n", []marks.Mark{marks.ClaimantLost}, []marks.Mark{marks.HandedOver}},
		{three, shared + "at 3s cut all a <-> b for 900ms\nat 3s cut all a <-> w for 900ms\nrun 12s\n", nil, []marks.Mark{marks.WatchdogFired}},
		{three, shared + "at 3s hand-over db\nrun 8s\n", []marks.Mark{marks.HandedOver, marks.Moved}, []marks.Mark{marks.WatchdogFired, marks.ClaimWaited, marks.LostInMove}},
		{three, ft + "at 2s migrate db\nrun 8s\n", []marks.Mark{marks.Moved}, []marks.Mark{marks.LostInMove, marks.HandedOver}},
		{three, ft + "at 2s migrate db\nat 2.01s power-off a for 1s\nrun 8s\nexpect state-lost(db)\n", []marks.Mark{marks.LostInMove}, nil},
		{three, ha + "at 1s maintain b\nat 3s power-off a for 2s\nrun 9s\n", []marks.Mark{marks.ServedInMaintenance}, nil},
		{three, ha + "at 1s power-off b for 3s\nat 2s set-level db restart\nrun 8s\n", []marks.Mark{marks.LevelWhileExposed}, nil},
		{three, ha + "at 1s set-level db restart\nrun 8s\n", nil, []marks.Mark{marks.LevelWhileExposed}},
		{three, ha + "at 1s power-off a\nat 1s power-off b\nat 1s power-off w\nat 2s power-on a\nat 2s power-on b\nat 2s power-on w\nrun 8s\n", []marks.Mark{marks.EverybodyOff, marks.AllHostsOff}, []marks.Mark{marks.SiteLost}},
		{three, ha + "tune mtbf 10s\nat 1s nic-down a for 100ms\nat 2s nic-down a for 100ms\nat 3s nic-down a for 100ms\nat 4s nic-down a for 100ms\nat 5s nic-down a for 100ms\nat 6s clear-faults\nrun 9s\n", []marks.Mark{marks.Retired, marks.ClearedInService}, []marks.Mark{marks.GuestHung, marks.HungOutOfService}},
		{three, ha + "tune hang-after 2s\nat 1s hang-vm db\nrun 6s\n", []marks.Mark{marks.GuestHung}, []marks.Mark{marks.HungOutOfService}},
		{three, ft + "tune hang-after 2s\nat 1s mtbf vm db never\nat 2s hang-vm db\nrun 6s\nexpect state-lost(db)\n", []marks.Mark{marks.GuestHung, marks.HungOutOfService}, nil},
		{four, far + "at 2s leave-host c\nrun 12s\n", []marks.Mark{marks.HostLeft}, []marks.Mark{marks.HostJoined, marks.LeaverLost, marks.Rehomed, marks.LearnerLost}},
		{four, far + "at 2s leave-host b\nat 2.05s power-off b for 1s\nrun 12s\n", []marks.Mark{marks.LeaverLost, marks.HostLeft, marks.Rehomed}, nil},
		{four, far + "at 2s power-off b for 6s\nrun 12s\n", []marks.Mark{marks.Rehomed, marks.ReturnedOutgone, marks.LearnerLost}, []marks.Mark{marks.RehomedInResync, marks.SiteLost}},
		{four, far + "at 2s power-off b for 6s\nwhen db stage resync-started after 2s delay 1ms replace-home db from secondary(db) to d\nrun 14s\n", []marks.Mark{marks.RehomedInResync}, nil},
		{four, far + "at 2s power-off c for 6s\nat 3s power-off d for 3s\nrun 12s\n", nil, []marks.Mark{marks.SiteLost}},
		{four, far + "at 2s power-off a for 3s\nat 2.5s power-off c for 6s\nrun 12s\nexpect state-lost(db)\n", []marks.Mark{marks.SiteLost}, nil},
		{three + "host c spare\n", strings.Replace(ha, "on a", "on a second b", 1) + "at 2s join-host c\nrun 12s\n", []marks.Mark{marks.HostJoined}, []marks.Mark{marks.HostLeft}},
		{four, "vm db level ft service log on a second b\nvm two level ft service log on c second a\npolicy site-same two\nclients db count 3 rate 60/s keys 6\nat 2s replace-home two from a to b\nrun 6s\n", []marks.Mark{marks.PolicyRefused}, []marks.Mark{marks.PolicyBroken}},
		{places, covered + lost + "at 3.5s fail-over db on c\n" + returned + "at 12s fail-back db on c\nrun 16s\n", []marks.Mark{marks.FailedOver, marks.FailedBack}, []marks.Mark{marks.ForcedStart, marks.FailedOverAgain, marks.FailOverUnsettled, marks.FailOverInResync, marks.LostAtFailOver, marks.FailBackAbandoned}},
		{places, covered + lost + "at 3.5s fail-over db on c\n" + returned + "at 11s power-off c\nat 12s fail-over db on a\nrun 16s\n", []marks.Mark{marks.FailedOverAgain}, []marks.Mark{marks.FailedBack}},
		{places, covered + lost + "at 3.5s fail-over db on c\n" + returned + "at 9s delay all c <-> a 200ms\nat 10.5s fail-back db on c\nat 10.6s power-off a\nrun 26s\n", []marks.Mark{marks.FailBackAbandoned}, nil},
		{places + "host d\nhost e\nvoters 5\n", covered + "at 2s power-off a\nat 2s power-off b\nat 4s fail-over db on c\nwhen db stage fail-over-proposed power-off c for 1s\nat 9s power-on a\nat 9s power-on b\nrun 16s\n", []marks.Mark{marks.LostAtFailOver}, nil},
		{places, covered + "at 1s disk-slow c db by 1.5s for 6s\nwhen db stage point-sealed after 2s power-off a\nwhen db stage point-sealed after 2s power-off b\nwhen db stage point-sealed after 2s delay 500ms override c declare-dead a\nwhen db stage point-sealed after 2s delay 600ms fail-over db on c\nat 10s power-on a\nat 10s power-on b\nrun 16s\n", []marks.Mark{marks.FailOverUnsettled, marks.FailedOver}, []marks.Mark{marks.RecoveryLostAtPoint}},
		{places, covered + "at 2s power-off b\nat 4s power-on b\nwhen db stage resync-halfway after 4s power-off a\nat 7s fail-over db on c\nat 10s power-on a\nrun 16s\n", []marks.Mark{marks.FailOverInResync}, nil},
		{places, covered + "at 1s partition a b | c for 9s\nat 9.95s power-off a for 3s\nrun 16s\n", []marks.Mark{marks.PromotedAfterOverflow}, []marks.Mark{marks.FailedOver}},
		{places, covered + "at 1s partition a b | c for 200ms\nat 3s power-off a for 1s\nrun 10s\n", nil, []marks.Mark{marks.PromotedAfterOverflow}},
		{places, covered + "when db stage point-sent after 1s power-off c for 1s\nrun 6s\n", []marks.Mark{marks.RecoveryLostAtPoint}, []marks.Mark{marks.LostAtFailOver}},
		{places, covered + "at 1s remove-recovery db\nat 3s add-recovery db on c rpo 1s\nat 8s test-fail-over db on c\nrun 10s\n", []marks.Mark{marks.RecoveryAdded, marks.RecoveryTested}, nil},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			got := reached(t, c.pool, c.body)
			for _, m := range c.want {
				assert.NotZero(t, got[m], "%s (%s) is not reached by\n%s", m, m.Text(), c.body)
			}
			for _, m := range c.not {
				assert.Zero(t, got[m], "%s (%s) is said to be reached by\n%s", m, m.Text(), c.body)
			}
		})
	}
}

// TestNames: at least twenty-five marks, each with a name of its own and a text.
func TestNames(t *testing.T) {
	names := map[string]bool{}
	for _, m := range marks.All() {
		require.NotEmpty(t, m.String())
		require.NotEmpty(t, m.Text(), m.String())
		require.False(t, names[m.String()], m.String())
		names[m.String()] = true
	}
	require.GreaterOrEqual(t, len(names), 25)
}
