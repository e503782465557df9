package certify

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios/script"
)

// rules returns the rules that a result says were broken.
func rules(r *Result) (list []string) {
	for _, f := range r.Scenario.Failures {
		list = append(list, f.Rule)
	}
	return list
}

func TestNothingHappens(t *testing.T) {
	t.Parallel()
	r := play(t, newFakeLab(t), fakeDriver{}, "run 200ms\nexpect pause(db) < 200ms\nexpect restarts(db) = 0\nexpect primary(db) = a\nexpect served(db) from 0s to 200ms\nexpect converged within 5s\n")
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.Equal(t, minFactor, r.Scenario.Slowness)
	require.Len(t, r.Scenario.Expectations, 5)
	require.Equal(t, []string{"a"}, r.Real.Ends)
	require.Equal(t, "linearizable", r.Real.Verdict)
	require.Equal(t, int64(-1), r.Real.FaultNS)
	require.Greater(t, r.Real.Answered, 50)
	require.NotEmpty(t, r.Scenario.VMs[0].Spans)
	require.Equal(t, reports.Linearizable, r.Scenario.Verdicts[0].Result)
}

// An instance that goes on elsewhere with all it had.
func TestAPromotion(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	kept := l.hosts["a"].guest
	l.onEvent = func(l *fakeLab, a string) {
		if a == "off a" {
			l.hosts["b"].guest = kept
		}
	}
	r := play(t, l, fakeDriver{}, "at 100ms power-off primary(db) as victim\nat 200ms power-on victim\nrun 400ms\nexpect promotions(db) = 1\nexpect restarts(db) = 0\nexpect primary(db) = other(victim)\nexpect secondary(db) = victim\n")
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.Equal(t, []string{"off a", "on a"}, l.acts)
	require.InDelta(t, 400, r.Real.FaultNS/1e6, 100)
	require.Equal(t, 1, r.Real.Boots)
	require.Zero(t, r.Real.Lost)
	require.False(t, r.Real.Both())
	require.Len(t, r.Scenario.Faults, 2)
}

// An instance that boots elsewhere without what it had acknowledged.
func TestLostWork(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	empty := l.newGuest("second")
	l.onEvent = func(l *fakeLab, a string) {
		if a == "off a" {
			l.hosts["b"].guest = empty
		}
	}
	r := play(t, l, fakeDriver{}, "at 100ms power-off primary(db)\nrun 300ms\nexpect restarts(db) = 1\nexpect promotions(db) = 0\n")
	require.Equal(t, reports.Safety, r.Scenario.Outcome)
	require.Equal(t, []string{"history"}, rules(r))
	require.Equal(t, "illegal", r.Real.Verdict)
	require.Positive(t, r.Real.Lost)
	require.Equal(t, 2, r.Real.Boots)
}

// Nobody fences a primary that only stood still.
func TestBothSidesAlive(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	other := l.newGuest("second")
	l.onEvent = func(l *fakeLab, a string) {
		if a == "freeze a" {
			l.hosts["b"].guest = other
		}
	}
	r := play(t, l, fakeDriver{}, "at 100ms freeze primary(db) for 50ms\nrun 400ms\n")
	require.Contains(t, rules(r), "R2")
	require.True(t, r.Real.Both())
	require.Len(t, r.Real.Ends, 2)
	require.Equal(t, []string{"freeze a", "thaw a"}, l.acts)
}

// A guest that moves just after its host was asked is seen at both, and is not two.
func TestAMoveIsNotTwoSides(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	l.onList = (*fakeLab).move
	r := play(t, l, fakeDriver{}, "run 300ms\n")
	require.NotContains(t, rules(r), "R2")
	require.Equal(t, 0, r.Real.Running)
	require.Greater(t, l.hosts["b"].moved, 1)
}

// A guest that stands still when it is looked at, as in the middle of a checkpoint, is not one that nobody runs.
func TestStandingForAMoment(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	healed, lists := false, 0
	l.hook = func(_ context.Context, what string) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if healed = healed || what == "heal-all"; healed && what == "xl list a" {
			lists++
			l.hosts["a"].paused = lists < 6
		}
		return nil
	}
	r := play(t, l, fakeDriver{}, "run 100ms\n")
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.GreaterOrEqual(t, lists, 6)
}

func TestNobodyComesBack(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	l.onShell = func(_ *fakeLab, _, text string) (string, int) {
		if text == lastWords("") {
			return "fake.log ends with: no mirror", 0
		}
		return "", 0
	}
	r := play(t, l, fakeDriver{state: State{"nobody starts it again", true}}, "at 100ms power-off primary(db)\nrun 200ms\nexpect served(db) from 150ms to 200ms\n")
	require.Equal(t, reports.Liveness, r.Scenario.Outcome)
	require.Equal(t, []string{"R9", "R9", "expect"}, rules(r), "%v", r.Scenario.Failures)
	require.Contains(t, notices(r), "nobody runs the guest; host b: no domain of the guest; fake.log ends with: no mirror")
	require.Equal(t, int64(-1), r.Real.RecoveryNS)
	require.Empty(t, r.Real.Ends)
	require.Equal(t, "linearizable", r.Real.Verdict)
}

// What could not be done as the script says proves nothing.
func TestAnActionThatFails(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	l.refuse = "off"
	r := play(t, l, fakeDriver{}, "at 100ms power-off primary(db)\nrun 200ms\n")
	require.Equal(t, reports.Crash, r.Scenario.Outcome)
	require.Contains(t, r.Scenario.Failures[0].Text, "refused")
}

// Times of the script are stretched, names are those of the lab.
func TestFaultsOfTheNetwork(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	play(t, l, fakeDriver{}, "at 10ms cut links primary(db) <-> secondary(db) for 20ms\nat 20ms delay a1 b -> a 5ms\nat 30ms loss all a <-> b 5%\nat 40ms slow a2 a <-> b 400KiB/s\nat 50ms partition a | b\nat 60ms nic-down b for 10ms\nrun 100ms\n")
	require.Equal(t, []string{
		"cut links a <-> b for 80ms", "delay a1 b -> a 20ms", "loss all a <-> b 5%", "slow a2 a <-> b 100KiB/s", "partition a | b", "nic-down b for 40ms", "heal-all",
	}, l.faults)
}

// All hosts are as many faults, one for each; the lab has their names.
func TestFaultsOfAllHosts(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost b\nhost a\nvm db level ft service registers on b\nclients db\nat 10ms isolate all keep-lan for 20ms\nat 20ms nic-down all for 10ms\nrun 100ms\n")
	require.NoError(t, err)
	r, err := Run(t.Context(), s, fakeDriver{}, l, Options{look: 20 * time.Millisecond, list: 50 * time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.Equal(t, []string{"isolate a keep-lan for 80ms", "isolate b keep-lan for 80ms", "nic-down a for 40ms", "nic-down b for 40ms", "heal-all"}, l.faults)
	require.Len(t, r.Scenario.Faults, 2)
}

// The home is the lab's first host, whatever it is called.
func TestNamesOfHosts(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost left\nhost right\nvm db level ft service registers on right\nclients db\nat 20ms freeze left for 20ms\nat 50ms cut a1 left -> right\nrun 100ms\nexpect primary(db) = right\n")
	require.NoError(t, err)
	r, err := Run(t.Context(), s, fakeDriver{}, l, Options{look: 20 * time.Millisecond, list: 50 * time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.Equal(t, []string{"freeze b", "thaw b"}, l.acts)
	require.Equal(t, []string{"cut a1 b -> a", "heal-all"}, l.faults)
}

// What lasts to the end of the run is healed there, and later endings do not come.
func TestHealing(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	play(t, l, fakeDriver{}, "at 20ms power-off b\nat 50ms freeze a for 10s\nrun 100ms\n")
	require.ElementsMatch(t, []string{"off b", "freeze a", "thaw a", "on b"}, l.acts)
}

func TestTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost a\nhost b\nvm db level ft service registers on a\nclients db\nrun 60s\n")
	require.NoError(t, err)
	time.AfterFunc(300*time.Millisecond, cancel)
	start := time.Now()
	_, err = Run(ctx, s, fakeDriver{}, newFakeLab(t), Options{})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(start), 30*time.Second)
}

// gate is a lab to which nobody can connect any more once it is shut, and whoever tries is kept until let go.
type gate struct {
	*fakeLab
	shut     atomic.Bool
	tries    chan struct{}
	let      chan struct{}
	underway atomic.Int32
}

func (g *gate) Dial(ctx context.Context, address string) (net.Conn, error) {
	g.underway.Add(1)
	defer g.underway.Add(-1)
	if g.shut.Load() {
		select {
		case g.tries <- struct{}{}:
		default:
		}
		<-g.let
		return nil, errors.New("shut")
	}
	return g.fakeLab.Dial(ctx, address)
}

// A run that is broken off has ended its clients when it returns.
func TestTheEndOfTheClients(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost a\nhost b\nvm db level ft service registers on a\nclients db\nat 10ms power-off a\nrun 60s\n")
	require.NoError(t, err)
	g := &gate{fakeLab: newFakeLab(t), tries: make(chan struct{}, 1), let: make(chan struct{})}
	g.onEvent = func(*fakeLab, string) { g.shut.Store(true) }
	ended := make(chan int32, 1)
	go func() {
		_, _ = Run(ctx, s, fakeDriver{}, g, Options{})
		ended <- g.underway.Load()
	}()
	<-g.tries
	cancel()
	select {
	case n := <-ended:
		close(g.let)
		t.Fatalf("it returned while %d clients still use the lab", n)
	case <-time.After(200 * time.Millisecond):
	}
	close(g.let)
	require.Zero(t, <-ended)
}
