package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"holdfast/reports"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
)

// executeOne runs s and completes the result with what only the caller knows. A panic and an error of the runner
// become a result with outcome crash, so that the others of a run still get their chance; only the end of ctx is
// returned as an error.
func (a *app) executeOne(ctx context.Context, s source, o runOptions) (reports.Scenario, error) {
	start := a.clock.Now()
	result, err := a.guard(ctx, s, o)
	if ctx.Err() != nil {
		return reports.Scenario{}, ctx.Err()
	}
	if err != nil {
		result = &reports.Scenario{
			Outcome: reports.Crash, Failures: []reports.Failure{{Rule: "crash", Text: err.Error()}},
		}
	}
	out := *result
	out.Name, out.Purpose, out.Group, out.Path = s.Script.Name, s.Script.Purpose, s.Group, s.Path
	out.Script, out.Hash, out.Seed = s.Text, script.Hash(s.Script), o.Seed
	out.WallNS = a.clock.Since(start).Nanoseconds()
	if out.Level == "" {
		out.Level = s.level()
	}
	return out, nil
}

// guard turns a panic of the runner into an error that names the place.
func (a *app) guard(ctx context.Context, s source, o runOptions) (result *reports.Scenario, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, fmt.Errorf("panic: %v in %s", p, scenarios.PanicPlace())
		}
	}()
	result, err = a.run(ctx, s.Script, o)
	if err == nil && result == nil {
		err = errors.New("the runner returned no result")
	}
	return result, err
}

// executeAll runs the sources on the given number of workers and hands each result to report, in the order of the
// sources whatever the order in which they end. It stops early only when ctx ends, and leaves no worker behind.
func (a *app) executeAll(ctx context.Context, sources []source, seed uint64, jobs int, report func(reports.Scenario)) error {
	type finished struct {
		result reports.Scenario
		err    error
	}
	slots := make([]chan finished, len(sources))
	for i := range slots {
		slots[i] = make(chan finished, 1)
	}
	ctx, cancel := context.WithCancel(ctx)
	next := make(chan int, len(sources))
	for i := range sources {
		next <- i
	}
	close(next)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	for range min(jobs, len(sources)) {
		workers.Go(func() {
			for i := range next {
				result, err := a.executeOne(ctx, sources[i], runOptions{Seed: seed})
				slots[i] <- finished{result, err}
			}
		})
	}
	for _, slot := range slots {
		f := <-slot
		if f.err != nil {
			return f.err
		}
		report(f.result)
	}
	return nil
}
