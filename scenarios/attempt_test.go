package scenarios

import (
	"context"

	"holdfast/reports"
	"holdfast/scenarios/script"
)

// attempt runs a script with nothing but a seed.
func attempt(s *script.Script, seed uint64) *reports.Scenario {
	result, err := Attempt(context.Background(), s, Options{Seed: seed})
	if err != nil {
		panic(err)
	}
	return result
}
