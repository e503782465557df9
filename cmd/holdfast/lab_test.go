package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// labHome gives the commands of a lab folders of their own.
func labHome(t *testing.T) {
	dir, err := os.MkdirTemp("", "hc") // the paths of sockets are short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
}

func TestLabThatDoesNotRun(t *testing.T) {
	for _, args := range [][]string{
		{"lab", "status"}, {"lab", "exec", "a", "true"}, {"lab", "push", "a", "lab_test.go", "/x"}, {"lab", "power", "a", "off"},
		{"lab", "check"}, {"lab", "guest", "a", "db"}, {"lab", "fault", "heal-all"}, {"lab", "console", "a"},
	} {
		labHome(t)
		a := newHarness(nil)
		require.Equal(t, exitUsage, a.execute(t.Context(), args), args)
		require.Contains(t, a.stderr.String(), `no lab is running by the name "default"; "holdfast lab up" starts one`, args)
	}
}

func TestLabDownLeavesNothing(t *testing.T) {
	labHome(t)
	left := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "lab-two")
	require.NoError(t, os.MkdirAll(left, 0o700))
	a := newHarness(nil)
	require.Equal(t, exitPass, a.execute(t.Context(), []string{"lab", "down", "--lab", "two"}))
	require.Contains(t, a.stdout.String(), "lab two was not running; nothing of it is left")
	require.NoDirExists(t, left)
}

func TestBadLabCommands(t *testing.T) {
	bin := t.TempDir() // an emulator that is there, and never run
	require.NoError(t, os.WriteFile(filepath.Join(bin, "qemu-system-x86_64"), nil, 0o755))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for want, args := range map[string][]string{
		`the name "A/b"`:                 {"lab", "status", "--lab", "A/b"},
		"5 hosts: 1 to 3":                {"lab", "up", "--hosts", "5"},
		"at least 1280":                  {"lab", "up", "--memory", "1000"},
		`--type "vax"`:                   {"lab", "guest", "a", "db", "--type", "vax"},
		"number from 0 to 99":            {"lab", "check", "--number", "100"},
		`did you mean "status"?`:         {"lab", "statsu"},
		"no/such/file":                   {"lab", "push", "a", "no/such/file", "/x"},
		"a host, a file here, and its":   {"lab", "push", "a", "b"},
		"boots from cold has no guest":   {"lab", "up", "--cold", "--guest"},
		"the program that runs inside":   {"lab", "build"},
		"no configuration on standard i": {"lab", "supervise"},
	} {
		labHome(t)
		a := newHarness(nil)
		require.Equal(t, exitUsage, a.execute(t.Context(), args), args)
		require.Contains(t, a.stderr.String(), want, args)
	}
}

func TestRemoteExitCode(t *testing.T) {
	code, ok := asRemoteExit(remoteExit(7))
	require.True(t, ok)
	require.Equal(t, 7, code)
	_, ok = asRemoteExit(os.ErrNotExist)
	require.False(t, ok)
}

func TestTellerStopsAtTheLast(t *testing.T) {
	var told []labMessage
	teller := newTeller(func(m labMessage) { told = append(told, m) })
	teller.tell(labMessage{Say: "a"})
	teller.last(labMessage{Ready: true})
	teller.tell(labMessage{Say: "b"})
	teller.last(labMessage{Error: "c"})
	require.Equal(t, []labMessage{{Say: "a"}, {Ready: true}}, told)
}
