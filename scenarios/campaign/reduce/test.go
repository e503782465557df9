package reduce

import (
	"context"
	"errors"
	"slices"
	"time"

	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/scenarios"
	"holdfast/scenarios/campaign/contract"
	"holdfast/scenarios/script"
)

// Verdict is what came of one candidate.
type Verdict struct {
	// Rule is the first rule that failed, "" if none did; Rules are all.
	Rule  string
	Rules []string
	// Events is how many the world had.
	Events uint64
	// At is when the first rule failed, on the script's clock.
	At time.Duration
	// Happened is the candidate without what did not happen of it; Literal, if not nil, the same with the moments and the members
	// that its stages and roles stood for.
	Happened, Literal *script.Script
}

// fails reports whether the rule is among those that failed.
func (v *Verdict) fails(rule string) bool {
	for _, r := range v.Rules {
		if r == rule {
			return true
		}
	}
	return false
}

// Runner runs a candidate with a seed, and with at most so many events of its world, 0 for any number: a candidate that
// has more does not fail. It is called from several goroutines.
type Runner func(ctx context.Context, s *script.Script, seed, events uint64) (Verdict, error)

// Bounds says which contract a script is held to while it is reduced.
type Bounds uint8

// The contracts.
const (
	NoContract Bounds = iota
	Unbounded
	Bounded
)

// limits bounds the check of each candidate.
func limits() check.Limits { return check.Limits{Time: 5 * time.Second, Memory: 256 << 20, Workers: 1} }

// Under returns the runner that holds candidates to a contract.
func Under(b Bounds) Runner {
	return func(ctx context.Context, s *script.Script, seed, events uint64) (Verdict, error) {
		c := contract.New(s, b == Unbounded)
		opt := scenarios.Options{Seed: seed, Limits: limits(), AllowUnfired: true, Guard: c.Admit, MaxEvents: events}
		if b == NoContract {
			opt.Guard, opt.Watch = nil, c.Watcher()
		}
		result, err := scenarios.Attempt(ctx, s, opt)
		switch {
		case errors.Is(err, scenarios.ErrEvents):
			return Verdict{Happened: s, Events: events}, nil
		case err != nil:
			return Verdict{}, err
		}
		return verdict(result, c), nil
	}
}

func verdict(result *reports.Scenario, c *contract.Contract) Verdict {
	v := Verdict{Happened: c.Executed(), Literal: c.Literal(), Events: uint64(result.Events)}
	if result.Outcome == reports.Pass {
		return v
	}
	first, others := scenarios.Deciding(result), result.Failures
	unset := func(f reports.Failure) bool { return f.Rule == scenarios.RuleSetup }
	if i := slices.IndexFunc(others, unset); i >= 0 {
		first, others = others[i], nil // whatever else fails in such a pool is no fault's doing
	}
	v.Rule, v.At, v.Rules = first.Rule, first.At.Duration(), []string{first.Rule}
	for _, f := range others {
		v.Rules = append(v.Rules, f.Rule)
	}
	return v
}

// Kept returns the tightest contract that the script keeps when it runs with the seed.
func Kept(ctx context.Context, s *script.Script, seed uint64) (Bounds, error) {
	for _, b := range []Bounds{Bounded, Unbounded} {
		c := contract.New(s, b == Unbounded)
		if _, err := scenarios.Attempt(ctx, s, scenarios.Options{Seed: seed, Limits: limits(), AllowUnfired: true, Guard: c.Admit}); err != nil {
			return NoContract, err
		}
		if len(c.Refused()) == 0 {
			return b, nil
		}
	}
	return NoContract, nil
}
