package pool

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/policy"
)

// Rules returns what is stated about hosts and VMs. The caller must not change it; Apply may.
func (s *State) Rules() *policy.Rules { return &s.rules }

// View returns where the VMs are, for questions about policies. New copies may go to hosts that stay, are not in
// maintenance and did not fail too often.
func (s *State) View() policy.View {
	hosts := s.members.Staying() &^ s.members.Maintenance
	for rest := hosts; !rest.Empty(); rest = rest.Without(rest.First()) {
		if id := rest.First(); s.Retired(Part{Component: model.ComponentHost, Node: id}) {
			hosts = hosts.Without(id)
		}
	}
	v := policy.View{Hosts: hosts, Rules: &s.rules, VMs: make([]policy.Placed, len(s.vms))}
	for rest := s.members.Hosts; !rest.Empty(); rest = rest.Without(rest.First()) {
		if id := rest.First(); s.Retired(Part{Component: model.ComponentNIC, Node: id}) {
			v.Unlinked = v.Unlinked.With(id)
		}
	}
	for i := range s.vms {
		c := &s.vms[i]
		v.VMs[i] = policy.Placed{
			VM: c.VM, Level: c.Level, Homes: c.Homes, Primary: c.Primary, Whole: c.InSync == c.Homes && !c.Exposed(),
			Stopped: s.Retired(Part{Component: model.ComponentVM, VM: c.VM}) && !planted.On(planted.WaitedFor),
			Waits:   s.waits(c) && !planted.On(planted.WaitedFor),
			Fixed:   c.Shared || c.KeepsHomes() && !planted.On(planted.RecoveryMoves), Elsewhere: c.Holders() &^ c.Homes,
		}
		if planted.On(planted.RecoveryRoomFree) {
			v.VMs[i].Elsewhere = 0
		}
	}
	return v
}

// waits reports whether the copy that a VM lacks is out of service, or the host of that.
func (s *State) waits(c *Config) bool {
	for rest := c.Homes &^ c.InSync; !rest.Empty(); rest = rest.Without(rest.First()) {
		host := rest.First()
		if s.Retired(Part{Component: model.ComponentHost, Node: host}) || s.Retired(Part{Component: model.ComponentDisk, Node: host, VM: c.VM}) {
			return true
		}
	}
	return false
}

// Place returns the homes that a new VM should have. Errors wrap policy.ErrNoPlace.
func (s *State) Place(q policy.Request) (primary, second model.NodeID, err error) {
	v := s.View()
	return v.Place(q)
}

// Third returns the host that should hold the second copy of the VM in place of its present one, chosen
// among the candidates. Errors wrap policy.ErrNoPlace.
func (s *State) Third(vm model.VMID, candidates model.NodeSet) (model.NodeID, error) {
	c, v := s.VM(vm), s.View()
	if planted.On(planted.RehomeUnruled) {
		v.Rules = &policy.Rules{}
	}
	_, third, err := v.Place(policy.Request{VM: vm, Level: c.Level, Primary: c.Primary, Among: candidates &^ c.Holders()})
	return third, err
}

// admit returns why a VM must not get the homes or the level of next, which cmd makes. Only commands that choose them are
// asked: nothing keeps a VM from going on where its copy is.
func (s *State) admit(cmd Command, next *Config) error {
	if s.rules.Empty() || cmd.Kind == KindRehome && planted.On(planted.RehomeUnruled) {
		return nil
	}
	var err error
	switch v := s.View(); cmd.Kind {
	case KindCreate, KindRehome:
		err = v.Admit(cmd.VM, next.Level, next.Primary, next.Homes.Other(next.Primary))
	case KindLevel:
		err = v.Raise(cmd.VM, next.Level)
	case KindAddRecovery:
		err = v.Cover(cmd.VM, cmd.Node)
	}
	if err != nil {
		return fmt.Errorf("%v of VM %d by member %d: %w: %w", cmd.Kind, cmd.VM, cmd.By, ErrPolicy, err)
	}
	return nil
}

// checkPolicy returns why a statement must be refused.
func (s *State) checkPolicy(cmd Command) error {
	var err error
	switch {
	case !s.members.All().Has(cmd.By):
		err = ErrProposer
	case cmd.Policy.Kind == model.PolicyHost && !s.members.Hosts.Has(cmd.Node):
		err = fmt.Errorf("%w: %d", ErrMember, cmd.Node)
	default:
		if err = s.rules.Check(cmd.Node, cmd.VM, cmd.Policy); err != nil {
			err = fmt.Errorf("%w: %w", ErrPolicy, err)
		}
	}
	if err != nil {
		return fmt.Errorf("%v of a %v by member %d: %w", cmd.Kind, cmd.Policy.Kind, cmd.By, err)
	}
	return nil
}

// appendPolicy appends the fields of a statement in the order of the struct.
func appendPolicy(b []byte, p model.Policy) []byte {
	for _, v := range [...]uint64{
		uint64(p.Kind), uint64(p.Site), uint64(p.Memory), uint64(p.Group), uint64(p.Apart), uint64(p.Sites), flag(p.Member),
	} {
		b = protowire.AppendVarint(b, v)
	}
	return b
}

func (d *decoder) policy() model.Policy {
	return model.Policy{
		Kind: model.PolicyKind(d.below("kind of policy", uint64(model.NumPolicies))), Site: d.site(), Memory: d.memory(), Group: d.group(),
		Apart: d.apart(), Sites: d.sites(), Member: d.below("membership", 2) == 1,
	}
}

func (d *decoder) site() model.Site { return model.Site(d.below("site", 1<<8)) }

func (d *decoder) memory() uint32 { return uint32(d.below("memory", model.MaxMemory+1)) }

func (d *decoder) group() model.GroupID { return model.GroupID(d.below("group", 1<<16)) }

func (d *decoder) apart() model.Apart {
	return model.Apart(d.below("degree of apartness", uint64(model.NumAparts)))
}

func (d *decoder) sites() model.SiteRule {
	return model.SiteRule(d.below("site rule", uint64(model.NumSiteRules)))
}

// sectionRules marks the section of the snapshot with what is stated.
const sectionRules = 1

// appendRules appends the section of the snapshot with what is stated: its mark, then the lists of hosts (number, site,
// memory), of VMs (number, memory, site rule) and of groups (number, degree of apartness, site rule, list of VMs), each
// preceded by its length.
func appendRules(b []byte, r *policy.Rules) []byte {
	put := func(values ...uint64) {
		for _, v := range values {
			b = protowire.AppendVarint(b, v)
		}
	}
	put(sectionRules, uint64(len(r.Hosts)))
	for _, h := range r.Hosts {
		put(uint64(h.Node), uint64(h.Site), uint64(h.Memory))
	}
	put(uint64(len(r.VMs)))
	for _, v := range r.VMs {
		put(uint64(v.VM), uint64(v.Memory), uint64(v.Sites))
	}
	put(uint64(len(r.Groups)))
	for _, g := range r.Groups {
		put(uint64(g.ID), uint64(g.Apart), uint64(g.Sites), uint64(len(g.VMs)))
		for _, vm := range g.VMs {
			put(uint64(vm))
		}
	}
	return b
}

// rules reads what appendRules wrote.
func (d *decoder) rules(s *State) {
	d.at++ // the mark
	r := &s.rules
	for n := d.number("number of hosts with policies"); n > 0 && d.err == nil; n-- {
		h := policy.Host{Node: d.node("host"), Site: d.site(), Memory: d.memory()}
		if d.err == nil && !s.members.Hosts.Has(h.Node) {
			d.fail("policy about host %d, in a pool of hosts %v", h.Node, s.members.Hosts)
		}
		r.Hosts = append(r.Hosts, h)
	}
	for n := d.number("number of VMs with policies"); n > 0 && d.err == nil; n-- {
		r.VMs = append(r.VMs, policy.VM{VM: model.VMID(d.below("VM", 1<<16)), Memory: d.memory(), Sites: d.sites()})
	}
	for n := d.number("number of groups"); n > 0 && d.err == nil; n-- {
		g := policy.Group{ID: d.group(), Apart: d.apart(), Sites: d.sites()}
		for n := d.number("number of VMs in a group"); n > 0 && d.err == nil; n-- {
			g.VMs = append(g.VMs, model.VMID(d.below("VM", 1<<16)))
		}
		r.Groups = append(r.Groups, g)
	}
	if d.err != nil {
		return
	}
	if err := r.Validate(); err != nil || r.Empty() {
		d.fail("policies: %v", err)
	}
}
