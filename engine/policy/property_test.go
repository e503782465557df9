package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

const (
	drawnHosts = 5
	drawnVMs   = 7
)

// drawRules states all kinds of things about hosts 1 to drawnHosts and VMs 1 to drawnVMs.
func drawRules(t *rapid.T) *Rules {
	r := &Rules{}
	for node := model.NodeID(1); node <= drawnHosts; node++ {
		_ = host(node, model.Site(rapid.IntRange(0, 2).Draw(t, "site")), uint32(rapid.IntRange(0, 8).Draw(t, "room")))(r)
	}
	for vm := model.VMID(1); vm <= drawnVMs; vm++ {
		_ = demand(vm, uint32(rapid.IntRange(0, 4).Draw(t, "memory")), model.SiteRule(rapid.IntRange(0, 2).Draw(t, "sites")))(r)
	}
	for id := model.GroupID(1); id <= 2; id++ {
		vms := rapid.SliceOfN(rapid.IntRange(1, drawnVMs), 0, 4).Draw(t, "group")
		_ = group(id, model.Apart(rapid.IntRange(0, 2).Draw(t, "apart")), model.SiteRule(rapid.IntRange(0, 2).Draw(t, "sites")))(r)
		for _, vm := range vms {
			_ = say(0, model.VMID(vm), model.Policy{Kind: model.PolicyMember, Group: id, Member: true})(r) // what contradicts is refused
		}
	}
	return r
}

// drawView places some of the VMs, by the rules or against them.
func drawView(t *rapid.T, lawful bool) View {
	v := View{Hosts: 1<<(drawnHosts+1) - 2, Rules: drawRules(t)}
	for vm := model.VMID(1); vm <= drawnVMs; vm++ {
		q := Request{VM: vm, Level: model.Level(rapid.IntRange(0, 3).Draw(t, "level")), Among: v.Hosts}
		primary := model.NodeID(rapid.IntRange(1, drawnHosts).Draw(t, "primary"))
		second := model.NodeID((int(primary)+rapid.IntRange(0, drawnHosts-2).Draw(t, "second"))%drawnHosts + 1)
		if lawful {
			var err error
			if primary, second, err = v.Place(q); err != nil {
				require.ErrorIs(t, err, ErrNoPlace)
				continue
			}
		}
		v.VMs = append(v.VMs, Placed{VM: vm, Level: q.Level, Homes: model.Nodes(primary, second), Primary: primary, Whole: true})
		drawRecovery(t, &v, lawful)
	}
	return v
}

// drawRecovery may give the last VM a recovery copy, and, against the rules, have it run there.
func drawRecovery(t *rapid.T, v *View, lawful bool) {
	p := &v.VMs[len(v.VMs)-1]
	to := model.NodeID(rapid.IntRange(1, drawnHosts).Draw(t, "recovery"))
	if p.Level == model.LevelNone || p.Homes.Has(to) || rapid.Bool().Draw(t, "no recovery copy") || lawful && v.Cover(p.VM, to) != nil {
		return
	}
	p.Elsewhere, p.Fixed = model.Nodes(to), true
	if !lawful && rapid.Bool().Draw(t, "runs there") {
		failOver(p)
	}
}

// failOver has a VM run on its recovery copy.
func failOver(p *Placed) {
	p.Homes, p.Elsewhere = p.Elsewhere, p.Homes
	p.Primary, p.Whole = p.Homes.First(), false
}

// What Place returns breaks nothing, and what it refuses could not be had: compared with trying every pair of homes and
// asking what Broken says of the result.
func TestPlacementIsSoundAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t, true)
		require.Empty(t, v.Broken())
		if len(v.VMs) == 0 {
			return
		}
		vm := v.VMs[len(v.VMs)-1]
		v.VMs = v.VMs[:len(v.VMs)-1]
		q := Request{VM: vm.VM, Level: vm.Level, Among: model.NodeSet(rapid.Uint64Range(0, 1<<drawnHosts-1).Draw(t, "among")) << 1}
		if rapid.Bool().Draw(t, "decided") {
			q.Primary = vm.Primary
		}
		_, _, err := v.Place(q)
		possible := false
		for p := model.NodeID(1); p <= drawnHosts; p++ {
			for s := model.NodeID(1); s <= drawnHosts; s++ {
				if p == s || !q.Among.Has(s) || q.Primary == model.NoNode && !q.Among.Has(p) || q.Primary != model.NoNode && p != q.Primary {
					continue
				}
				w := v
				w.VMs = append(append([]Placed(nil), v.VMs...), Placed{VM: q.VM, Level: q.Level, Homes: model.Nodes(p, s), Primary: p, Whole: true})
				lawful := len(w.Broken()) == 0
				require.Equal(t, lawful, v.Admit(q.VM, q.Level, p, s) == nil)
				possible = possible || lawful
			}
		}
		require.Equal(t, possible, err == nil, "%v", err)
	})
}

// After any admissions the loss of any one host leaves room for all VMs where their second copies are, and
// once they run there, no host has more than it had room for.
func TestAnyHostMayBeLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t, true)
		lost := model.NodeID(rapid.IntRange(1, drawnHosts).Draw(t, "lost"))
		used := [drawnHosts + 1]uint64{}
		for i := range v.VMs {
			p := &v.VMs[i]
			at := p.Primary
			if at == lost {
				if at = p.second(); p.Level == model.LevelNone {
					continue // has nothing to go on with
				}
				p.Primary = at
			}
			used[at] += uint64(v.Rules.VM(p.VM).Memory)
		}
		for node := model.NodeID(1); node <= drawnHosts; node++ {
			if room := v.Rules.Host(node).Memory; room != 0 && node != lost {
				require.LessOrEqual(t, used[node], uint64(room), "host %d", node)
			}
		}
		for _, b := range v.Broken() {
			// Apartness of primaries is what a loss can break. A VM of level none with its two sides exchanged is none that a loss makes.
			require.True(t, b.Kind == BreachPrimaries || b.Kind == BreachRoom && b.Node == lost, "%s", v.Describe(b))
		}
	})
}

// Moves come to an end wherever they begin; none makes a breach that was not there.
func TestMovesComeToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t, rapid.Bool().Draw(t, "lawful"))
		able := model.NodeSet(rapid.Uint64Range(0, 1<<drawnHosts-1).Draw(t, "able")) << 1
		broken := v.Broken()
		for n := 0; ; n++ {
			m := v.Plan(able)
			if m.Kind == 0 {
				return
			}
			require.Less(t, n, 100, "moves without end")
			p := v.vm(m.VM)
			require.True(t, able.Has(m.To) && able.Has(p.Primary) && p.Whole)
			switch m.Kind {
			case MoveSides:
				require.Equal(t, model.LevelFT, p.Level)
				require.Equal(t, [2]model.NodeID{p.Primary, p.second()}, [2]model.NodeID{m.From, m.To})
				p.Primary = m.To
			default:
				require.Equal(t, p.second(), m.From)
				require.False(t, p.Homes.Has(m.To) || p.Fixed)
				p.Homes = model.Nodes(p.Primary, m.To)
			}
			after := v.Broken()
			for _, b := range after {
				if b.Kind == BreachHomes { // the same two VMs may share another home, or share it otherwise
					continue
				}
				require.Contains(t, broken, b, "a move made a breach")
			}
			broken = after
		}
	})
}

// Whatever is stated, the rules stay in order and without contradictions, and a statement that was
// allowed holds.
func TestStatements(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &Rules{}
		for range rapid.IntRange(0, 40).Draw(t, "statements") {
			node := model.NodeID(rapid.IntRange(0, 3).Draw(t, "node"))
			vm := model.VMID(rapid.IntRange(0, 3).Draw(t, "vm"))
			p := model.Policy{
				Kind: model.PolicyKind(rapid.IntRange(0, int(model.NumPolicies)).Draw(t, "kind")), Site: model.Site(rapid.IntRange(0, 1).Draw(t, "site")),
				Memory: uint32(rapid.IntRange(0, 1).Draw(t, "memory")), Group: model.GroupID(rapid.IntRange(0, 3).Draw(t, "group")),
				Apart: model.Apart(rapid.IntRange(0, 3).Draw(t, "apart")), Sites: model.SiteRule(rapid.IntRange(0, 3).Draw(t, "sites")),
				Member: rapid.Bool().Draw(t, "member"),
			}
			if rapid.Bool().Draw(t, "sensible") {
				p = shape(p)
				if p.Kind == model.PolicyHost || p.Kind == model.PolicyGroup {
					vm = 0
				}
				if p.Kind != model.PolicyHost {
					node = 0
				}
			}
			if r.Check(node, vm, p) != nil {
				continue
			}
			r.Apply(node, vm, p)
			require.True(t, r.Stated(node, vm, p))
			require.NoError(t, r.Validate())
		}
	})
}

func TestStatementErrors(t *testing.T) {
	r := state(t, demand(1, 5, model.SiteOther), group(1, 0, model.SiteSame, 2), group(2, model.ApartHomes, 0, 1, 2))
	for name, c := range map[string]struct {
		say func(*Rules) error
		err error
	}{
		"a host of VM":             {say(1, 1, model.Policy{Kind: model.PolicyHost}), ErrStatement},
		"a VM of host":             {say(1, 1, model.Policy{Kind: model.PolicyVM}), ErrStatement},
		"no VM":                    {demand(0, 1, 0), ErrStatement},
		"no host":                  {host(0, 1, 1), ErrStatement},
		"no group number":          {group(0, model.ApartHomes, 0), ErrStatement},
		"a field too many":         {say(1, 0, model.Policy{Kind: model.PolicyHost, Group: 1}), ErrStatement},
		"too much memory":          {host(1, 0, model.MaxMemory+1), ErrStatement},
		"unknown site rule":        {demand(1, 0, model.NumSiteRules), ErrStatement},
		"unknown degree":           {group(1, model.NumAparts, 0), ErrStatement},
		"unknown statement":        {say(0, 0, model.Policy{Kind: model.NumPolicies}), ErrStatement},
		"no such group":            {say(0, 1, model.Policy{Kind: model.PolicyMember, Group: 9, Member: true}), ErrNoGroup},
		"member of contradiction":  {group(1, 0, model.SiteSame, 1), ErrContradiction},
		"VM against its group":     {demand(2, 0, model.SiteOther), ErrContradiction},
		"group against its VM":     {group(2, model.ApartHomes, model.SiteSame), ErrContradiction},
		"group against another":    {group(2, model.ApartHomes, model.SiteOther), ErrContradiction},
		"agreement with the group": {demand(2, 0, model.SiteSame), nil},
	} {
		require.ErrorIs(t, c.say(r), c.err, name)
	}
	for id := model.GroupID(10); len(r.Groups) < MaxGroups; id++ {
		require.NoError(t, group(id, model.ApartHomes, 0)(r))
	}
	require.ErrorIs(t, group(5, model.ApartHomes, 0)(r), ErrTooMany)
	for vm := model.VMID(10); len(r.Group(2).VMs) < MaxMembers; vm++ {
		require.NoError(t, group(2, model.ApartHomes, 0, vm)(r))
	}
	require.ErrorIs(t, group(2, model.ApartHomes, 0, 5)(r), ErrTooMany)
}
