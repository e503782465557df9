package faults

import (
	"fmt"

	"holdfast/faults/lex"
)

// Mention is a name that a fault's text uses, and where: either a Role or, if Role is absent, a VM.
// With it a caller who knows the pool can point at the very word that is wrong.
type Mention struct {
	Token lex.Token
	Role  Role
	VM    string
}

// MaxGroups and MaxGrouped bound a partition: its groups, and the members of all of them together.
const (
	MaxGroups  = 8
	MaxGrouped = 16
)

// parser reads one fault off a cursor.
type parser struct {
	*lex.Cursor
	fault    Fault
	mentions []Mention
}

// ParseAt takes one fault from the cursor and leaves what follows it, so that languages with more on
// the line can go on. The mentions come in the order of the text.
func ParseAt(c *lex.Cursor) (Fault, []Mention, error) {
	p := &parser{Cursor: c}
	t := c.Peek()
	i, err := c.OneOf("a fault such as power-off or cut", words())
	if err != nil {
		if t.Kind == lex.TokenWord {
			return Fault{}, nil, c.Problem(t, fmt.Sprintf("found the unknown fault %q", t.Text), "", lex.Nearest(t.Text, words()))
		}
		return Fault{}, nil, err
	}
	p.fault.Kind = Kind(i + 1)
	for _, param := range table[p.fault.Kind].params {
		if err := param.parse(p); err != nil {
			return Fault{}, nil, err
		}
	}
	if err := p.options(); err != nil {
		return Fault{}, nil, err
	}
	return p.fault, p.mentions, nil
}

// options takes the options of the kind in any order, each at most once.
func (p *parser) options() error {
	options := table[p.fault.Kind].options
	seen := make([]bool, len(options))
	for {
		i := optionAt(options, p.Cursor)
		if i < 0 {
			return p.misspelt(options)
		}
		if seen[i] {
			return p.Problem(p.Peek(), "found a second "+p.Peek().String(), "each option once", "")
		}
		seen[i] = true
		if err := options[i].parse(p); err != nil {
			return err
		}
	}
}

// misspelt complains about a word that stands where only the kind's options or "as" can follow.
func (p *parser) misspelt(options []*param) error {
	t := p.Peek()
	if t.Kind == lex.TokenEnd || p.Is("as") {
		return nil
	}
	var keys []string
	for _, o := range options {
		keys = append(keys, o.keys...)
	}
	return p.End(keys...)
}

// optionAt returns the index of the option that the next token starts, or -1.
func optionAt(options []*param, c *lex.Cursor) int {
	for i, o := range options {
		for _, k := range o.keys {
			if c.Is(k) {
				return i
			}
		}
	}
	return -1
}

// role takes a role and remembers where it was mentioned.
func (p *parser) role(into *Role) error {
	at := p.Peek()
	r, err := ParseRole(p.Cursor)
	if err != nil {
		return err
	}
	*into = r
	p.mentions = append(p.mentions, Mention{Token: at, Role: r})
	return nil
}

func (p *parser) vm() error {
	at := p.Peek()
	name, err := p.Name("the name of a VM")
	if err != nil {
		return err
	}
	p.fault.VM = name
	p.mentions = append(p.mentions, Mention{Token: at, VM: name})
	return nil
}

// single takes the role of exactly one member.
func (p *parser) single(into *Role) error {
	at := p.Peek()
	if err := p.role(into); err != nil {
		return err
	}
	if into.Several() {
		return p.Problem(at, fmt.Sprintf("found %q", into), "one member", "")
	}
	return nil
}

func (p *parser) link() error {
	i, err := p.OneOf("a link: a1, a2, mgmt, links (a1 and a2) or all", linkNames[1:])
	if err != nil {
		return err
	}
	p.fault.Link = Link(i + 1)
	if err := p.single(&p.fault.Member); err != nil {
		return err
	}
	p.fault.OneWay = p.Accept("->")
	if !p.fault.OneWay && !p.Accept("<->") {
		return p.Unexpected(p.Peek(), `"->" (one way) or "<->" (both ways)`)
	}
	return p.peer()
}

// peer takes the second member of a fault between two.
func (p *parser) peer() error {
	at := p.Peek()
	if err := p.single(&p.fault.Peer); err != nil {
		return err
	}
	if p.fault.Peer == p.fault.Member {
		return p.Problem(at, "found "+p.fault.Peer.String()+" twice", "two different members", "")
	}
	return nil
}

func (p *parser) groups() error {
	seen := map[Role]bool{}
	var group []Role
	for {
		at := p.Peek()
		var r Role
		if err := p.single(&r); err != nil {
			return err
		}
		if seen[r] {
			return p.Problem(at, "found "+r.String()+" twice in a partition", "each member once", "")
		}
		seen[r] = true
		if len(seen) > MaxGrouped {
			return p.Problem(at, "found too many members in a partition", fmt.Sprintf("at most %d", MaxGrouped), "")
		}
		group = append(group, r)
		bar := p.Is("|")
		if !bar && !p.Empty() && !p.Is("for") && !p.Is("as") {
			continue
		}
		p.fault.Groups = append(p.fault.Groups, group)
		group = nil
		if !bar {
			break
		}
		if at = p.Take(); len(p.fault.Groups) >= MaxGroups {
			return p.Problem(at, "found too many groups", fmt.Sprintf("at most %d", MaxGroups), "")
		}
	}
	if len(p.fault.Groups) < 2 {
		return p.Unexpected(p.Peek(), `"|" and the members of another group`)
	}
	return nil
}
