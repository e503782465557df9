package script

import (
	"fmt"
	"slices"
	"time"

	"holdfast/faults"
	"holdfast/faults/lex"
)

func (p *parser) at(n Note) error {
	t := p.c.Peek()
	at, err := p.c.Duration("an instant of the run", 0, MaxRun)
	if err != nil {
		return err
	}
	p.withinRun(t, at)
	return p.action(n, Trigger{Kind: TriggerAt, At: at})
}

func (p *parser) when(n Note) error {
	vm, s, err := p.lookup("a VM declared above", symbolVM)
	if err != nil {
		return err
	}
	if err := p.c.Expect("stage"); err != nil {
		return err
	}
	t := p.c.Peek()
	i, err := p.c.OneOf("a stage: "+lex.Choice(texts(stageWords)), texts(stageWords))
	if err != nil {
		return err
	}
	stage := Stage(i + 1)
	if level := p.s.VMs[s.vm].Level; stage.FTOnly() && level != LevelFT {
		return p.c.Problem(t, fmt.Sprintf("found stage %s of %q, whose level is %s", stage, vm, level), "a stage that this level has: only ft takes checkpoints", "")
	}
	trigger := Trigger{Kind: TriggerWhen, VM: vm, Stage: stage, Nth: 1}
	if p.c.Accept("after") {
		t := p.c.Peek()
		if trigger.At, err = p.c.Duration("an instant of the run", 0, MaxRun); err != nil {
			return err
		}
		p.withinRun(t, trigger.At)
	}
	if p.c.Accept("nth") {
		if trigger.Nth, err = p.c.Int("a number of times", 1, 1_000_000); err != nil {
			return err
		}
	}
	if p.c.Is("delay") && !p.linkAhead() {
		p.c.Take()
		if trigger.Delay, err = p.c.Duration("a delay", 0, time.Minute); err != nil {
			return err
		}
	}
	return p.action(n, trigger)
}

// linkAhead reports whether a link follows the next word: a "delay" before a link is the fault of that
// name, any other belongs to the trigger.
func (p *parser) linkAhead() bool {
	for l := faults.LinkA1; l <= faults.LinkAll; l++ {
		if p.c.PeekAt(1).Text == l.String() {
			return true
		}
	}
	return false
}

// withinRun checks, when the length of the run is known, that an instant is part of it.
func (p *parser) withinRun(t lex.Token, at time.Duration) {
	p.later(t, func() bool { return at <= p.s.Run }, func() (string, string) {
		return fmt.Sprintf("found %s, after the end of the run", lex.FormatDuration(at)), "an instant up to " + lex.FormatDuration(p.s.Run)
	})
}

func (p *parser) action(n Note, trigger Trigger) error {
	t := p.c.Peek()
	if len(p.s.Actions) == MaxActions {
		return p.c.Problem(t, "found too many actions", fmt.Sprintf("at most %d", MaxActions), "")
	}
	fault, mentions, err := faults.ParseAt(p.c)
	if err != nil {
		return err
	}
	a := Action{Trigger: trigger, Fault: fault, Note: n}
	if err := p.sensible(t, a, mentions); err != nil {
		return err
	}
	if p.c.Accept("as") {
		if m := fault.Member; m.Kind == faults.RoleNone || m.Several() {
			return p.c.Problem(t, fmt.Sprintf("found %s with as", fault.Kind), "a fault of one member, which the name can stand for", "")
		}
		if a.As, err = p.declare("a new name", symbol{kind: symbolBound, trigger: trigger}); err != nil {
			return err
		}
	}
	p.s.Actions = append(p.s.Actions, a)
	return p.c.End("as")
}

// sensible checks a fault against the pool; t is where its text starts.
func (p *parser) sensible(t lex.Token, a Action, mentions []faults.Mention) error {
	for _, m := range mentions {
		if err := p.mention(m, a); err != nil {
			return err
		}
	}
	f := a.Fault
	switch {
	case f.Kind == faults.SaveDisk:
		p.saved = true
	case f.OldDisk && !p.saved:
		return p.c.Problem(t, "found with-old-disk, but no disk was saved", "a save-disk in an action above", "")
	case f.Kind == faults.SetLevel && p.s.VMs[p.names[f.VM].vm].Service == ServiceRegisters:
		return p.c.Problem(t, fmt.Sprintf("found set-level of %s, whose service is registers", f.VM), "a VM with service log or bank: registers live in memory, which only ft keeps", "")
	case f.Kind == faults.JoinHost && f.Member.Kind != faults.RoleName, f.Kind == faults.LeaveHost && f.Member.Several():
		return p.c.Problem(t, fmt.Sprintf("found %s of %s", f.Kind, f.Member), "one host by its name", "")
	case f.Kind == faults.OrderVM && !p.s.VMs[p.names[f.VM].vm].Later:
		return p.c.Problem(t, fmt.Sprintf("found order-vm of %q, which is there from the beginning", f.VM), "a VM that was declared with later", "")
	case f.Kind == faults.Override:
		p.later(t, func() bool { return p.overridable() }, func() (string, string) {
			return "found override in a pool that can decide by itself", "a pool of two hosts without a witness, or one with a recovery copy"
		})
	}
	return nil
}

// overridable reports whether an operator can have to decide in place of the pool: two hosts without a witness
// have no majority without both, and the place of a recovery copy has none without the others.
func (p *parser) overridable() bool {
	for _, vm := range p.s.VMs {
		if vm.Recovery != "" {
			return true
		}
	}
	return len(p.s.Hosts) == 2 && p.s.Witness.Name == "" || p.s.adds()
}

// mention checks one name that a fault uses.
func (p *parser) mention(m faults.Mention, a Action) error {
	if m.Role.Kind == faults.RoleNone {
		_, err := p.known(m.Token, m.VM, "a VM declared above", symbolVM)
		return err
	}
	witness, err := p.role(m.Token, m.Role, a.Trigger)
	if err != nil {
		return err
	}
	f := a.Fault
	if witness && f.Kind.HostsOnly() {
		return p.c.Problem(m.Token, fmt.Sprintf("found the witness as the target of %s", f.Kind), "a host: a witness runs no VM and holds no disks", "")
	}
	if witness && (f.Link == faults.LinkA1 || f.Link == faults.LinkA2 || f.Link == faults.LinkPair) {
		return p.c.Problem(m.Token, fmt.Sprintf("found the witness on link %s", f.Link), "mgmt or all: a witness is on the management network only", "")
	}
	return p.copyHolder(m, f)
}

// copyHolder checks that a host named for a disk fault holds a copy of the VM's disk.
func (p *parser) copyHolder(m faults.Mention, f faults.Fault) error {
	vm := p.names[f.VM]
	if f.Kind == faults.ReplaceHome || f.Kind == faults.AddRecovery || vm == nil || vm.kind != symbolVM || m.Role.Kind != faults.RoleName || p.names[m.Role.Name].kind != symbolHost {
		return nil
	}
	p.later(m.Token, func() bool {
		return p.s.MayHold(&p.s.VMs[vm.vm], m.Role.Name)
	}, func() (string, string) {
		v := p.s.VMs[vm.vm]
		return fmt.Sprintf("found host %q, which holds no copy of %q", m.Role.Name, v.Name), lex.Choice([]string{v.Home, v.Second})
	})
	return nil
}

// MayHold reports whether the host may have a copy of the VM's disk at some time.
func (s *Script) MayHold(vm *VM, host string) bool {
	return len(s.Hosts) == 2 || s.changesHomes() || vm.Home == "" || vm.Home == host || vm.Second == host || vm.Recovery == host
}

// role checks a role and reports whether it is the witness.
func (p *parser) role(t lex.Token, r faults.Role, used Trigger) (witness bool, err error) {
	if r.Other {
		p.later(t, func() bool { return len(p.s.Hosts) == 2 }, func() (string, string) {
			return fmt.Sprintf("found %s in a pool of %d hosts", r, len(p.s.Hosts)), "a pool of two hosts for other()"
		})
	}
	switch r.Kind {
	case faults.RolePrimary, faults.RoleSecondary:
		_, err = p.known(t, r.Name, "a VM declared above", symbolVM)
		return false, err
	case faults.RoleWitness:
		if p.s.Witness.Name == "" {
			return false, p.c.Problem(t, "found the role witness in a pool without one", "a witness statement above", "")
		}
		return true, nil
	case faults.RoleSite:
		return false, p.site(t, r.Name)
	case faults.RoleName:
		return p.namedRole(t, r, used)
	}
	return false, nil
}

// site checks the name of a site in a role.
func (p *parser) site(t lex.Token, name string) error {
	var sites []string
	for _, h := range p.s.Hosts {
		if h.Site == name {
			return nil
		}
		if h.Site != "" && !slices.Contains(sites, h.Site) {
			sites = append(sites, h.Site)
		}
	}
	if len(sites) == 0 {
		return p.c.Problem(t, fmt.Sprintf("found the unknown site %q", name), "a site that a host statement above names", "")
	}
	return p.c.Problem(t, fmt.Sprintf("found the unknown site %q", name), "the site of a host: "+lex.Choice(sites), lex.Nearest(name, sites))
}

func (p *parser) namedRole(t lex.Token, r faults.Role, used Trigger) (witness bool, err error) {
	s, err := p.known(t, r.Name, "a member, or a name bound by as above", symbolHost, symbolWitness, symbolBound)
	if err != nil {
		return false, err
	}
	if s.kind == symbolWitness && r.Other {
		return false, p.c.Problem(t, "found other() around the witness", "other() around a host", "")
	}
	b := s.trigger
	if s.kind == symbolBound && b.Kind == TriggerAt && used.Kind == TriggerAt && used.At < b.At {
		return false, p.c.Problem(t, fmt.Sprintf("found %q, which is bound at %s", r.Name, lex.FormatDuration(b.At)), "an instant not before that", "")
	}
	return s.kind == symbolWitness, nil
}

// adds reports whether an action gives a VM a recovery copy.
func (s *Script) adds() bool {
	for i := range s.Actions {
		if s.Actions[i].Fault.Kind == faults.AddRecovery {
			return true
		}
	}
	return false
}

// changesHomes reports whether VMs may get other homes than those declared.
func (s *Script) changesHomes() bool {
	for _, t := range s.Tunes {
		if t.Setting == SettingRehomeAfter {
			return true
		}
	}
	if s.moves() {
		return true
	}
	for _, a := range s.Actions {
		if k := a.Fault.Kind; k == faults.LeaveHost || k == faults.ReplaceHome || k == faults.AddRecovery {
			return true
		}
	}
	return false
}
