package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/sim/guest"
)

func statement(node model.NodeID, vm model.VMID, p model.Policy) model.Order {
	return model.Order{Kind: model.OrderPolicy, Node: node, VM: vm, Policy: p}
}

// governedWorld is a pool of four hosts on two sites with room for 4 GiB each, and VMs of 1 GiB whose homes are chosen.
func governedWorld(t *testing.T, vms int, more ...model.Order) *World {
	o := Options{Seed: 1, Hosts: []string{"a", "b", "c", "d"}}
	for id := model.NodeID(1); id <= 4; id++ {
		o.Policies = append(o.Policies, statement(id, 0, model.Policy{Kind: model.PolicyHost, Site: model.Site(id+1) / 2, Memory: 4096}))
	}
	for i := range vms {
		o.VMs = append(o.VMs, VM{Name: string(rune('p' + i)), Level: model.LevelFT, Service: guest.Log})
		o.Policies = append(o.Policies, statement(0, model.VMID(i+1), model.Policy{Kind: model.PolicyVM, Memory: 1024, Sites: model.SiteOther}))
	}
	o.Policies = append(o.Policies, more...)
	w, err := New(o)
	require.NoError(t, err)
	return w
}

func TestVMsArePlaced(t *testing.T) {
	w := governedWorld(t, 4)
	w.Run(model.Time(5 * time.Second))
	want := []model.NodeSet{model.Nodes(1, 3), model.Nodes(2, 4), model.Nodes(1, 3), model.Nodes(2, 4)}
	primaries := []model.NodeID{1, 2, 1, 2}
	for vm := model.VMID(1); vm <= 4; vm++ {
		require.True(t, w.Redundant(vm), "VM %d: %+v", vm, w.Config(vm))
		require.Equal(t, want[vm-1], w.Config(vm).Homes)
		require.Equal(t, primaries[vm-1], w.Config(vm).Primary)
	}
	require.Empty(t, w.Violations())
}
