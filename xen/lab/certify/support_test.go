package certify

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/scenarios/library"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
)

func TestSupported(t *testing.T) {
	const pool = "scenario s\npurpose \"p\"\nhost a\nhost b\nwitness w\n"
	memory, disk := pool+"vm db level ft service registers on a\nclients db\n", pool+"vm db level restart service log on a\nclients db\n"
	for _, c := range []struct{ name, driver, text, want string }{
		{"memory", "remus", memory + "at 1s power-off primary(db) as v\nat 2s power-on v\nexpect primary(db) = other(v)\n", ""},
		{"disk", "watcher", disk + "at 1s cut links a <-> b for 1s\nat 2s kill-daemon b\nat 3s half-create b count 1\nat 4s hang-vm db for 1s\n", ""},
		{"anything without protection", "none", disk + "at 1s freeze a for 1s\n", ""},
		{"stage", "remus", memory + "when db stage captured power-off a\n", "line 8: captured: only the simulator sees"},
		{"level", "remus", disk, "line 6: vm db: level restart: xl remus continues"},
		{"level", "watcher", memory, "line 6: vm db: level ft: it restarts"},
		{"disk of remus", "remus", pool + "vm db level ft service log on a\nclients db\n", "replicates no disk"},
		{"bank", "none", pool + "vm db level ha service bank on a\nclients db\n", "service bank"},
		{"witness", "watcher", disk + "at 1s power-off witness\n", "line 8: power-off witness: the lab has no witness"},
		{"witness by name", "watcher", disk + "at 1s partition a | b w\n", "no witness"},
		{"writes that are lost", "watcher", disk + "at 1s power-off a torn\nat 5s power-on a\nat 6s power-off b lose-unsynced\n", ""},
		{"slow", "none", disk + "at 1s slow-cpu a factor 2\n", "no speed"},
		{"disk faults", "none", disk + "at 1s disk-error a db read\nat 2s disk-slow a db by 20ms for 1s\n", ""},
		{"disk of a guest in memory", "none", memory + "at 1s disk-error a db read\n", "has no disk"},
		{"disk fault by a time-out", "none", disk + "at 1s io-delay a db write by 1T-1ms\n", "the lab does not know the I/O time-out"},
		{"clock", "none", disk + "at 1s clock-jump a +1s\n", "clocks of their emulator"},
		{"operator", "none", disk + "at 1s migrate db\n", "orders of an operator"},
		{"daemon", "none", disk + "at 1s kill-daemon a\n", "it has no daemon"},
		{"daemon of remus", "remus", memory + "at 1s kill-daemon a\n", "cannot be started again"},
		{"engine's daemon", "watcher", disk + "at 1s crash-daemon a at-effect 3\n", "Holdfast's own daemon"},
		{"crash", "watcher", disk + "at 1s crash-vm db\n", "cannot make a guest crash"},
		{"event", "remus", memory + "expect event promoted(db)\n", "line 8: event promoted(db): notices are Holdfast's own"},
		{"tune", "remus", memory + "tune epoch 20ms\n", "line 8: tune"},
		{"no clients", "remus", pool + "vm db level ft service registers on a\n", "no clients"},
		{"three hosts", "none", "scenario s\npurpose \"p\"\nhost a\nhost b\nhost c\nvm db level ha service log on a second b\nclients db\n", "pool of 3 hosts"},
		{"voters", "none", disk + "voters 3\n", "line 8: voters: the drivers vote on nothing"},
		{"site", "none", "scenario s\npurpose \"p\"\nhost a\nhost b site east\nvm db level ha service log on a\nclients db\n", "line 4: host b: site"},
		{"memory of a host", "none", "scenario s\npurpose \"p\"\nhost a memory 512 MiB\nhost b\nvm db level ha service log on a\nclients db\n", "line 3: host a: memory"},
		{"memory of a VM", "none", pool + "vm db level ha service log on a memory 128 MiB\nclients db\n", "line 6: vm db: memory"},
		{"all hosts", "none", disk + "at 1s isolate all for 1s\nat 2s nic-down all\nat 3s nic-up all\nat 4s power-off all\n", ""},
		{"keys", "none", pool + "vm db level ha service log on a\nclients db keys 65\n", "65 keys"},
	} {
		s, err := script.Parse("f", c.text+"run 10s\n")
		require.NoError(t, err, c.name)
		d, err := NewDriver(c.driver)
		require.NoError(t, err)
		err = Supported(s, d, Options{})
		if c.want == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorIs(t, err, ErrUnsupported, c.name)
		require.ErrorContains(t, err, c.want, c.name)
		require.NotContains(t, err.Error(), "\n", c.name)
	}
}

func TestDrivers(t *testing.T) {
	require.Equal(t, []string{"none", "remus", "watcher"}, Drivers())
	for _, name := range Drivers() {
		d, err := NewDriver(name)
		require.NoError(t, err)
		require.Equal(t, name, d.Name())
	}
	_, err := NewDriver("remsu")
	require.EqualError(t, err, `no driver "remsu"; the drivers are none, remus, watcher; did you mean "remus"?`)
}

var update = flag.Bool("update", false, "rewrite the list of scripts that run on the lab")

// A part of the library runs on the lab with each driver. The list says when that changes.
func TestLibrary(t *testing.T) {
	const file = "testdata/library.txt"
	var all strings.Builder
	for _, driver := range Drivers() {
		d, err := NewDriver(driver)
		require.NoError(t, err)
		var can []string
		for _, name := range library.List() {
			s, err := library.Get(name)
			require.NoError(t, err)
			if err := Supported(s, d, Options{}); err == nil {
				can = append(can, name)
			} else {
				require.ErrorIs(t, err, ErrUnsupported)
			}
		}
		fmt.Fprintf(&all, "%s, %d scripts\n\t%s\n", driver, len(can), strings.Join(can, "\n\t"))
	}
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(all.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), all.String(), "go test ./xen/lab/certify -run Library -update rewrites the list; read the difference")
}

// Other guests than the usual one fit to some scripts only.
func TestSupportedGuests(t *testing.T) {
	const pool = "scenario s\npurpose \"p\"\nhost a\nhost b\n"
	memory, disk := pool+"vm db level ft service registers on a\nclients db\nrun 10s\n", pool+"vm db level restart service log on a\nclients db\nrun 10s\n"
	for _, c := range []struct {
		name, text, want string
		opt              Options
	}{
		{"redis on a disk", disk + "expect primary(db) = b\n", "", Options{Service: lab.Redis}},
		{"postgres without a disk", memory, "postgres takes the place of a log on a disk only", Options{Service: lab.Postgres}},
		{"boots of redis", disk + "expect restarts(db) = 1\n", "", Options{Service: lab.Redis}},
		{"boots of registers", disk + "expect restarts(db) = 1\n", "", Options{Service: lab.Registers, Kind: lab.HVM}},
		{"redis in an emulated computer", disk, "an HVM guest serves registers only", Options{Service: lab.Redis, Kind: lab.HVM}},
	} {
		s, err := script.Parse("f", c.text)
		require.NoError(t, err, c.name)
		err = Supported(s, &watcher{}, c.opt)
		if memory == c.text {
			err = Supported(s, none{}, c.opt)
		}
		if c.want == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorIs(t, err, ErrUnsupported, c.name)
		require.ErrorContains(t, err, c.want, c.name)
	}
}
