package script

import (
	"fmt"
	"reflect"
)

// Validate checks a script that was made by other means than Parse: it must be exactly what its own
// text says. Places in the error refer to the canonical text, that is to Format(s).
func Validate(s *Script) error {
	name := s.File
	if name == "" {
		name = s.Name
	}
	back, err := Parse(name, Format(s))
	if err != nil {
		return fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	if !reflect.DeepEqual(Content(s), Content(back)) {
		return fmt.Errorf("scenario %s: a field is set that its statement does not use, or holds no valid value", s.Name)
	}
	return nil
}

// Content returns a copy of s without comments, line numbers and file name: two scripts say the same
// if and only if their contents are equal by reflect.DeepEqual.
func Content(s *Script) *Script {
	c := &Script{Name: s.Name, Purpose: s.Purpose, Witness: Member{Name: s.Witness.Name}, Voters: s.Voters, Run: s.Run}
	for _, h := range s.Hosts {
		c.Hosts = append(c.Hosts, Member{Name: h.Name, Spare: h.Spare, Site: h.Site, Memory: h.Memory})
	}
	c.VMs = bare(s.VMs, func(v *VM) *Note { return &v.Note })
	c.Policies = bare(s.Policies, func(p *Policy) *Note { return &p.Note })
	c.Clients = bare(s.Clients, func(l *Clients) *Note { return &l.Note })
	c.Tunes = bare(s.Tunes, func(t *Tune) *Note { return &t.Note })
	c.Actions = bare(s.Actions, func(a *Action) *Note { return &a.Note })
	c.Expects = bare(s.Expects, func(e *Expect) *Note { return &e.Note })
	return c
}

// bare returns a copy of a list without the notes of its elements; nil if there are none.
func bare[T any](list []T, note func(*T) *Note) []T {
	list = append([]T(nil), list...)
	for i := range list {
		*note(&list[i]) = Note{}
	}
	return list
}
