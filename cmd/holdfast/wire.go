package main

import (
	"context"
	"fmt"
	"strings"

	"holdfast/engine/model"
	"holdfast/reports"
	"holdfast/scenarios"
	"holdfast/scenarios/library"
	"holdfast/scenarios/script"
)

// engineFormat goes into every certificate: engines of different formats are different engines.
const engineFormat = int(model.ProtocolNewest)

// libraryScripts returns the built-in scenarios. An error is a defect of this build.
func libraryScripts() ([]source, error) {
	var out []source
	for _, name := range library.List() {
		text, err := library.Text(name)
		if err != nil {
			return nil, err
		}
		parsed, err := script.Parse(name+library.Extension, text)
		if err != nil {
			return nil, fmt.Errorf("scenario of the library: %w", err)
		}
		group, _, _ := strings.Cut(name, "/")
		out = append(out, source{Group: group, Entry: name, Text: text, Script: parsed})
	}
	return out, nil
}

// runScenario executes one scenario on the simulated pool.
func runScenario(ctx context.Context, s *script.Script, o runOptions) (*reports.Scenario, error) {
	return scenarios.Run(ctx, s, scenarios.Options{Seed: o.Seed, Trace: o.Trace})
}
