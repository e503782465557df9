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
	for _, v := range s.VMs {
		v.Note = Note{}
		c.VMs = append(c.VMs, v)
	}
	for _, v := range s.Policies {
		v.Note = Note{}
		c.Policies = append(c.Policies, v)
	}
	for _, v := range s.Clients {
		v.Note = Note{}
		c.Clients = append(c.Clients, v)
	}
	for _, v := range s.Tunes {
		v.Note = Note{}
		c.Tunes = append(c.Tunes, v)
	}
	for _, v := range s.Actions {
		v.Note = Note{}
		c.Actions = append(c.Actions, v)
	}
	for _, v := range s.Expects {
		v.Note = Note{}
		c.Expects = append(c.Expects, v)
	}
	return c
}
