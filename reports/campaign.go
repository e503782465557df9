package reports

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Campaign is what came of many scripts that were drawn from seeds. Its size does not depend on how many
// seeds ran. Everything but the fields that say "wall" follows from the tool, the plan and the seeds.
type Campaign struct {
	Tool    Tool      `json:"tool"`
	Started time.Time `json:"started"` // wall clock, UTC
	WallNS  int64     `json:"wall_ns"` // real time, all sessions of a resumed campaign together
	Jobs    int       `json:"jobs"`

	Plan CampaignPlan `json:"plan"`
	// Done is how many seeds of the plan's own share ran, in the order of the share. Ended says why no more did.
	Done  int    `json:"done"`
	Ended string `json:"ended,omitempty"`

	Outcome  Outcome         `json:"outcome"`
	Canaries []Canary        `json:"canaries"`
	Outcomes map[Outcome]int `json:"outcomes"` // seeds by outcome
	// Explained counts seeds that did not converge because of something that nobody can recover from. They
	// count as passed: only an unbounded campaign has them.
	Explained map[string]int `json:"explained,omitempty"`

	Operations     int64 `json:"operations"`
	Unknown        int64 `json:"unknown"`
	LostOperations int64 `json:"lost_operations"`
	Promotions     int64 `json:"promotions"`
	Restarts       int64 `json:"restarts"`
	Histories      int64 `json:"histories"`
	Proven         int64 `json:"proven"`
	Faults         int64 `json:"faults"` // that happened
	SimulatedNS    int64 `json:"simulated_ns"`
	Events         int64 `json:"events"`

	RTO         Histogram `json:"rto_ns"`         // of every failover
	Pause       Histogram `json:"pause_ns"`       // longest pause of each seed
	Convergence Histogram `json:"convergence_ns"` // of each seed that converged

	Kinds []KindCount `json:"kinds"` // in the order of the language reference
	Pools []PoolCount `json:"pools"` // by shape
	Marks []MarkCount `json:"marks"`

	Failures   []CampaignFailure `json:"failures"` // the first ones, in the order of seeds
	Unlisted   int               `json:"unlisted"` // failures beyond those
	Slowest    []Notable         `json:"slowest"`  // by real time
	Strangest  []Notable         `json:"strangest"`
	CheckNS    int64             `json:"wall_check_ns"` // of the real time of all jobs: proving histories
	SimulateNS int64             `json:"wall_simulate_ns"`
}

// CampaignPlan says which seeds a campaign runs and how. Two campaigns with the same plan and tool come to the
// same results.
type CampaignPlan struct {
	First     uint64 `json:"first"`  // first seed
	Seeds     int    `json:"seeds"`  // of all shards together
	Shard     int    `json:"shard"`  // this share, counted from 0: seeds First+Shard, First+Shard+Shards, …
	Shards    int    `json:"shards"` // 1: not shared
	RunNS     int64  `json:"run_ns"` // simulated length of the part with faults
	Unbounded bool   `json:"unbounded"`
	Commit    string `json:"commit,omitempty"` // from which First was derived
}

// Differs says, by the flags, in what p is another plan than q; empty if in nothing.
func (p CampaignPlan) Differs(q CampaignPlan) string {
	var list []string
	add := func(flag string, a, b any) {
		if a != b {
			list = append(list, fmt.Sprintf("--%s is %v and not %v", flag, a, b))
		}
	}
	shard := func(p CampaignPlan) string { return fmt.Sprintf("%d/%d", p.Shard, p.Shards) }
	add("first", p.First, q.First)
	add("commit", cmp.Or(p.Commit, "not given"), cmp.Or(q.Commit, "not given"))
	add("seeds", p.Seeds, q.Seeds)
	add("shard", shard(p), shard(q))
	add("run", time.Duration(p.RunNS), time.Duration(q.RunNS))
	add("unbounded", p.Unbounded, q.Unbounded)
	return strings.Join(list, ", ")
}

// Share returns how many seeds this shard has.
func (p CampaignPlan) Share() int { return (p.Seeds - p.Shard + p.Shards - 1) / p.Shards }

// Seed returns the i-th seed of this shard, counted from 0.
func (p CampaignPlan) Seed(i int) uint64 {
	return p.First + uint64(p.Shard) + uint64(i)*uint64(p.Shards)
}

// Canary is a run with a known fault in the simulated machinery, which must fail. If one does not, the
// monitors or checks of this program are not alive and its campaign proves nothing.
type Canary struct {
	Name  string   `json:"name"`
	Text  string   `json:"text"` // what is wrong in it
	Wants []string `json:"wants"`
	Found []string `json:"found"` // rules that failed
	Alive bool     `json:"alive"` // all that it wants were found
}

// KindCount says what became of the faults of one kind.
type KindCount struct {
	Kind     string `json:"kind"`
	Drawn    int64  `json:"drawn"`
	Happened int64  `json:"happened"`
	Weakened int64  `json:"weakened"` // happened in a weaker form, which may be another kind
	Refused  int64  `json:"refused"`  // the contract did not allow them
	Unfired  int64  `json:"unfired"`  // their stage was never reached, or not in time
}

// PoolCount says how many seeds had a pool of one shape.
type PoolCount struct {
	Hosts   int  `json:"hosts"`
	Witness bool `json:"witness"`
	Seeds   int  `json:"seeds"`
}

// MarkCount says how often a rare situation was reached.
type MarkCount struct {
	Name  string `json:"name"`
	Text  string `json:"text"`
	Seeds int    `json:"seeds"` // in which it was reached
	Times int64  `json:"times"`
	First uint64 `json:"first"` // first of these seeds; 0 if none
}

// CampaignFailure is a seed that did not pass.
type CampaignFailure struct {
	Seed      uint64  `json:"seed"`
	Outcome   Outcome `json:"outcome"`
	Rule      string  `json:"rule"`
	Text      string  `json:"text"`
	Script    string  `json:"script"` // file, in the folder of the campaign
	TraceHash string  `json:"trace_hash"`
	Repeats   bool    `json:"repeats"` // the script alone fails in the same way
	Replay    string  `json:"replay"`
	Reduce    string  `json:"reduce"`
}

// Notable is a seed that stands out.
type Notable struct {
	Seed   uint64 `json:"seed"`
	WallNS int64  `json:"wall_ns"`
	Score  int64  `json:"score"` // by which it stands out
	Why    string `json:"why"`
}

// UnreachedMarks returns the marks that no seed reached: findings about the campaign.
func (c *Campaign) UnreachedMarks() []MarkCount {
	var list []MarkCount
	for _, m := range c.Marks {
		if m.Seeds == 0 {
			list = append(list, m)
		}
	}
	return list
}

// Passed returns how many seeds passed, the explained ones included.
func (c *Campaign) Passed() int { return c.Outcomes[Pass] }

// Conclude sets Outcome from what is counted: the worst of all seeds that ran; crash if a canary lives or none was
// run, because then nothing is proven; inconclusive if no seed ran.
func (c *Campaign) Conclude() {
	outcomes := []Outcome{Pass}
	for o, n := range c.Outcomes {
		if n > 0 {
			outcomes = append(outcomes, o)
		}
	}
	if c.Done == 0 {
		outcomes = append(outcomes, Inconclusive)
	}
	for _, k := range c.Canaries {
		if !k.Alive {
			outcomes = append(outcomes, Crash)
		}
	}
	if len(c.Canaries) == 0 {
		outcomes = append(outcomes, Crash)
	}
	c.Outcome = Worst(outcomes...)
}
