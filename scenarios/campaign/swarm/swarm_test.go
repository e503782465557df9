package swarm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/faults"
	"holdfast/scenarios/script"
	"holdfast/sim/random"
)

// seeds is how many plans the tests draw of each sort.
const seeds = 2000

func modes() []Options { return []Options{{}, {Unbounded: true}} }

// TestScriptsAreValid: what is drawn parses back to itself, is canonical, and says the same twice.
func TestScriptsAreValid(t *testing.T) {
	for _, o := range modes() {
		for seed := range uint64(seeds) {
			s := Draw(seed, o)
			require.NoError(t, script.Validate(s), "seed %d\n%s", seed, script.Format(s))
			text := script.Format(s)
			back, err := script.Parse("drawn", text)
			require.NoError(t, err)
			require.Equal(t, text, script.Format(back), "seed %d", seed)
			require.Equal(t, text, script.Format(Draw(seed, o)), "seed %d is drawn differently the second time", seed)
		}
	}
}

// TestEveryKindIsPlanned: a kind of fault that is new needs a way to draw it, or a reason to be left out.
func TestEveryKindIsPlanned(t *testing.T) {
	entries := map[faults.Kind]int{}
	for _, w := range table {
		entries[w.kind]++
		if w.with != 0 {
			require.NotNil(t, entryOf(w.with).draw, "%s comes with %s, which is not drawn", w.kind, w.with)
		}
	}
	for _, k := range faults.Kinds() {
		require.LessOrEqual(t, entries[k], 1, "%s has two entries", k)
		if ok, reason := Planned(k); !ok {
			require.NotEmpty(t, reason, "%s is neither drawn nor left out with a reason; see table in kinds.go", k)
		}
	}
}

// TestEveryKindIsDrawn: what the table promises comes up.
func TestEveryKindIsDrawn(t *testing.T) {
	for _, o := range modes() {
		seen := map[faults.Kind]int{}
		for seed := range uint64(seeds) {
			for _, a := range Draw(seed, o).Actions {
				seen[a.Fault.Kind]++
			}
		}
		for _, k := range faults.Kinds() {
			if ok, _ := Planned(k); ok {
				require.Greater(t, seen[k], 10, "%s in %d plans", k, seeds)
			} else {
				require.Zero(t, seen[k], "%s is said to be left out", k)
			}
		}
	}
}

// TestSwarm: plans differ in which kinds they use; none uses all, and each kind is off in many.
func TestSwarm(t *testing.T) {
	without := map[faults.Kind]int{}
	for seed := range uint64(seeds) {
		d := map[faults.Kind]bool{}
		for _, a := range Draw(seed, Options{}).Actions {
			d[a.Fault.Kind] = true
		}
		for _, k := range faults.Kinds() {
			if !d[k] {
				without[k]++
			}
		}
	}
	for _, k := range faults.Kinds() {
		require.Greater(t, without[k], seeds/10, "%s is hardly ever off", k)
	}
}

// TestShapes: full plans last a minute and hold several faults; pools of every sort come up, and what is rare about them.
func TestShapes(t *testing.T) {
	seen := map[string]int{}
	note := func(what string, is bool) {
		if is {
			seen[what]++
		}
	}
	sizes := map[int]int{}
	actions := 0
	for seed := range uint64(seeds) {
		s := Draw(seed, Options{})
		require.Equal(t, time.Minute, s.Run)
		require.GreaterOrEqual(t, len(s.Actions), 3, "seed %d", seed)
		there, shared, sites := 0, false, map[string]bool{}
		for _, vm := range s.VMs {
			if !vm.Later {
				there++
			}
			shared = shared || vm.Shared
			note("auto", vm.Home == "" && !vm.Later)
			note("later", vm.Later)
		}
		for _, h := range s.Hosts {
			sites[h.Site] = true
			note("spare", h.Spare)
			note("room", h.Memory > 0)
		}
		require.Len(t, s.Clients, there)
		witness := s.Witness.Name != ""
		sizes[len(s.Hosts)]++
		actions += len(s.Actions)
		note("two hosts, witness", len(s.Hosts) == 2 && witness)
		note("two hosts alone", len(s.Hosts) == 2 && !witness)
		note("more, witness", len(s.Hosts) > 2 && witness)
		note("more alone", len(s.Hosts) > 2 && !witness)
		note("large", len(s.Hosts) > 10)
		note("shared", shared)
		note("sites", len(sites) == 2)
		note("voters", s.Voters != 0)
		for _, p := range s.Policies {
			note(p.Kind.String(), true)
		}
	}
	for _, what := range []string{
		"two hosts, witness", "two hosts alone", "more, witness", "more alone", "large", "shared", "sites", "voters",
		"spare", "room", "auto", "later", "apart", "apart-homes", "site-other", "site-same",
	} {
		require.Greater(t, seen[what], 10, what)
	}
	require.Less(t, seen["large"], seeds/25, "large pools cost much")
	require.Len(t, sizes, 15)
	require.Greater(t, actions/seeds, 6)
	t.Logf("%d faults on average, %v, hosts %v", actions/seeds, seen, sizes)
}

// TestMoods: each sort of episode that may be absent is off in many plans that it fits, and on in many.
func TestMoods(t *testing.T) {
	on, off := make([]int, len(sorts)), make([]int, len(sorts))
	for seed := range uint64(seeds) {
		d := &drawer{Stream: random.New(seed, random.Plan), script: &script.Script{Run: DefaultRun}}
		d.pool()
		d.drawMoods()
		for i, w := range d.moods {
			if w > 0 {
				on[i]++
			} else if sorts[i].fits == nil || sorts[i].fits(d) {
				off[i]++
			}
		}
	}
	for i := range sorts {
		require.Greater(t, on[i], 10, "episode %d", i)
		require.Equal(t, sorts[i].absent, off[i] > 10, "episode %d is off in %d plans", i, off[i])
	}
}

// TestOptionsOutOfRange: a length that no script can have is the caller's mistake.
func TestOptionsOutOfRange(t *testing.T) {
	require.Panics(t, func() { Draw(1, Options{Run: time.Second}) })
	require.Panics(t, func() { Draw(1, Options{Run: time.Hour}) })
}
