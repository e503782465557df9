package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/sim/guest"
)

// sixteen returns a pool of sixteen hosts with a VM on each two of them, protected.
func sixteen(t *testing.T) *World {
	t.Helper()
	opt := Options{Seed: 1}
	for i := range 16 {
		opt.Hosts = append(opt.Hosts, fmt.Sprintf("h%d", i+1))
	}
	for i := 0; i < 16; i += 2 {
		opt.VMs = append(opt.VMs, VM{Name: fmt.Sprintf("vm%d", i), Level: model.LevelHA, Service: guest.Log, Home: opt.Hosts[i], Second: opt.Hosts[i+1]})
	}
	w, err := New(opt)
	require.NoError(t, err)
	w.Run(model.Time(10 * time.Second))
	for vm := range opt.VMs {
		require.True(t, w.Redundant(model.VMID(vm+1)))
	}
	return w
}

func places(w *World) (n int) {
	for _, m := range w.nodes[1:] {
		for _, p := range m.vms {
			if p != nil {
				n++
			}
		}
	}
	return n
}

// There is a place for each home and none for the other hosts; a host that becomes a home gets one.
func TestPlacesAreMadeForHomes(t *testing.T) {
	w := sixteen(t)
	require.Equal(t, 16, places(w))
	w.ReplaceHome(1, 2, 9)
	w.Run(w.Now().Add(5 * time.Second))
	require.Equal(t, 17, places(w))
	require.Equal(t, model.Nodes(1, 9), w.Config(1).Homes)
	require.True(t, w.Redundant(1))
	require.Empty(t, w.Violations())
}

// A copy lives for the generation that it was made for: a newer one replaces it, an older one does not touch it.
func TestCopyBelongsToItsGeneration(t *testing.T) {
	w := sixteen(t)
	p := w.nodes[16].vms[8]
	p.marked.Reset()
	w.nodes[16].erase(&model.Effect{VM: 8, Gen: 0})
	require.Zero(t, p.marked.Len(), "nothing was erased")
	require.Empty(t, w.Violations())

	w.monitor.vms[8].truth = nil // what follows is about the place alone
	p.renew(5)
	require.Equal(t, diskExtents, p.marked.Len(), "a new copy")
	p.marked.Reset()
	p.renew(3)
	require.Zero(t, p.marked.Len())
	require.Greater(t, p.made, p.wanted, "opening it fails")
	p.renew(5)
	require.Zero(t, p.marked.Len())
	w.nodes[16].erase(&model.Effect{VM: 8, Gen: 4})
	require.Zero(t, p.marked.Len())
	w.nodes[16].erase(&model.Effect{VM: 8, Gen: 7})
	require.Equal(t, diskExtents, p.marked.Len())
	w.nodes[3].erase(&model.Effect{VM: 8, Gen: 7})
	require.Nil(t, w.nodes[3].vms[8], "where nothing is, nothing is made to be erased")
}

// Erasing a copy that is part of the VM is noticed.
func TestErasingTheTruthIsAViolation(t *testing.T) {
	w := sixteen(t)
	w.nodes[1].erase(&model.Effect{VM: 1, Gen: 9})
	require.Len(t, w.Violations(), 1)
	require.Equal(t, "R5", w.Violations()[0].Rule)
}
