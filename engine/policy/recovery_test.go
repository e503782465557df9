package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

func TestCover(t *testing.T) {
	r := state(t, host(1, 1, 4096), host(2, 2, 4096), host(3, 3, 2048), host(4, 2, 4096), demand(1, 1024, 0), demand(2, 1536, 0))
	v := View{Hosts: model.Nodes(1, 2, 3, 4, 5), Rules: r, VMs: []Placed{at(1, 1, 2), at(2, 5, 4)}}
	require.NoError(t, v.Cover(1, 3))
	require.NoError(t, v.Cover(1, 5), "nobody said where it is, nor that it has too little room")
	require.EqualError(t, v.Cover(1, 4), "no place for the VM: host 4: same site as host 2, so that its recovery copy would be lost with it")

	v.VMs[1].Elsewhere = model.Nodes(3)
	require.EqualError(t, v.Cover(1, 3), "no place for the VM: host 3: 1536 of 2048 MiB used or reserved, 1024 needed")
	require.Equal(t, Load{Reserved: 1536, Copies: 1}, v.Load(3))
	require.ErrorIs(t, v.Admit(9, model.LevelHA, 1, 3), nil, "a VM that needs no memory")
	require.ErrorIs(t, (&View{Hosts: v.Hosts, Rules: state(t, host(3, 0, 2048), demand(2, 1536, 0), demand(9, 1024, 0)), VMs: v.VMs}).Admit(9, model.LevelHA, 1, 3), ErrNoPlace)
}

func TestBrokenPlace(t *testing.T) {
	p := at(1, 1, 2)
	p.Elsewhere, p.Fixed = model.Nodes(3), true
	v := View{Hosts: model.Nodes(1, 2, 3), Rules: state(t, host(1, 1, 0), host(2, 2, 0), host(3, 2, 1024), demand(1, 2048, model.SiteOther)), VMs: []Placed{p}}
	require.Equal(t, []Breach{{Kind: BreachRoom, Node: 3}, {Kind: BreachPlace, VM: 1, Node: 3}}, v.Broken())
	require.Equal(t, "host 3: same site as host 2, so that its recovery copy would be lost with it", v.Describe(v.Broken()[1]))
	failOver(&v.VMs[0])
	require.Equal(t, []Breach{{Kind: BreachRoom, Node: 3}, {Kind: BreachPlace, VM: 1, Node: 2}}, v.Broken(), "nor has it a second home on a wrong site")
	require.Zero(t, v.Plan(v.Hosts))
}

// While a VM runs on its recovery copy what is broken elsewhere is mended, and nothing is moved for balance.
func TestPlanWhileAway(t *testing.T) {
	r := state(t, host(1, 0, 4096), host(2, 0, 4096), host(3, 0, 4096), host(4, 0, 4096), demand(1, 64, 0), demand(2, 2048, 0), demand(3, 1024, 0))
	away := at(1, 1, 2)
	away.Elsewhere, away.Fixed = model.Nodes(4), true
	v := View{Hosts: model.Nodes(1, 2, 3, 4), Rules: r, VMs: []Placed{away, at(2, 1, 2), at(3, 1, 2)}}
	require.Equal(t, Move{Kind: MoveSecond, VM: 3, From: 2, To: 3}, v.Plan(v.Hosts), "balance")
	failOver(&v.VMs[0])
	require.Zero(t, v.Plan(v.Hosts))
	v.Rules = state(t, demand(1, 64, 0), group(1, model.ApartPrimaries, 0, 2, 3))
	require.Equal(t, Move{Kind: MoveSides, VM: 2, From: 1, To: 2}, v.Plan(v.Hosts))
}

// After any admissions any VMs may be started from their recovery copies, and return: what each host has to
// keep room for does not change, so every host has room for what runs on it.
func TestAnyPlaceMayBeLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t, true)
		before := [drawnHosts + 1]uint64{}
		for node := model.NodeID(1); node <= drawnHosts; node++ {
			before[node] = v.Load(node).Memory()
		}
		for i := range v.VMs {
			if p := &v.VMs[i]; !p.Elsewhere.Empty() && rapid.Bool().Draw(t, "fails over") {
				failOver(p)
			}
		}
		for node := model.NodeID(1); node <= drawnHosts; node++ {
			require.Equal(t, before[node], v.Load(node).Memory(), "host %d", node)
		}
		for _, b := range v.Broken() {
			require.True(t, b.Kind == BreachPrimaries || b.Kind == BreachHomes, "%s", v.Describe(b))
		}
	})
}
