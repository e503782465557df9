package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// leads returns the member that leads the log and knows it, NoNode if there is none at the moment.
func (r *runner) leads() model.NodeID {
	for id, m := range r.members[1:] {
		if id := model.NodeID(id + 1); m.node != nil && m.node.Leader() == id && !m.cut[id%7+1] {
			return id
		}
	}
	return model.NoNode
}

// The loss of a host is counted once, also if it led the log, and however soon the next leader is lost, and the one after it.
func TestLossesAreCountedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hosts := model.Nodes(1, 2, 3, 4, 5, 6, 7) // of which five vote
		r := newPool(t, 7, hosts, 0, nil)
		r.run(2 * time.Second)
		var led, other [8]uint64 // losses of hosts that led, and of those that did not
		for range rapid.IntRange(1, 4).Draw(t, "bursts") {
			var gone []model.NodeID
			isolated := rapid.Bool().Draw(t, "isolated")
			for range rapid.IntRange(1, 2).Draw(t, "losses") { // of five voters two may be away
				id, leads := r.leads(), true
				if id == model.NoNode || rapid.IntRange(0, 4).Draw(t, "another") == 0 {
					id, leads = model.NodeID(rapid.IntRange(1, 7).Draw(t, "which")), false
				}
				if r.members[id].node == nil || r.members[id].cut[id%7+1] {
					continue
				}
				if leads || id == r.leads() {
					led[id]++
				} else {
					other[id]++
				}
				r.lose(id, isolated, true)
				gone = append(gone, id)
				if rapid.Bool().Draw(t, "as soon as somebody leads") {
					for range 20_000 {
						if id := r.leads(); id != model.NoNode && id != gone[len(gone)-1] {
							break
						}
						r.run(50 * time.Microsecond)
					}
					r.run(time.Duration(rapid.IntRange(0, 1000).Draw(t, "µs later")) * time.Microsecond)
					continue
				}
				r.run(time.Duration(rapid.IntRange(0, 600_000).Draw(t, "µs until the next loss")) * time.Microsecond)
			}
			r.run(time.Duration(rapid.IntRange(1500, 4000).Draw(t, "ms away")) * time.Millisecond)
			for _, id := range gone {
				r.lose(id, isolated, false)
			}
			r.run(3 * time.Second)
		}
		for id := model.NodeID(1); id <= 7; id++ {
			for at := 1; at <= 7; at++ {
				got := r.members[at].node.Pool().Health(pool.Part{Component: model.ComponentHost, Node: id}).Faults
				require.GreaterOrEqual(t, got, led[id], "losses of host %d that led, as member %d counts them", id, at)
				require.LessOrEqual(t, got, led[id]+other[id], "losses of host %d, as member %d counts them", id, at)
			}
		}
	})
}

// lose takes a host's power, or all its links, or gives it back.
func (r *runner) lose(id model.NodeID, isolated, lost bool) {
	switch {
	case isolated:
		for other := range model.NodeID(8) {
			if other != id && other != model.NoNode {
				r.members[id].cut[other], r.members[other].cut[id] = lost, lost
			}
		}
	case lost:
		r.kill(id, true)
	default:
		r.start(id)
	}
}
