package planted

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryRuleHasBugs: the bugs cover the protocol. A rule whose check was never seen failing, often enough to trust
// it, and a part of the protocol that nobody tried to break, prove nothing.
func TestEveryRuleHasBugs(t *testing.T) {
	rules, areas := map[string]int{}, map[Area]int{}
	seen := map[string]bool{}
	for _, bug := range All() {
		require.NotEmpty(t, bug.String(), "bug %d has no name", uint8(bug))
		require.False(t, seen[bug.String()], "two bugs are called %v", bug)
		seen[bug.String()] = true
		require.NotEmpty(t, bug.Rules(), "%v: say in rules.go which rules it breaks", bug)
		require.NotEmpty(t, bug.Area(), "%v: say in rules.go where it is planted", bug)
		for _, rule := range bug.Rules() {
			rules[rule]++
		}
		areas[bug.Area()]++
	}
	require.GreaterOrEqual(t, len(seen), 40)
	for n := 1; n <= 9; n++ {
		require.GreaterOrEqual(t, rules[fmt.Sprintf("R%d", n)], 3, "bugs that break R%d", n)
	}
	for _, area := range []Area{Epochs, Takeover, Mirror, Resync, Membership, Leases, Recovery, MTBF, Policies} {
		require.GreaterOrEqual(t, areas[area], 3, "bugs in %s", area)
	}
	for _, area := range []Area{Levels, Log, Notices} {
		require.Positive(t, areas[area], "bugs in %s", area)
	}
}
