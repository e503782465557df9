package reduce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"holdfast/scenarios/script"
)

// ErrPasses is wrapped by Reduce if the script does not fail to begin with.
var ErrPasses = errors.New("the script does not fail")

// Options say how a script is reduced.
type Options struct {
	// Seed is the one with which the script fails.
	Seed uint64
	// Rule is the rule that must go on failing; empty: the first that fails.
	Rule string
	// Jobs is how many candidates run side by side, 1 or more.
	Jobs int
	// Tries is how many other seeds are tried when the first does not help any more.
	Tries int
	// Shakes is how many scripts are drawn for each action that is left, when taking away helps no more; 0: none. See DefaultShakes.
	Shakes int
	// Budget ends the search after so much real time, with what was found so far; 0: never.
	Budget time.Duration
	// Now reads the real time; required with a Budget.
	Now func() time.Time
	// Run runs a candidate.
	Run Runner
	// Progress, if set, is told of each step that made the script smaller.
	Progress func(what string, s *script.Script)
}

// Result is a reduced script.
type Result struct {
	Script *script.Script
	Seed   uint64 // with which it fails
	Rule   string
	Before int // actions
	Runs   int
	// Finished is false if the time was over before all was tried; it may be that only shaking was cut short.
	Finished bool
}

// reducer is one reduction.
type reducer struct {
	Options
	ctx   context.Context
	best  *script.Script
	plain *script.Script  // the best with moments and members spelled out, action for action; or the best
	been  map[string]bool // hashes of what was the best
	seed  uint64
	rule  string
	runs  int
	tries int
	limit uint64     // of events, for each candidate
	draw  *rand.Rand // what shaking tries; the same for every reduction
	end   time.Time

	hurried bool // shaking was cut short
}

// A candidate may have so many times the events of the script that failed, because a pool that does not converge goes on
// for longer, and in any case so many, a few seconds' work. One that has more is no simpler.
const (
	moreEvents  = 4
	leastEvents = 5_000_000
)

// errBudget ends a reduction whose time is over.
var errBudget = errors.New("the time is over")

// Reduce returns the smallest script it finds that fails with the same rule. s is not changed. Errors are
// those of Run, that of ctx, or wrap ErrPasses.
func Reduce(ctx context.Context, s *script.Script, o Options) (*Result, error) {
	r := &reducer{Options: o, ctx: ctx, best: s, plain: s, been: map[string]bool{script.Hash(s): true}, seed: o.Seed, rule: o.Rule, draw: rand.New(rand.NewPCG(1, 1))}
	if o.Budget > 0 {
		r.end = o.Now().Add(o.Budget)
	}
	first, err := o.Run(ctx, s, o.Seed, 0)
	if err != nil {
		return nil, err
	}
	if r.rule == "" {
		r.rule = first.Rule
	}
	switch {
	case len(first.Rules) == 0:
		return nil, fmt.Errorf("%w with seed %d: it passes", ErrPasses, o.Seed)
	case !first.fails(r.rule):
		return nil, fmt.Errorf("%w with %s and seed %d: it fails with %s", ErrPasses, r.rule, o.Seed, strings.Join(first.Rules, ", "))
	}
	r.limit = max(first.Events*moreEvents, leastEvents)
	if script.Hash(first.Happened) == script.Hash(s) {
		r.plain = cmp.Or(first.Literal, s)
	}
	result := &Result{Before: len(s.Actions), Rule: r.rule}
	err = r.search(&first)
	result.Script, result.Seed, result.Runs, result.Finished = r.best, r.seed, r.runs+1, err == nil && !r.hurried
	if errors.Is(err, errBudget) {
		err = nil
	}
	return result, err
}

// briefly is the share of what shaking tries, as one in so many, that comes before other seeds are tried for all that is there: at the
// beginning a small script is often found at once, and runs faster than all that is tried then.
const briefly = 30

// search makes the script smaller until nothing helps: what takes the least time first, and again when something else did.
func (r *reducer) search(first *Verdict) error {
	if _, err := r.adopt("what happened", first.Happened); err != nil {
		return err
	}
	if _, err := r.adopt("what came before the failure", until(r.best, first.At)); err != nil {
		return err
	}
	smaller := []func() error{r.minimise, func() error { return r.simplify(smallerChanges) }}
	simpler := func() error { return r.simplify(simplerChanges) }
	steps := []func() error{
		func() error { return r.settle(0, smaller...) },
		func() error { return r.shake(r.Shakes / briefly) },
		func() error { return r.settle(r.Tries, smaller...) },
		func() error { return r.shake(r.Shakes) },
		func() error { return r.settle(r.Tries, simpler) },
	}
	for i := 0; i < len(steps); {
		before := len(r.best.Actions)
		if err := steps[i](); err != nil {
			return err
		}
		if i > 0 && len(r.best.Actions) < before {
			i = 0
		} else {
			i++
		}
	}
	return nil
}

// settle repeats some steps until none helps, and tries each candidate with so many other seeds as well.
func (r *reducer) settle(tries int, steps ...func() error) error {
	r.tries = tries
	defer func() { r.tries = 0 }()
	for {
		before := script.Hash(r.best)
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
		if script.Hash(r.best) == before {
			return nil
		}
	}
}

// adopt takes a candidate if it fails.
func (r *reducer) adopt(what string, s *script.Script) (bool, error) {
	i, err := r.choose(what, math.MaxInt, []*script.Script{s})
	return i == 0, err
}

// choose takes the first of the candidates that fails and returns its place, or -1. Each runs with the seed in its place;
// without seeds all run with the present one. What happened of it must have at most so many actions: what hits several members
// needs an action for each if the contract makes a difference between them.
func (r *reducer) choose(what string, most int, candidates []*script.Script, seeds ...uint64) (int, error) {
	var list []trial
	for i, c := range candidates {
		if c != nil && !r.been[script.Hash(c)] && script.Validate(c) == nil {
			list = append(list, trial{i, c, r.seed})
			if len(seeds) > 0 {
				list[len(list)-1].seed = seeds[i]
			}
		}
	}
	for i, o := range r.tryAll(list) {
		if o.err != nil {
			return -1, o.err
		}
		r.runs += o.runs
		if o.fails && len(o.script.Actions) <= most && !r.been[script.Hash(o.script)] {
			r.best, r.plain, r.seed, r.been[script.Hash(o.script)] = o.script, o.plain, o.seed, true
			if r.Progress != nil {
				r.Progress(what, r.best)
			}
			return list[i].at, nil
		}
	}
	return -1, nil
}

// trial is a candidate, at its place among all, and the seed that it runs with first.
type trial struct {
	at     int
	script *script.Script
	seed   uint64
}

// outcome is what came of a candidate with all the seeds that it was given.
type outcome struct {
	fails  bool
	seed   uint64
	script *script.Script // what happened of it, if it fails
	plain  *script.Script // the same, spelled out
	runs   int
	err    error
}

// tryAll yields what came of the candidates, in their order. Jobs of them run side by side all the time; what runs when nobody
// asks for more is given up.
func (r *reducer) tryAll(list []trial) iter.Seq2[int, outcome] {
	return func(yield func(int, outcome) bool) {
		ctx, cancel := context.WithCancel(r.ctx)
		outcomes, ended := make([]outcome, len(list)), make(chan int, len(list))
		ready := make([]bool, len(list))
		begun, running := 0, 0
		defer func() {
			for cancel(); running > 0; running-- {
				<-ended
			}
		}()
		for next := 0; next < len(list); next++ {
			for !ready[next] {
				for ; running < max(r.Jobs, 1) && begun < len(list) && !r.late(r.end); running++ {
					i := begun
					go func() {
						outcomes[i] = r.try(ctx, list[i].script, list[i].seed)
						ended <- i
					}()
					begun++
				}
				if running == 0 {
					yield(next, outcome{err: errBudget})
					return
				}
				ready[<-ended] = true
				running--
			}
			if !yield(next, outcomes[next]) {
				return
			}
		}
	}
}

// late reports whether a time has come, where time counts.
func (r *reducer) late(when time.Time) bool { return r.Budget > 0 && !r.Now().Before(when) }

// try runs one candidate with the seed and then with others.
func (r *reducer) try(ctx context.Context, s *script.Script, first uint64) (o outcome) {
	seeds := []uint64{first}
	for n := uint64(1); len(seeds) <= r.tries; n++ {
		if !slices.Contains(seeds, n) {
			seeds = append(seeds, n)
		}
	}
	for _, seed := range seeds {
		v, err := r.Run(ctx, s, seed, r.limit)
		o.runs++
		if err != nil {
			o.err = err
			return o
		}
		if v.fails(r.rule) {
			o.fails, o.seed, o.script, o.plain = true, seed, v.Happened, cmp.Or(v.Literal, v.Happened)
			if script.Validate(o.script) != nil {
				o.script, o.plain = s, s // what did not happen has a name that something else uses
			}
			return o
		}
	}
	return o
}
