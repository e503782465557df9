package scenarios

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"holdfast/engine/model"
	"holdfast/reports"
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

// apart reports whether two VMs had different primaries, at the end or all through a period.
func (r *run) apart(e *script.Expect) (ok bool, got string) {
	a, b := r.world.VM(e.VM), r.world.VM(e.Other)
	from, to := r.zero.Add(e.From), r.zero.Add(e.To)
	if e.To == 0 {
		from, to = r.world.Now(), r.world.Now()
	}
	times := []model.Time{from}
	for _, vm := range []model.VMID{a, b} {
		for _, c := range r.world.Changes(vm) {
			if c.At > from && c.At <= to {
				times = append(times, c.At)
			}
		}
	}
	for _, t := range times {
		if p, q := r.primaryAt(a, t), r.primaryAt(b, t); p == q {
			return false, fmt.Sprintf("both run on %s at %s", r.name(p), reports.FormatNS(int64(r.at(t))))
		}
	}
	return true, "they were apart"
}

// primaryAt returns the primary of a VM by the newest configuration that was committed at t or before.
func (r *run) primaryAt(vm model.VMID, t model.Time) (at model.NodeID) {
	for _, c := range r.world.Changes(vm) {
		if c.At <= t {
			at = c.Config.Primary
		}
	}
	return at
}

// refused reports whether a refusal about the VM, after the first action, has the reason that the script expects.
func (r *run) refused(e *script.Expect) (ok bool, got string) {
	vm := r.world.VM(e.VM)
	got = "nothing about it was refused"
	for _, n := range r.world.Notices() {
		if n.Kind != model.NoticeRefused || n.VM != vm || r.began < 0 || n.At.Sub(r.zero) < r.began {
			continue
		}
		if got = "refused because " + r.named(n.Detail); strings.Contains(got, e.Text) {
			return true, got
		}
	}
	return false, got
}

// numbered are words of the engine that call a host or a VM by its number.
var numbered = regexp.MustCompile(`\b(host|VM) ([0-9]+)\b`)

// named puts the names of the script in the place of the engine's numbers.
func (r *run) named(text string) string {
	return numbered.ReplaceAllStringFunc(text, func(words string) string {
		kind, digits, _ := strings.Cut(words, " ")
		n, err := strconv.Atoi(digits)
		switch {
		case err != nil || n == 0:
		case kind == "host" && n <= len(r.script.Hosts):
			return "host " + r.script.Hosts[n-1].Name
		case kind == "VM" && n <= len(r.script.VMs):
			return "VM " + r.script.VMs[n-1].Name
		}
		return words
	})
}
