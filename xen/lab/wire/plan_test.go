package wire

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/faults"
	"holdfast/xen/lab/wire/bridge"
	"holdfast/xen/lab/wire/link"
)

// pool is two hosts and a witness.
var pool = Topology{
	{"a", []Segment{Management, ALink0, ALink1, LAN}},
	{"b", []Segment{Management, ALink0, ALink1, LAN}},
	{"w", []Segment{Management}},
}

func parse(t require.TestingT, text string) faults.Fault {
	f, err := faults.Parse(text)
	require.NoError(t, err)
	return f
}

// texts prints changes, one after the other.
func texts(changes []Change) (lines []string) {
	for _, c := range changes {
		lines = append(lines, c.String())
	}
	return lines
}

func TestTranslate(t *testing.T) {
	for text, want := range map[string][]string{
		"cut a1 a -> b":                     {"alink0 a -> b: cut 1"},
		"cut a2 a <-> b":                    {"alink1 a -> b: cut 1", "alink1 b -> a: cut 1"},
		"loss mgmt a -> w 0.5%":             {"mgmt a -> w: loss 5000"},
		"corrupt mgmt w -> b 100%":          {"mgmt w -> b: corrupt 1000000"},
		"duplicate links b -> a 1%":         {"alink0 b -> a: duplicate 10000", "alink1 b -> a: duplicate 10000"},
		"reorder all a -> b 2%":             {"alink0 a -> b: reorder 20000", "alink1 a -> b: reorder 20000", "mgmt a -> b: reorder 20000"},
		"delay a1 a -> b 5ms":               {"alink0 a -> b: delay 5000000"},
		"jitter a1 a -> b 1us":              {"alink0 a -> b: jitter 1000"},
		"slow a1 a -> b 100KiB/s":           {"alink0 a -> b: slow 100"},
		"heal a1 a -> b":                    {"alink0 a -> b: heal"},
		"cut all a <-> w":                   {"mgmt a -> w: cut 1", "mgmt w -> a: cut 1"},
		"nic-down b":                        {"lan b: nic-down 1"},
		"nic-up b":                          {"lan b: nic-down 0"},
		"isolate w":                         {"mgmt w -> a: cut 1", "mgmt a -> w: cut 1", "mgmt w -> b: cut 1", "mgmt b -> w: cut 1"},
		"partition a b | w":                 {"mgmt a -> w: cut 1", "mgmt w -> a: cut 1", "mgmt b -> w: cut 1", "mgmt w -> b: cut 1"},
		"partition a | w | b for 3s":        nil, // counted below
		"isolate a keep-lan":                nil,
		"isolate a":                         nil,
		"heal-all":                          nil,
		"cut mgmt a <-> b for 1s":           {"mgmt a -> b: cut 1", "mgmt b -> a: cut 1"},
		"delay links a <-> b 200ms for 60s": nil,
	} {
		plan, err := Translate(parse(t, text), pool, Names)
		require.NoError(t, err, text)
		if want != nil {
			require.Equal(t, want, texts(plan.Begin), text)
		}
		require.NotEmpty(t, plan.Begin, text)
	}
	count := func(text string) int {
		plan, err := Translate(parse(t, text), pool, Names)
		require.NoError(t, err)
		return len(plan.Begin)
	}
	require.Equal(t, 2*(3+1), count("isolate a keep-lan"), "three networks with b, one with the witness")
	require.Equal(t, 2*(3+1)+1, count("isolate a"), "and the guest network")
	require.Equal(t, 2*(1+3+1), count("partition a | w | b for 3s"))
	require.Equal(t, 2*4+2*2+2*9, count("heal-all"), "directions between a and b, to and from the witness, and two states of nine ports")
}

func TestTranslateRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"cut a1 a <-> w":           "a and w are not both on network alink0",
		"cut links a <-> w":        "a and w are not both on network alink0",
		"nic-down x":               "no machine x is plugged into any network",
		"cut a1 a <-> x":           "no machine x is plugged into any network",
		"isolate x":                "no machine x is plugged into any network",
		"partition a | x":          "no machine x is plugged into any network",
		"cut a1 primary(db) <-> b": "does not know who primary(db) is",
		"isolate other(a)":         "does not know who other(a) is",
		"power-off a":              "not a fault of the network",
		"disk-error a db read":     "not a fault of the network",
		"clock-jump a +1s":         "not a fault of the network",
		"migrate db":               "not a fault of the network",
		"storage-cut a":            "not a fault of the network",
	} {
		_, err := Translate(parse(t, text), pool, Names)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, text, "the error names the fault")
	}
	_, err := Translate(parse(t, "power-off a"), pool, Names)
	require.ErrorIs(t, err, ErrNotOfNetwork)
	_, err = Translate(faults.Fault{Kind: faults.Loss, Member: faults.Named("a"), Peer: faults.Named("b"), Link: faults.LinkA1}, pool, Names)
	require.ErrorContains(t, err, "loss", "a share of nothing is refused before anything is done")
	_, err = Translate(faults.Fault{}, pool, Names)
	require.ErrorIs(t, err, ErrNotOfNetwork)
	nobody := func(faults.Role) ([]string, error) { return nil, nil }
	_, err = Translate(parse(t, "isolate primary(db)"), pool, nobody)
	require.ErrorContains(t, err, "primary(db) is nobody at present")
}

// TestEveryNetworkFaultIsKnown: a kind that is added to the vocabulary is either done here or refused here, on purpose.
func TestEveryNetworkFaultIsKnown(t *testing.T) {
	samples := map[faults.Kind]string{
		faults.Cut: "cut a1 a -> b", faults.Heal: "heal a1 a -> b", faults.Loss: "loss a1 a -> b 1%", faults.Delay: "delay a1 a -> b 1ms",
		faults.Jitter: "jitter a1 a -> b 1ms", faults.Duplicate: "duplicate a1 a -> b 1%", faults.Reorder: "reorder a1 a -> b 1%",
		faults.Corrupt: "corrupt a1 a -> b 1%", faults.Slow: "slow a1 a -> b 1KiB/s", faults.Isolate: "isolate a", faults.Partition: "partition a | b",
		faults.NICDown: "nic-down a", faults.NICUp: "nic-up a", faults.HealAll: "heal-all",
	}
	for _, k := range faults.Kinds() {
		text, ok := samples[k]
		require.Equal(t, k.Class() == faults.ClassNetwork, ok, "%s needs a sample here, and a meaning in plan.go", k)
		if ok {
			plan, err := Translate(parse(t, text), pool, Names)
			require.NoError(t, err)
			require.NotEmpty(t, plan.Begin)
		}
	}
}

// state is the network as a map, to see what changes do.
type state struct {
	links map[string]link.Faults
	ports map[string]bridge.PortState
}

func (s state) do(changes []Change) {
	for _, c := range changes {
		key := fmt.Sprint(c.On, " ", c.From, " ", c.To)
		if c.ofPort() {
			p := s.ports[key]
			c.toPort(&p)
			s.ports[key] = p
			continue
		}
		f := s.links[key]
		c.toDirection(&f)
		s.links[key] = f
	}
}

func (s state) well() bool {
	for _, f := range s.links {
		if f != (link.Faults{}) {
			return false
		}
	}
	for _, p := range s.ports {
		if !p.Up() {
			return false
		}
	}
	return true
}

// TestFaultsBeginAndEnd: what a fault begins is something, its end takes exactly that back, and heal-all takes everything back.
func TestFaultsBeginAndEnd(t *testing.T) {
	lasting := []string{
		"cut all a <-> b", "loss a1 a -> b 1%", "delay a2 b -> a 1ms", "jitter mgmt a <-> w 1ms", "duplicate links a <-> b 1%",
		"reorder a1 a <-> b 1%", "corrupt a1 b -> a 1%", "slow all a <-> b 10KiB/s", "isolate a", "isolate b keep-lan",
		"partition a w | b", "nic-down a",
	}
	for _, text := range lasting {
		plan, err := Translate(parse(t, text+" for 2s"), pool, Names)
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, plan.For)
		s := state{map[string]link.Faults{}, map[string]bridge.PortState{}}
		s.do(plan.Begin)
		require.False(t, s.well(), text)
		s.do(plan.End)
		require.True(t, s.well(), text)

		plan, err = Translate(parse(t, text), pool, Names)
		require.NoError(t, err)
		require.Empty(t, plan.End, "%s stays until it is healed", text)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := state{map[string]link.Faults{}, map[string]bridge.PortState{}}
		for _, text := range rapid.SliceOfN(rapid.SampledFrom(lasting), 1, 10).Draw(t, "faults") {
			plan, err := Translate(parse(t, text), pool, Names)
			require.NoError(t, err)
			s.do(plan.Begin)
			for _, f := range s.links {
				require.NoError(t, f.Validate())
			}
		}
		plan, err := Translate(parse(t, "heal-all"), pool, Names)
		require.NoError(t, err)
		s.do(plan.Begin)
		if !s.well() {
			t.Fatalf("heal-all leaves something broken")
		}
	})
}

// TestDifferentKindsAddUp and the same kind is replaced, as scripts say.
func TestDifferentKindsAddUp(t *testing.T) {
	s := state{map[string]link.Faults{}, map[string]bridge.PortState{}}
	for _, text := range []string{"loss a1 a -> b 1%", "delay a1 a -> b 1ms", "loss a1 a -> b 2%", "slow a1 a -> b 9KiB/s"} {
		plan, err := Translate(parse(t, text), pool, Names)
		require.NoError(t, err)
		s.do(plan.Begin)
	}
	require.Equal(t, link.Faults{Loss: 20_000, Delay: time.Millisecond, Bandwidth: 9}, s.links["alink0 a b"])
}

func TestRolesOfSeveralMembers(t *testing.T) {
	both := func(r faults.Role) ([]string, error) {
		if r.Kind == faults.RoleAll {
			return []string{"a", "b"}, nil
		}
		return Names(r)
	}
	plan, err := Translate(parse(t, "nic-down all"), pool, both)
	require.NoError(t, err)
	require.Equal(t, []string{"lan a: nic-down 1", "lan b: nic-down 1"}, texts(plan.Begin))
	_, err = Translate(parse(t, "partition primary(db) | a"), pool, func(faults.Role) ([]string, error) { return []string{"a"}, nil })
	require.ErrorContains(t, err, "a is on two sides")
}

func TestSegments(t *testing.T) {
	require.Equal(t, ALink0, OfLink(faults.LinkA1))
	require.Equal(t, ALink1, OfLink(faults.LinkA2))
	require.Equal(t, Management, OfLink(faults.LinkManagement))
	require.Empty(t, OfLink(faults.LinkPair))
	for _, s := range []Segment{Management, ALink0, ALink1, LAN} {
		require.True(t, slices.Contains(Segments(), s))
	}
}
