package script

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/faults/lex"
)

// pool is a valid beginning of five lines plus the clients on line 6.
const pool = `scenario s
purpose "p"
host a
host b
witness w
vm db level ft service registers on a
clients db
`

const sites = `scenario s
purpose "p"
host a site north
host b site north
host c site south
witness w
vm db level ft service registers on a second b
clients db
policy site-same db
`

const poolWithoutWitness = `scenario s
purpose "p"
host a
host b
vm db level ha service log on a
clients db
`

const threeHosts = `scenario s
purpose "p"
host a
host b
host c
vm db level ha service log on a second b
clients db
`

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown statement", pool + "vn x", `f:8:1: found "vn", expected a statement: scenario, purpose, host, witness, voters, vm, policy, clients, tune, at, when, run or expect; did you mean "vm"?`},
		{"no scenario first", "host a", `f:1:1: found "host", expected "scenario" and its name as the first statement`},
		{"empty", "", `f:1:1: found the end of the script, expected "scenario" and its name`},
		{"second scenario", "scenario a\nscenario b", `f:2:1: found a second scenario, expected one in a script`},
		{"bad scenario name", "scenario A", `f:1:10: found "A", expected the name of the scenario: a small letter, then small letters, digits and dashes, at most 64 in all`},
		{"purpose not quoted", "scenario a\npurpose lost", `f:2:9: found "lost", expected one sentence in double quotes`},
		{"purpose empty", "scenario a\npurpose \"\"", `f:2:9: found an empty purpose, expected one sentence in double quotes`},
		{"purpose missing", "scenario a\nrun 5s\n", `f:3:1: found the end of the script, expected "purpose" and a sentence in quotes`},
		{"one host", "scenario a\npurpose \"p\"\nhost a\nvm db level ha service log on a\nrun 5s", `f:5:1: found the end of the script, expected two hosts at least (there are 1): one host alone can protect nothing`},
		{"no VM", "scenario a\npurpose \"p\"\nhost a\nhost b\nrun 5s", `f:5:1: found the end of the script, expected "vm": there is nothing to protect`},
		{"missing run", pool, `f:8:1: found the end of the script, expected "run" and a duration`},
		{"second run", pool + "run 5s\nrun 6s", `f:9:1: found a second run, expected one in a script`},
		{"run without unit", pool + "run 5", `f:8:5: found "5", expected the length of the run: a duration such as 250ms or 1.5s; did you mean "5s"?`},
		{"run too long", pool + "run 11m", `f:8:5: found "11m", expected the length of the run from 100ms to 600s`},
		{"run with more", pool + "run 5s please", `f:8:8: found "please", expected the end of the line`},
		{"second witness", pool + "witness v", `f:8:1: found a second witness, expected one in a script`},
		{"same host twice", pool + "host a", `f:8:6: found "a", which is a host since line 3, expected a new name`},
		{"same VM twice", pool + "vm db level ft service log on b", `f:8:4: found "db", which is a VM since line 6, expected a new name`},
		{"VM named like a host", pool + "vm a level ft service log on b", `f:8:4: found "a", which is a host since line 3, expected a new name`},
		{"reserved name", pool + "host all", `f:8:6: found the reserved word "all", expected the name of a host`},
		{"VM on unknown host", pool + "vm x level ft service log on c", `f:8:30: found the unknown name "c", expected a host declared above: a or b`},
		{"VM on misspelt host", "scenario s\npurpose \"p\"\nhost alpha\nhost beta\nvm x level ft service log on alpah", `f:5:30: found the unknown name "alpah", expected a host declared above: alpha or beta; did you mean "alpha"?`},
		{"VM on the witness", pool + "vm x level ft service log on w", `f:8:30: found "w", which is a witness, expected a host declared above`},
		{"unknown level", pool + "vm x level fft service log on a", `f:8:12: found "fft", expected a level: restart, ha, ft or none; did you mean "ft"?`},
		{"unknown service", pool + "vm x level ft service bang on a", `f:8:23: found "bang", expected a service: registers, log or bank; did you mean "bank"?`},
		{"shared storage at ha", pool + "vm x level ha service log storage shared on a", `f:8:27: found shared storage at level ha, expected level restart: the other levels keep copies`},
		{"unknown storage", pool + "vm x level restart service log storage local on a", `f:8:40: found "local", expected "shared"`},
		{"short lease", pool + "tune lease-timeout 900ms", `f:8:6: found lease-timeout 900ms, expected 1s at least: watchdogs count seconds`},
		{"registers on ha", pool + "vm x level ha service registers on a", `f:8:23: found service registers at level ha, expected service log or bank, or level ft: registers live in memory, which only ft keeps`},
		{"no level", pool + "vm x service log on a", `f:8:6: found "service", expected "level"`},
		{"no second of three", "scenario s\npurpose \"p\"\nhost a\nhost b\nhost c\nvm x level ft service log on a\nrun 5s", `f:6:31: found no second host for x in a pool of 3 hosts, expected "second" and a host`},
		{"second is home", threeHosts + "vm x level ft service log on a second a", `f:8:39: found host "a" for both copies, expected two different hosts`},
		{"clients of nothing", pool + "clients dc", `f:8:9: found the unknown name "dc", expected a VM declared above: db; did you mean "db"?`},
		{"clients of a host", pool + "clients a", `f:8:9: found "a", which is a host, expected a VM declared above`},
		{"clients twice", pool + "clients db", `f:8:9: found a second clients statement for "db", expected one for each VM; the first is on line 7`},
		{"too many clients", pool + "vm x level ft service log on a\nclients x count 9", `f:9:17: found "9", expected a number of clients from 1 to 8`},
		{"rate without /s", pool + "vm x level ft service log on a\nclients x rate 50", `f:9:16: found "50", expected operations per second from 1/s to 10000/s; did you mean "50/s"?`},
		{"one account", pool + "vm x level ft service bank on a\nclients x keys 1", `f:9:16: found "1", expected a number of keys from 2 to 4096`},
		{"count twice", pool + "vm x level ft service log on a\nclients x count 1 count 2", `f:9:19: found a second count, expected each setting once`},
		{"unknown client setting", pool + "vm x level ft service log on a\nclients x key 1", `f:9:11: found "key", expected count, rate or keys; did you mean "keys"?`},
		{"unknown setting", pool + "tune hartbeat 1s", `f:8:6: found "hartbeat", expected a setting: heartbeat, suspect-after, promote-wait, io-timeout, ack-timeout, epoch, cold-start-after, hang-after, epoch-max, rehome-after, voter-lost-after, mtbf, mend-after or lease-timeout; did you mean "heartbeat"?`},
		{"setting twice", pool + "tune epoch 10ms\ntune epoch 20ms", `f:9:6: found a second value for epoch, expected one; the first is on line 8`},
		{"setting out of range", pool + "tune epoch 0s", `f:8:12: found "0s", expected the value of epoch from 1ms to 60s`},
		{"suspicion below two heartbeats", pool + "tune heartbeat 300ms\nrun 5s", `f:8:6: found suspect-after 400ms with heartbeat 300ms, expected suspect-after to be two heartbeats at least, or every lost packet makes a suspect`},
		{"at without duration", pool + "at two power-off a", `f:8:4: found "two", expected an instant of the run: a duration such as 250ms or 1.5s`},
		{"at after the end", pool + "at 6s power-off a\nrun 5s", `f:8:4: found 6s, after the end of the run, expected an instant up to 5s`},
		{"no fault", pool + "at 2s", `f:8:6: found the end of the line, expected a fault such as power-off or cut`},
		{"unknown fault", pool + "at 2s powr-off a", `f:8:7: found the unknown fault "powr-off"; did you mean "power-off"?`},
		{"role unknown", pool + "at 2s power-off c", `f:8:17: found the unknown name "c", expected a member, or a name bound by as above: a, b or w`},
		{"role of unknown VM", pool + "at 2s power-off primary(web)", `f:8:17: found the unknown name "web", expected a VM declared above: db`},
		{"role is a VM", pool + "at 2s power-off db", `f:8:17: found "db", which is a VM, expected a member, or a name bound by as above`},
		{"used before it is bound", pool + "at 4s power-on victim\nat 2s power-off a as victim", `f:8:16: found the unknown name "victim", expected a member, or a name bound by as above: a, b or w`},
		{"used at an earlier instant", pool + "at 4s power-off a as victim\nat 2s power-on victim", `f:9:16: found "victim", which is bound at 4s, expected an instant not before that`},
		{"bound in its own action", pool + "at 2s power-off victim as victim", `f:8:17: found the unknown name "victim", expected a member, or a name bound by as above: a, b or w`},
		{"bound twice", pool + "at 2s power-off a as v\nat 3s power-off b as v", `f:9:22: found "v", which is a name bound by as since line 8, expected a new name`},
		{"bound like a host", pool + "at 2s power-off a as b", `f:8:22: found "b", which is a host since line 4, expected a new name`},
		{"as without a member", pool + "at 2s heal-all as v", `f:8:7: found heal-all with as, expected a fault of one member, which the name can stand for`},
		{"as of all", pool + "at 2s power-off all as v", `f:8:7: found power-off with as, expected a fault of one member, which the name can stand for`},
		{"as of a site", sites + "at 2s power-off site(north) as v", `f:10:7: found power-off with as, expected a fault of one member, which the name can stand for`},
		{"unknown site", sites + "at 2s power-off site(nort)", `f:10:17: found the unknown site "nort", expected the site of a host: north or south; did you mean "north"?`},
		{"site in a pool without", pool + "at 2s power-off site(north)", `f:8:17: found the unknown site "north", expected a site that a host statement above names`},
		{"as misspelt", pool + "at 2s thaw a ass v", `f:8:14: found "ass", expected the end of the line`},
		{"witness role without witness", poolWithoutWitness + "at 2s power-off witness", `f:7:17: found the role witness in a pool without one, expected a witness statement above`},
		{"disk of the witness", pool + "at 2s disk-hang w db", `f:8:17: found the witness as the target of disk-hang, expected a host: a witness runs no VM and holds no disks`},
		{"witness on an A-link", pool + "at 2s cut a1 a <-> w", `f:8:20: found the witness on link a1, expected mgmt or all: a witness is on the management network only`},
		{"other of the witness", pool + "at 2s power-off other(w)", `f:8:17: found other() around the witness, expected other() around a host`},
		{"other of three", threeHosts + "at 2s power-off other(a)\nrun 5s", `f:8:17: found other(a) in a pool of 3 hosts, expected a pool of two hosts for other()`},
		{"disk fault without a copy", threeHosts + "at 2s disk-hang c db\nrun 5s", `f:8:17: found host "c", which holds no copy of "db", expected a or b`},
		{"fault of unknown VM", pool + "at 2s crash-vm dp", `f:8:16: found the unknown name "dp", expected a VM declared above: db; did you mean "db"?`},
		{"old disk without save", pool + "at 2s power-on w with-old-disk", `f:8:7: found with-old-disk, but no disk was saved, expected a save-disk in an action above`},
		{"override with witness", pool + "at 2s override a declare-dead b\nrun 5s", `f:8:7: found override in a pool that can decide by itself, expected a pool of two hosts without a witness, or one with a recovery copy`},
		{"when without stage", pool + "when db captured power-off a", `f:8:9: found "captured", expected "stage"`},
		{"unknown VM in when", pool + "when web stage captured power-off a", `f:8:6: found the unknown name "web", expected a VM declared above: db`},
		{"unknown stage", pool + "when db stage capture power-off a", `f:8:15: found "capture", expected a stage: ` + lex.Choice(texts(stageWords)) + `; did you mean "captured"?`},
		{"ft stage on ha", poolWithoutWitness + "when db stage sealed power-off a", `f:7:15: found stage sealed of "db", whose level is ha, expected a stage that this level has: only ft takes checkpoints`},
		{"nth zero", pool + "when db stage sealed nth 0 power-off a", `f:8:26: found "0", expected a number of times from 1 to 1000000`},
		{"after the end", pool + "when db stage sealed after 9s power-off a\nrun 5s", `f:8:28: found 9s, after the end of the run, expected an instant up to 5s`},
		{"unknown expectation", pool + "expect puase(db) < 1s", `f:8:8: found "puase", expected an expectation: ` + lex.Choice(texts(expectWords)) + `; did you mean "pause"?`},
		{"expectation about unknown VM", pool + "expect pause(web) < 1s", `f:8:14: found the unknown name "web", expected a VM declared above: db`},
		{"expectation about a host", pool + "expect restarts(a) = 0", `f:8:17: found "a", which is a host, expected a VM declared above`},
		{"no comparator", pool + "expect restarts(db) 0", `f:8:21: found "0", expected <, <=, =, >= or >`},
		{"double equals", pool + "expect restarts(db) == 0", `f:8:22: found "=", expected a number from 0 to 1000000`},
		{"pause as a number", pool + "expect pause(db) < 1", `f:8:20: found "1", expected a time: a duration such as 250ms or 1.5s; did you mean "1s"?`},
		{"pause without clients", pool + "vm x level ft service log on a\nexpect pause(x) < 1s", `f:9:8: found pause of "x", which has no clients, expected a statement "clients x" above`},
		{"primary at most", pool + "expect primary(db) < a", `f:8:20: found "<", expected "="`},
		{"primary is a role", pool + "expect primary(db) = secondary(db)", `f:8:22: found secondary(db), expected a host, a name bound by as, or other() of one`},
		{"primary is the witness", pool + "expect primary(db) = w", `f:8:22: found the witness, expected a host: a witness runs no VM`},
		{"primary is unknown", pool + "expect primary(db) = c", `f:8:22: found the unknown name "c", expected a member, or a name bound by as above: a, b or w`},
		{"converged by", pool + "expect converged by 5s", `f:8:18: found "by", expected "within"`},
		{"unknown event", pool + "expect event expose(db)", `f:8:14: found "expose", expected an event: ` + lex.Choice(texts(eventWords)) + `; did you mean "exposed"?`},
		{"event about nothing", pool + "expect event exposed(x)", `f:8:22: found the unknown name "x", expected a VM, a member, or a name bound by as above: a, b, w or db`},
		{"no without event", pool + "expect no exposed(db)", `f:8:11: found "exposed", expected "event"`},
		{"period backwards", pool + "expect stalled(db) from 5s to 3s", `f:8:31: found a period from 5s to 3s, expected an end after its beginning`},
		{"period after the end", pool + "run 5s\nexpect served(db) from 4s to 6s", `f:9:30: found 6s, after the end of the run, expected an instant up to 5s`},
		{"state lost on ha", poolWithoutWitness + "expect state-lost(db)", `f:7:19: found state-lost of "db", whose level is ha, expected a VM of level ft: only its memory is protected`},
		{"too few founders", strings.Replace(pool, "host b", "host b spare", 1) + "run 5s", `f:8:1: found the end of the script, expected two hosts at least that are not spare`},
		{"second is spare", threeHosts + "host d spare\nvm x level ft service log on a second d", `f:9:39: found the spare host "d" as a home, expected a host that is in the pool from the beginning`},
		{"home is spare", threeHosts + "host d spare\nvm x level ft service log on d second a", `f:9:30: found the spare host "d" as a home, expected a host that is in the pool from the beginning`},
		{"four voters", pool + "voters 4", `f:8:8: found 4 voters, expected 3 or 5: a fourth voter makes a pool survive no more`},
		{"more voters than members", pool + "voters 5\nrun 5s", `f:8:8: found 5 voters in a pool of 3 members, expected as many members at least`},
		{"join by role", pool + "at 1s join-host primary(db)", `f:8:7: found join-host of primary(db), expected one host by its name`},
		{"home from itself", threeHosts + "vm x level ft service log on a second b\nat 1s replace-home x from b to b", `f:9:32: found b twice, expected two different members`},
		{"broken text", pool + `purpose "open`, `f:8:9: found a text that is not closed, expected a second " on the same line`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Parse("f", c.text)
			assert.EqualError(t, err, c.want)
			assert.Nil(t, s, "nothing is half-read")
		})
	}
}

func TestParseBounds(t *testing.T) {
	_, err := Parse("f", strings.Repeat("\n", MaxBytes+1))
	assert.EqualError(t, err, "f:1:1: found a script of 16777217 bytes, expected at most 16777216")
	_, err = Parse("f", strings.Repeat("#\n\n", MaxLines+1))
	assert.EqualError(t, err, "f:10001:1: found too many lines, expected at most 5000 that are not empty")
	_, err = Parse("f", pool+strings.Repeat("at 1s heal-all\n", MaxActions+1))
	assert.EqualError(t, err, "f:1008:7: found too many actions, expected at most 1000")
	_, err = Parse("f", pool+strings.Repeat("expect restarts(db) = 0\n", MaxExpects+1))
	assert.EqualError(t, err, "f:1008:8: found too many expectations, expected at most 1000")
	hosts := pool
	for _, n := range "cdefghijklmnop" {
		hosts += "host " + string(n) + "\n"
	}
	_, err = Parse("f", hosts+"host q")
	assert.EqualError(t, err, "f:22:6: found too many hosts, expected at most 16")
	vms := pool
	for _, n := range "cdefghijklmnopq" {
		vms += "vm " + string(n) + " level ft service log on a\n"
	}
	_, err = Parse("f", vms+"vm r level ft service log on a")
	assert.EqualError(t, err, "f:23:4: found too many VMs, expected at most 16")
}

func TestValidate(t *testing.T) {
	good := func() *Script {
		s, err := Parse("f", pool+"at 2s power-off a\nrun 5s\nexpect pause(db) < 1s\n")
		require.NoError(t, err)
		return s
	}
	require.NoError(t, Validate(good()))
	for name, change := range map[string]func(*Script){
		"VM on unknown host":     func(s *Script) { s.VMs[0].Home = "x" },
		"second copy nowhere":    func(s *Script) { s.VMs[0].Second = "" },
		"no run":                 func(s *Script) { s.Run = 0 },
		"purpose with a quote":   func(s *Script) { s.Purpose = `a "b"` },
		"line break in a name":   func(s *Script) { s.Name = "a\nhost x" },
		"level out of range":     func(s *Script) { s.VMs[0].Level = 9 },
		"stage of at":            func(s *Script) { s.Actions[0].Trigger.Stage = StageSealed },
		"trigger of no kind":     func(s *Script) { s.Actions[0].Trigger.Kind = 0 },
		"unused field of fault":  func(s *Script) { s.Actions[0].Fault.Count = 3 },
		"unused field of expect": func(s *Script) { s.Expects[0].Count = 3 },
		"unknown expectation":    func(s *Script) { s.Expects[0].Kind = 99 },
		"comparator of none":     func(s *Script) { s.Expects[0].Comparator = 0 },
	} {
		s := good()
		change(s)
		assert.Error(t, Validate(s), name)
	}
}
