//go:build planted

package dr

import (
	"testing"

	"holdfast/engine/internal/hunt"
	"holdfast/engine/planted"
)

func TestMachineFindsPlantedBugs(t *testing.T) {
	const test = "^TestMachine$"
	hunt.Finds(t, test, planted.PointUnsealed, "D2: a point was acknowledged")
	hunt.Finds(t, test, planted.PointTorn, "R6: a point is sealed that lacks entries")
	hunt.Finds(t, test, planted.PointUncommitted, "R6: the copy is at state")
	hunt.Finds(t, test, planted.JournalReversed, "R6: the copy is torn")
	hunt.Finds(t, test, planted.EraIgnored, "R6: the copy is torn|R7: the copy is current and differs")
	hunt.Finds(t, test, planted.ChangesForgotten, "R6: the copy is torn|R7: the copy is current and differs")
}
