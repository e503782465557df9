package pool

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
	"holdfast/engine/policy"
)

// drawPolicy gives a command of KindPolicy something to state.
func drawPolicy(t *rapid.T, c *Command) {
	number := func(what string, limit int) int { return rapid.IntRange(0, limit).Draw(t, what) }
	c.Policy = model.Policy{
		Kind: model.PolicyKind(number("policy", int(model.NumPolicies))), Site: model.Site(number("site", 2)), Memory: uint32(number("memory", 3)),
		Group: model.GroupID(number("group", 2)), Apart: model.Apart(number("apart", int(model.NumAparts))),
		Sites: model.SiteRule(number("sites", int(model.NumSiteRules))), Member: rapid.Bool().Draw(t, "member"),
	}
	if !rapid.Bool().Draw(t, "sensible policy") {
		return
	}
	switch p := &c.Policy; p.Kind {
	case model.PolicyHost:
		c.VM, *p = 0, model.Policy{Kind: p.Kind, Site: p.Site, Memory: p.Memory}
	case model.PolicyVM:
		c.Node, *p = 0, model.Policy{Kind: p.Kind, Memory: p.Memory, Sites: p.Sites}
	case model.PolicyGroup:
		c.Node, c.VM, *p = 0, 0, model.Policy{Kind: p.Kind, Group: p.Group, Apart: p.Apart, Sites: p.Sites}
	case model.PolicyMember:
		c.Node, *p = 0, model.Policy{Kind: p.Kind, Group: p.Group, Member: p.Member}
	}
}

func known(p model.Policy) bool {
	return p.Kind < model.NumPolicies && p.Apart < model.NumAparts && p.Sites < model.NumSiteRules
}

// rulesHold demands that only statements change rules, that they stay valid and about hosts of the pool, and that no
// VM got homes that the rules do not allow.
func rulesHold(t *rapid.T, s *State, cmd *Command, ok bool) {
	require.NoError(t, s.Rules().Validate())
	for _, h := range s.Rules().Hosts {
		require.True(t, s.Members().Hosts.Has(h.Node))
	}
	if ok && cmd.Kind == KindPolicy {
		require.True(t, s.Rules().Stated(cmd.Node, cmd.VM, cmd.Policy))
	}
	if ok && cmd.Kind == KindCreate {
		v := s.View()
		for _, b := range v.Broken() {
			require.NotEqual(t, cmd.VM, b.VM, v.Describe(b))
			require.NotEqual(t, cmd.VM, b.Other, v.Describe(b))
			require.False(t, b.Kind == policy.BreachRoom && cmd.Homes.Has(b.Node) && cmd.Level != model.LevelNone && s.Rules().VM(cmd.VM).Memory > 0, v.Describe(b))
		}
	}
}

// stateRules states one thing of each kind, from place index of the log on.
func stateRules(s *State, index uint64) uint64 {
	for _, c := range []Command{
		{Node: 1, Policy: model.Policy{Kind: model.PolicyHost, Site: 1, Memory: 4096}},
		{Node: 2, Policy: model.Policy{Kind: model.PolicyHost, Site: 2, Memory: 2048}},
		{VM: 1, Policy: model.Policy{Kind: model.PolicyVM, Memory: 1024, Sites: model.SiteOther}},
		{VM: 9, Policy: model.Policy{Kind: model.PolicyVM, Memory: 2048}},
		{Policy: model.Policy{Kind: model.PolicyGroup, Group: 7, Apart: model.ApartPrimaries}},
		{VM: 1, Policy: model.Policy{Kind: model.PolicyMember, Group: 7, Member: true}},
		{VM: 2, Policy: model.Policy{Kind: model.PolicyMember, Group: 7, Member: true}},
	} {
		c.Kind, c.By = KindPolicy, 1
		s.Apply(index, c)
		index++
	}
	return index
}

func TestPolicyCommands(t *testing.T) {
	s := New(three)
	next := stateRules(s, 1)
	apply := func(c Command) Result {
		next++
		return s.Apply(next, c)
	}
	require.Equal(t, policy.Rules{
		Hosts:  []policy.Host{{Node: 1, Site: 1, Memory: 4096}, {Node: 2, Site: 2, Memory: 2048}},
		VMs:    []policy.VM{{VM: 1, Memory: 1024, Sites: model.SiteOther}, {VM: 9, Memory: 2048}},
		Groups: []policy.Group{{ID: 7, Apart: model.ApartPrimaries, VMs: []model.VMID{1, 2}}},
	}, *s.Rules())
	again, err := Restore(s.Snapshot())
	require.NoError(t, err)
	require.Equal(t, s.Rules(), again.Rules())

	host := model.Policy{Kind: model.PolicyHost, Memory: 1}
	require.ErrorIs(t, apply(Command{Kind: KindPolicy, By: 7, Node: 1, Policy: host}).Refused, ErrProposer)
	require.ErrorIs(t, apply(Command{Kind: KindPolicy, By: 1, Node: 4, Policy: host}).Refused, ErrMember, "the witness has no room")
	refused := apply(Command{Kind: KindPolicy, By: 1, Node: 1, VM: 3, Policy: host}).Refused
	require.ErrorIs(t, refused, ErrPolicy)
	require.ErrorIs(t, refused, policy.ErrStatement)

	create := func(vm model.VMID, primary, second model.NodeID) Command {
		return Command{Kind: KindCreate, VM: vm, By: 1, Node: primary, Level: model.LevelHA, Homes: model.Nodes(primary, second)}
	}
	refused = apply(create(1, 1, 3)).Refused
	require.ErrorIs(t, refused, policy.ErrNoPlace)
	require.EqualError(t, refused, "create of VM 1 by member 1: policies do not allow it: no place for the VM: host 3: nobody said at which site it is")
	require.True(t, apply(create(1, 1, 2)).OK)
	require.EqualError(t, apply(create(9, 2, 3)).Refused, "create of VM 9 by member 1: policies do not allow it: no place for the VM: host 2: 1024 of 2048 MiB used or reserved, 2048 needed")
	require.True(t, apply(create(9, 1, 3)).OK)
	primary, second, err := s.Place(policy.Request{VM: 2, Level: model.LevelHA, Among: model.Nodes(1, 2, 3)})
	require.NoError(t, err)
	require.Equal(t, [2]model.NodeID{3, 2}, [2]model.NodeID{primary, second}, "VM 1 runs on host 1, and would on host 2 if that were lost")
}

// A VM of level none has room on its first home only; it gets another level if its second home has room too.
func TestPolicyOfLevels(t *testing.T) {
	s := New(three)
	next := stateRules(s, 1)
	apply := func(c Command) Result {
		next++
		c.By = 1
		return s.Apply(next, c)
	}
	create := func(vm model.VMID, primary, second model.NodeID, level model.Level) Command {
		return Command{Kind: KindCreate, VM: vm, Node: primary, Level: level, Homes: model.Nodes(primary, second)}
	}
	require.True(t, apply(create(9, 1, 2, model.LevelNone)).OK)
	require.True(t, apply(create(1, 1, 2, model.LevelHA)).OK)
	require.EqualError(t, apply(Command{Kind: KindLevel, VM: 9, Expect: 1, Level: model.LevelFT}).Refused,
		"level of VM 9 by member 1: policies do not allow it: no place for the VM: host 2: 1024 of 2048 MiB used or reserved, 2048 needed")
	require.True(t, apply(Command{Kind: KindLevel, VM: 1, Expect: 1, Level: model.LevelFT}).OK)
	require.True(t, apply(Command{Kind: KindPolicy, Node: 2, Policy: model.Policy{Kind: model.PolicyHost, Site: 2, Memory: 3072}}).OK)
	require.True(t, apply(Command{Kind: KindLevel, VM: 9, Expect: 1, Level: model.LevelFT}).OK)
}

// Whoever loses a home is not given another against the rules, and what was stated of a host goes with it.
func TestPolicyOfThirdHomes(t *testing.T) {
	s := New(Members{Hosts: model.Nodes(1, 2, 3, 4)})
	next := stateRules(s, 1)
	apply := func(c Command) Result {
		next++
		c.By = 1
		return s.Apply(next, c)
	}
	require.True(t, apply(Command{Kind: KindCreate, VM: 1, Node: 1, Level: model.LevelFT, Homes: model.Nodes(1, 2)}).OK)
	_, err := s.Third(1, model.Nodes(1, 3, 4))
	require.EqualError(t, err, "no place for the VM: host 3: nobody said at which site it is; host 4: nobody said at which site it is")
	require.ErrorIs(t, apply(Command{Kind: KindRehome, VM: 1, Expect: 1, Homes: model.Nodes(1, 3)}).Refused, ErrPolicy)
	require.True(t, apply(Command{Kind: KindPolicy, Node: 4, Policy: model.Policy{Kind: model.PolicyHost, Site: 9}}).OK)
	third, err := s.Third(1, model.Nodes(1, 3, 4))
	require.NoError(t, err)
	require.Equal(t, model.NodeID(4), third)
	require.True(t, apply(Command{Kind: KindRehome, VM: 1, Expect: 1, Homes: model.Nodes(1, 4)}).OK)
	require.True(t, apply(Command{Kind: KindLeave, Node: 2}).OK)
	require.Equal(t, policy.Host{Node: 2}, s.Rules().Host(2))
	require.Equal(t, policy.Host{Node: 4, Site: 9}, s.Rules().Host(4))
}

func TestRestoreRefusesWrongRules(t *testing.T) {
	s := New(three)
	stateRules(s, 1)
	good := s.Snapshot()
	rules := appendRules(nil, s.Rules())
	before := good[:len(good)-len(rules)]
	for want, section := range map[string][]byte{
		"policies: <nil>":              {sectionRules, 0, 0, 0},
		"it is no statement":           {sectionRules, 2, 2, 1, 0, 1, 1, 0, 0, 0},
		"policy about host 4":          {sectionRules, 1, 4, 1, 0, 0, 0},
		"site rule is 3":               {sectionRules, 0, 1, 1, 1, 3, 0},
		"degree of apartness is 3":     {sectionRules, 0, 0, 1, 1, 3, 0, 0},
		"group 1":                      {sectionRules, 0, 0, 1, 1, 0, 0, 0},
		"VM 2 of group 1":              {sectionRules, 0, 0, 1, 1, 1, 0, 2, 2, 2},
		"it contradicts another":       {sectionRules, 0, 1, 2, 0, 1, 1, 1, 0, 2, 1, 2},
		"1 bytes follow the end":       append(append([]byte{}, rules...), 0),
		"number of groups: unexpected": {sectionRules, 0, 0},
	} {
		_, err := Restore(append(append([]byte{}, before...), section...))
		require.ErrorIs(t, err, ErrSnapshot, want)
		require.ErrorContains(t, err, want)
	}
	_, err := Restore(append(append([]byte{}, before...), rules...))
	require.NoError(t, err)
}

func TestOldSnapshotsAreRead(t *testing.T) {
	s := New(three)
	s.Apply(1, Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)})
	s.Apply(2, Command{Kind: KindRehome, VM: 1, Expect: 1, By: 1, Homes: model.Nodes(1, 3)})
	old := s.Snapshot()
	stateRules(s, 3)
	s.applied = 2
	require.Equal(t, old, s.Snapshot()[:len(old)], "the section is at the end")
	again, err := Restore(s.Snapshot())
	require.NoError(t, err)
	require.Equal(t, s.VM(1), again.VM(1))
	again, err = Restore(old)
	require.NoError(t, err)
	require.True(t, again.Rules().Empty())
}

// TestWaits: a VM may wait for a person if the copy that it lacks or the host of that is out of service; not if what it has is.
func TestWaits(t *testing.T) {
	whole := Config{VM: 1, Gen: 5, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2, InSync: model.Nodes(1, 2)}
	exposed, redirected := whole, whole
	exposed.InSync, exposed.Secondary = model.Nodes(1), model.NoNode
	redirected.InSync = model.Nodes(2)
	for _, c := range []struct {
		name string
		cfg  Config
		part Part
		want bool
	}{
		{"nothing is out of service", exposed, Part{}, false},
		{"the VM", exposed, Part{Component: model.ComponentVM, VM: 1}, false},
		{"the lost host", exposed, Part{Component: model.ComponentHost, Node: 2}, true},
		{"the lost disk", exposed, Part{Component: model.ComponentDisk, Node: 2, VM: 1}, true},
		{"the own disk, which is the lost one", redirected, Part{Component: model.ComponentDisk, Node: 1, VM: 1}, true},
		{"the lost disk of another VM", exposed, Part{Component: model.ComponentDisk, Node: 2, VM: 2}, false},
		{"the own host", exposed, Part{Component: model.ComponentHost, Node: 1}, false},
		{"a host of a VM that lacks nothing", whole, Part{Component: model.ComponentHost, Node: 2}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := State{members: Members{Hosts: model.Nodes(1, 2)}, vms: []Config{c.cfg}}
			if c.part != (Part{}) {
				s.parts = []Health{{Part: c.part, Retired: true}}
			}
			p := s.View().VMs[0]
			require.Equal(t, c.want, p.Waits)
			require.Equal(t, c.part.Component == model.ComponentVM, p.Stopped)
		})
	}
}
