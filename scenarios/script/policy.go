package script

import (
	"fmt"
	"slices"
)

// memory takes "memory N MiB", or nothing.
func (p *parser) memory() (int, error) {
	if !p.c.Accept("memory") {
		return 0, nil
	}
	mib, err := p.c.Int("an amount of memory", 1, MaxMemory)
	if err != nil {
		return 0, err
	}
	return mib, p.c.Expect("MiB")
}

// auto takes the word that leaves the homes of a VM to the policies. A host may have that name, and is then meant.
func (p *parser) auto() bool { return p.names["auto"] == nil && p.c.Accept("auto") }

// demand takes the end of a vm statement: what the VM needs, and whether it comes later.
func (p *parser) demand(index int, allowed ...string) (err error) {
	vm := &p.s.VMs[index]
	if vm.Memory, err = p.memory(); err != nil {
		return err
	}
	if vm.Memory == 0 {
		allowed = append(allowed, "memory")
	}
	if vm.Later = p.c.Accept("later"); !vm.Later {
		allowed = append(allowed, "later")
	}
	return p.c.End(allowed...)
}

// policy takes a kind and the VMs that it is about.
func (p *parser) policy(n Note) error {
	t := p.c.Peek()
	if len(p.s.Policies) == MaxPolicies {
		return p.c.Problem(t, "found too many policies", fmt.Sprintf("at most %d", MaxPolicies), "")
	}
	i, err := p.c.OneOf("a policy: apart, apart-homes, site-other or site-same", texts(policyWords))
	if err != nil {
		return err
	}
	policy := Policy{Kind: PolicyKind(i + 1), Note: n}
	for len(policy.VMs) == 0 || !p.c.Empty() {
		at := p.c.Peek()
		name, _, err := p.lookup("a VM declared above", symbolVM)
		if err != nil {
			return err
		}
		if slices.Contains(policy.VMs, name) {
			return p.c.Problem(at, fmt.Sprintf("found %q twice", name), "each VM once", "")
		}
		if line := p.contradicts(policy.Kind, name); line != 0 {
			return p.c.Problem(at, fmt.Sprintf("found %s for %q, which has another site rule on line %d", policy.Kind, name, line), "one site rule for each VM", "")
		}
		policy.VMs = append(policy.VMs, name)
	}
	if policy.Kind.Apart() && len(policy.VMs) == 1 {
		return p.c.Problem(p.c.Peek(), "found one VM", "two VMs at least that are kept apart", "")
	}
	p.s.Policies = append(p.s.Policies, policy)
	return nil
}

// contradicts returns the line of a policy that puts the copies of the VM on sites where kind does not want them; 0: none.
func (p *parser) contradicts(kind PolicyKind, vm string) int {
	for _, old := range p.s.Policies {
		if !kind.Apart() && !old.Kind.Apart() && old.Kind != kind && slices.Contains(old.VMs, vm) {
			return old.Note.Line
		}
	}
	return 0
}

// moves reports whether policies may give VMs other homes than those declared.
func (s *Script) moves() bool {
	for _, h := range s.Hosts {
		if h.Memory != 0 {
			return true
		}
	}
	return len(s.Policies) > 0
}

// apart takes what follows the first VM of apart(VM VM).
func (p *parser) apart(e *Expect) (err error) {
	t := p.c.Peek()
	if e.Other, _, err = p.lookup("a VM declared above", symbolVM); err != nil {
		return err
	}
	if e.Other == e.VM {
		return p.c.Problem(t, fmt.Sprintf("found %q twice", e.VM), "two different VMs", "")
	}
	return p.c.Expect(")")
}

// because takes the reason of a refusal.
func (p *parser) because(e *Expect) (err error) {
	if err = p.c.Expect("because"); err != nil {
		return err
	}
	t := p.c.Peek()
	if e.Text, err = p.c.Text("a part of the reason"); err == nil && e.Text == "" {
		err = p.c.Problem(t, "found an empty reason", "a part of the reason in double quotes", "")
	}
	return err
}
