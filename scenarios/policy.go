package scenarios

import (
	"holdfast/engine/model"
	"holdfast/scenarios/script"
)

// policies returns what the operator of a script states before the VMs are ordered. Sites and groups are numbered in
// the order in which the script names them.
func policies(s *script.Script) (list []model.Order) {
	say := func(node model.NodeID, vm model.VMID, p model.Policy) {
		list = append(list, model.Order{Kind: model.OrderPolicy, Node: node, VM: vm, Policy: p})
	}
	sites := map[string]model.Site{"": model.NoSite}
	for i, h := range s.Hosts {
		if _, known := sites[h.Site]; !known {
			sites[h.Site] = model.Site(len(sites))
		}
		if h.Site != "" || h.Memory != 0 {
			say(model.NodeID(i+1), 0, model.Policy{Kind: model.PolicyHost, Site: sites[h.Site], Memory: uint32(h.Memory)})
		}
	}
	vms := map[string]model.VMID{}
	for i, v := range s.VMs {
		vms[v.Name] = model.VMID(i + 1)
		if v.Memory != 0 {
			say(model.NoNode, model.VMID(i+1), model.Policy{Kind: model.PolicyVM, Memory: uint32(v.Memory)})
		}
	}
	for i, p := range s.Policies {
		group := model.Policy{Kind: model.PolicyGroup, Group: model.GroupID(i + 1)}
		switch p.Kind {
		case script.PolicyApart:
			group.Apart = model.ApartPrimaries
		case script.PolicyApartHomes:
			group.Apart = model.ApartHomes
		case script.PolicySiteOther:
			group.Sites = model.SiteOther
		case script.PolicySiteSame:
			group.Sites = model.SiteSame
		}
		say(model.NoNode, 0, group)
		for _, vm := range p.VMs {
			say(model.NoNode, vms[vm], model.Policy{Kind: model.PolicyMember, Group: group.Group, Member: true})
		}
	}
	return list
}
