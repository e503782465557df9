//go:build planted

package campaign

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/planted"
	"holdfast/reports"
)

// plantedSeeds bounds the search for each planted bug.
const plantedSeeds = 2000

// TestPlantedByCampaign plants each bug and lets random plans find it: those that random plans do not
// reach are named with the test that finds them. The number of rounds, each with other seeds, is 1, or
// HOLDFAST_ROUNDS; the log has the median and the worst number of seeds.
func TestPlantedByCampaign(t *testing.T) {
	rounds := 1
	if text := os.Getenv("HOLDFAST_ROUNDS"); text != "" {
		var err error
		rounds, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	for _, bug := range planted.All() {
		if where, ok := elsewhere[bug]; ok {
			t.Logf("%-22s not by random plans: %s", bug, where)
			continue
		}
		t.Run(bug.String(), func(t *testing.T) {
			planted.Plant(bug)
			defer planted.Plant(planted.None)
			var needed []int
			var last *trial
			for round := range rounds {
				n, found := hunt(uint64(1_000_000 * (round + 1)))
				require.NotNil(t, found, "not found within %d seeds", plantedSeeds)
				needed, last = append(needed, n), found
			}
			slices.Sort(needed)
			t.Logf("%-22s median %4d, worst %4d seeds; last: %s %s: %.90s", bug, needed[len(needed)/2], needed[len(needed)-1],
				last.outcome, last.failure.Rule, last.failure.Text)
		})
	}
}

// hunt tries seeds until one fails, and returns how many it took.
func hunt(first uint64) (seeds int, found *trial) {
	plan := &reports.CampaignPlan{RunNS: int64(60 * time.Second)}
	var next atomic.Int64
	var lock sync.Mutex
	var all sync.WaitGroup
	best := int64(plantedSeeds)
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				i := next.Add(1) - 1
				lock.Lock()
				over := i >= best
				lock.Unlock()
				if over {
					return
				}
				t := try(context.Background(), first+uint64(i), plan, time.Now)
				if t.err != nil || t.outcome == reports.Pass || t.outcome == reports.Inconclusive {
					continue
				}
				lock.Lock()
				if i < best {
					best, found = i, t
				}
				lock.Unlock()
			}
		})
	}
	all.Wait()
	return int(best) + 1, found
}

// elsewhere are the bugs that random plans do not reach, and what finds them.
var elsewhere = map[planted.Bug]string{}
