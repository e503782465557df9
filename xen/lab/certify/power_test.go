package certify

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios/script"
)

// slowStart is a driver whose part of a host's start-up takes a while.
type slowStart struct {
	fakeDriver
	takes time.Duration
}

func (d slowStart) Booted(ctx context.Context, _ *Pool, _ string) error { return slowly(ctx, d.takes) }

// What a host needs to start is not what the driver needs to be redundant.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	r := play(t, newFakeLab(t), slowStart{takes: 2 * time.Second}, "at 20ms power-off b\nrun 100ms\nexpect converged within 250ms\n")
	require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
	require.Contains(t, notices(r), "host b is up again")
}

func notices(r *Result) (texts []string) {
	for _, n := range r.Scenario.Notices {
		texts = append(texts, n.Text)
	}
	return texts
}

// A host that does not start is the lab's failure, and says nothing about the driver.
func TestAHostThatDoesNotStart(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	l.refuse = "on"
	r := play(t, l, fakeDriver{}, "at 20ms power-off b\nrun 100ms\n")
	require.Equal(t, []string{"crash"}, rules(r), "%v", r.Scenario.Failures)
	require.Contains(t, r.Scenario.Failures[0].Text, "did not come up")
}

// brokenStart is a driver whose part of a host's start-up fails.
type brokenStart struct{ fakeDriver }

func (brokenStart) Booted(context.Context, *Pool, string) error { return errors.New("no mirror") }

// A driver that cannot go on on a host that is up again failed itself.
func TestABrokenStart(t *testing.T) {
	t.Parallel()
	r := play(t, newFakeLab(t), brokenStart{}, "at 20ms power-off b\nrun 100ms\n")
	require.Equal(t, []string{"R9"}, rules(r), "%v", r.Scenario.Failures)
	require.Contains(t, r.Scenario.Failures[0].Text, "no mirror")
	require.Equal(t, reports.Liveness, r.Scenario.Outcome)
}

// A start that never ends does not keep the run from ending.
func TestAStartThatHangs(t *testing.T) {
	t.Parallel()
	l := newFakeLab(t)
	hung := make(chan struct{})
	l.hook = func(ctx context.Context, what string) error {
		if what == "on b" {
			<-ctx.Done()
			close(hung)
			return context.Cause(ctx)
		}
		return nil
	}
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost a\nhost b\nvm db level ft service registers on a\nclients db\nat 20ms power-off b\nrun 100ms\n")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Run(ctx, s, fakeDriver{}, l, Options{look: 20 * time.Millisecond, list: 50 * time.Millisecond, boot: 300 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, ctx.Err(), "the run did not wait for it")
	require.Equal(t, []string{"crash"}, rules(r), "%v", r.Scenario.Failures)
	require.Contains(t, r.Scenario.Failures[0].Text, "host b was not up")
	<-hung
}
