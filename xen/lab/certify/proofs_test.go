package certify

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// Every kind of fault is looked at from inside, or refused before anything runs: none is done and never looked at.
func TestEveryFaultIsProvenOrRefused(t *testing.T) {
	// What ends these is done and looked at with them.
	with := map[faults.Kind]faults.Kind{
		faults.PowerOn: faults.PowerOff, faults.Thaw: faults.Freeze, faults.ContinueDaemon: faults.StopDaemon, faults.NICUp: faults.NICDown,
	}
	s := &script.Script{Witness: script.Member{Name: "w"}, VMs: []script.VM{{Service: script.ServiceLog}}}
	for _, kind := range faults.Kinds() {
		proven := slices.ContainsFunc(proofs, func(p proof) bool { return p.kind == kind || p.kind == with[kind] })
		refused := actionSupported(s, &faults.Fault{Kind: kind}, dummy{}) != nil
		require.NotEqual(t, proven, refused, "%s: proven %t, refused %t", kind, proven, refused)
	}
}
