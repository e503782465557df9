package swarm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/faults"
	"holdfast/scenarios/script"
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

// TestShapes: full plans last a minute and hold several faults; pools of every sort come up.
func TestShapes(t *testing.T) {
	sorts := map[[2]bool]int{} // more than two hosts; witness
	sizes := map[int]int{}
	actions := 0
	for seed := range uint64(seeds) {
		s := Draw(seed, Options{})
		require.Equal(t, time.Minute, s.Run)
		require.GreaterOrEqual(t, len(s.Actions), 3, "seed %d", seed)
		require.Len(t, s.Clients, len(s.VMs))
		sorts[[2]bool{len(s.Hosts) > 2, s.Witness.Name != ""}]++
		sizes[len(s.Hosts)]++
		actions += len(s.Actions)
		if len(s.Hosts) > 2 {
			require.Greater(t, len(s.VMs), 1, "seed %d", seed)
		}
	}
	require.Len(t, sorts, 4)
	require.Len(t, sizes, 7)
	require.Greater(t, actions/seeds, 6)
	t.Logf("%d faults on average, sorts %v, hosts %v", actions/seeds, sorts, sizes)
}

// TestOptionsOutOfRange: a length that no script can have is the caller's mistake.
func TestOptionsOutOfRange(t *testing.T) {
	require.Panics(t, func() { Draw(1, Options{Run: time.Second}) })
	require.Panics(t, func() { Draw(1, Options{Run: time.Hour}) })
}
