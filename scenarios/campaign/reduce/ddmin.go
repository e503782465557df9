package reduce

import (
	"fmt"

	"holdfast/scenarios/script"
)

// minimise removes actions until none can be missed.
func (r *reducer) minimise() error {
	next := 0 // the part to begin with: those before it were needed a moment ago
	for parts := 2; len(r.best.Actions) > 0; {
		n := len(r.best.Actions)
		parts = min(parts, n)
		var candidates []*script.Script
		for k := range parts {
			i := (next + k) % parts
			candidates = append(candidates, without(r.best, n*i/parts, n*(i+1)/parts))
		}
		at, err := r.choose(fmt.Sprintf("%d of %d actions", n-n/parts, n), n-1, candidates)
		switch {
		case err != nil:
			return err
		case at >= 0:
			next = (next + at) % parts
			parts = max(parts-1, 2)
		case parts == n:
			return nil
		default:
			parts, next = parts*2, 0
		}
	}
	return nil
}

// without returns the script without some actions.
func without(s *script.Script, from, to int) *script.Script {
	c := *s
	c.Actions = append(append([]script.Action(nil), s.Actions[:from]...), s.Actions[to:]...)
	return &c
}
