package reports

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestHistogram: what is read from a histogram is never below the exact value and at most an eighth above it, and
// merging is adding.
func TestHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.SliceOfN(rapid.Int64Range(0, 1<<50), 1, 200).Draw(t, "samples")
		cut := rapid.IntRange(0, len(samples)).Draw(t, "cut")
		var whole, left, right Histogram
		for i, s := range samples {
			whole.Add(s)
			if i < cut {
				left.Add(s)
			} else {
				right.Add(s)
			}
		}
		left.Merge(&right)
		require.Equal(t, whole, left)
		require.NoError(t, whole.validate())
		slices.Sort(samples)
		for _, p := range []int{1, 50, 90, 99, 100} {
			exact, got := nearestRank(samples, p), whole.Percentile(p)
			require.GreaterOrEqual(t, got, exact)
			require.LessOrEqual(t, got, exact+exact/8)
		}
		require.Equal(t, samples[len(samples)-1], whole.Max)
	})
	require.Zero(t, (&Histogram{}).Percentile(50))
	for i := range 400 {
		require.Equal(t, i, bucketOf(Histogram{}.Bound(i)), "the bound of a bucket is in it")
		require.Equal(t, i+1, bucketOf(Histogram{}.Bound(i)+1), "what is above is in the next")
	}
}

func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := CampaignPlan{First: 7, Seeds: rapid.IntRange(1, 100).Draw(t, "seeds")}
		p.Shards = rapid.IntRange(1, p.Seeds).Draw(t, "shards")
		var all []uint64
		for p.Shard = range p.Shards {
			for i := range p.Share() {
				all = append(all, p.Seed(i))
			}
		}
		slices.Sort(all)
		require.Len(t, all, p.Seeds)
		for i, s := range all {
			require.Equal(t, uint64(7+i), s)
		}
	})
}

// shard returns a campaign that passed.
func shard(i, n int) *Campaign {
	c := &Campaign{
		Tool: Tool{Version: "v1"}, Started: time.Unix(int64(100-i), 0), Plan: CampaignPlan{First: 1, Seeds: 10, Shard: i, Shards: n},
		Canaries: []Canary{{Name: "c", Alive: true}}, Outcomes: map[Outcome]int{}, Marks: []MarkCount{{Name: "m", Seeds: i, Times: 2, First: uint64(9 - i)}},
		Kinds: []KindCount{{Kind: "cut", Drawn: 3, Happened: 2}}, Pools: []PoolCount{{Hosts: 2 + i, Seeds: 5}},
	}
	c.Done = c.Plan.Share()
	c.Outcomes[Pass] = c.Done
	c.Conclude()
	return c
}

func TestMergeCampaigns(t *testing.T) {
	a, b := shard(0, 2), shard(1, 2)
	b.Failures = []CampaignFailure{{Seed: 2}}
	m, err := MergeCampaigns([]*Campaign{b, a})
	require.NoError(t, err)
	require.Equal(t, Pass, m.Outcome)
	require.Equal(t, 10, m.Done)
	require.Equal(t, 10, m.Outcomes[Pass])
	require.Equal(t, time.Unix(99, 0), m.Started)
	require.Equal(t, []MarkCount{{Name: "m", Seeds: 1, Times: 4, First: 8}}, m.Marks)
	require.Equal(t, []KindCount{{Kind: "cut", Drawn: 6, Happened: 4}}, m.Kinds)
	require.Equal(t, []PoolCount{{Hosts: 2, Seeds: 5}, {Hosts: 3, Seeds: 5}}, m.Pools)
	require.Len(t, m.Failures, 1)
	require.Equal(t, 5, a.Done, "the shards stay as they were")

	m, err = MergeCampaigns([]*Campaign{a})
	require.NoError(t, err)
	require.Equal(t, Inconclusive, m.Outcome, "a shard is missing")
	require.Contains(t, m.Ended, "1 of 2")

	early := shard(1, 2)
	early.Done, early.Ended, early.Outcomes[Pass] = 2, "the time was over", 2
	m, err = MergeCampaigns([]*Campaign{a, early})
	require.NoError(t, err)
	require.Equal(t, Pass, m.Outcome, "what ran is judged, as in each shard by itself")
	require.Equal(t, "the time was over", m.Ended)
	require.Equal(t, 7, m.Done)

	early.Ended = ""
	m, err = MergeCampaigns([]*Campaign{a, early})
	require.NoError(t, err)
	require.Equal(t, Inconclusive, m.Outcome, "a shard was interrupted")
	require.Contains(t, m.Ended, "1 of 2")

	dead := shard(1, 2)
	dead.Canaries[0].Alive = false
	m, err = MergeCampaigns([]*Campaign{a, dead})
	require.NoError(t, err)
	require.Equal(t, Crash, m.Outcome, "one shard proves nothing")
}

func TestMergeRefuses(t *testing.T) {
	for name, bad := range map[string]func(*Campaign){
		"the same shard":  func(c *Campaign) { c.Plan.Shard = 0 },
		"another plan":    func(c *Campaign) { c.Plan.First = 2 },
		"another version": func(c *Campaign) { c.Tool.Version = "v2" },
		"an impossible":   func(c *Campaign) { c.Done = 99 },
		"a broken figure": func(c *Campaign) { c.RTO.Count = 3 },
	} {
		b := shard(1, 2)
		bad(b)
		_, err := MergeCampaigns([]*Campaign{shard(0, 2), b})
		require.ErrorIs(t, err, ErrMerge, name)
	}
	_, err := MergeCampaigns(nil)
	require.ErrorIs(t, err, ErrMerge)
}

// TestDiffers: what differs is named by the flags that make it.
func TestDiffers(t *testing.T) {
	p := CampaignPlan{First: 1, Seeds: 10, Shards: 1, RunNS: 60e9}
	require.Empty(t, p.Differs(p))
	q := CampaignPlan{First: 2, Seeds: 20, Shard: 1, Shards: 2, RunNS: 5e9, Unbounded: true, Commit: "0123456789"}
	require.Equal(t, "--first is 1 and not 2, --commit is not given and not 0123456789, --seeds is 10 and not 20, --shard is 0/1 and not 1/2, "+
		"--run is 1m0s and not 5s, --unbounded is false and not true", p.Differs(q))
}

// TestConclude: a campaign is as good as its worst seed, and worth nothing without canaries.
func TestConclude(t *testing.T) {
	c := shard(0, 1)
	require.Equal(t, Pass, c.Outcome)
	c.Outcomes[Liveness] = 1
	c.Conclude()
	require.Equal(t, Liveness, c.Outcome)
	c.Outcomes[Safety] = 1
	c.Conclude()
	require.Equal(t, Safety, c.Outcome)
	silent := shard(0, 1)
	silent.Canaries = nil
	silent.Conclude()
	require.Equal(t, Crash, silent.Outcome)
	empty := shard(0, 1)
	empty.Done, empty.Outcomes = 0, nil
	empty.Conclude()
	require.Equal(t, Inconclusive, empty.Outcome)
	text, err := json.Marshal(shard(0, 1))
	require.NoError(t, err)
	back := new(Campaign)
	require.NoError(t, json.Unmarshal(text, back))
	require.NoError(t, back.Validate())
}
