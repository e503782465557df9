package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
	"holdfast/engine/policy"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
)

const (
	governedHosts = 4
	governedVMs   = 4
)

// newGovernedMachine is a pool of four hosts on two sites. Its VMs are placed by policies: two are kept apart, one has its
// copy on another site, and there is room for a little more than what there is.
func newGovernedMachine(t require.TestingT, seed uint64) *poolMachine {
	m := &poolMachine{}
	o := Options{Seed: seed, Hosts: []string{"a", "b", "c", "d"}, Timing: DefaultTiming()}
	o.Timing.Engine.MendAfter, o.Timing.Engine.RehomeAfter = 300*time.Millisecond, time.Second
	for id := model.NodeID(1); id <= governedHosts; id++ {
		o.Policies = append(o.Policies, statement(id, 0, model.Policy{Kind: model.PolicyHost, Site: model.Site(id+1) / 2, Memory: 3072}))
	}
	for vm := model.VMID(1); vm <= governedVMs; vm++ {
		level := model.LevelFT
		if vm == governedVMs {
			level = model.LevelHA
		}
		o.VMs = append(o.VMs, VM{Name: string(rune('p' + vm)), Level: level, Service: guest.Log, Clients: 2, Rate: 20, Keys: 4, Recorder: m})
		o.Policies = append(o.Policies, statement(0, vm, model.Policy{Kind: model.PolicyVM, Memory: 1024}))
	}
	o.Policies = append(o.Policies,
		statement(0, 0, model.Policy{Kind: model.PolicyGroup, Group: 1, Apart: model.ApartPrimaries}),
		statement(0, 1, model.Policy{Kind: model.PolicyMember, Group: 1, Member: true}),
		statement(0, 2, model.Policy{Kind: model.PolicyMember, Group: 1, Member: true}),
		statement(0, 0, model.Policy{Kind: model.PolicyGroup, Group: 2, Sites: model.SiteOther}),
		statement(0, 3, model.Policy{Kind: model.PolicyMember, Group: 2, Member: true}),
	)
	w, err := New(o)
	require.NoError(t, err)
	m.w = w
	return m
}

// whole reports whether every VM has its redundancy.
func (m *poolMachine) whole() bool {
	for vm := model.VMID(1); vm <= governedVMs; vm++ {
		if !m.w.Redundant(vm) {
			return false
		}
	}
	return true
}

// broken returns what does not hold as far as any member knows; apart: VMs on one host that must not be there as well.
func (m *poolMachine) broken(apart bool) (list []string) {
	for _, n := range m.w.nodes[1:] {
		if n.node == nil {
			continue
		}
		view := n.node.Pool().View()
		for _, b := range view.Broken() {
			if b.Kind != policy.BreachPrimaries || apart {
				list = append(list, view.Describe(b))
			}
		}
	}
	return list
}

// lawful demands that nothing is where a host has no room, and no copy on the wrong site, whatever happened.
func (m *poolMachine) lawful(t require.TestingT, apart bool) {
	require.Empty(t, m.broken(apart), "after\n%s", m.log)
}

// Hosts come and go in any order: what only placement decides is never broken, and when all is well again, what a
// failover broke is mended.
func TestPoliciesHoldInAnyOrderOfLosses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newGovernedMachine(t, rapid.Uint64Range(1, 1000).Draw(t, "seed"))
		m.run(t, 4*time.Second)
		m.lawful(t, true)
		for range rapid.IntRange(1, 6).Draw(t, "faults") {
			id := model.NodeID(rapid.IntRange(1, governedHosts).Draw(t, "host"))
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				m.note("power off %d", id)
				m.w.PowerOff(id, disk.LossDraw)
			case 1:
				m.note("kill the daemon of %d", id)
				m.w.KillDaemon(id, 300*time.Millisecond)
			case 2:
				m.note("freeze %d", id)
				m.w.Freeze(id)
			default:
				m.note("%d is back", id)
				m.w.PowerOn(id, false)
				m.w.Thaw(id)
			}
			m.run(t, rapid.SampledFrom(pauses).Draw(t, "pause"))
			m.safe(t)
			m.lawful(t, false)
		}
		m.note("all are back")
		for id := model.NodeID(1); id <= governedHosts; id++ {
			m.w.PowerOn(id, false)
			m.w.Thaw(id)
		}
		for range 300 {
			if m.run(t, 100*time.Millisecond); m.whole() && len(m.broken(true)) == 0 {
				break
			}
		}
		m.safe(t)
		require.True(t, m.whole(), "VMs lack their redundancy after\n%s", m.log)
		m.lawful(t, true)
	})
}
