package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/dr"
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// TestTakeOver: a fail-over that was ordered on member 3 is refused while the primary is heard or there is no point, but
// not while a proposal of it may still be decided.
func TestTakeOver(t *testing.T) {
	const gen, history = 5, 4
	for _, c := range []struct {
		name    string
		heard   bool
		history model.Gen // of the copy
		asked   model.Gen // in which the fail-over was proposed
		want    pool.Kind // proposed now
		refused bool
	}{
		{"asked", false, history, 0, pool.KindFailOver, false},
		{"asked again", false, history, gen, pool.KindFailOver, false},
		{"asked in another generation", false, history, gen - 1, pool.KindFailOver, false},
		{"heard before", true, history, 0, 0, true},
		{"heard after", true, history, gen, pool.KindBump, false},
		{"heard, and settled", true, history, gen - 1, 0, true},
		{"opened without a point", false, 0, 0, 0, true},
		{"opened with another history", false, history - 1, 0, 0, true},
		{"lost its point after", false, 0, gen, pool.KindBump, false},
		{"lost its point, and settled", false, 0, gen - 1, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := testNode(t, 3)
			if c.heard {
				n.peers[1].incarnation = 1
			}
			v := n.addVM(7)
			v.cfg = pool.Config{VM: 7, Gen: gen, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2,
				InSync: model.Nodes(1, 2), Recovery: 3, History: history, TargetMS: 500}
			point := model.Epoch(2)
			if c.history == 0 {
				point = 0
			}
			v.recovery = recovery{takeover: true, askedIn: c.asked, tgt: dr.NewTarget(0, 7, n.cfg.recovery(), 1, c.history, gen, point)}
			n.out.Reset()

			v.takeOverRecovery()
			require.Equal(t, c.want, v.want.Kind)
			require.Equal(t, c.refused, noticed(n, model.NoticeRefused))
			require.Equal(t, c.refused, !v.recovery.takeover)
			if c.want == pool.KindFailOver {
				require.EqualValues(t, gen, v.recovery.askedIn)
			}
			open := model.Message{Kind: model.MsgShipOpen, From: 1, Gen: gen, Session: 1, Epoch: history}
			sent := len(n.out.List)
			v.recovery.tgt.Open(&open, &n.out)
			require.Equal(t, c.refused, len(n.out.List) > sent, "the copy stands still exactly while the fail-over may happen")

			v.cfg.Primary = 3 // decided after all
			v.leaveRecovery()
			require.Equal(t, !c.refused, noticed(n, model.NoticeFailedOver))
		})
	}
}

// testNode returns a member of a pool of three hosts that has heard nothing yet.
func testNode(t *testing.T, id model.NodeID) *Node { return testNodeOf(t, id, model.Nodes(1, 2, 3)) }

func testNodeOf(t *testing.T, id model.NodeID, hosts model.NodeSet) *Node {
	n, err := New(Config{
		ID: id, Hosts: hosts, Seed: 1, Timing: DefaultTiming(), Pair: DefaultPair(),
		Mirror: mirror.Config{Extents: 8, ExtentSectors: 1, ActiveExtents: 2, CopyDepth: 2, IOTimeout: time.Second, Resend: 100 * time.Millisecond},
	}, nil)
	require.NoError(t, err)
	return n
}

func noticed(n *Node, kind model.NoticeKind) bool {
	for i := range n.out.List {
		if e := &n.out.List[i]; e.Kind == model.EffectNotify && e.Notice.Kind == kind {
			return true
		}
	}
	return false
}

// TestOverruled: what remains of an instance when an override discards what this host knew. It waits for the log's word,
// unless its disk is not here; the machines that follow go on with the numbers of epochs.
func TestOverruled(t *testing.T) {
	for name, c := range map[string]struct {
		inSync model.NodeSet
		want   instance
		fenced bool
	}{
		"both copies":    {model.Nodes(1, 2), foreign, false},
		"the own copy":   {model.Nodes(1), foreign, false},
		"the other copy": {model.Nodes(2), absent, true},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 1)
			v := n.addVM(7)
			v.cfg = pool.Config{VM: 7, Gen: 5, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2, InSync: c.inSync}
			v.instance, v.gen, v.disk = running, 5, diskOpen
			v.machines(model.NewBitmap(8), 40)
			n.out.Reset()

			v.overruled()
			require.Equal(t, c.want, v.instance)
			require.Equal(t, c.fenced, noticed(n, model.NoticeFenced))
			require.Nil(t, v.main)
			require.Equal(t, diskClosed, v.disk, "operations under way end with the copy's reopening")
			if c.want == foreign {
				v.cfg = pool.Config{VM: 7, Gen: 1<<32 | 6, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, InSync: model.Nodes(1)}
				v.takeOver()
				require.Greater(t, v.out.Epoch(), model.Epoch(41), "an answer about an earlier epoch may still come")
			}
		})
	}
}

// TestOverruledOrders: an override drops no order about a recovery copy without a word, and leaves no test running.
func TestOverruledOrders(t *testing.T) {
	cfg := pool.Config{VM: 7, Gen: 5, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2,
		InSync: model.Nodes(1, 2), Recovery: 3, History: 4, TargetMS: 500}
	for name, c := range map[string]struct {
		recovery recovery
		refused  bool
		stopped  bool
	}{
		"nothing":   {},
		"fail-over": {recovery: recovery{takeover: true}, refused: true},
		"fail-back": {recovery: recovery{returning: true}, refused: true},
		"a test":    {recovery: recovery{testing: 1}, refused: true, stopped: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 3)
			v := n.addVM(7)
			v.cfg, v.recovery = cfg, c.recovery
			n.out.Reset()
			v.overruled()
			require.Equal(t, c.refused, noticed(n, model.NoticeRefused))
			stopped := slices.ContainsFunc(n.out.List, func(e model.Effect) bool { return e.Kind == model.EffectTestStop })
			require.Equal(t, c.stopped, stopped)
			require.Equal(t, recovery{}, v.recovery)
		})
	}
}

// TestAskedTwice: a request that the new machines took before the runner was told to ask everything again is one request.
func TestAskedTwice(t *testing.T) {
	n := testNode(t, 1)
	v := n.addVM(7)
	v.cfg = pool.Config{VM: 7, Gen: 5, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, InSync: model.Nodes(1)}
	v.instance, v.gen, v.disk = running, 5, diskOpen
	v.machines(model.NewBitmap(8), 0)
	ask := func(id uint64) {
		v.event(&model.Event{Kind: model.EventRequest, VM: 7, IO: model.IO{ID: id, Op: model.OpWrite, Sector: 3, Count: 1}})
	}
	ask(1)
	ask(2)
	ask(1)
	require.Len(t, v.main.Writes(), 2)
}
