package script

import (
	"fmt"
	"strings"
	"time"

	"holdfast/faults/lex"
)

// Bounds of a script. They keep what a hostile or broken file can ask for affordable.
const (
	MaxBytes    = 16 << 20
	MaxLines    = 5000 // that are not empty
	MaxHosts    = 16
	MaxVMs      = 16
	MaxPolicies = 64
	MaxActions  = 1000
	MaxExpects  = 1000
	MinRun      = 100 * time.Millisecond
	MaxRun      = 10 * time.Minute
)

// parser reads a script line by line and checks each name where it is used, so that a complaint
// points at the word that is wrong. What only the end of the file can tell waits in checks.
type parser struct {
	s      *Script
	c      *lex.Cursor
	names  map[string]*symbol
	order  []string
	above  []string
	lines  int             // that are not empty
	seen   map[string]bool // statements that may stand only once
	checks []func() error
	saved  bool // some save-disk came before
}

// symbol is what a declared name stands for.
type symbol struct {
	kind    symbolKind
	line    int
	vm      int     // index in s.VMs
	trigger Trigger // of the action that binds the name
}

type symbolKind uint8

const (
	symbolHost symbolKind = iota + 1
	symbolWitness
	symbolVM
	symbolBound
)

func (k symbolKind) String() string {
	return [...]string{"nothing", "a host", "a witness", "a VM", "a name bound by as"}[k]
}

// statements maps each statement's word to its reader, in the order of the reference.
var statements = []struct {
	word string
	once bool
	read func(p *parser, n Note) error
}{
	{"scenario", true, (*parser).scenario},
	{"purpose", true, (*parser).purpose},
	{"host", false, (*parser).host},
	{"witness", true, (*parser).witness},
	{"voters", true, (*parser).voters},
	{"vm", false, (*parser).vm},
	{"policy", false, (*parser).policy},
	{"clients", false, (*parser).clients},
	{"tune", false, (*parser).tune},
	{"at", false, (*parser).at},
	{"when", false, (*parser).when},
	{"run", true, (*parser).run},
	{"expect", false, (*parser).expect},
}

// Parse reads a script; file is the name for messages. The error is a *lex.Error with the place of
// the first thing that is wrong, and then there is no script at all.
func Parse(file, text string) (*Script, error) {
	p := &parser{s: &Script{File: file}, names: map[string]*symbol{}, seen: map[string]bool{}}
	if len(text) > MaxBytes {
		return nil, &lex.Error{File: file, Line: 1, Column: 1, Problem: fmt.Sprintf("found a script of %d bytes", len(text)), Expected: fmt.Sprintf("at most %d", MaxBytes)}
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if err := p.line(i+1, strings.TrimSuffix(line, "\r")); err != nil {
			return nil, err
		}
	}
	p.s.Tail = p.above
	if err := p.finish(len(lines)); err != nil {
		return nil, err
	}
	return p.s, nil
}

func (p *parser) line(number int, text string) error {
	c, comment, hasComment, err := lex.Scan(p.s.File, number, text)
	if err != nil {
		return err
	}
	if !c.Empty() || hasComment {
		p.lines++
	}
	if p.lines > MaxLines {
		return c.Problem(c.Peek(), "found too many lines", fmt.Sprintf("at most %d that are not empty", MaxLines), "")
	}
	if c.Empty() {
		if hasComment {
			p.above = append(p.above, comment)
		}
		return nil
	}
	p.c = c
	note := Note{Line: number, Above: p.above, Beside: comment}
	p.above = nil
	return p.statement(note)
}

func (p *parser) statement(n Note) error {
	words := make([]string, len(statements))
	for i, s := range statements {
		words[i] = s.word
	}
	t := p.c.Peek()
	i, err := p.c.OneOf("a statement: "+lex.Choice(words), words)
	if err != nil {
		return err
	}
	s := statements[i]
	if !p.seen["scenario"] && s.word != "scenario" {
		return p.c.Unexpected(t, `"scenario" and its name as the first statement`)
	}
	if s.once && p.seen[s.word] {
		return p.c.Problem(t, "found a second "+s.word, "one in a script", "")
	}
	p.seen[s.word] = true
	return s.read(p, n)
}

// finish makes the checks that need the whole file; lines is their number.
func (p *parser) finish(lines int) error {
	missing := func(what string) error {
		return &lex.Error{File: p.s.File, Line: lines, Column: 1, Problem: "found the end of the script", Expected: what}
	}
	switch {
	case !p.seen["scenario"]:
		return missing(`"scenario" and its name`)
	case !p.seen["purpose"]:
		return missing(`"purpose" and a sentence in quotes`)
	case len(p.s.Hosts) < 2:
		return missing(fmt.Sprintf("two hosts at least (there are %d): one host alone can protect nothing", len(p.s.Hosts)))
	case len(p.s.VMs) > 0 && p.spares() > len(p.s.Hosts)-2:
		return missing("two hosts at least that are not spare")
	case len(p.s.VMs) == 0:
		return missing(`"vm": there is nothing to protect`)
	case !p.seen["run"]:
		return missing(`"run" and a duration`)
	}
	for _, check := range p.checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) spares() (n int) {
	for _, h := range p.s.Hosts {
		if h.Spare {
			n++
		}
	}
	return n
}

// later keeps a check for the end of the file. It fails at t with the given words if ok is false.
func (p *parser) later(t lex.Token, ok func() bool, words func() (problem, expected string)) {
	c := p.c
	p.checks = append(p.checks, func() error {
		if ok() {
			return nil
		}
		problem, expected := words()
		return c.Problem(t, problem, expected, "")
	})
}

// declare takes a new name.
func (p *parser) declare(what string, s symbol) (string, error) {
	t := p.c.Peek()
	name, err := p.c.Name(what)
	if err != nil {
		return "", err
	}
	if old := p.names[name]; old != nil {
		return "", p.c.Problem(t, fmt.Sprintf("found %q, which is %s since line %d", name, old.kind, old.line), "a new name", "")
	}
	s.line = p.c.Line()
	p.names[name] = &s
	p.order = append(p.order, name)
	return name, nil
}

// lookup takes a declared name of one of the given kinds.
func (p *parser) lookup(what string, kinds ...symbolKind) (string, *symbol, error) {
	t := p.c.Peek()
	name, err := p.c.Name(what)
	if err != nil {
		return "", nil, err
	}
	s, err := p.known(t, name, what, kinds...)
	return name, s, err
}

// known finds a declared name of one of the given kinds; t is where it is used.
func (p *parser) known(t lex.Token, name, what string, kinds ...symbolKind) (*symbol, error) {
	s := p.names[name]
	for _, k := range kinds {
		if s != nil && s.kind == k {
			return s, nil
		}
	}
	if s != nil {
		return nil, p.c.Problem(t, fmt.Sprintf("found %q, which is %s", name, s.kind), what, "")
	}
	var candidates []string
	for _, n := range p.order {
		for _, k := range kinds {
			if p.names[n].kind == k {
				candidates = append(candidates, n)
			}
		}
	}
	expected := what
	if len(candidates) > 0 {
		expected += ": " + lex.Choice(candidates)
	}
	return nil, p.c.Problem(t, fmt.Sprintf("found the unknown name %q", name), expected, lex.Nearest(name, candidates))
}
