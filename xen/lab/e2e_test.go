package lab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab"
	"holdfast/xen/lab/machine"
)

// needLab skips a test that boots Xen, unless it is asked for.
func needLab(t *testing.T) {
	if os.Getenv("HOLDFAST_LAB") == "" {
		t.Skip("boots real Xen hosts in QEMU, which takes minutes and 5 GB of memory: set HOLDFAST_LAB=1 to run it")
	}
	for _, tool := range []string{"qemu-system-x86_64", "apt-get", "dpkg-deb", "xz"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("HOLDFAST_LAB is set, and %s is missing: run \"make lab-deps\"", tool)
		}
	}
}

// tool builds the program and returns a function that runs it, with the user's cache and a lab of its own.
func tool(t *testing.T) func(args ...string) (string, error) {
	dir := build(t)
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := exec.Command(filepath.Join(dir, "holdfast"), append([]string{"lab", "--lab", "e2e"}, args...)...)
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		t.Logf("holdfast lab %s\n%s", strings.Join(args, " "), out.String())
		return strings.TrimSpace(out.String()), err
	}
	t.Cleanup(func() { _, _ = run("down") })
	return run
}

// build builds the programs and returns their folder.
func build(t *testing.T) string {
	dir := t.TempDir()
	for name, what := range map[string][]string{
		"holdfast":          {"-trimpath", "../../cmd/holdfast"},
		"holdfast-lab-init": {"-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "./init"}, // as the Makefile does, so that the cache fits
	} {
		cmd := exec.Command("go", append([]string{"build", "-o", filepath.Join(dir, name)}, what...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return dir
}

func status(t *testing.T, run func(args ...string) (string, error)) lab.Status {
	text, err := run("status", "--json")
	require.NoError(t, err)
	var s lab.Status
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	return s
}

// waitPhase waits until a host is in a phase after it was reset a number of times.
func waitPhase(t *testing.T, run func(args ...string) (string, error), host int, phase machine.Phase, resets int) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if h := status(t, run).Hosts[host]; h.Phase == phase && h.Resets == resets {
			return
		}
		time.Sleep(time.Second)
	}
	t.Fatalf("host %d is not %s after %d resets", host, phase, resets)
}

// TestBoot is the lab as its users see it: real Xen hosts, a real guest, a client, a watchdog, and nothing left.
func TestBoot(t *testing.T) {
	needLab(t)
	run := tool(t)
	ok := func(args ...string) string {
		out, err := run(args...)
		require.NoError(t, err)
		return out
	}
	ok("up", "--guest")
	s := status(t, run)
	require.True(t, s.Ready)
	require.Contains(t, ok("check"), "all answers right")

	// The hosts see each other on every network.
	for _, address := range []string{"10.77.0.1", "10.77.1.1", "10.77.2.1", "10.77.8.1"} {
		ok("exec", "b", "ping", "-c", "2", "-w", "20", address)
	}
	require.Equal(t, "b", ok("exec", "b", "hostname"))
	_, err := run("exec", "b", "exit 7")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 7, exit.ExitCode(), "the exit code of the command on the host")
	ok("push", "b", "e2e_test.go", "/root/pushed")
	text, err := os.ReadFile("e2e_test.go")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(text)), ok("exec", "b", "cat /root/pushed"))

	// A disk outlives the power, and memory does not.
	ok("exec", "b", "echo kept | dd of=/dev/lab/data conv=fsync 2>/dev/null; echo lost > /root/lost")
	ok("power", "b", "off")
	ok("power", "b", "on")
	require.Contains(t, ok("exec", "b", "head -c 4 /dev/lab/data; ls /root"), "kept")
	_, err = run("exec", "b", "test -e /root/lost")
	require.Error(t, err)

	// A watchdog that nobody serves resets the host.
	ok("exec", "b", "exec 3>/dev/watchdog; echo armed >&3")
	waitPhase(t, run, 1, machine.Up, 1)
	require.Equal(t, "b", ok("exec", "b", "hostname"), "it has its identity again")

	ok("down")
	require.NoDirExists(t, s.Run)
	require.NoDirExists(t, s.Disks)
}

// alive reports whether a process is there and has not ended.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// TestBootCrash: when the lab's process is killed, its machines end with it, and the next command finds a clean place.
func TestBootCrash(t *testing.T) {
	needLab(t)
	run := tool(t)
	_, err := run("up")
	require.NoError(t, err)
	s := status(t, run)
	text, err := os.ReadFile(s.Run + ".lock")
	require.NoError(t, err)
	var supervisor int
	_, err = fmt.Sscan(string(text), &supervisor)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(supervisor, syscall.SIGKILL))
	for _, h := range s.Hosts {
		require.Eventually(t, func() bool { return !alive(h.PID) }, time.Minute, 10*time.Millisecond, "the machine of host %s", h.Name)
	}
	_, err = run("up", "--hosts", "1")
	require.NoError(t, err)
	_, err = run("down")
	require.NoError(t, err)
	require.NoDirExists(t, s.Run)
	require.NoDirExists(t, s.Disks)
	require.NoFileExists(t, s.Run+".lock")
}

// TestBootInterrupt: Ctrl-C during the start ends what was started.
func TestBootInterrupt(t *testing.T) {
	needLab(t)
	run := tool(t)
	cmd := exec.Command(filepath.Join(build(t), "holdfast"), "lab", "--lab", "e2e", "up", "--cold")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var pids []int
	for len(pids) == 0 { // until the machines run
		text, err := run("status", "--json")
		var s lab.Status
		if err == nil && json.Unmarshal([]byte(text), &s) == nil {
			for _, h := range s.Hosts {
				if h.PID != 0 {
					pids = append(pids, h.PID)
				}
			}
		}
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	_, _ = io.Copy(io.Discard, out)
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Equal(t, 130, exit.ExitCode())
	for _, pid := range pids {
		require.False(t, alive(pid), "when the command ends, the machines have ended")
	}
	text, err := run("down")
	require.NoError(t, err)
	require.Contains(t, text, "was not running")
}
