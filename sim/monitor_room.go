package sim

import (
	"fmt"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// statements are what the monitor knows of what people stated about hosts.
type statements struct {
	hosts model.NodeSet // those of which the log had a statement when it was looked at last
}

// inPlace checks a configuration that gives a VM hosts which it did not have, or a level that needs room on its second home
// (R9): each has room for all that may have to run there, and the homes are on the sites that were stated. It adds up what
// the log says, and asks no policy. A VM of level none needs nothing where it does not run, and may begin to run there without
// being asked; it is left out, which is never too strict. So is a host of which nothing was stated before, as one that has just
// joined: what is there by then may stay.
func (o *monitor) inPlace(state *pool.State, before, cfg *pool.Config) {
	rules := state.Rules()
	if rules.Empty() || o.health.void || cfg.Level == model.LevelNone {
		return
	}
	added := cfg.Holders() &^ before.Holders()
	if before.Level == model.LevelNone {
		added |= cfg.Homes
	}
	for rest := added & o.statements.hosts; !rest.Empty(); rest = rest.Without(rest.First()) {
		o.fits(state, cfg, rest.First())
	}
	if !(added & cfg.Homes).Empty() && cfg.Homes.Len() == 2 {
		o.onSites(cfg)
	}
}

// fits checks that a host has room for all that is or may have to be there.
func (o *monitor) fits(state *pool.State, cfg *pool.Config, node model.NodeID) {
	room, taken := uint64(state.Rules().Host(node).Memory), uint64(0)
	for _, c := range state.VMs() {
		if c.Level != model.LevelNone && c.Holders().Has(node) {
			taken += uint64(state.Rules().VM(c.VM).Memory)
		}
	}
	if room != 0 && taken > room && state.Rules().VM(cfg.VM).Memory != 0 {
		o.w.violation("R9", cfg.VM, fmt.Sprintf("generation %v of %s takes room on %s, where %d of %d MiB are needed then",
			cfg.Gen, o.w.vms[cfg.VM].spec.Name, o.w.nodes[node].name, taken, room))
	}
}

// onSites checks that the homes of a VM are on different sites, or on one, as it was stated.
func (o *monitor) onSites(cfg *pool.Config) {
	a, b := o.siteOf(cfg.Primary), o.siteOf(cfg.Homes.Other(cfg.Primary))
	rule := o.siteRule(cfg.VM)
	if rule == model.SiteOther && a == b || rule == model.SiteSame && a != b {
		o.w.violation("R9", cfg.VM, fmt.Sprintf("generation %v of %s has homes %s and %s, which is not on the sites that it should be on",
			cfg.Gen, o.w.vms[cfg.VM].spec.Name, o.w.nodes[cfg.Primary].name, o.w.nodes[cfg.Homes.Other(cfg.Primary)].name))
	}
}

// siteOf returns the site of a host as the operator states it.
func (o *monitor) siteOf(node model.NodeID) (site model.Site) {
	for i := range o.w.opt.Policies {
		if s := &o.w.opt.Policies[i]; s.Node == node && s.Policy.Kind == model.PolicyHost {
			site = s.Policy.Site
		}
	}
	return site
}

// siteRule returns on which sites a VM's homes have to be as the operator states it.
func (o *monitor) siteRule(vm model.VMID) (rule model.SiteRule) {
	groups := map[model.GroupID]model.SiteRule{}
	for i := range o.w.opt.Policies {
		s := &o.w.opt.Policies[i]
		switch p := &s.Policy; {
		case p.Kind == model.PolicyGroup:
			groups[p.Group] = p.Sites
		case p.Kind == model.PolicyMember && s.VM == vm && p.Member && groups[p.Group] != model.SiteAny:
			rule = groups[p.Group]
		case p.Kind == model.PolicyVM && s.VM == vm && p.Sites != model.SiteAny:
			rule = p.Sites
		}
	}
	return rule
}

// states takes down of which hosts something is stated.
func (o *monitor) states(state *pool.State) {
	o.statements.hosts = 0
	for _, h := range state.Rules().Hosts {
		o.statements.hosts = o.statements.hosts.With(h.Node)
	}
}
