package pool

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

var three = Members{Hosts: model.Nodes(1, 2, 3), Witness: 4}

func drawCommand(t *rapid.T, s *State) Command {
	node := rapid.Custom(func(t *rapid.T) model.NodeID { return model.NodeID(rapid.IntRange(0, 5).Draw(t, "node")) })
	c := Command{
		Kind: Kind(rapid.IntRange(0, int(numKinds)).Draw(t, "kind")), VM: model.VMID(rapid.IntRange(0, 3).Draw(t, "vm")),
		By: node.Draw(t, "by"), Node: node.Draw(t, "node"), Level: model.Level(rapid.IntRange(0, 4).Draw(t, "level")),
		Homes:       model.Nodes(node.Draw(t, "home"), node.Draw(t, "other home")),
		BaseEpoch:   model.Epoch(rapid.IntRange(0, 2).Draw(t, "epoch")),
		Component:   model.Component(rapid.IntRange(0, int(model.NumComponents)).Draw(t, "component")),
		Override:    rapid.Bool().Draw(t, "override"),
		Shared:      rapid.Bool().Draw(t, "shared"),
		Incarnation: rapid.Uint64Range(0, 3).Draw(t, "incarnation"),
		TargetMS:    rapid.Uint32Range(0, 2).Draw(t, "target"),
	}
	if c.Kind == KindPolicy {
		drawPolicy(t, &c)
	}
	if cur := s.VM(c.VM); c.Kind == KindRehome && cur.Gen != 0 && rapid.Bool().Draw(t, "sensible") {
		c.Homes, c.By = model.Nodes(cur.Primary, node.Draw(t, "third")), cur.Primary
	}
	if s.VM(1).Gen != 0 && rapid.IntRange(0, 3).Draw(t, "about recovery") == 0 {
		c.VM, c.Kind = 1, Kind(rapid.IntRange(int(KindAddRecovery), int(KindFailBack)).Draw(t, "kind"))
	}
	if cur := s.VM(c.VM); c.Kind.Recovery() && cur.Gen != 0 && rapid.Bool().Draw(t, "sensible") {
		switch c.Kind {
		case KindAddRecovery:
			c.By, c.Node, c.TargetMS = 1, 3, 1
		case KindFailOver:
			c.By, c.Node = cur.Recovery, cur.Recovery
		case KindFailBack:
			c.By, c.Node = cur.Primary, cur.Recovery
		}
	}
	if cur := s.VM(c.VM); c.Kind == KindAttach && cur.Gen != 0 && rapid.Bool().Draw(t, "sensible") {
		c.By, c.Node = cur.Primary, cur.Homes.Other(cur.Primary)
	}
	if c.Kind == KindRepair {
		c.Repair.Mode = model.RepairMode(rapid.IntRange(0, int(model.NumRepairModes)-1).Draw(t, "mode"))
		if c.Repair.Mode == model.RepairByMTBF {
			c.Repair.MTBF = time.Duration(rapid.IntRange(0, 3).Draw(t, "mtbf")) * time.Second
		}
	}
	if c.Kind >= KindRetire && c.Kind <= KindClear || c.Kind == KindFault || c.Kind == KindRepair {
		switch c.Component {
		case model.ComponentVM:
			c.Node = model.NoNode
		case model.ComponentNIC, model.ComponentHost:
			c.VM = 0
		}
	}
	if c.Kind != KindAddRecovery {
		c.TargetMS = 0 // no other command says it
	}
	c.Expect = s.VM(c.VM).Gen
	if rapid.IntRange(0, 4).Draw(t, "stale") == 0 {
		c.Expect += model.Gen(rapid.IntRange(-1, 1).Draw(t, "by how much"))
	}
	if c.Kind.Numbered() {
		c.Expect = model.Gen(rapid.IntRange(0, 9).Draw(t, "number"))
	}
	return c
}

// Whatever is proposed, by whomever: every configuration is valid, generations
// rise by one, the in-sync set only shrinks by decision, a refusal changes
// nothing, and what the state says can be stored and read back.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(three)
		index := uint64(1)
		if rapid.Bool().Draw(t, "protected") {
			s.Apply(1, Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)})
			s.Apply(2, Command{Kind: KindAttach, VM: 1, Expect: 1, By: 1, Node: 2})
			index = 2
		}
		for range rapid.IntRange(0, 60).Draw(t, "commands") {
			cmd := drawCommand(t, s)
			before, overrides, bytes := s.VM(cmd.VM), len(s.Overrides()), s.Snapshot()
			members, vms := s.Members(), slices.Clone(s.VMs())
			decided := cmd.Kind.Numbered() && cmd.Expect != 0 && s.Decided(&cmd)
			predicted, refusal := s.Check(cmd)
			index += rapid.Uint64Range(1, 3).Draw(t, "gap")
			result := s.Apply(index, cmd)
			after := s.VM(cmd.VM)
			require.Equal(t, result.OK, result.Refused == nil)
			require.Equal(t, after, result.Config)
			switch {
			case !result.OK:
				s.applied = index
				again, err := Restore(bytes)
				require.NoError(t, err)
				again.applied, again.orders = index, s.orders
				require.Equal(t, again.Snapshot(), s.Snapshot(), "a refusal changes nothing but which orders are decided")
			case cmd.Kind.ForVM():
				require.NoError(t, refusal)
				require.Equal(t, predicted, after)
				changed(t, before, after, cmd, len(s.Overrides())-overrides)
			}
			membersHold(t, s, members, cmd, result.OK)
			rulesHold(t, s, &cmd, result.OK)
			eraHolds(t, s, vms, &cmd, result.OK)
			ordersHold(t, s, decided, &cmd, result)
			again, err := Restore(s.Snapshot())
			require.NoError(t, err)
			require.Equal(t, s.Snapshot(), again.Snapshot())
			require.Equal(t, s.VM(cmd.VM), again.VM(cmd.VM))
			require.Equal(t, s.Members(), again.Members())
		}
	})
}

func changed(t *rapid.T, before, after Config, cmd Command, overrides int) {
	require.NoError(t, after.Validate())
	require.Equal(t, before.Gen+1, after.Gen, "generations rise by one")
	if cmd.Kind == KindFailOver || cmd.Kind == KindFailBack {
		moved(t, before, after, cmd, overrides)
		return
	}
	require.Equal(t, cmd.Kind, after.Cause)
	if before.Gen == 0 {
		return
	}
	require.Equal(t, before.Shared, after.Shared)
	if before.Shared {
		onlyTheHolderStarts(t, before, after, cmd)
	}
	if cmd.Kind == KindLevel {
		if mirrors := []model.Level{model.LevelRestart, model.LevelHA}; slices.Contains(mirrors, before.Level) && slices.Contains(mirrors, after.Level) {
			require.Equal(t, before.InSync, after.InSync, "the second copy is as good as before")
		} else {
			require.Equal(t, model.Nodes(before.Primary), after.InSync, "the primary goes on alone")
		}
		require.Equal(t, cmd.Level, after.Level)
	} else {
		require.Equal(t, before.Level, after.Level)
	}
	rehomed(t, before, after, cmd)
	stale := after.InSync&^before.InSync != 0
	switch cmd.Kind {
	case KindAttach:
		require.True(t, stale)
	case KindStart:
		require.Equal(t, stale || before.Shared && cmd.Override, overrides == 1, "an override is recorded, and nothing else is")
	default:
		require.False(t, stale, "only a resync or an override makes a copy the truth (R5)")
	}
}

// moved checks a step between the VM's homes and the place of its recovery copy.
func moved(t *rapid.T, before, after Config, cmd Command, overrides int) {
	require.Equal(t, before.Recovery, after.Primary, "only the recovery copy takes over")
	require.Equal(t, before.Primary, after.Recovery, "who was primary has the recovery copy")
	require.Equal(t, model.Nodes(after.Primary), after.InSync)
	require.Equal(t, after.Gen, after.History, "every copy belongs to a new history")
	require.Equal(t, cmd.Kind == KindFailOver, overrides == 1, "a start from the recovery copy is recorded")
}

// rehomed demands that only a rehome changes homes, that it changes one that is of no use, and that
// a copy keeps the generation it was made for exactly as long as its host stays a home.
func rehomed(t *rapid.T, before, after Config, cmd Command) {
	for rest := after.Homes; !rest.Empty(); rest = rest.Without(rest.First()) {
		since := after.Gen
		if before.Homes.Has(rest.First()) {
			since = before.HomeSince(rest.First())
		}
		require.Equal(t, since, after.HomeSince(rest.First()))
	}
	if cmd.Kind != KindRehome {
		require.Equal(t, before.Homes, after.Homes)
		return
	}
	require.Equal(t, before.Primary, after.Primary)
	require.Equal(t, before.InSync, after.InSync, "nothing that was the truth is given up, and nothing becomes it (R5)")
	require.Equal(t, 1, (before.Homes &^ after.Homes).Len())
	require.True(t, after.Exposed())
	require.Equal(t, cmd.By, before.Primary)
}

// membersHold demands that the pool keeps its size, that no VM has a home outside, that no VM loses its last
// copy by a leave, and that hosts go as soon as, and not before, they keep nothing.
func membersHold(t *rapid.T, s *State, before Members, cmd Command, ok bool) {
	m, held := s.Members(), model.NodeSet(0)
	for _, c := range s.VMs() {
		held |= c.Holders()
		require.True(t, !c.KeepsHomes() || m.Leaving&c.Holders() == 0, "what keeps its homes is on hosts that stay")
	}
	require.Zero(t, held&^m.Hosts)
	require.Zero(t, m.Leaving&^held, "a host that leaves is let go when it holds nothing")
	require.GreaterOrEqual(t, m.Hosts.Len(), MinHosts)
	require.LessOrEqual(t, m.Hosts.Len(), MaxHosts)
	require.GreaterOrEqual(t, m.Staying().Len(), MinHosts)
	if !ok || cmd.Kind != KindJoin {
		require.Zero(t, m.Hosts&^before.Hosts)
	}
	if gone := before.Hosts &^ m.Hosts; !ok || cmd.Kind != KindLeave {
		require.Zero(t, gone&^before.Leaving)
		require.Zero(t, m.Leaving&^before.Leaving)
	}
	if ok && cmd.Kind == KindLeave {
		for _, c := range s.VMs() {
			require.NotEqual(t, model.Nodes(cmd.Node), c.InSync)
		}
	}
}

// eraHolds: with an override in an era of its own every VM goes on as it was, above all generations of the eras before.
// Nothing else changes the era.
func eraHolds(t *rapid.T, s *State, before []Config, cmd *Command, ok bool) {
	for _, c := range before {
		after := s.VM(c.VM)
		if !ok || cmd.Kind != KindOverride || cmd.Expect == 0 {
			require.Equal(t, c.Gen.Era(), after.Gen.Era())
			continue
		}
		require.Equal(t, uint64(cmd.Expect), after.Gen.Era())
		require.Greater(t, after.Gen, c.Gen)
		require.Equal(t, c.Cause == KindClaim, after.Cause == KindClaim, "a claim goes on to wait")
		require.True(t, after.Cause == KindClaim || after.Cause == KindOverride)
		after.Gen, after.Cause, after.By, after.Incarnation = c.Gen, c.Cause, c.By, c.Incarnation
		require.Equal(t, c, after)
	}
}

// Of any number of proposals for one generation at most one wins, and none after an override in an era of its own.
func TestOneWinsPerGeneration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(three)
		s.Apply(1, Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelFT, Homes: model.Nodes(1, 2)})
		s.Apply(2, Command{Kind: KindAttach, VM: 1, Expect: 1, By: 1, Node: 2, BaseEpoch: 1})
		gen := s.VM(1).Gen
		won, overridden := 0, false
		for i := range rapid.IntRange(1, 20).Draw(t, "proposals") {
			cmd := drawCommand(t, s)
			cmd.VM, cmd.Expect = 1, gen
			ok := s.Apply(uint64(3+i), cmd).OK
			if ok && cmd.Kind != KindCreate && cmd.Kind.ForVM() {
				require.False(t, overridden)
				won++
			}
			overridden = overridden || ok && cmd.Kind == KindOverride
		}
		require.LessOrEqual(t, won, 1)
		if !overridden {
			require.Equal(t, gen+model.Gen(won), s.VM(1).Gen)
		}
	})
}

func TestApply(t *testing.T) {
	s := New(three)
	create := Command{Kind: KindCreate, VM: 9, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)}
	witness := create
	witness.Homes, witness.Node = model.Nodes(1, 4), 1
	require.ErrorIs(t, s.Apply(2, witness).Refused, ErrHomes)
	require.True(t, s.Apply(3, create).OK)
	create.VM = 4
	require.True(t, s.Apply(5, create).OK)
	require.Equal(t, []model.VMID{4, 9}, []model.VMID{s.VMs()[0].VM, s.VMs()[1].VM})

	require.True(t, s.Apply(6, Command{Kind: KindFault, By: 1, Node: 2, Component: model.ComponentNIC}).OK)
	require.True(t, s.Apply(7, Command{Kind: KindFault, By: 1, Node: 2, Component: model.ComponentNIC}).OK)
	require.ErrorIs(t, s.Apply(8, Command{Kind: KindFault, By: 1, Node: 9, Component: model.ComponentNIC}).Refused, ErrMember)
	nic, guest := Part{Component: model.ComponentNIC, Node: 2}, Part{Component: model.ComponentVM, VM: 9}
	require.Equal(t, Health{Part: nic, Faults: 2}, s.Health(nic))
	require.ErrorIs(t, s.Apply(9, Command{Kind: KindRetire, By: 1, Node: 2, VM: 9, Component: model.ComponentVM}).Refused, ErrMember)
	require.True(t, s.Apply(10, Command{Kind: KindRetire, By: 1, VM: 9, Component: model.ComponentVM}).OK)
	require.True(t, s.Retired(guest))
	require.False(t, s.Retired(nic))
	require.Equal(t, []Health{{Part: nic, Faults: 2}, {Part: guest, Retired: true}}, s.Parts())
	require.True(t, s.Apply(11, Command{Kind: KindClear, By: 1, VM: 9, Component: model.ComponentVM}).OK)
	require.Len(t, s.Parts(), 1)
	require.True(t, s.Apply(12, Command{Kind: KindClear, By: 1}).OK)
	require.Empty(t, s.Parts())
	never := model.Repair{Mode: model.RepairNever}
	require.True(t, s.Apply(13, Command{Kind: KindRepair, By: 1, VM: 9, Component: model.ComponentVM, Repair: never}).OK)
	require.ErrorIs(t, s.Apply(14, Command{Kind: KindRepair, By: 1, Node: 2, Component: model.ComponentNIC, Repair: model.Repair{MTBF: time.Nanosecond}}).Refused, ErrMember)
	require.False(t, s.Troubled(), "a rule is no trouble")
	require.ErrorIs(t, s.Apply(15, Command{Kind: KindRetire, By: 1, VM: 9, Component: model.ComponentVM}).Refused, ErrStale, "it was asked for by another rule")
	require.True(t, s.Apply(16, Command{Kind: KindFault, By: 1, VM: 9, Component: model.ComponentVM}).OK)
	require.True(t, s.Retired(guest), "its first fault takes it out")
	require.True(t, s.Troubled())
	require.True(t, s.Apply(17, Command{Kind: KindClear, By: 1}).OK)
	require.Equal(t, []Health{{Part: guest, Rule: never}}, s.Parts(), "what was stated outlives a repair")
	require.True(t, s.Apply(18, Command{Kind: KindRepair, By: 1, VM: 9, Component: model.ComponentVM}).OK)
	require.Empty(t, s.Parts())

	require.True(t, s.Apply(19, Command{Kind: KindOverride, By: 1, Incarnation: 4, Node: 2}).OK)
	require.True(t, s.Apply(20, Command{Kind: KindStart, VM: 9, Expect: 1, By: 2, Node: 2, Override: true}).OK)
	require.Equal(t, []Override{{Index: 19, Kind: KindOverride, By: 1, Node: 2, Incarnation: 4}, {Index: 20, Kind: KindStart, VM: 9, By: 2, Node: 2}}, s.Overrides())

	require.True(t, s.Apply(21, Command{Kind: KindOverride, By: 1, Node: 2, Expect: 7}).OK)
	require.ErrorIs(t, s.Apply(22, Command{Kind: KindOverride, By: 1, Node: 2, Expect: 7}).Refused, ErrStale, "an era begins once")
	require.Equal(t, model.Gen(7)<<32|3, s.VM(9).Gen)
	require.ErrorIs(t, s.Apply(23, Command{Kind: KindBump, VM: 9, Expect: 3, By: 2}).Refused, ErrStale, "the generations before it are past")
	require.True(t, s.Apply(24, Command{Kind: KindBump, VM: 9, Expect: 7<<32 | 3, By: 2}).OK)
	require.PanicsWithError(t, "pool: commands applied out of order: 24 after 24", func() { s.Apply(24, create) })
}

func TestCommandRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCommand(t, New(three))
		got, err := Decode(c.Encode())
		if c.Kind == 0 || c.Kind >= numKinds || c.Level > model.LevelFT || c.Component >= model.NumComponents || !known(c.Policy) {
			require.ErrorIs(t, err, ErrCommand)
			return
		}
		require.NoError(t, err)
		require.Equal(t, c, got)
	})
}

func TestDecodeErrors(t *testing.T) {
	good := Command{Kind: KindStart, VM: 1, Expect: 1, By: 1, Node: 1}.Encode()
	for want, data := range map[string][]byte{
		"byte 0: it is empty":                                            nil,
		"format version is 9, want 1 to 2":                               append([]byte{9}, good[1:]...),
		"byte 12: 1 bytes follow the end":                                append(append([]byte{}, good...), 0),
		"byte 11: override and shared: unexpected EOF":                   good[:11],
		"byte 1: kind: 0 takes 2 bytes, want 1":                          {1, 0x80, 0},
		fmt.Sprintf("kind is %d, want less than %d", numKinds, numKinds): {1, byte(numKinds)},
		"byte 12: rehome in format 1":                                    append([]byte{1, byte(KindRehome)}, good[2:]...),
		"byte 12: kind is 0":                                             append([]byte{1, 0}, good[2:]...),
	} {
		_, err := Decode(data)
		require.ErrorIs(t, err, ErrCommand)
		require.ErrorContains(t, err, want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelFT, Homes: model.Nodes(1, 2)}.Encode())
	f.Add(Command{Kind: KindPolicy, By: 1, Node: 1, Policy: model.Policy{Kind: model.PolicyHost, Site: 2, Memory: 4096}}.Encode())
	f.Add(Command{Kind: KindAddRecovery, VM: 1, Expect: 2, By: 1, Node: 3, TargetMS: 1000}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := Decode(data); err == nil {
			require.Equal(t, data, c.Encode())
		}
	})
}

func FuzzRestore(f *testing.F) {
	s := New(three)
	s.Apply(1, Command{Kind: KindCreate, VM: 1, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)})
	s.Apply(2, Command{Kind: KindFault, By: 1, Node: 1, Component: model.ComponentHost})
	s.Apply(3, Command{Kind: KindOverride, By: 1, Node: 2})
	f.Add(s.Snapshot())
	s.Apply(4, Command{Kind: KindRehome, VM: 1, Expect: 1, By: 1, Homes: model.Nodes(1, 3)})
	s.Apply(5, Command{Kind: KindJoin, By: 1, Node: 5})
	s.Apply(6, Command{Kind: KindLeave, By: 1, Node: 3})
	s.Apply(7, Command{Kind: KindCreate, VM: 2, By: 1, Node: 1, Level: model.LevelRestart, Homes: model.Nodes(1, 2), Shared: true})
	f.Add(s.Snapshot())
	stateRules(s, 8)
	f.Add(s.Snapshot())
	s.Apply(21, Command{Kind: KindCreate, VM: 3, By: 1, Node: 1, Level: model.LevelHA, Homes: model.Nodes(1, 2)})
	s.Apply(22, Command{Kind: KindAttach, VM: 3, Expect: 1, By: 1, Node: 2})
	s.Apply(23, Command{Kind: KindAddRecovery, VM: 3, Expect: 2, By: 1, Node: 5, TargetMS: 9})
	f.Add(s.Snapshot())
	s.Apply(24, Command{Kind: KindFailOver, VM: 3, Expect: 3, By: 5, Node: 5})
	require.Equal(f, model.Nodes(1, 2), s.VM(3).Former)
	f.Add(s.Snapshot())
	require.False(f, s.Apply(25, Command{Kind: KindMaintain, By: 1, Incarnation: 300, Node: 9, Expect: 200}).OK)
	f.Add(s.Snapshot())
	require.True(f, s.Apply(26, Command{Kind: KindOverride, By: 1, Node: 2, Expect: 1 << 20}).OK)
	f.Add(s.Snapshot())
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Restore(data); err == nil {
			require.Equal(t, data, s.Snapshot())
		}
	})
}
