//go:build planted

package scenarios

import (
	"testing"

	"holdfast/engine/planted"
	"holdfast/scenarios/script"
)

// What the table of planted bugs needs of this package's tests; it lives in a package of its own, because the campaign's
// generator imports this one.

// ByScript returns which script finds the bug, after how many of the given seeds, and which check names it; a scenario of
// "" means that there is none, a number of 0 that they were not enough.
func ByScript(t *testing.T, bug planted.Bug, first, seeds uint64) (scenario string, after int, check string) {
	if _, none := elsewhere[bug]; none {
		return "", 0, ""
	}
	c, ok := byScript(t, bug, first, seeds)
	if !ok {
		return catch[bug].scenario, 0, ""
	}
	return c.scenario, int(c.seed - first + 1), c.rule
}

// SharedPlan draws a plan for a VM on shared storage.
func SharedPlan(t *testing.T, seed uint64) *script.Script {
	return sharedScript(t, []string{"log", "bank"}[seed%2], sharedPlan(seed))
}

// MembershipPlan draws a plan in which hosts join and leave.
func MembershipPlan(t *testing.T, seed uint64) *script.Script { return membershipPlan(t, seed) }
