package certify

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
)

// start runs a script that must not get to its beginning.
func start(t *testing.T, l Lab) error {
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost a\nhost b\nvm db level ft service registers on a\nclients db\nrun 100ms\n")
	require.NoError(t, err)
	_, err = Run(t.Context(), s, fakeDriver{}, l, Options{})
	return err
}

// Hosts that compute wrongly prove nothing, before a run and after it.
func TestWrongResults(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	l.selfTest = func(host string) (int, int) {
		if host == "b" {
			return 470, 99
		}
		return 470, 0
	}
	err := start(t, l)
	require.ErrorIs(t, err, lab.ErrWrong)
	require.ErrorContains(t, err, "host b")
	require.ErrorContains(t, err, "99 of 470")

	r := play(t, wrongLater(t), fakeDriver{}, "run 100ms\n")
	require.Equal(t, reports.Crash, r.Scenario.Outcome)
	require.Contains(t, r.Scenario.Failures[0].Text, "1 of 470")
}

// wrongLater is a lab whose hosts compute wrongly when everything is healed.
func wrongLater(t *testing.T) *fakeLab {
	l := newFakeLab(t)
	var healed atomic.Bool
	l.hook = func(_ context.Context, what string) error {
		healed.CompareAndSwap(false, what == "heal-all")
		return nil
	}
	l.selfTest = func(string) (int, int) {
		if healed.Load() {
			return 470, 1
		}
		return 470, 0
	}
	return l
}

// Too slow a computer is said, and not judged with another clock than it needs.
func TestTooSlow(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	l.selfTest = func(string) (int, int) { return 0, 0 }
	err := start(t, l)
	require.ErrorIs(t, err, ErrSlow)
	require.ErrorContains(t, err, "end other work")
	require.Equal(t, 75.0, factorOf(4, 25), "what a busy computer has is judged")
}

// slowerLater is a lab whose lists of domains take much longer when everything is healed.
func slowerLater(t *testing.T) *fakeLab {
	l := newFakeLab(t)
	var healed atomic.Bool
	l.hook = func(ctx context.Context, what string) error {
		healed.CompareAndSwap(false, what == "heal-all")
		if healed.Load() && strings.HasPrefix(what, "xl list") {
			return slowly(ctx, 400*time.Millisecond)
		}
		return nil
	}
	return l
}

// When the hosts become slower, a bound that was not kept proves nothing; one that was kept does, and what no time bounds.
func TestSlowerInTheRun(t *testing.T) {
	t.Parallel()
	const text = "at 50ms freeze primary(db) for 300ms\nrun 500ms\nexpect pause(db) < 100ms\nexpect pause(db) < 20s\nexpect served(db) from 100ms to 200ms\nexpect restarts(db) = 0\n"
	r := play(t, slowerLater(t), fakeDriver{}, text)
	require.True(t, r.Real.SlowedDown(), "%v, then %v", r.Real.Calibration, r.Real.After)
	require.Equal(t, reports.Inconclusive, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.Empty(t, r.Scenario.Failures)
	var met []bool
	for _, x := range r.Scenario.Expectations {
		met = append(met, x.OK)
	}
	require.Equal(t, []bool{false, true, false, true}, met)
	require.Contains(t, r.Scenario.Expectations[0].Got, "slower")

	r = play(t, slowerLater(t), fakeDriver{}, "run 100ms\nexpect restarts(db) = 1\n")
	require.True(t, r.Real.SlowedDown())
	require.Equal(t, reports.Liveness, r.Scenario.Outcome, "time has nothing to do with it")

	r = play(t, newFakeLab(t), fakeDriver{}, text)
	require.False(t, r.Real.SlowedDown())
	require.Equal(t, reports.Liveness, r.Scenario.Outcome)
	require.Equal(t, []string{"expect", "expect"}, rules(r))
}
