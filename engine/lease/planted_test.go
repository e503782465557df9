//go:build planted

package lease

import (
	"testing"

	"holdfast/engine/internal/hunt"
	"holdfast/engine/planted"
)

func TestMachineFindsPlantedBugs(t *testing.T) {
	hunt.Finds(t, "^TestMachine$", planted.LeaseUnproven, "mutual exclusion")
	hunt.Finds(t, "^TestMachine$", planted.LeaseUnarmed, "mutual exclusion")
}
