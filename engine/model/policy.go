package model

import "strconv"

// Site numbers a place whose hosts may be lost together: a room, a building. NoSite: not stated.
type Site uint8

// NoSite is the site of a host of which nobody said where it is.
const NoSite Site = 0

// GroupID names a set of VMs that a policy is about. Zero is no group.
type GroupID uint16

// SiteRule says where the second home of a VM may be, seen from its primary.
type SiteRule uint8

// The site rules. SiteOther and SiteSame need hosts whose sites are stated.
const (
	SiteAny SiteRule = iota
	SiteOther
	SiteSame

	NumSiteRules
)

var siteRuleNames = [...]string{"any", "other", "same"}

func (r SiteRule) String() string {
	if r < NumSiteRules {
		return siteRuleNames[r]
	}
	return "site-rule(" + strconv.Itoa(int(r)) + ")"
}

// Apart says how far the VMs of a group must be kept from each other.
type Apart uint8

// The degrees of anti-affinity. ApartPrimaries: no host runs two of them. ApartHomes: no host is
// the home of two of them either.
const (
	ApartNot Apart = iota
	ApartPrimaries
	ApartHomes

	NumAparts
)

var apartNames = [...]string{"not", "primaries", "homes"}

func (a Apart) String() string {
	if a < NumAparts {
		return apartNames[a]
	}
	return "apart(" + strconv.Itoa(int(a)) + ")"
}

// MaxMemory bounds a host's capacity and a VM's demand, in MiB: 1 PiB.
const MaxMemory = 1 << 30

// PolicyKind is what a Policy states.
type PolicyKind uint8

// The statements. The comment names the fields that each one uses besides Node or VM of the order or
// command that carries it; the others are zero.
const (
	// PolicyHost: the host Node is at Site and has room for Memory (0: as much as anybody asks for).
	PolicyHost PolicyKind = iota + 1
	// PolicyVM: VM needs Memory on each home that keeps room for it, and Sites holds for it. It may be
	// stated before VM exists.
	PolicyVM
	// PolicyGroup: Apart and Sites hold for the VMs of Group. Both zero: the group is no more.
	PolicyGroup
	// PolicyMember: VM belongs to Group (Member), or does no longer.
	PolicyMember

	NumPolicies
)

var policyNames = [...]string{PolicyHost: "host", PolicyVM: "vm", PolicyGroup: "group", PolicyMember: "member"}

func (k PolicyKind) String() string {
	if k > 0 && k < NumPolicies {
		return policyNames[k]
	}
	return "policy(" + strconv.Itoa(int(k)) + ")"
}

// Policy is one statement about hosts and VMs from which placement and admission follow.
type Policy struct {
	Kind   PolicyKind
	Site   Site
	Memory uint32 // MiB, up to MaxMemory
	Group  GroupID
	Apart  Apart
	Sites  SiteRule
	Member bool
}
