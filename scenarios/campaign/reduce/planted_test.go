//go:build planted

package reduce_test

import (
	"context"
	"flag"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/planted"
	"holdfast/scenarios/campaign/reduce"
	"holdfast/scenarios/campaign/swarm"
	"holdfast/scenarios/script"
)

var (
	plantedBug   = flag.String("bug", "release-on-send", "the planted bug that TestPlantedReduction finds and reduces; all: each of them in turn")
	plantedFirst = flag.Uint64("first", 0, "the first seed that TestPlantedReduction tries")
	plantedMost  = flag.Uint64("most", 2000, "how many seeds TestPlantedReduction tries")
	plantedLeast = flag.Int("least", 1, "how many actions a plan must have to be reduced")
	plantedRule  = flag.String("rule", "", "the rule that must fail; empty: any")
)

// TestPlantedReduction finds a planted bug by random plans and reduces the plan that found it, with the bug
// planted. With -bug and -v it is the tool that makes a script for the library of a bug that no script finds.
func TestPlantedReduction(t *testing.T) {
	known := false
	for _, bug := range planted.All() {
		if *plantedBug != "all" && bug.String() != *plantedBug {
			continue
		}
		known = true
		t.Run(bug.String(), func(t *testing.T) { reducePlanted(t, bug) })
	}
	require.True(t, known, "there is no planted bug %q", *plantedBug)
}

// reducePlanted reduces the first plan that finds the bug. The result must fail when it is replayed, and pass without the bug.
func reducePlanted(t *testing.T, bug planted.Bug) {
	planted.Plant(bug)
	defer planted.Plant(planted.None)
	s, seed, rule := findPlanted(t)
	if s == nil && *plantedBug == "all" {
		t.Skipf("no plan of %d actions or more found %v", *plantedLeast, bug)
	}
	require.NotNil(t, s, "no plan found %v", bug)
	began := time.Now()
	r, err := reduce.Reduce(context.Background(), s, reduce.Options{
		Seed: seed, Rule: rule, Jobs: runtime.GOMAXPROCS(0), Tries: 3, Shakes: reduce.DefaultShakes, Budget: 50 * time.Second, Now: time.Now,
		Run: reduce.Under(reduce.Bounded),
	})
	require.NoError(t, err)
	require.Less(t, len(r.Script.Actions), r.Before)
	t.Logf("%v, seed %d, %s: %d actions became %d in %v, %d runs; seed %d:\n%s", bug, seed, rule, r.Before, len(r.Script.Actions),
		time.Since(began).Round(100*time.Millisecond), r.Runs, r.Seed, script.Format(r.Script))
	replay := reduce.Under(reduce.NoContract)
	replayed, err := replay(context.Background(), r.Script, r.Seed, 0)
	require.NoError(t, err)
	require.Contains(t, replayed.Rules, r.Rule, "the script does not fail when it is replayed, which knows no contract")
	planted.Plant(planted.None)
	clean, err := replay(context.Background(), r.Script, r.Seed, 0)
	require.NoError(t, err)
	require.Empty(t, clean.Rules, "the script fails without the bug")
}

// findPlanted returns the first plan that fails, the seed and the rule; nil: none does.
func findPlanted(t *testing.T) (*script.Script, uint64, string) {
	run := reduce.Under(reduce.Bounded)
	for seed := *plantedFirst; seed < *plantedFirst+*plantedMost; seed++ {
		s := swarm.Draw(seed, swarm.Options{})
		if len(s.Actions) < *plantedLeast {
			continue
		}
		v, err := run(context.Background(), s, seed, 0)
		require.NoError(t, err)
		if v.Rule != "" && v.Rule != "undecided" && (*plantedRule == "" || v.Rule == *plantedRule) && len(v.Happened.Actions) >= *plantedLeast {
			return s, seed, v.Rule
		}
	}
	return nil, 0, ""
}
