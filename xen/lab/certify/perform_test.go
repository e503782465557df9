package certify

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/faults"
	"holdfast/reports"
	"holdfast/scenarios/script"
)

// A guest that hung is let go on where it still hangs, and nowhere else.
func TestTheEndOfHanging(t *testing.T) {
	for _, c := range []struct {
		name, script string
		destroyed    bool // and made anew, once it hangs
		want         []string
	}{
		{"by itself", "at 20ms hang-vm db for 20ms\nat 80ms power-off b\n", false, []string{"pause a", "unpause a", "off b", "on b"}},
		{"not by healing", "at 20ms hang-vm db\nat 60ms heal-all\n", false, []string{"pause a"}},
		{"nobody runs it", "at 20ms power-off a\nat 40ms power-on a\nat 80ms hang-vm db\n", false, []string{"off a", "on a"}},
		{"the power went", "at 20ms hang-vm db for 60ms\nat 40ms power-off a\nat 50ms power-on a\n", false, []string{"pause a", "off a", "on a"}},
		{"the power went, for good", "at 20ms hang-vm db\nat 40ms power-off a\nat 50ms power-on a\n", false, []string{"pause a", "off a", "on a"}},
		{"its host stands still", "at 20ms hang-vm db for 20ms\nat 30ms freeze a for 30ms\nat 80ms power-off b\n", false, []string{"pause a", "freeze a", "thaw a", "unpause a", "off b", "on b"}},
		{"its host stood still before", "at 20ms freeze a\nat 40ms hang-vm db\n", false, []string{"freeze a", "thaw a"}},
		{"there is another one", "at 20ms hang-vm db\nat 40ms stop-daemon a\n", true, []string{"pause a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newFakeLab(t)
			l.onShell = func(l *fakeLab, host, text string) (string, int) {
				if c.destroyed && strings.Contains(text, "kill -STOP") {
					l.hosts[host].paused = false
				}
				return "", 0
			}
			r := play(t, l, withDaemon{}, c.script+"run 100ms\n")
			require.NotEqual(t, reports.Crash, r.Scenario.Outcome, "%v", r.Scenario.Failures)
			require.Equal(t, c.want, l.acts)
		})
	}
}

// withDaemon has a daemon on both hosts, which boots start.
type withDaemon struct{ fakeDriver }

func (withDaemon) Does(*script.VM, *faults.Fault) error { return nil }
func (withDaemon) Daemon() string                       { return "^thedaemon" }
func (withDaemon) Restart(ctx context.Context, p *Pool, host string) error {
	_, err := p.Shell(ctx, host, "start")
	return err
}

// A daemon that was hit is started again, or goes on, unless its host lost its power meanwhile; if the host stood still, afterwards.
func TestTheEndOfADaemonsFault(t *testing.T) {
	for _, c := range []struct {
		name, script string
		want         []string
	}{
		{"started again", "at 20ms kill-daemon b for 20ms\n", []string{"KILL", "start"}},
		{"by healing", "at 20ms kill-daemon b for 10s\n", []string{"KILL", "start"}},
		{"no power when it is due", "at 20ms kill-daemon b for 30ms\nat 30ms power-off b\nat 70ms power-on b\n", []string{"KILL", "off", "on"}},
		{"no power at the end", "at 20ms kill-daemon b for 10s\nat 30ms power-off b\n", []string{"KILL", "off", "on"}},
		{"another boot", "at 20ms kill-daemon b for 60ms\nat 30ms power-off b\nat 40ms power-on b\n", []string{"KILL", "off", "on"}},
		{"it stands still when it is due", "at 20ms kill-daemon b for 20ms\nat 30ms freeze b for 40ms\n", []string{"KILL", "freeze", "thaw", "start"}},
		{"it stands still at the end", "at 20ms kill-daemon b for 10s\nat 30ms freeze b\n", []string{"KILL", "freeze", "thaw", "start"}},
		{"it does not go on while it stands still", "at 20ms stop-daemon b for 20ms\nat 30ms freeze b for 40ms\nat 90ms kill-daemon b for 10s\n", []string{"STOP", "freeze", "thaw", "CONT", "KILL", "start"}},
		{"nothing to hit", "at 20ms power-off b\nat 40ms kill-daemon b for 10ms\n", []string{"off", "on"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newFakeLab(t)
			var seen []string
			l.onEvent = func(_ *fakeLab, a string) { seen = append(seen, strings.Fields(a)[0]) }
			l.onShell = func(_ *fakeLab, host, text string) (string, int) {
				for _, what := range []string{"KILL", "STOP", "CONT", "start"} {
					if host == "b" && (text == what || strings.Contains(text, "kill -"+what)) {
						seen = append(seen, what)
					}
				}
				return "", 0
			}
			r := play(t, l, withDaemon{}, c.script+"run 100ms\n")
			require.Equal(t, reports.Pass, r.Scenario.Outcome, "%v", r.Scenario.Failures)
			// Healing has every daemon that can be reached go on.
			if n := len(seen) - 1; len(seen) > len(c.want) && seen[n] == "CONT" {
				seen = seen[:n]
			}
			require.Equal(t, c.want, seen)
		})
	}
}
