//go:build planted

package policy

import (
	"testing"

	"holdfast/engine/internal/hunt"
	"holdfast/engine/planted"
)

// The random test of placement finds the planted bug that no sequence of correct placements hides.
func TestPlacementFindsPlantedBugs(t *testing.T) {
	hunt.Finds(t, "^TestPlacementIsSoundAndComplete$", planted.ApartOutdated, "failed after")
}
