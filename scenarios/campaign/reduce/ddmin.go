package reduce

import (
	"fmt"

	"holdfast/scenarios/script"
)

// minimise removes actions until none can be missed.
func (r *reducer) minimise() error {
	for parts := 2; len(r.best.Actions) > 0; {
		n := len(r.best.Actions)
		parts = min(parts, n)
		var candidates []*script.Script
		for i := range parts {
			candidates = append(candidates, without(r.best, n*i/parts, n*(i+1)/parts))
		}
		at, err := r.choose(fmt.Sprintf("%d of %d actions", n-n/parts, n), candidates)
		switch {
		case err != nil:
			return err
		case at >= 0:
			parts = max(parts-1, 2)
			if len(r.best.Actions) == 1 {
				parts = 1
			}
		case parts == n:
			return nil
		default:
			parts *= 2
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
