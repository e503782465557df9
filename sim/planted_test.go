//go:build planted

package sim

import (
	"os"

	"holdfast/engine/planted"
)

// A copy of this package's test binary runs with the planted bug that HOLDFAST_PLANT names: the table of planted bugs
// counts how many random tests it takes to find one.
func init() {
	for _, bug := range planted.All() {
		if os.Getenv("HOLDFAST_PLANT") == bug.String() {
			planted.Plant(bug)
		}
	}
}
