package certify

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios/script"
)

// slowly waits as a slow host does.
func slowly(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// What a run does itself after clients were stopped is no pause of the service.
func TestSlowLists(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	var healed atomic.Bool
	l.hook = func(ctx context.Context, what string) error {
		healed.CompareAndSwap(false, what == "heal-all")
		if healed.Load() && strings.HasPrefix(what, "xl list") {
			return slowly(ctx, time.Second)
		}
		return nil
	}
	r := play(t, l, fakeDriver{}, "at 50ms cut a1 a -> b\nrun 200ms\n")
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.GreaterOrEqual(t, r.Real.RecoveryNS, int64(0))
	require.Less(t, r.Real.RecoveryNS, int64(time.Second), "nobody paused for as long as the lists took")
	require.False(t, r.Real.RecoveryLate)
}

// brittle is a lab whose first connection with the guest breaks at its second write.
type brittle struct {
	*fakeLab
	dialed atomic.Bool
}

func (l *brittle) Dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := l.fakeLab.Dial(ctx, address)
	if err == nil && !l.dialed.Swap(true) {
		c = &brittleConn{Conn: c}
	}
	return c, err
}

type brittleConn struct {
	net.Conn
	writes int
}

func (c *brittleConn) Write(p []byte) (int, error) {
	if c.writes++; c.writes > 1 {
		return 0, errors.New("connection reset by peer")
	}
	return c.Conn.Write(p)
}

// What broke before the script's clock began is not the driver's.
func TestConnectionsThatBrokeBefore(t *testing.T) {
	t.Parallel()
	l := &brittle{fakeLab: newFakeLab(t)}
	r := play(t, l, fakeDriver{}, "run 100ms\nexpect resets(db) = 0\n")
	require.True(t, l.dialed.Load())
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.Zero(t, r.Real.Resets)
}

// A client that gives up because its answer takes too long has not lost its connection: the guest knows it still.
func TestTimeoutsAreNoResets(t *testing.T) {
	t.Parallel()
	r := play(t, newFakeLab(t), fakeDriver{}, "at 100ms freeze primary(db) for 1200ms\nrun 1500ms\nexpect resets(db) = 0\n")
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.Zero(t, r.Real.Resets)
	require.Positive(t, r.Real.Timeouts)
	require.Contains(t, r.Scenario.Expectations[0].Got, "given up")
}

// A connection that the other side breaks is lost.
func TestResets(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	kept := l.hosts["a"].guest
	l.onEvent = func(l *fakeLab, a string) {
		if a == "off a" {
			l.hosts["b"].guest = kept
		}
	}
	r := play(t, l, fakeDriver{}, "at 100ms power-off primary(db)\nrun 200ms\nexpect resets(db) = 0\n")
	require.Equal(t, []string{"expect"}, rules(r), "%v", r.Scenario.Failures)
	require.Positive(t, r.Real.Resets)
	require.Zero(t, r.Real.Timeouts)
}

// silentLater is a lab whose host a, once everything is healed, does not list its domains so many times.
func silentLater(t *testing.T, times int32) *fakeLab {
	l := newFakeLab(t)
	var healed atomic.Bool
	var asked atomic.Int32
	l.hook = func(_ context.Context, what string) error {
		healed.CompareAndSwap(false, what == "heal-all")
		if healed.Load() && what == "xl list a" && asked.Add(1) <= times {
			return errors.New("no answer")
		}
		return nil
	}
	return l
}

// A host that is silent is not a host that runs nothing.
func TestSilentHosts(t *testing.T) {
	t.Parallel()
	const text = "scenario test\npurpose \"p\"\nhost a\nhost b\nvm db level ft service registers on a\nclients db\nrun 100ms\n"
	s, err := script.Parse("test.hfs", text)
	require.NoError(t, err)
	hurry := Options{look: 20 * time.Millisecond, list: time.Hour} // nobody else asks for lists

	r, err := Run(t.Context(), s, fakeDriver{}, silentLater(t, 1), hurry)
	require.NoError(t, err)
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.Equal(t, []string{"a"}, r.Real.Ends, "it is asked once more")

	r, err = Run(t.Context(), s, fakeDriver{}, silentLater(t, 2), hurry)
	require.NoError(t, err)
	require.Equal(t, []string{"crash"}, rules(r), "%v", r.Scenario.Failures)
	require.Contains(t, r.Scenario.Failures[0].Text, "host a does not tell")
}

// What only mends is not the first fault, from which recovery counts.
func TestHealingIsNoFault(t *testing.T) {
	t.Parallel()
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost a\nhost b\nvm db level ft service log on a\nclients db\nat 20ms disk-heal a db\nat 30ms heal-all\nrun 100ms\n")
	require.NoError(t, err)
	r, err := Run(t.Context(), s, fakeDriver{}, newFakeLab(t), Options{look: 20 * time.Millisecond, list: 50 * time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.Equal(t, int64(-1), r.Real.FaultNS)
}

// What the run says after it was described does not change what it said.
func TestAResultIsACopy(t *testing.T) {
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost a\nhost b\nvm db level ft service registers on a\nclients db\nrun 100ms\n")
	require.NoError(t, err)
	r := newRun(s, fakeDriver{}, newFakeLab(t), Options{Say: t.Logf})
	r.marks, r.notices = make([]reports.Mark, 1, 8), make([]reports.Mark, 1, 8)
	var out reports.Scenario
	r.describe(&out, &evidence{scaled: answered(time.Second)}, &Real{})
	r.note("later")
	r.marks[0].Text = "changed"
	require.Equal(t, notJudged, out.Notices[1].Text)
	require.Empty(t, out.Faults[0].Text)
}

// A run in which a host was not sound proves nothing, however bad the history is.
func TestAnUnsoundHost(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*fakeLab{"computes wrongly": wrongLater(t), "reset itself": newFakeLab(t)} {
		if name == "reset itself" {
			l.resets = map[string]int{"b": 1}
		}
		l.onEvent = func(l *fakeLab, a string) {
			if a == "off a" {
				l.hosts["b"].guest = l.newGuest("second") // without what was written
			}
		}
		r := play(t, l, fakeDriver{}, "at 100ms power-off primary(db)\nrun 500ms\n")
		require.Contains(t, rules(r), "history", name)
		require.Contains(t, rules(r), "crash", name)
		require.Equal(t, reports.Crash, r.Scenario.Outcome, name)
	}
}
