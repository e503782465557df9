package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
)

// state makes rules of statements, which must all be allowed.
func state(t require.TestingT, say ...func(*Rules) error) *Rules {
	r := &Rules{}
	for _, s := range say {
		require.NoError(t, s(r))
	}
	return r
}

func say(node model.NodeID, vm model.VMID, p model.Policy) func(*Rules) error {
	return func(r *Rules) error {
		if err := r.Check(node, vm, p); err != nil {
			return err
		}
		r.Apply(node, vm, p)
		return nil
	}
}

func host(node model.NodeID, site model.Site, memory uint32) func(*Rules) error {
	return say(node, 0, model.Policy{Kind: model.PolicyHost, Site: site, Memory: memory})
}

func demand(vm model.VMID, memory uint32, sites model.SiteRule) func(*Rules) error {
	return say(0, vm, model.Policy{Kind: model.PolicyVM, Memory: memory, Sites: sites})
}

func group(id model.GroupID, apart model.Apart, sites model.SiteRule, vms ...model.VMID) func(*Rules) error {
	return func(r *Rules) error {
		err := say(0, 0, model.Policy{Kind: model.PolicyGroup, Group: id, Apart: apart, Sites: sites})(r)
		for _, vm := range vms {
			if err == nil {
				err = say(0, vm, model.Policy{Kind: model.PolicyMember, Group: id, Member: true})(r)
			}
		}
		return err
	}
}

// at is an ft VM with both copies in sync.
func at(vm model.VMID, primary, second model.NodeID) Placed {
	return Placed{VM: vm, Level: model.LevelFT, Homes: model.Nodes(primary, second), Primary: primary, Whole: true}
}

func TestPlace(t *testing.T) {
	small := []func(*Rules) error{host(1, 1, 4096), host(2, 1, 4096), host(3, 2, 4096), demand(1, 2048, 0), demand(2, 2048, 0), demand(3, 2048, 0), demand(9, 1024, 0)}
	with := func(more ...func(*Rules) error) []func(*Rules) error {
		return append(append([]func(*Rules) error(nil), small...), more...)
	}
	three := model.Nodes(1, 2, 3)
	for _, c := range []struct {
		name            string
		rules           []func(*Rules) error
		vms             []Placed
		ask             Request
		primary, second model.NodeID
		err             string
	}{
		{"empty pool", nil, nil, Request{VM: 1, Among: three}, 1, 2, ""},
		{"fewest copies", nil, []Placed{at(2, 1, 2)}, Request{VM: 1, Among: three}, 3, 1, ""},
		{"least memory", small, []Placed{at(2, 3, 1), at(9, 2, 1)}, Request{VM: 1, Level: model.LevelHA, Among: three}, 2, 3, ""},
		{"copies decide between equals", append(with(), demand(4, 0, 0)), []Placed{at(4, 1, 2)}, Request{VM: 1, Level: model.LevelHA, Among: three}, 3, 1, ""},
		{"not where it must not", nil, nil, Request{VM: 1, Among: model.Nodes(2, 3, 7)}, 2, 3, ""},
		{"primary decided", small, nil, Request{VM: 1, Level: model.LevelHA, Primary: 3, Among: three}, 3, 1, ""},
		{"both decided", small, nil, Request{VM: 1, Level: model.LevelHA, Primary: 3, Second: 2}, 3, 2, ""},
		{"no room for the second", small, []Placed{at(2, 1, 2), at(3, 1, 2)}, Request{VM: 1, Level: model.LevelHA, Among: three}, 0, 0,
			"no place for the VM: host 1: 4096 of 4096 MiB used or reserved, 2048 needed; host 2: 4096 of 4096 MiB used or reserved, 2048 needed"},
		{"none keeps no room on the second", small, []Placed{at(2, 1, 2), at(3, 1, 2)}, Request{VM: 1, Level: model.LevelNone, Among: three}, 3, 1, ""},
		{"what none has on its second counts nothing", small,
			[]Placed{{VM: 2, Homes: model.Nodes(1, 2), Primary: 1}, {VM: 3, Homes: model.Nodes(1, 2), Primary: 1}}, Request{VM: 1, Level: model.LevelHA, Among: three}, 3, 2, ""},
		{"no room where it was told to be", small, []Placed{at(2, 1, 3), at(9, 1, 3)}, Request{VM: 1, Level: model.LevelHA, Primary: 1, Second: 2}, 0, 0,
			"no place for the VM: host 1: 3072 of 4096 MiB used or reserved, 2048 needed"},
		{"just enough room", small, []Placed{at(2, 1, 2)}, Request{VM: 1, Level: model.LevelHA, Primary: 1, Second: 2}, 1, 2, ""},
		{"apart", with(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{at(2, 1, 3)}, Request{VM: 1, Level: model.LevelHA, Primary: 1, Among: three}, 0, 0,
			"no place for the VM: host 1: runs VM 2, from which VM 1 is kept apart"},
		{"apart also after a loss", with(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{at(2, 1, 3)}, Request{VM: 1, Level: model.LevelHA, Among: three}, 2, 3, ""},
		{"apart where a loss cannot be helped", group2(), []Placed{at(2, 1, 2)}, Request{VM: 1, Level: model.LevelHA, Among: model.Nodes(1, 2)}, 2, 1, ""},
		{"homes apart", with(group(1, model.ApartHomes, 0, 1, 2)), []Placed{at(2, 1, 3)}, Request{VM: 1, Level: model.LevelHA, Among: three}, 0, 0,
			"no place for the VM: host 1: a home of VM 2, from whose homes VM 1 is kept apart; host 3: a home of VM 2, from whose homes VM 1 is kept apart"},
		{"another site", with(demand(1, 0, model.SiteOther)), nil, Request{VM: 1, Level: model.LevelHA, Among: three}, 1, 3, ""},
		{"another site by the group", with(group(1, 0, model.SiteOther, 1)), nil, Request{VM: 1, Level: model.LevelHA, Primary: 2, Among: three}, 2, 3, ""},
		{"same site", with(demand(1, 0, model.SiteSame)), nil, Request{VM: 1, Level: model.LevelHA, Primary: 1, Second: 3}, 0, 0,
			"no place for the VM: host 3: another site than host 1"},
		{"no other site", with(demand(1, 2048, model.SiteOther)), []Placed{at(2, 3, 2), at(9, 3, 2)}, Request{VM: 1, Level: model.LevelHA, Primary: 1, Among: three}, 0, 0,
			"no place for the VM: host 2: 3072 of 4096 MiB used or reserved, 2048 needed; host 3: 3072 of 4096 MiB used or reserved, 2048 needed"},
		{"same site as the primary", with(demand(1, 0, model.SiteOther)), nil, Request{VM: 1, Level: model.LevelHA, Primary: 1, Second: 2}, 0, 0,
			"no place for the VM: host 2: same site as host 1"},
		{"site unknown", []func(*Rules) error{host(1, 1, 0), demand(1, 0, model.SiteOther)}, nil, Request{VM: 1, Primary: 1, Among: model.Nodes(2)}, 0, 0,
			"no place for the VM: host 2: nobody said at which site it is"},
		{"site of the primary unknown", []func(*Rules) error{host(2, 1, 0), demand(1, 0, model.SiteSame)}, nil, Request{VM: 1, Primary: 1, Among: model.Nodes(2)}, 0, 0,
			"no place for the VM: host 2: nobody said at which site host 1 is"},
		{"third home, although its host is full", with(demand(1, 3000, 0)), []Placed{at(1, 1, 2), at(2, 1, 2)}, Request{VM: 1, Level: model.LevelFT, Primary: 1, Among: model.Nodes(3)}, 1, 3, ""},
		{"third home, although a rule is broken", with(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{at(1, 1, 2), at(2, 1, 2)}, Request{VM: 1, Level: model.LevelFT, Primary: 1, Among: model.Nodes(3)}, 1, 3, ""},
		{"nobody works", small, nil, Request{VM: 1, Level: model.LevelFT}, 0, 0, "no place for the VM: there is no host to choose from"},
		{"one works", small, nil, Request{VM: 1, Level: model.LevelFT, Among: model.Nodes(1)}, 0, 0, "no place for the VM: no host is left for the copy of a VM on host 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := View{Hosts: three, VMs: c.vms, Rules: state(t, c.rules...)}
			primary, second, err := v.Place(c.ask)
			require.Equal(t, [2]model.NodeID{c.primary, c.second}, [2]model.NodeID{primary, second})
			if c.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrNoPlace)
			require.EqualError(t, err, c.err)
		})
	}
}

// group3 keeps three VMs apart that need no memory.
func group3(more ...func(*Rules) error) []func(*Rules) error { return more }

func group2() []func(*Rules) error {
	return []func(*Rules) error{group(1, model.ApartPrimaries, 0, 1, 2)}
}

func TestBrokenAndPlan(t *testing.T) {
	rules := func(more ...func(*Rules) error) []func(*Rules) error {
		return append([]func(*Rules) error{host(1, 1, 4096), host(2, 1, 4096), host(3, 2, 4096), demand(1, 1024, 0), demand(2, 1024, 0), demand(3, 1024, 0)}, more...)
	}
	exposed := func(p Placed) Placed { p.Whole = false; return p }
	ha := func(p Placed) Placed { p.Level = model.LevelHA; return p }
	stopped := func(p Placed) Placed { p.Stopped = true; return p }
	waits := func(p Placed) Placed { p.Waits, p.Whole = true, false; return p }
	fixed := func(p Placed) Placed { p.Level, p.Fixed = model.LevelRestart, true; return p }
	all := model.Nodes(1, 2, 3)
	for _, c := range []struct {
		name   string
		rules  []func(*Rules) error
		vms    []Placed
		able   model.NodeSet
		broken []string
		move   Move
	}{
		{"nothing stated", nil, []Placed{at(1, 1, 2), at(2, 1, 2), at(3, 1, 2)}, all, nil, Move{}},
		{"all is well", rules(), []Placed{at(1, 1, 2), at(2, 2, 3), at(3, 3, 1)}, all, nil, Move{}},
		{"too much memory", rules(host(2, 1, 2048)), []Placed{at(1, 1, 2), at(2, 2, 1), at(3, 1, 2)}, all,
			[]string{"host 2: 1024 MiB used and 2048 reserved of 2048 MiB"}, Move{MoveSecond, 1, 2, 3}},
		{"too much memory, nowhere else", rules(host(2, 1, 2048)), []Placed{at(1, 1, 2), at(2, 2, 1), at(3, 1, 2)}, model.Nodes(1, 2),
			[]string{"host 2: 1024 MiB used and 2048 reserved of 2048 MiB"}, Move{}},
		{"two on one host", rules(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{at(1, 1, 2), at(2, 1, 3)}, all,
			[]string{"host 1 runs VM 1 and VM 2, which are kept apart"}, Move{MoveSides, 1, 1, 2}},
		{"two on one host, which would boot", rules(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{ha(at(1, 1, 2)), ha(at(2, 1, 3))}, all,
			[]string{"host 1 runs VM 1 and VM 2, which are kept apart"}, Move{}},
		{"only the second can move", rules(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{ha(at(1, 1, 2)), at(2, 1, 3)}, all,
			[]string{"host 1 runs VM 1 and VM 2, which are kept apart"}, Move{MoveSides, 2, 1, 3}},
		{"one is on the way back", rules(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{at(1, 1, 2), exposed(at(2, 1, 3))}, all,
			[]string{"host 1 runs VM 1 and VM 2, which are kept apart"}, Move{}},
		{"another one's host is lost", rules(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{at(1, 1, 2), exposed(at(2, 1, 3))}, model.Nodes(1, 2),
			[]string{"host 1 runs VM 1 and VM 2, which are kept apart"}, Move{MoveSides, 1, 1, 2}},
		{"one is on the way back, and cannot be before a person comes", rules(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{at(1, 1, 2), at(2, 1, 3), waits(fixed(at(3, 2, 3)))}, all,
			[]string{"host 1 runs VM 1 and VM 2, which are kept apart"}, Move{MoveSides, 1, 1, 2}},
		{"one is on the way back to another host", rules(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{at(1, 1, 2), at(2, 1, 3), waits(at(3, 2, 3))}, all,
			[]string{"host 1 runs VM 1 and VM 2, which are kept apart"}, Move{}},
		{"the first is out of service", rules(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{stopped(at(1, 1, 2)), at(2, 1, 3)}, all,
			[]string{"host 1 runs VM 1 and VM 2, which are kept apart"}, Move{MoveSides, 2, 1, 3}},
		{"the other home of the first has no guest network", rules(group(1, model.ApartPrimaries, 0, 1, 2)), []Placed{at(1, 1, 4), at(2, 1, 3)}, model.Nodes(1, 2, 3, 4),
			[]string{"host 1 runs VM 1 and VM 2, which are kept apart"}, Move{MoveSides, 2, 1, 3}},
		{"an exchange would break it elsewhere", group3(group(1, model.ApartPrimaries, 0, 1, 2, 3)), []Placed{at(1, 1, 2), at(2, 1, 2), at(3, 2, 3)}, all,
			[]string{"host 1 runs VM 1 and VM 2, which are kept apart"}, Move{}},
		{"homes shared", rules(host(4, 1, 4096), group(1, model.ApartHomes, 0, 1, 2)), []Placed{at(1, 1, 2), at(2, 2, 3)}, model.Nodes(1, 2, 3, 4),
			[]string{"host 2 is a home of VM 1 and of VM 2, whose homes are kept apart"}, Move{MoveSecond, 1, 2, 4}},
		{"wrong site", rules(demand(1, 1024, model.SiteOther)), []Placed{at(1, 1, 2)}, all,
			[]string{"host 2: same site as host 1"}, Move{MoveSecond, 1, 2, 3}},
		{"primary's host is silent", rules(demand(1, 1024, model.SiteOther)), []Placed{at(1, 1, 2)}, model.Nodes(2, 3),
			[]string{"host 2: same site as host 1"}, Move{}},
		{"unbalanced", rules(), []Placed{at(1, 1, 2), at(2, 1, 2)}, all, nil, Move{MoveSecond, 1, 2, 3}},
		{"unbalanced by one that is out of service", rules(), []Placed{stopped(at(1, 1, 2)), at(2, 1, 2)}, all, nil, Move{MoveSecond, 2, 2, 3}},
		{"unbalanced by one that lacks a copy", rules(), []Placed{waits(fixed(at(1, 1, 2))), at(2, 1, 2)}, all, nil, Move{MoveSecond, 2, 2, 3}},
		{"unbalanced, and a host is lost", rules(), []Placed{at(1, 1, 2), exposed(at(2, 1, 2))}, model.Nodes(1, 3), nil, Move{}},
		{"unbalanced by one that shares its disk", rules(), []Placed{fixed(at(1, 1, 2)), fixed(at(2, 1, 2))}, all, nil, Move{}},
		{"too much memory, and only one can get another home", rules(host(2, 1, 2048)), []Placed{fixed(at(1, 1, 2)), at(2, 2, 1), at(3, 1, 2)}, all,
			[]string{"host 2: 1024 MiB used and 2048 reserved of 2048 MiB"}, Move{MoveSecond, 3, 2, 3}},
		{"wrong site of one that shares its disk", rules(demand(1, 1024, model.SiteOther)), []Placed{fixed(at(1, 1, 2))}, all,
			[]string{"host 2: same site as host 1"}, Move{}},
		{"within the margin", rules(), []Placed{at(1, 1, 2), at(2, 1, 3)}, all, nil, Move{}},
		{"balance against a rule", rules(demand(1, 1024, model.SiteSame), demand(2, 1024, model.SiteSame)), []Placed{at(1, 1, 2), at(2, 1, 2)}, all, nil, Move{}},
		{"balance against apartness", rules(demand(3, 3072, 0), group(1, model.ApartPrimaries, 0, 1, 3)), []Placed{at(1, 1, 2), {VM: 3, Homes: model.Nodes(2, 3), Primary: 3, Whole: true}}, all, nil, Move{}},
		{"room not stated", []func(*Rules) error{demand(1, 1024, 0), demand(2, 1024, 0)}, []Placed{at(1, 1, 2), at(2, 1, 2)}, all, nil, Move{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := View{Hosts: model.Nodes(1, 2, 3, 4), Unlinked: model.Nodes(4), VMs: c.vms, Rules: state(t, c.rules...)}
			var said []string
			for _, b := range v.Broken() {
				said = append(said, v.Describe(b))
			}
			require.Equal(t, c.broken, said)
			require.Equal(t, c.move, v.Plan(c.able))
		})
	}
}
