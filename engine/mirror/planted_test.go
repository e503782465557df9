//go:build planted

package mirror

import (
	"testing"

	"holdfast/engine/internal/hunt"
	"holdfast/engine/planted"
)

func TestMachineFindsPlantedBugs(t *testing.T) {
	const test = "^TestMachine$"
	hunt.Finds(t, test, planted.DetachAfterAck, "R4|R7")
	hunt.Finds(t, test, planted.FlushLocalOnly, "R4: sector .* is not durable")
	hunt.Finds(t, test, planted.ApplyOpenEpoch, "R6: a write of an open epoch")
	hunt.Finds(t, test, planted.IntentNotUnited, "R7|the copies differ")
	hunt.Finds(t, test, planted.AttachEarly, "R7|the copies differ")
	hunt.Finds(t, test, planted.RecordForgotten, "R7")
	hunt.Finds(t, test, planted.LateReadTaken, "a read is answered|the runner has no data")
	hunt.Finds(t, "^TestTraces$", planted.RecordOnce, "record-lost")
}
