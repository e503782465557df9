package certify

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab"
	"holdfast/xen/lab/agent"
)

// stubs writes programs that log how they were called, and returns their folder. Each is the rest of a shell script.
func stubs(t *testing.T, programs map[string]string) string {
	dir := t.TempDir()
	for name, text := range programs {
		script := "#!/bin/sh\necho " + name + " \"$@\" >>" + dir + "/log\ncd " + dir + "\n" + text + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir
}

// calls returns what was logged.
func calls(t *testing.T, dir string) []string {
	text, err := os.ReadFile(filepath.Join(dir, "log"))
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// shellOfHosts returns the shell that hosts have, which this computer may lack.
func shellOfHosts(t *testing.T) string {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here; hosts have one")
	}
	return bash
}

// The script that administrators would write takes over after a silence, and not before.
func TestWatcherScript(t *testing.T) {
	file := filepath.Join(t.TempDir(), "watcher")
	require.NoError(t, os.WriteFile(file, []byte(watcherScript), 0o755))
	run := func(dir string, limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", file, "2", "r0", "/etc/xen/vm.cfg", "10.0.0.1", "10.0.1.1")
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		cmd.WaitDelay = time.Second
		return cmd.Run()
	}

	// One address answers for twenty seconds, counted by its own clock: nothing happens.
	dir := stubs(t, map[string]string{
		"cut": "cat clock 2>/dev/null || echo 0", "sleep": "n=$(($(cat clock 2>/dev/null || echo 0) + 1)); echo $n >clock; [ $n -lt 20 ] || kill $PPID",
		"ping": `[ "$5" = 10.0.1.1 ]`, "drbdadm": "", "xl": "",
	})
	require.Error(t, run(dir, time.Minute), "it goes on watching, until the test ends it")
	pings := 0
	for _, call := range calls(t, dir) {
		name, _, _ := strings.Cut(call, " ")
		require.Contains(t, []string{"ping", "cut", "sleep"}, name)
		if strings.HasPrefix(call, "ping -c 1 -W 1 10.0.") {
			pings++
		}
	}
	require.GreaterOrEqual(t, pings, 40)

	// None answers; the mirror is not ready at once, and the first creation fails.
	dir = stubs(t, map[string]string{
		"ping": "false", "drbdadm": "[ -e ready ] || { touch ready; false; }", "xl": "[ $1 = destroy ] || [ -e tried ] || { touch tried; false; }",
	})
	start := time.Now()
	require.NoError(t, run(dir, time.Minute))
	require.Greater(t, time.Since(start), time.Second)
	var after []string
	for _, call := range calls(t, dir) {
		if !strings.HasPrefix(call, "ping") {
			after = append(after, call)
		}
	}
	require.Equal(t, []string{
		"drbdadm primary --force r0", "drbdadm primary --force r0",
		"xl create /etc/xen/vm.cfg", "xl destroy vm", "xl create /etc/xen/vm.cfg",
	}, after)
}

// What the tools of a driver said last, and which of them still run.
func TestLastWords(t *testing.T) {
	bash, dir := shellOfHosts(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "receive.log"), []byte("1\n2\n3\n4\nthe stream ended\n"), 0o644))
	tool := exec.Command("sleep", "61.125")
	require.NoError(t, tool.Start())
	t.Cleanup(func() { _ = tool.Process.Kill(); _ = tool.Wait() })
	say := func(daemon string) string {
		out, err := exec.Command(bash, "-ec", strings.ReplaceAll(lastWords(daemon), "/root/", dir+"/")).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	logs := "receive.log ends with: 2\n3\n4\nthe stream ended\n"
	require.Equal(t, logs, say(""))
	require.Equal(t, logs+"sleep 61.125 runs, in state S, and took 0 s of a processor\n", say("^sleep 61[.]125"))
}

// The documentation shows the mirror as it is.
func TestTheResourceIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "lab.md"))
	require.NoError(t, err)
	require.Contains(t, string(text), "\n```\n"+drbdResource+"```\n")
}

// localDom0 runs scripts on this computer, with other paths than a host has.
type localDom0 struct {
	fakeDom0
	bash  string
	path  string            // PATH of the scripts
	place *strings.Replacer // of paths
}

func (d localDom0) Host(context.Context, string) Dom0 { return d }

func (d localDom0) Exec(ctx context.Context, cmd agent.Command) (int, error) {
	c := exec.CommandContext(ctx, d.bash, "--posix", "-ec", d.place.Replace(cmd.Args[len(cmd.Args)-1]))
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), "PATH="+d.path), cmd.Out, cmd.Err
	return 0, c.Run()
}

// However often it is started, one watcher runs.
func TestOneWatcher(t *testing.T) {
	bash := shellOfHosts(t)
	dir := t.TempDir()
	place, ready := filepath.Join(dir, "watcher"), filepath.Join(dir, "started")
	d := localDom0{bash: bash, path: os.Getenv("PATH"), place: strings.NewReplacer(watcherPlace, place, "/root/", dir+"/")}
	require.NoError(t, os.WriteFile(place, []byte("echo $$ >>"+ready+"\nwhile :; do sleep 0.1; done\n"), 0o755))
	p := &Pool{Lab: d, Home: "a", Second: "b", Factor: 1, Guest: lab.Guest{Name: guestName}}
	started := func() []string {
		text, _ := os.ReadFile(ready)
		return strings.Fields(string(text))
	}
	t.Cleanup(func() {
		_, _ = p.Shell(context.WithoutCancel(t.Context()), "b", signalAll("KILL", (&watcher{}).Daemon()))
	})

	w := &watcher{}
	require.NoError(t, w.Restart(t.Context(), p, "b"))
	require.Eventually(t, func() bool { return len(started()) == 1 }, 30*time.Second, time.Millisecond)
	require.NoError(t, w.Restart(t.Context(), p, "b"))
	require.Never(t, func() bool { return len(started()) > 1 }, time.Second, 20*time.Millisecond)
	out, err := p.Shell(t.Context(), "b", processes+"processes '"+w.Daemon()+"'")
	require.NoError(t, err)
	require.Equal(t, started(), strings.Fields(out))

	require.NoError(t, w.Restart(t.Context(), p, "a"), "nothing runs on the first host")
	_, err = p.Shell(t.Context(), "b", signalAll("KILL", w.Daemon()))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		out, err := p.Shell(t.Context(), "b", processes+"processes '"+w.Daemon()+"'")
		return err == nil && out == ""
	}, 30*time.Second, time.Millisecond)
	require.NoError(t, w.Restart(t.Context(), p, "b"))
	require.Eventually(t, func() bool { return len(started()) == 2 }, 30*time.Second, time.Millisecond)
}

// The wrapper hands everything on but what it was told to break.
func TestToolstackWrapper(t *testing.T) {
	dir := stubs(t, map[string]string{"real": ""})
	run := filepath.Join(dir, "run")
	require.NoError(t, os.Mkdir(run, 0o755))
	text := strings.NewReplacer("/run/xl", run, "/usr/lib/xen-4.17/bin/xl", filepath.Join(dir, "real")).Replace(wrapper)
	file := filepath.Join(dir, "xl")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o755))
	tell := func(name, value string) {
		require.NoError(t, os.WriteFile(filepath.Join(run, name), []byte(value), 0o644))
	}
	xl := func(args ...string) error { return exec.Command(file, args...).Run() }

	require.NoError(t, xl("create", "a.cfg"))
	tell("error", "2\n")
	require.NoError(t, xl("list"), "other commands work")
	require.Error(t, xl("create", "a.cfg"))
	require.Error(t, xl("create", "a.cfg"))
	require.NoError(t, xl("create", "a.cfg"), "two were to fail")
	tell("half", "1\n")
	require.Error(t, xl("create", "a.cfg"))
	require.NoError(t, xl("create", "a.cfg"))
	require.Equal(t, []string{
		"real create a.cfg", "real list", "real create a.cfg", "real create a.cfg -p", "real create a.cfg",
	}, calls(t, dir))

	tell("hang", "")
	done := make(chan error, 1)
	go func() { done <- xl("create", "b.cfg") }()
	select {
	case err := <-done:
		t.Fatal("it did not hang:", err)
	case <-time.After(500 * time.Millisecond):
	}
	require.NoError(t, os.Remove(filepath.Join(run, "hang")))
	require.NoError(t, <-done)
}

// The function processes finds a process by its command line, with the shell that hosts have.
func TestProcesses(t *testing.T) {
	bash := shellOfHosts(t)
	script := filepath.Join(t.TempDir(), "sleeper")
	require.NoError(t, os.WriteFile(script, []byte("while :; do sleep 1; done\n"), 0o644))
	cmd := exec.Command(bash, script, "with words")
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	pattern := "(^|/)bash " + script + " with"
	out, err := exec.Command(bash, "--posix", "-ec", processes+"processes '"+pattern+"'").Output()
	require.NoError(t, err)
	require.Contains(t, strings.Fields(string(out)), strconv.Itoa(cmd.Process.Pid))
	require.NoError(t, exec.Command(bash, "--posix", "-ec", signalAll("KILL", pattern)).Run())
	require.Error(t, cmd.Wait(), "it was killed")
}

// At the end of a run every guest goes, whatever its name, and dom0 stays.
func TestEndGuests(t *testing.T) {
	bash := shellOfHosts(t)
	dir := stubs(t, map[string]string{"xl": `[ "$1" != list ] || cat table`})
	for _, guests := range []string{"", "vm   1   128   1   -b----   4.8\nvm--incoming   12   128   0   --p---   0.0\n"} {
		table := "Name   ID   Mem VCPUs	State	Time(s)\nDomain-0   0  1024     1     r-----      21.9\n" + guests
		require.NoError(t, os.WriteFile(filepath.Join(dir, "table"), []byte(table), 0o644))
		cmd := exec.Command(bash, "--posix", "-ec", endGuests)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		require.NoError(t, cmd.Run())
	}
	require.Equal(t, []string{"xl list", "xl list", "xl destroy 1", "xl destroy 12"}, calls(t, dir))
}
