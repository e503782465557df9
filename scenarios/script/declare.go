package script

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"holdfast/faults/lex"
)

func (p *parser) scenario(n Note) (err error) {
	if p.s.Name, err = p.c.Name("the name of the scenario"); err != nil {
		return err
	}
	p.s.NameNote = n
	return p.c.End()
}

func (p *parser) purpose(n Note) (err error) {
	t := p.c.Peek()
	if p.s.Purpose, err = p.c.Text("one sentence"); err != nil {
		return err
	}
	if p.s.Purpose == "" {
		return p.c.Problem(t, "found an empty purpose", "one sentence in double quotes", "")
	}
	p.s.PurposeNote = n
	return p.c.End()
}

func (p *parser) host(n Note) error {
	t := p.c.Peek()
	name, err := p.declare("the name of a host", symbol{kind: symbolHost})
	if err != nil {
		return err
	}
	if len(p.s.Hosts) == MaxHosts {
		return p.c.Problem(t, "found too many hosts", fmt.Sprintf("at most %d", MaxHosts), "")
	}
	h := Member{Name: name, Spare: p.c.Accept("spare"), Note: n}
	if p.c.Accept("site") {
		if h.Site, err = p.c.Name("the name of a site"); err != nil {
			return err
		}
	}
	if h.Memory, err = p.memory(); err != nil {
		return err
	}
	p.s.Hosts = append(p.s.Hosts, h)
	return p.c.End("spare", "site", "memory")
}

func (p *parser) voters(n Note) error {
	t := p.c.Peek()
	v, err := p.c.Int("a number of voters", 3, 5)
	if err != nil {
		return err
	}
	if v == 4 {
		return p.c.Problem(t, "found 4 voters", "3 or 5: a fourth voter makes a pool survive no more", "")
	}
	p.later(t, func() bool { return p.founders() >= v }, func() (string, string) {
		return fmt.Sprintf("found %d voters in a pool of %d members", v, p.founders()), "as many members at least"
	})
	p.s.Voters, p.s.VotersNote = v, n
	return p.c.End()
}

// founders returns the number of members with which the pool begins.
func (p *parser) founders() int {
	n := len(p.s.Hosts) - p.spares()
	if p.s.Witness.Name != "" {
		n++
	}
	return n
}

// inPool checks that a host with a VM's copy is in the pool from the beginning.
func (p *parser) inPool(t lex.Token, name string) error {
	for _, h := range p.s.Hosts {
		if h.Name == name && h.Spare {
			return p.c.Problem(t, fmt.Sprintf("found the spare host %q as a home", name), "a host that is in the pool from the beginning", "")
		}
	}
	return nil
}

func (p *parser) witness(n Note) error {
	name, err := p.declare("the name of the witness", symbol{kind: symbolWitness})
	if err != nil {
		return err
	}
	p.s.Witness = Member{Name: name, Note: n}
	return p.c.End()
}

// enum takes "key WORD" and returns the word's value, counted from 1.
func (p *parser) enum(key string, words []word) (int, error) {
	if err := p.c.Expect(key); err != nil {
		return 0, err
	}
	i, err := p.c.OneOf("a "+key+": "+lex.Choice(texts(words)), texts(words))
	return i + 1, err
}

func (p *parser) vm(n Note) error {
	t := p.c.Peek()
	vm := VM{Note: n}
	var err error
	if vm.Name, err = p.declare("the name of a VM", symbol{kind: symbolVM, vm: len(p.s.VMs)}); err != nil {
		return err
	}
	if len(p.s.VMs) == MaxVMs {
		return p.c.Problem(t, "found too many VMs", fmt.Sprintf("at most %d", MaxVMs), "")
	}
	level, err := p.enum("level", levelWords)
	if err != nil {
		return err
	}
	at := p.c.PeekAt(1)
	service, err := p.enum("service", serviceWords)
	if err != nil {
		return err
	}
	if vm.Level, vm.Service = Level(level), Service(service); vm.Service == ServiceRegisters && vm.Level != LevelFT {
		return p.c.Problem(at, fmt.Sprintf("found service registers at level %s", vm.Level), "service log or bank, or level ft: registers live in memory, which only ft keeps", "")
	}
	if err := p.storage(&vm); err != nil {
		return err
	}
	if err := p.c.Expect("on"); err != nil {
		return err
	}
	if p.auto() {
		p.s.VMs = append(p.s.VMs, vm)
		return p.demand(len(p.s.VMs) - 1)
	}
	home := p.c.Peek()
	if vm.Home, _, err = p.lookup("a host declared above", symbolHost); err != nil {
		return err
	}
	if err := p.inPool(home, vm.Home); err != nil {
		return err
	}
	p.s.VMs = append(p.s.VMs, vm)
	if err := p.second(len(p.s.VMs) - 1); err != nil {
		return err
	}
	if err := p.recovery(&p.s.VMs[len(p.s.VMs)-1]); err != nil {
		return err
	}
	return p.demand(len(p.s.VMs)-1, "second", "dr")
}

// recovery reads the host with the recovery copy, if the VM is to have one.
func (p *parser) recovery(vm *VM) (err error) {
	at := p.c.Peek()
	if !p.c.Accept("dr") {
		return nil
	}
	if vm.Shared {
		return p.c.Problem(at, "found a recovery copy of a VM on shared storage", "storage of its own: of shared storage there are no copies", "")
	}
	t := p.c.Peek()
	if vm.Recovery, _, err = p.lookup("a host declared above", symbolHost); err != nil {
		return err
	}
	if vm.Recovery == vm.Home || vm.Recovery == vm.Second {
		return p.c.Problem(t, fmt.Sprintf("found home %q for the recovery copy", vm.Recovery), "a third host, at another place", "")
	}
	if err = p.c.Expect("rpo"); err != nil {
		return err
	}
	vm.Target, err = p.c.Duration("a recovery point target", MinTune, MaxRun)
	return err
}

// storage takes what kind of disk the VM has, if that is said.
func (p *parser) storage(vm *VM) error {
	at := p.c.Peek()
	if !p.c.Accept("storage") {
		return nil
	}
	if err := p.c.Expect("shared"); err != nil {
		return err
	}
	if vm.Shared = true; vm.Level != LevelRestart {
		return p.c.Problem(at, fmt.Sprintf("found shared storage at level %s", vm.Level), "level restart: the other levels keep copies", "")
	}
	return nil
}

// second reads or infers the host with the second copy. Two hosts leave no choice; more need one.
func (p *parser) second(index int) (err error) {
	t := p.c.Peek()
	vm := &p.s.VMs[index]
	if p.c.Accept("second") {
		t = p.c.Peek()
		if vm.Second, _, err = p.lookup("a host declared above", symbolHost); err != nil {
			return err
		}
		if vm.Second == vm.Home {
			return p.c.Problem(t, fmt.Sprintf("found host %q for both copies", vm.Home), "two different hosts", "")
		}
		return p.inPool(t, vm.Second)
	}
	p.later(t, func() bool {
		vm := &p.s.VMs[index]
		for _, h := range p.s.Hosts {
			if h.Name != vm.Home {
				vm.Second = h.Name
			}
		}
		return len(p.s.Hosts) == 2
	}, func() (string, string) {
		return fmt.Sprintf("found no second host for %s in a pool of %d hosts", p.s.VMs[index].Name, len(p.s.Hosts)), `"second" and a host`
	})
	return nil
}

// clients is followed by any of its three settings, each at most once.
func (p *parser) clients(n Note) error {
	t := p.c.Peek()
	vm, s, err := p.lookup("a VM declared above", symbolVM)
	if err != nil {
		return err
	}
	if p.s.VMs[s.vm].Later {
		return p.c.Problem(t, fmt.Sprintf("found clients of %q, which comes later", vm), "a VM that is there from the beginning", "")
	}
	for _, c := range p.s.Clients {
		if c.VM == vm {
			return p.c.Problem(t, fmt.Sprintf("found a second clients statement for %q", vm), fmt.Sprintf("one for each VM; the first is on line %d", c.Note.Line), "")
		}
	}
	c := Clients{VM: vm, Count: DefaultClientCount, Rate: DefaultRate, Keys: DefaultKeys, Note: n}
	minKeys := 1
	if p.s.VMs[s.vm].Service == ServiceBank {
		minKeys = 2
	}
	settings := []string{"count", "rate", "keys"}
	seen := [3]bool{}
	for !p.c.Empty() {
		at := p.c.Peek()
		i, err := p.c.OneOf("count, rate or keys", settings)
		if err != nil {
			return err
		}
		if seen[i] {
			return p.c.Problem(at, "found a second "+settings[i], "each setting once", "")
		}
		seen[i] = true
		switch settings[i] {
		case "count":
			c.Count, err = p.c.Int("a number of clients", 1, MaxClientCount)
		case "rate":
			c.Rate, err = p.rate()
		default:
			c.Keys, err = p.c.Int("a number of keys", minKeys, MaxKeys)
		}
		if err != nil {
			return err
		}
	}
	p.s.Clients = append(p.s.Clients, c)
	return nil
}

// rate takes N/s.
func (p *parser) rate() (int, error) {
	t := p.c.Peek()
	number, ok := strings.CutSuffix(t.Text, "/s")
	n, err := strconv.Atoi(number)
	if t.Kind == lex.TokenWord && ok && err == nil && number == strconv.Itoa(n) && n >= 1 && n <= MaxRate {
		p.c.Take()
		return n, nil
	}
	suggestion := ""
	if err == nil && !ok {
		suggestion = t.Text + "/s"
	}
	return 0, p.c.Problem(t, "found "+t.String(), fmt.Sprintf("operations per second from 1/s to %d/s", MaxRate), suggestion)
}

// Bounds of the value of a tune statement.
const (
	MinTune = time.Millisecond
	MaxTune = time.Minute
)

func (p *parser) tune(n Note) error {
	t := p.c.Peek()
	i, err := p.c.OneOf("a setting: "+lex.Choice(texts(settingWords)), texts(settingWords))
	if err != nil {
		return err
	}
	setting := Setting(i + 1)
	for _, old := range p.s.Tunes {
		if old.Setting == setting {
			return p.c.Problem(t, fmt.Sprintf("found a second value for %s", setting), fmt.Sprintf("one; the first is on line %d", old.Note.Line), "")
		}
	}
	value, err := p.c.Duration("the value of "+setting.String(), MinTune, MaxTune)
	if err != nil {
		return err
	}
	if setting == SettingLeaseTimeout && value < time.Second {
		return p.c.Problem(t, fmt.Sprintf("found lease-timeout %s", lex.FormatDuration(value)), "1s at least: watchdogs count seconds", "")
	}
	p.s.Tunes = append(p.s.Tunes, Tune{Setting: setting, Value: value, Note: n})
	if setting == SettingHeartbeat || setting == SettingSuspectAfter {
		p.later(t, func() bool { return p.s.Value(SettingSuspectAfter) >= 2*p.s.Value(SettingHeartbeat) }, func() (string, string) {
			return fmt.Sprintf("found suspect-after %s with heartbeat %s", lex.FormatDuration(p.s.Value(SettingSuspectAfter)), lex.FormatDuration(p.s.Value(SettingHeartbeat))),
				"suspect-after to be two heartbeats at least, or every lost packet makes a suspect"
		})
	}
	return p.c.End()
}

func (p *parser) run(n Note) (err error) {
	if p.s.Run, err = p.c.Duration("the length of the run", MinRun, MaxRun); err != nil {
		return err
	}
	p.s.RunNote = n
	return p.c.End()
}

// Value returns the value of a valid setting in the script: tuned, or else its default.
func (s *Script) Value(setting Setting) time.Duration {
	for _, t := range s.Tunes {
		if t.Setting == setting {
			return t.Value
		}
	}
	return setting.Default()
}
