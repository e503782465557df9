package reports

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// ErrMerge is wrapped by MergeCampaigns for campaigns that do not belong together.
var ErrMerge = errors.New("campaigns cannot be merged")

// MaxNotable and MaxFailures bound the lists of a campaign.
const (
	MaxNotable  = 12
	MaxFailures = 100
)

// MergeCampaigns puts the shards of one campaign together. All must have the same plan but for the shard, and
// the same version of the tool; each shard may come once. A shard that is missing, or was interrupted, makes the result inconclusive; one
// whose time was over counts with the seeds that ran, as it does by itself.
func MergeCampaigns(list []*Campaign) (*Campaign, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: there are none", ErrMerge)
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b *Campaign) int { return cmp.Compare(a.Plan.Shard, b.Plan.Shard) })
	first := list[0]
	out := &Campaign{Tool: first.Tool, Started: first.Started, Plan: first.Plan}
	out.Plan.Shard, out.Plan.Shards = 0, 1
	interrupted, early := 0, ""
	for i, c := range list {
		if err := c.Validate(); err != nil {
			return nil, err
		}
		if err := belongs(first, c); err != nil {
			return nil, err
		}
		if i > 0 && list[i-1].Plan.Shard == c.Plan.Shard {
			return nil, fmt.Errorf("%w: shard %d comes twice", ErrMerge, c.Plan.Shard)
		}
		switch {
		case c.Done == c.Plan.Share():
		case c.Ended == "":
			interrupted++
		default:
			early = cmp.Or(early, c.Ended)
		}
		out.merge(c)
	}
	out.Conclude()
	missing := first.Plan.Shards - len(list)
	switch {
	case missing > 0:
		out.Ended = fmt.Sprintf("%d of %d shards are missing", missing, first.Plan.Shards)
	case interrupted > 0:
		out.Ended = fmt.Sprintf("%d of %d shards were interrupted", interrupted, first.Plan.Shards)
	default:
		out.Ended = early
	}
	if missing+interrupted > 0 {
		out.Outcome = Worst(out.Outcome, Inconclusive)
	}
	return out, nil
}

// belongs reports why two campaigns are not shards of one.
func belongs(a, b *Campaign) error {
	p := b.Plan
	p.Shard = a.Plan.Shard
	switch {
	case a.Plan != p:
		return fmt.Errorf("%w: shard %d has another plan than shard %d: %s", ErrMerge, b.Plan.Shard, a.Plan.Shard, p.Differs(a.Plan))
	case a.Tool.Version != b.Tool.Version || a.Tool.EngineFormat != b.Tool.EngineFormat:
		return fmt.Errorf("%w: shard %d ran on version %s, shard %d on %s", ErrMerge, a.Plan.Shard, a.Tool.Version, b.Plan.Shard, b.Tool.Version)
	}
	return nil
}

// Validate reports whether a campaign that was read from a file can be one. Errors wrap ErrMerge.
func (c *Campaign) Validate() error {
	p := c.Plan
	if p.Shards < 1 || p.Shard < 0 || p.Shard >= p.Shards || p.Seeds < 0 || c.Done < 0 || c.Done > p.Share() {
		return fmt.Errorf("%w: %d of shard %d/%d of %d seeds is not possible", ErrMerge, c.Done, p.Shard, p.Shards, p.Seeds)
	}
	for _, h := range []*Histogram{&c.RTO, &c.Pause, &c.Convergence} {
		if err := h.validate(); err != nil {
			return fmt.Errorf("%w: shard %d: %w", ErrMerge, p.Shard, err)
		}
	}
	return nil
}

// merge counts everything that another shard counted.
func (c *Campaign) merge(o *Campaign) {
	if o.Started.Before(c.Started) {
		c.Started = o.Started
	}
	c.WallNS = max(c.WallNS, o.WallNS)
	c.Jobs += o.Jobs
	c.Done += o.Done
	c.Operations += o.Operations
	c.Unknown += o.Unknown
	c.LostOperations += o.LostOperations
	c.Promotions += o.Promotions
	c.Restarts += o.Restarts
	c.Histories += o.Histories
	c.Proven += o.Proven
	c.Faults += o.Faults
	c.SimulatedNS += o.SimulatedNS
	c.Events += o.Events
	c.CheckNS += o.CheckNS
	c.SimulateNS += o.SimulateNS
	c.RTO.Merge(&o.RTO)
	c.Pause.Merge(&o.Pause)
	c.Convergence.Merge(&o.Convergence)
	c.Outcomes = sum(c.Outcomes, o.Outcomes)
	c.Explained = sum(c.Explained, o.Explained)
	c.mergeLists(o)
}

func (c *Campaign) mergeLists(o *Campaign) {
	c.Canaries = mergeBy(c.Canaries, o.Canaries, func(k *Canary) string { return k.Name }, func(a, b *Canary) {
		if !b.Alive { // one dead checker is enough
			*a = *b
		}
	})
	c.Kinds = mergeBy(c.Kinds, o.Kinds, func(k *KindCount) string { return k.Kind }, func(a, b *KindCount) {
		a.Drawn, a.Happened, a.Weakened = a.Drawn+b.Drawn, a.Happened+b.Happened, a.Weakened+b.Weakened
		a.Refused, a.Unfired = a.Refused+b.Refused, a.Unfired+b.Unfired
	})
	c.Pools = mergeBy(c.Pools, o.Pools, func(p *PoolCount) string { return fmt.Sprint(p.Hosts, p.Witness) }, func(a, b *PoolCount) { a.Seeds += b.Seeds })
	slices.SortFunc(c.Pools, ComparePools)
	c.Marks = mergeBy(c.Marks, o.Marks, func(m *MarkCount) string { return m.Name }, func(a, b *MarkCount) {
		if b.Seeds > 0 && (a.Seeds == 0 || b.First < a.First) {
			a.First = b.First
		}
		a.Seeds, a.Times = a.Seeds+b.Seeds, a.Times+b.Times
	})
	c.Failures = append(c.Failures, o.Failures...)
	slices.SortStableFunc(c.Failures, func(a, b CampaignFailure) int { return cmp.Compare(a.Seed, b.Seed) })
	c.Unlisted += o.Unlisted
	if len(c.Failures) > MaxFailures {
		c.Unlisted += len(c.Failures) - MaxFailures
		c.Failures = c.Failures[:MaxFailures]
	}
	c.Slowest = Notables(append(c.Slowest, o.Slowest...))
	c.Strangest = Notables(append(c.Strangest, o.Strangest...))
}

// ComparePools orders shapes of pools by size, those without a witness first.
func ComparePools(a, b PoolCount) int {
	if a.Witness != b.Witness && a.Hosts == b.Hosts {
		if b.Witness {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.Hosts, b.Hosts)
}

// Notables keeps the seeds that stand out most, highest score first, equal ones by seed.
func Notables(list []Notable) []Notable {
	slices.SortStableFunc(list, func(a, b Notable) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Seed, b.Seed))
	})
	return list[:min(len(list), MaxNotable)]
}

// sum adds the counts of b to those of a.
func sum[K comparable](a, b map[K]int) map[K]int {
	if a == nil && len(b) > 0 {
		a = map[K]int{}
	}
	for k, n := range b {
		a[k] += n
	}
	return a
}

// mergeBy adds what b has to what a has under the same key; what is new comes behind.
func mergeBy[T any](a, b []T, key func(*T) string, add func(a, b *T)) []T {
	for i := range b {
		at := slices.IndexFunc(a, func(x T) bool { return key(&x) == key(&b[i]) })
		if at < 0 {
			a = append(a, b[i])
			continue
		}
		add(&a[at], &b[i])
	}
	return a
}
