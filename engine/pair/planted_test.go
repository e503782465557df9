//go:build planted

package pair

import (
	"testing"

	"holdfast/engine/internal/hunt"
	"holdfast/engine/planted"
)

func TestMachineFindsPlantedBugs(t *testing.T) {
	const test = "^TestMachine$"
	hunt.Finds(t, test, planted.ReleaseOnSend, "released without acknowledgement")
	hunt.Finds(t, test, planted.BarrierIgnored, "released without acknowledgement")
	hunt.Finds(t, test, planted.AckUnsealed, "acknowledged without having sealed")
	hunt.Finds(t, test, planted.PromoteUnsealed, "sealed without its disk writes")
}
