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
	plantedBug   = flag.String("bug", "release-on-send", "the planted bug that TestPlantedReduction finds and reduces")
	plantedFirst = flag.Uint64("first", 0, "the first seed that TestPlantedReduction tries")
	plantedRule  = flag.String("rule", "", "the rule that must fail; empty: any")
)

// TestPlantedReduction finds a planted bug by random plans and reduces the plan that found it, with the bug
// planted. With -bug and -v it is the tool that makes a script for the library of a bug that no script finds.
func TestPlantedReduction(t *testing.T) {
	for _, bug := range planted.All() {
		if bug.String() != *plantedBug {
			continue
		}
		planted.Plant(bug)
		defer planted.Plant(planted.None)
		run := reduce.Under(reduce.Bounded)
		for seed := *plantedFirst; seed < *plantedFirst+2000; seed++ {
			s := swarm.Draw(seed, swarm.Options{})
			v, err := run(context.Background(), s, seed, 0)
			require.NoError(t, err)
			if v.Rule == "" || v.Rule == "undecided" || *plantedRule != "" && v.Rule != *plantedRule {
				continue
			}
			t.Logf("%v: seed %d fails with %v", bug, seed, v.Rules)
			r, err := reduce.Reduce(context.Background(), s, reduce.Options{
				Seed: seed, Rule: v.Rule, Jobs: runtime.GOMAXPROCS(0), Tries: 3, Budget: time.Minute, Now: time.Now, Run: run,
			})
			require.NoError(t, err)
			require.Less(t, len(r.Script.Actions), r.Before)
			t.Logf("%d actions became %d in %d runs; seed %d:\n%s", r.Before, len(r.Script.Actions), r.Runs, r.Seed, script.Format(r.Script))
			planted.Plant(planted.None)
			clean, err := run(context.Background(), r.Script, r.Seed, 0)
			require.NoError(t, err)
			require.Empty(t, clean.Rules, "the script fails without the bug")
			return
		}
		t.Fatalf("no plan found %v", bug)
	}
	t.Fatalf("there is no planted bug %q", *plantedBug)
}
