package policy

import (
	"errors"
	"fmt"
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// ErrNoPlace is wrapped by Place and Admit when the rules allow no homes. The text says for each host that was
// looked at what is in the way, in numbers.
var ErrNoPlace = errors.New("no place for the VM")

// Request is a VM that needs homes. What it has already counts for nothing when loads are compared; but nothing is held
// against a home that it keeps, nor against its staying where it runs: a rule that is broken there is no reason to
// leave it without a copy.
type Request struct {
	VM    model.VMID
	Level model.Level
	// Primary and Second are homes that are decided; NoNode: to be chosen.
	Primary, Second model.NodeID
	// Among are the hosts among which to choose.
	Among model.NodeSet
}

// Admit returns why a VM must not have these homes, or nil.
func (v *View) Admit(vm model.VMID, level model.Level, primary, second model.NodeID) error {
	_, _, err := v.Place(Request{VM: vm, Level: level, Primary: primary, Second: second})
	return err
}

// Raise returns why a VM that kept no room on its second home cannot have a level that does, or nil.
func (v *View) Raise(vm model.VMID, level model.Level) error {
	p := v.vm(vm)
	if p == nil || reserves(p.Level) || !reserves(level) {
		return nil
	}
	if why := v.crowded(&Request{VM: vm, Level: level}, p.second(), p.Primary); why != "" {
		return refusal([]string{why})
	}
	return nil
}

// Cover returns why a VM must not have a recovery copy on a host, or nil. The host needs room for the VM, which is to run
// there one day, and must not be on the site of one of the VM's homes, as far as people said where they are.
func (v *View) Cover(vm model.VMID, node model.NodeID) error {
	p := v.vm(vm)
	if p == nil {
		return nil
	}
	why := v.crowded(&Request{VM: vm, Level: p.Level}, node, model.NoNode)
	if why == "" {
		why = v.sameSite(node, p.Homes)
	}
	if why != "" {
		return refusal([]string{why})
	}
	return nil
}

// sameSite says that a host is on the site of one of the others.
func (v *View) sameSite(node model.NodeID, others model.NodeSet) string {
	here := v.Rules.Host(node).Site
	for ; here != model.NoSite && !others.Empty(); others = others.Without(others.First()) {
		if v.Rules.Host(others.First()).Site == here {
			return fmt.Sprintf("host %d: same site as host %d, so that its recovery copy would be lost with it", node, others.First())
		}
	}
	return ""
}

// Place returns the homes that a VM should have. It never returns homes that break a rule. Errors wrap ErrNoPlace.
func (v *View) Place(q Request) (primary, second model.NodeID, err error) {
	var best option
	var reasons, seconds []string
	for rest := candidates(q.Primary, q.Among&v.Hosts); !rest.Empty(); rest = rest.Without(rest.First()) {
		p := rest.First()
		if why := v.objection(&q, p, model.NoNode); why != "" {
			reasons = append(reasons, why)
			continue
		}
		var against []string
		for rest := candidates(q.Second, q.Among&v.Hosts).Without(p); !rest.Empty(); rest = rest.Without(rest.First()) {
			s := rest.First()
			if why := v.objection(&q, s, p); why != "" {
				against = append(against, why)
			} else if o := v.option(&q, p, s); best.primary == model.NoNode || o.better(&best) {
				best = o
			}
		}
		if seconds == nil {
			seconds = against
			if against == nil {
				seconds = []string{fmt.Sprintf("no host is left for the copy of a VM on host %d", p)}
			}
		}
	}
	if best.primary != model.NoNode {
		return best.primary, best.second, nil
	}
	for _, why := range seconds {
		if !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	return model.NoNode, model.NoNode, refusal(reasons)
}

func refusal(reasons []string) error {
	if len(reasons) == 0 {
		return fmt.Errorf("%w: there is no host to choose from", ErrNoPlace)
	}
	text := reasons[0]
	for _, why := range reasons[1:] {
		text += "; " + why
	}
	return fmt.Errorf("%w: %s", ErrNoPlace, text)
}

// candidates returns the hosts that can be a home that may be decided already.
func candidates(decided model.NodeID, among model.NodeSet) model.NodeSet {
	if decided != model.NoNode {
		return model.Nodes(decided)
	}
	return among
}

// option is a pair of homes that keeps all rules.
type option struct {
	primary, second model.NodeID
	fragile         int // pairs of VMs that the loss of one host would bring together
	first, other    Load
}

func (v *View) option(q *Request, primary, second model.NodeID) option {
	return option{primary, second, v.fragile(q.VM, primary, second), v.without(primary, q.VM), v.without(second, q.VM)}
}

// better reports whether o is to be preferred; hosts with equal loads go by their numbers, in which they are tried.
func (o *option) better(than *option) bool {
	switch {
	case o.fragile != than.fragile:
		return o.fragile < than.fragile
	case o.first != than.first:
		return o.first.less(than.first)
	default:
		return o.primary == than.primary && o.other.less(than.other)
	}
}

// fragile counts the VMs that must not share a primary with vm and would, if one host were lost.
func (v *View) fragile(vm model.VMID, primary, second model.NodeID) (n int) {
	for i := range v.VMs {
		mate := &v.VMs[i]
		if mate.VM != vm && v.Rules.apart(vm, mate.VM) == model.ApartPrimaries && (mate.Primary == second || mate.second() == primary) {
			n++
		}
	}
	return n
}

// objection returns why a host cannot be a home of the VM, in words that name it: its primary if primary is NoNode,
// else its second home for that primary. Nothing: it can.
func (v *View) objection(q *Request, node, primary model.NodeID) string {
	var kept Placed
	if p := v.vm(q.VM); p != nil {
		kept = *p
	}
	if why := v.crowded(q, node, primary); why != "" && !kept.Homes.Has(node) {
		return why
	}
	for i := range v.VMs {
		mate := &v.VMs[i]
		if mate.VM == q.VM {
			continue
		}
		switch apart := v.Rules.apart(q.VM, mate.VM); {
		case apart == model.ApartHomes && mate.Homes.Has(node) && !kept.Homes.Has(node):
			return fmt.Sprintf("host %d: a home of VM %d, from whose homes VM %d is kept apart", node, mate.VM, q.VM)
		case apart != model.ApartNot && primary == model.NoNode && mate.runsOn() == node && kept.Primary != node:
			return fmt.Sprintf("host %d: runs VM %d, from which VM %d is kept apart", node, mate.VM, q.VM)
		}
	}
	if primary == model.NoNode {
		return ""
	}
	return v.misplaced(v.Rules.Sites(q.VM), node, primary)
}

// runsOn returns the host from which VMs are kept apart for the sake of this one.
func (p *Placed) runsOn() model.NodeID {
	if planted.On(planted.ApartOutdated) {
		return p.Homes.First()
	}
	return p.Primary
}

// crowded says that a host has no room.
func (v *View) crowded(q *Request, node, primary model.NodeID) string {
	room, need := v.Rules.Host(node).Memory, v.Rules.VM(q.VM).Memory
	if room == 0 || need == 0 || primary != model.NoNode && !reserves(q.Level) {
		return ""
	}
	if taken := v.without(node, q.VM).Memory(); taken+uint64(need) > uint64(room) {
		return fmt.Sprintf("host %d: %d of %d MiB used or reserved, %d needed", node, taken, room, need)
	}
	return ""
}

// misplaced says that a host is on the wrong site for the copy of a VM that runs on primary.
func (v *View) misplaced(rule model.SiteRule, node, primary model.NodeID) string {
	here, there := v.Rules.Host(node).Site, v.Rules.Host(primary).Site
	switch {
	case rule == model.SiteAny || planted.On(planted.SitesIgnored):
		return ""
	case here == model.NoSite:
		return fmt.Sprintf("host %d: nobody said at which site it is", node)
	case there == model.NoSite:
		return fmt.Sprintf("host %d: nobody said at which site host %d is", node, primary)
	case rule == model.SiteOther && here == there:
		return fmt.Sprintf("host %d: same site as host %d", node, primary)
	case rule == model.SiteSame && here != there:
		return fmt.Sprintf("host %d: another site than host %d", node, primary)
	}
	return ""
}
