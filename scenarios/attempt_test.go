package scenarios

import (
	"context"
	"fmt"

	"holdfast/reports"
	"holdfast/scenarios/script"
)

// attempt runs a script; a panic of the engine becomes a failure with rule "crash".
func attempt(s *script.Script, seed uint64) (result *reports.Scenario) {
	defer func() {
		if p := recover(); p != nil {
			result = &reports.Scenario{Outcome: reports.Crash, Failures: []reports.Failure{{Rule: "crash", Text: fmt.Sprint(p)}}}
		}
	}()
	result, err := Run(context.Background(), s, Options{Seed: seed})
	if err != nil {
		panic(err)
	}
	return result
}
