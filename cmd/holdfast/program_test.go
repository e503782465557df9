package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asProgram is the environment variable that makes this test the program under test: what it does is then covered by what
// the test was built with, such as the race detector.
const asProgram = "HOLDFAST_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main() // which exits
	}
	os.Exit(m.Run())
}

// program returns the command that runs the program in folder.
func program(t *testing.T, folder string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0") // else it would wait a second before each exit
	return cmd
}

// call runs the program in folder and returns what it printed and its exit code.
func call(t *testing.T, folder string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := program(t, folder, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
}

// TestBadInput: one clear error on standard error, exit code 2, nothing on standard output and nothing left behind.
func TestBadInput(t *testing.T) {
	files := map[string]string{
		"typo.hfs":     "scenario typo\npurpose \"a typo\"\nhost alpha\nhost beta\nvm db levle ft service registers on a\n",
		"fault.hfs":    "scenario fault\npurpose \"unknown fault\"\nhost alpha\nhost beta\nvm db level ft service registers on alpha\nat 1s explode alpha\nrun 5s\n",
		"pool.hfs":     "scenario pool\npurpose \"one host\"\nhost alpha\nvm db level ft service registers on alpha\nrun 5s\n",
		"broken.jsonl": "{\"this is\": \"no history\"\n",
		"plain":        "a file where a folder should be",
	}
	for _, c := range []struct {
		name string
		args []string
		want []string // parts of the one error
	}{
		{"typo in a scenario", []string{"certify", "typo.hfs"}, []string{"typo.hfs:5:"}},
		{"unknown fault", []string{"replay", "fault.hfs"}, []string{"fault.hfs:6:"}},
		{"impossible pool", []string{"certify", "pool.hfs"}, []string{"pool.hfs:"}},
		{"fmt of a typo", []string{"scenarios", "fmt", "-w", "typo.hfs"}, []string{"typo.hfs:5:"}},
		{"missing scenario file", []string{"replay", "gone.hfs"}, []string{"gone.hfs", "no such file"}},
		{"unknown scenario", []string{"replay", "no-such-scenario"}, []string{`"no-such-scenario"`, "scenarios list"}},
		{"misspelt scenario", []string{"scenarios", "show", "ft-power-loss-capturd"}, []string{`did you mean "ft-power-loss-captured"?`}},
		{"pattern without match", []string{"certify", "--only", "zzz*"}, []string{"zzz*", "scenarios list"}},
		{"invalid pattern", []string{"certify", "--only", "[a"}, []string{"[a"}},
		{"output folder is a file", []string{"certify", "--out", "plain"}, []string{"output folder plain", "--out"}},
		{"output folder below a file", []string{"certify", "--out", "plain/deep"}, []string{"output folder plain/deep", "--out"}},
		{"no worker", []string{"certify", "--jobs", "0"}, []string{"--jobs 0"}},
		{"bad seed", []string{"certify", "--seed", "-1"}, []string{"--seed"}},
		{"unknown flag", []string{"certify", "--bogus"}, []string{"--bogus", "--help"}},
		{"unknown command", []string{"certfy"}, []string{`"certfy"`, "certify"}},
		{"no argument", []string{"replay"}, []string{"one scenario"}},
		{"missing history", []string{"check", "gone.jsonl"}, []string{"gone.jsonl", "no such file"}},
		{"broken history", []string{"check", "broken.jsonl"}, []string{"broken.jsonl"}},
		{"no history", []string{"check"}, []string{"one history file or more"}},
		{"unknown model", []string{"check", "--model", "queue", "broken.jsonl"}, []string{`"queue"`, "register"}},
		{"two histories, one page", []string{"check", "--html", "x.html", "a", "b"}, []string{"--html"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			for name, text := range files {
				write(t, folder, name, text)
			}
			stdout, stderr, code := call(t, folder, c.args...)
			require.Equal(t, exitUsage, code, stderr)
			require.Empty(t, stdout)
			require.True(t, strings.HasPrefix(stderr, "holdfast: "), stderr)
			require.LessOrEqual(t, strings.Count(stderr, "holdfast: "), 1, "one error")
			for _, part := range c.want {
				require.Contains(t, stderr, part)
			}
			left, err := os.ReadDir(folder)
			require.NoError(t, err)
			require.Len(t, left, len(files), "nothing may be left behind")
			for name, text := range files {
				now, err := os.ReadFile(filepath.Join(folder, name))
				require.NoError(t, err)
				require.Equal(t, text, string(now), name)
			}
		})
	}
}

// TestUnwritableFolder needs an ordinary user: the superuser may write everywhere.
func TestUnwritableFolder(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("file permissions do not bind this user")
	}
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "sealed"), 0o555))
	_, stderr, code := call(t, folder, "certify", "--out", "sealed")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "output folder sealed is not writable")
}

func TestScenarioCommands(t *testing.T) {
	folder := t.TempDir()
	stdout, _, code := call(t, folder, "scenarios", "list", "--json")
	require.Equal(t, exitPass, code)
	var list []listed
	require.NoError(t, json.Unmarshal([]byte(stdout), &list))
	require.GreaterOrEqual(t, len(list), 30)

	text, _, code := call(t, folder, "scenarios", "show", list[0].Name)
	require.Equal(t, exitPass, code)
	write(t, folder, "mine.hfs", text)
	_, stderr, code := call(t, folder, "scenarios", "fmt", "--check", "mine.hfs")
	require.Equal(t, exitPass, code, "the library is canonical: %s", stderr)

	write(t, folder, "mine.hfs", strings.Replace(text, "\n", "\n\n\n", 1))
	_, stderr, code = call(t, folder, "scenarios", "fmt", "--check", "mine.hfs")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "mine.hfs")
	_, _, code = call(t, folder, "scenarios", "fmt", "-w", "mine.hfs")
	require.Equal(t, exitPass, code)
	now, err := os.ReadFile(filepath.Join(folder, "mine.hfs"))
	require.NoError(t, err)
	require.Equal(t, text, string(now))
}

// TestCheckVerdicts: the exit code tells the verdict, for a history written by hand in the etcd log format.
func TestCheckVerdicts(t *testing.T) {
	folder := t.TempDir()
	const head = "INFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO  jepsen.util - 0\t:ok\t:write\t1\nINFO  jepsen.util - 1\t:invoke\t:read\tnil\n"
	write(t, folder, "good.log", head+"INFO  jepsen.util - 1\t:ok\t:read\t1\n")
	write(t, folder, "bad.log", head+"INFO  jepsen.util - 1\t:ok\t:read\t2\n")
	stdout, stderr, code := call(t, folder, "check", "good.log")
	require.Equal(t, exitPass, code, stderr)
	require.Contains(t, stdout, "linearizable")

	stdout, _, code = call(t, folder, "check", "--json", "--html", "why.html", "bad.log")
	require.Equal(t, exitSafety, code)
	var results []checked
	require.NoError(t, json.Unmarshal([]byte(stdout), &results))
	require.Equal(t, "illegal", string(results[0].Verdict.Result))
	require.FileExists(t, filepath.Join(folder, "why.html"))
}

func TestVersion(t *testing.T) {
	stdout, _, code := call(t, t.TempDir(), "version", "--json")
	require.Equal(t, exitPass, code)
	require.Contains(t, stdout, `"engine_format": `)
	stdout, _, code = call(t, t.TempDir(), "version")
	require.Equal(t, exitPass, code)
	require.Equal(t, 1, strings.Count(stdout, "\n"))
}
