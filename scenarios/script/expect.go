package script

import (
	"fmt"

	"holdfast/faults"
	"holdfast/faults/lex"
)

func (p *parser) expect(n Note) error {
	t := p.c.Peek()
	if len(p.s.Expects) == MaxExpects {
		return p.c.Problem(t, "found too many expectations", fmt.Sprintf("at most %d", MaxExpects), "")
	}
	words := texts(expectWords)
	i, err := p.c.OneOf("an expectation: "+lex.Choice(words), words)
	if err != nil {
		return err
	}
	e := Expect{Kind: ExpectKind(i + 1), Note: n}
	switch e.Kind {
	case ExpectConverged:
		if err = p.c.Expect("within"); err == nil {
			e.Duration, err = p.c.Duration("a time", MinTune, MaxRun)
		}
	case ExpectNoEvent:
		if err = p.c.Expect("event"); err == nil {
			err = p.event(&e)
		}
	case ExpectEvent:
		err = p.event(&e)
	default:
		err = p.about(t, &e)
	}
	if err != nil {
		return err
	}
	p.s.Expects = append(p.s.Expects, e)
	return p.c.End()
}

// about reads an expectation about a VM: (VM) and what belongs to the kind.
func (p *parser) about(t lex.Token, e *Expect) error {
	if err := p.c.Expect("("); err != nil {
		return err
	}
	at := p.c.Peek()
	name, s, err := p.lookup("a VM declared above", symbolVM)
	if err != nil {
		return err
	}
	e.VM = name
	if e.Kind == ExpectApart {
		err = p.apart(e)
	} else {
		err = p.c.Expect(")")
	}
	if err != nil {
		return err
	}
	switch e.Kind {
	case ExpectPause, ExpectResets, ExpectStalled, ExpectServed:
		if err := p.hasClients(t, e); err != nil {
			return err
		}
	case ExpectRPO:
		if p.s.VMs[s.vm].Recovery == "" {
			return p.c.Problem(at, fmt.Sprintf("found rpo of %q, which has no recovery copy", name), "a VM with dr", "")
		}
	case ExpectStateLost:
		if level := p.s.VMs[s.vm].Level; level != LevelFT {
			return p.c.Problem(at, fmt.Sprintf("found state-lost of %q, whose level is %s", name, level), "a VM of level ft: only its memory is protected", "")
		}
	}
	return p.measure(e)
}

// hasClients checks that somebody measures what e is about.
func (p *parser) hasClients(t lex.Token, e *Expect) error {
	for _, c := range p.s.Clients {
		if c.VM == e.VM {
			return nil
		}
	}
	return p.c.Problem(t, fmt.Sprintf("found %s of %q, which has no clients", e.Kind, e.VM), fmt.Sprintf("a statement \"clients %s\" above", e.VM), "")
}

func (p *parser) measure(e *Expect) (err error) {
	switch e.Kind {
	case ExpectPause, ExpectRPO:
		if e.Comparator, err = p.comparator(); err == nil {
			e.Duration, err = p.c.Duration("a time", 0, MaxRun)
		}
	case ExpectPromotions, ExpectRestarts, ExpectResets:
		if e.Comparator, err = p.comparator(); err == nil {
			e.Count, err = p.c.Int("a number", 0, 1_000_000)
		}
	case ExpectPrimary, ExpectSecondary:
		if err = p.c.Expect("="); err == nil {
			err = p.finalHost(e)
		}
	case ExpectApart:
		if !p.c.Empty() {
			err = p.period(e)
		}
	case ExpectStalled, ExpectServed:
		err = p.period(e)
	case ExpectRefused:
		err = p.because(e)
	}
	return err
}

func (p *parser) comparator() (Comparator, error) {
	t := p.c.Peek()
	for i, w := range comparatorWords {
		if p.c.Accept(w.text) {
			return Comparator(i + 1), nil
		}
	}
	return 0, p.c.Unexpected(t, lex.Choice(texts(comparatorWords)))
}

// finalHost takes the one host that a VM must have at the end, to run on or for its second copy.
func (p *parser) finalHost(e *Expect) (err error) {
	t := p.c.Peek()
	if e.Role, err = faults.ParseRole(p.c); err != nil {
		return err
	}
	if e.Role.Kind != faults.RoleName {
		return p.c.Problem(t, "found "+e.Role.String(), "a host, a name bound by as, or other() of one", "")
	}
	witness, err := p.role(t, e.Role, Trigger{})
	if err == nil && witness {
		err = p.c.Problem(t, "found the witness", "a host: a witness runs no VM", "")
	}
	return err
}

func (p *parser) period(e *Expect) (err error) {
	if err = p.c.Expect("from"); err != nil {
		return err
	}
	if e.From, err = p.c.Duration("an instant of the run", 0, MaxRun); err != nil {
		return err
	}
	if err = p.c.Expect("to"); err != nil {
		return err
	}
	t := p.c.Peek()
	if e.To, err = p.c.Duration("an instant of the run", 0, MaxRun); err != nil {
		return err
	}
	if e.To <= e.From {
		return p.c.Problem(t, fmt.Sprintf("found a period from %s to %s", lex.FormatDuration(e.From), lex.FormatDuration(e.To)), "an end after its beginning", "")
	}
	p.withinRun(t, e.To)
	return nil
}

// event takes EVENT(SUBJECT).
func (p *parser) event(e *Expect) error {
	i, err := p.c.OneOf("an event: "+lex.Choice(texts(eventWords)), texts(eventWords))
	if err != nil {
		return err
	}
	e.Event = Event(i + 1)
	if err := p.c.Expect("("); err != nil {
		return err
	}
	e.Subject, _, err = p.lookup("a VM, a member, or a name bound by as above", symbolVM, symbolHost, symbolWitness, symbolBound)
	if err != nil {
		return err
	}
	return p.c.Expect(")")
}
