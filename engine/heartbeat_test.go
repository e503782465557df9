package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine"
	"holdfast/engine/model"
)

// beats counts the heartbeats that a quiet pool of so many hosts sends in ten seconds, with one VM on
// each two neighbours, when heartbeats to members far away come every far intervals.
func beats(t *testing.T, hosts, far int) (n int) {
	t.Helper()
	r := newPool(t, hosts, 1<<(hosts+1)-2, 0, func(c *engine.Config) { c.Timing.Far = far })
	r.run(time.Second)
	for id := 1; id+1 <= hosts; id += 2 {
		r.step(model.NodeID(id), &model.Event{Kind: model.EventOperator, Order: model.Order{
			Kind: model.OrderCreate, VM: model.VMID(id), Level: model.LevelHA,
			Node: model.NodeID(id), Homes: model.Nodes(model.NodeID(id), model.NodeID(id+1)),
		}})
	}
	r.run(5 * time.Second)
	r.onSend = func(m *model.Message) {
		if m.Kind == model.MsgHeartbeat {
			n++
		}
	}
	r.run(10 * time.Second)
	return n
}

// Sixteen hosts send less than a quarter of what they would send if everybody spoke to everybody at full rate.
func TestHeartbeatsOfALargePool(t *testing.T) {
	for _, hosts := range []int{2, 4, 8, 16} {
		all, some := beats(t, hosts, 1), beats(t, hosts, 10)
		t.Logf("%2d hosts: %5d heartbeats a second at full rate, %5d as it is", hosts, all/10, some/10)
		require.InDelta(t, hosts*(hosts-1)*3*100, all, float64(all)/50)
		if hosts == 16 {
			require.Less(t, some*4, all)
		}
		if hosts == 2 {
			require.Equal(t, all, some)
		}
	}
}

// A partner is suspected as soon in a pool of sixteen hosts as in one of two, whoever votes.
func TestPartnerIsSuspectedAtOnce(t *testing.T) {
	for _, id := range []model.NodeID{3, 4, 5, 6} { // 5 votes, the others do not
		r := newPool(t, 16, 1<<17-2, 0, nil)
		r.run(time.Second)
		partner := id - 1 + id%2*2
		r.step(id, &model.Event{Kind: model.EventOperator, Order: model.Order{
			Kind: model.OrderCreate, VM: 1, Level: model.LevelFT, Node: id, Homes: model.Nodes(id, partner),
		}})
		r.run(2 * time.Second)
		require.False(t, r.members[id].node.Pool().VM(1).Exposed())
		lost := r.now
		r.kill(partner, true)
		for !r.members[id].node.Pool().VM(1).Exposed() {
			r.run(10 * time.Millisecond)
			require.Less(t, r.now.Sub(lost), 600*time.Millisecond, "the partner of %d", id)
		}
	}
}
