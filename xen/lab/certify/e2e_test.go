package certify

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/scenarios/baseline"
	"holdfast/xen/lab"
	"holdfast/xen/lab/image"
	"holdfast/xen/lab/machine"
)

// hosts returns the configuration of a lab with real hosts, or skips the test with the reason.
func hosts(t *testing.T, name string) lab.Config {
	if os.Getenv("HOLDFAST_LAB") == "" {
		t.Skip("boots real Xen hosts in QEMU, which takes minutes and 5 GB of memory: set HOLDFAST_LAB=1 to run it")
	}
	c, err := lab.Default(name)
	require.NoError(t, err)
	c.Program = filepath.Join(t.TempDir(), "init")
	// As the Makefile does, so that the cache fits.
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", c.Program, "../init")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	_, err = lab.Prepare(t.Context(), c, t.Logf)
	if err != nil && os.Getenv("HOLDFAST_LAB") == "if-possible" && impossible(err) {
		t.Skip("this machine cannot run the lab:", err)
	}
	require.NoError(t, err)
	return c
}

// impossible reports whether an error is about the machine or its network, and not about this program.
func impossible(err error) bool {
	for _, reason := range []error{image.ErrSpace, image.ErrTool, image.ErrPackage, machine.ErrQEMU} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// spare is how much time must be left for one more driver: the last one's time, and this. It is enough to end a lab.
const spare = 30 * time.Second

// inTime returns a context that ends so early that a lab can still be ended before the test has to.
func inTime(t *testing.T) (context.Context, context.CancelFunc) {
	if end, ok := t.Deadline(); ok {
		return context.WithDeadline(t.Context(), end.Add(-spare))
	}
	return context.WithCancel(t.Context())
}

// One loss of power for each driver, with what it does to each of them.
func TestDriversOnHosts(t *testing.T) {
	c := hosts(t, "ci")
	longest := time.Duration(0)
	for _, trial := range []struct {
		driver, script string
		check          func(t *testing.T, r *Result)
	}{
		{"watcher", "power-loss-restart", func(t *testing.T, r *Result) {
			require.Equal(t, "linearizable", r.Real.Verdict, r.Real.Message)
			require.Equal(t, []string{"b"}, r.Real.Ends)
			require.Equal(t, 2, r.Real.Boots)
			require.Positive(t, r.Real.RecoveryNS)
		}},
		{"remus", "power-loss-ft", func(t *testing.T, r *Result) {
			require.Equal(t, []string{"b"}, r.Real.Ends)
			require.Equal(t, 1, r.Real.Boots, "its memory went on")
			require.Positive(t, r.Real.RecoveryNS)
			require.Positive(t, r.Real.Checkpoint.Count)
		}},
		{"none", "power-loss-restart", func(t *testing.T, r *Result) {
			require.Empty(t, r.Real.Ends)
			require.Equal(t, int64(-1), r.Real.RecoveryNS)
		}},
	} {
		t.Run(trial.driver, func(t *testing.T) {
			if end, ok := t.Deadline(); ok && time.Until(end) < longest+spare {
				t.Skipf("too little time is left: the driver before took %v, and %v are left", longest, time.Until(end))
			}
			start := time.Now()
			ctx, cancel := inTime(t)
			defer cancel()
			s, err := baseline.Get(trial.script)
			require.NoError(t, err)
			r, err := RunAlone(ctx, c, s, trial.driver, Options{Seed: 1, Say: t.Logf})
			if ctx.Err() != nil {
				t.Skipf("this machine is too slow now: no result after %v", time.Since(start))
			}
			require.NoError(t, err)
			for _, f := range r.Scenario.Failures {
				t.Logf("%s: %s", f.Rule, f.Text)
				require.NotEqual(t, "crash", f.Rule)
			}
			t.Logf("%+v", r.Real)
			require.Greater(t, r.Real.Before.Operations, 10)
			require.False(t, r.Real.Both(), "the primary was dead")
			trial.check(t, r)
			longest = max(longest, time.Since(start))
		})
	}
}

func TestFaultsOnHosts(t *testing.T) {
	c := hosts(t, "faults")
	guest := lab.Guest{Name: guestName, Kind: lab.PVH, Memory: 128}
	c.Guest = &guest
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- lab.Supervise(ctx, c, t.Logf, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	err := CheckFaults(ctx, OfClient(lab.NewClient(c)), guest, func(s Seen) { t.Logf("%t  %s: %s", s.OK, s.Fault, s.Saw) })
	cancel()
	<-ended
	require.NoError(t, err)
}
