package faults

import (
	"strconv"

	"holdfast/faults/lex"
)

// RoleKind says how a Role names its member.
type RoleKind uint8

const (
	// RoleNone is the absent role.
	RoleNone RoleKind = iota
	// RoleName is the name of a host or witness, or a name bound by "as"; Role.Name holds it.
	RoleName
	// RolePrimary is the host on which the VM Role.Name runs, or last ran, with its outputs released.
	RolePrimary
	// RoleSecondary is the host that holds the second copy of the VM Role.Name.
	RoleSecondary
	// RoleAll is every host of the pool, without the witness.
	RoleAll
	// RoleWitness is the pool's witness, whatever its name.
	RoleWitness
	// RoleSite is every host of the site Role.Name.
	RoleSite
)

// Role names one member of the pool (some kinds: several) at the moment the fault happens. Roles are
// comparable with ==.
type Role struct {
	Kind RoleKind
	// Name is a member, a bound name, a VM or a site, depending on Kind; empty for all and witness.
	Name string
	// Other turns the role into the other host of a two-host pool: other(primary(db)).
	Other bool
}

// Named returns the role of the member or bound name.
func Named(name string) Role { return Role{Kind: RoleName, Name: name} }

// Primary returns the role of the VM's primary host.
func Primary(vm string) Role { return Role{Kind: RolePrimary, Name: vm} }

// Secondary returns the role of the host with the VM's second copy.
func Secondary(vm string) Role { return Role{Kind: RoleSecondary, Name: vm} }

// All returns the role of every host.
func All() Role { return Role{Kind: RoleAll} }

// Witness returns the role of the witness.
func Witness() Role { return Role{Kind: RoleWitness} }

// Site returns the role of every host of the site.
func Site(name string) Role { return Role{Kind: RoleSite, Name: name} }

// Several reports whether the role means more than one member, or may: each is then hit in turn at the same instant.
func (r Role) Several() bool { return r.Kind == RoleAll || r.Kind == RoleSite }

// OtherThan returns the role of the other host of a two-host pool.
func OtherThan(r Role) Role {
	r.Other = !r.Other
	return r
}

// String returns the role as scripts write it; the absent role is empty.
func (r Role) String() string {
	s := ""
	switch r.Kind {
	case RoleNone:
		return ""
	case RoleName:
		s = r.Name
	case RolePrimary:
		s = "primary(" + r.Name + ")"
	case RoleSecondary:
		s = "secondary(" + r.Name + ")"
	case RoleAll:
		s = "all"
	case RoleWitness:
		s = "witness"
	case RoleSite:
		s = "site(" + r.Name + ")"
	default:
		s = "role(" + strconv.Itoa(int(r.Kind)) + ")"
	}
	if r.Other {
		return "other(" + s + ")"
	}
	return s
}

var roleFunctions = []string{"primary", "secondary", "other", "site"}

// ParseRole takes a role. It does not know which members and VMs exist; the Mentions of a parsed
// fault let the caller check that.
func ParseRole(c *lex.Cursor) (Role, error) {
	if c.Is("other") {
		return parseOther(c)
	}
	for _, k := range []struct {
		word string
		kind RoleKind
		what string
	}{{"primary", RolePrimary, "the name of a VM"}, {"secondary", RoleSecondary, "the name of a VM"}, {"site", RoleSite, "the name of a site"}} {
		if k.kind == RoleSite && c.PeekAt(1).Text != "(" {
			continue // a member of that name
		}
		if c.Accept(k.word) {
			name, err := parenthesised(c, func() (string, error) { return c.Name(k.what) })
			return Role{Kind: k.kind, Name: name}, err
		}
	}
	switch {
	case c.Accept("all"):
		return All(), nil
	case c.Accept("witness"):
		return Witness(), nil
	}
	if t := c.Peek(); t.Kind == lex.TokenWord && c.PeekAt(1).Text == "(" {
		return Role{}, c.Unexpected(t, "a role such as primary(VM)", roleFunctions...)
	}
	name, err := c.Name("a role: the name of a member or bound host, primary(VM), secondary(VM), other(ROLE), site(SITE), all or witness")
	return Named(name), err
}

func parseOther(c *lex.Cursor) (Role, error) {
	c.Take()
	at := c.PeekAt(1)
	r, err := parenthesised(c, func() (Role, error) { return ParseRole(c) })
	if err != nil {
		return r, err
	}
	if r.Other || r.Several() || r.Kind == RoleWitness {
		return r, c.Problem(at, "found other("+r.String()+")", "other() around one host", "")
	}
	return OtherThan(r), nil
}

// parenthesised takes what read takes, between parentheses.
func parenthesised[T any](c *lex.Cursor, read func() (T, error)) (T, error) {
	var zero T
	if err := c.Expect("("); err != nil {
		return zero, err
	}
	v, err := read()
	if err != nil {
		return zero, err
	}
	return v, c.Expect(")")
}
