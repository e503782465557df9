package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
)

// TestLateOpening: what comes of an opening that another one has followed counts no more, for any of the copies.
func TestLateOpening(t *testing.T) {
	n := testNode(t, 1)
	v := n.addVM(7)
	marks := model.NewBitmap(8)
	opened := func() model.Effect { return n.out.List[len(n.out.List)-1] }

	require.False(t, v.ensureDisk())
	first := opened()
	v.disk = diskClosed // as when this host was dropped and became a home again
	require.False(t, v.ensureDisk())
	second := opened()
	require.NotEqual(t, first.ID, second.ID)
	v.opened(&model.Event{Kind: model.EventOpened, VM: 7, ID: first.ID, Data: marks.Bytes()})
	require.Equal(t, diskOpening, v.disk)
	v.opened(&model.Event{Kind: model.EventOpened, VM: 7, ID: second.ID, Data: marks.Bytes()})
	require.Equal(t, diskOpen, v.disk)

	v.cfg.Recovery, v.cfg.History = 1, 4
	v.keepRecovery()
	first = opened()
	v.leaveRecovery()
	v.keepRecovery()
	second = opened()
	v.recoveryEvent(&model.Event{Kind: model.EventRecoveryOpened, VM: 7, ID: first.ID, Gen: 4, Epoch: 2})
	require.Nil(t, v.recovery.tgt)
	v.recoveryEvent(&model.Event{Kind: model.EventRecoveryOpened, VM: 7, ID: second.ID, Gen: 4, Epoch: 3})
	_, point := v.recovery.tgt.Point()
	require.Equal(t, model.Epoch(3), point)
}

// TestRecoveryCopyAnew: a recovery copy that was removed and added again within one step is opened again, under the name of its new history.
func TestRecoveryCopyAnew(t *testing.T) {
	n := testNode(t, 1)
	v := n.addVM(7)
	last := func() model.Effect { return n.out.List[len(n.out.List)-1] }
	open := func(history model.Gen) {
		v.cfg.Recovery, v.cfg.History = 1, history
		v.keepRecovery()
		require.Equal(t, model.EffectRecoveryOpen, last().Kind)
		require.Equal(t, history, last().Gen)
	}

	open(4)
	late := last()
	open(6) // while it is being opened
	v.recoveryEvent(&model.Event{Kind: model.EventRecoveryOpened, VM: 7, ID: late.ID, Gen: 4, Epoch: 2})
	require.Nil(t, v.recovery.tgt)
	v.recoveryEvent(&model.Event{Kind: model.EventRecoveryOpened, VM: 7, ID: last().ID, Gen: 4, Epoch: 2})
	v.keepRecovery()
	require.NotNil(t, v.recovery.tgt)
	require.False(t, v.hasPoint(), "the point is of another history")
	open(8) // while it is open
	require.Nil(t, v.recovery.tgt)
}

// TestEarlierInstance: what is told of an instance that another one has followed is not about that one.
func TestEarlierInstance(t *testing.T) {
	n := testNode(t, 1)
	v := n.addVM(7)
	v.cfg.Gen, v.gen, v.born, v.instance = 5, 5, 5, running
	v.responding(&model.Event{Kind: model.EventResponding, VM: 7, Gen: 3})
	require.Equal(t, model.Never, v.silentSince)
	v.started(&model.Event{Kind: model.EventStarted, VM: 7, Gen: 3, Flags: model.FlagError})
	require.Equal(t, running, v.instance)
	v.cfg.InSync = model.Nodes(1)
	v.overruled()
	v.responding(&model.Event{Kind: model.EventResponding, VM: 7, Gen: 3})
	require.Equal(t, model.Never, v.silentSince)
	v.responding(&model.Event{Kind: model.EventResponding, VM: 7, Gen: 5})
	require.NotEqual(t, model.Never, v.silentSince)
}

// TestRespondsAgain: a guest that was said to hang, and responds again, is as any other from then on.
func TestRespondsAgain(t *testing.T) {
	n := testNode(t, 1)
	v := n.addVM(7)
	v.cfg.Gen, v.gen, v.born, v.instance = 5, 5, 5, running
	v.responding(&model.Event{Kind: model.EventResponding, VM: 7, Gen: 5})
	v.sayHung()
	require.Equal(t, model.Gen(5), v.hungIn)
	v.responding(&model.Event{Kind: model.EventResponding, VM: 7, Gen: 5, Flags: model.FlagOn})
	require.Zero(t, v.hungIn)
}

// TestSlowOpening: a copy that is not open after a while counts as failed until it is, is not opened again meanwhile, and has taken then what it had refused.
func TestSlowOpening(t *testing.T) {
	n := testNode(t, 1)
	v := n.addVM(7)
	require.False(t, v.ensureDisk())
	opens := len(n.out.List)
	require.False(t, v.unfit())
	n.now = n.now.Add(openPatience * n.cfg.Mirror.IOTimeout)
	require.False(t, v.ensureDisk())
	require.True(t, v.unfit())
	require.Len(t, n.out.List, opens)
	v.in.Checkpoint(&model.Message{Kind: model.MsgCheckpoint, From: 2, VM: 7, Gen: 1, Epoch: 1, Flags: model.FlagFull}, 0, &n.out)
	v.in.Sealed(1, &n.out)
	require.False(t, v.in.Landed())
	v.opened(&model.Event{Kind: model.EventOpened, VM: 7, ID: v.opening, Data: model.NewBitmap(8).Bytes()})
	require.False(t, v.unfit())
	require.True(t, v.in.Landed())
}

// TestSessionsOfLives: no life has a session of another one, of this node or of another, and a later life is followed whatever its numbers are.
func TestSessionsOfLives(t *testing.T) {
	n, other := testNode(t, 1), testNode(t, 2)
	n.incarnation, n.sessions = 1, 1<<20
	last := n.nextSession()
	other.incarnation, other.sessions = 1, 1<<20
	require.NotEqual(t, last, other.nextSession())
	n.sessions = 1<<26 - 2
	last = n.nextSession()
	require.Greater(t, n.nextSession(), last, "more than the bits for it")
	n.incarnation, n.sessions = 5, 0
	require.Greater(t, n.nextSession(), last)
	require.Greater(t, n.nextSession(), other.nextSession())
}

// TestOvertakenHeartbeat: a heartbeat that comes over a slow link after a newer one shows that this link works, and when the next one is due there. The
// first one of another life is newer than all before.
func TestOvertakenHeartbeat(t *testing.T) {
	n := testNode(t, 1)
	n.now = n.graceUntil.Add(time.Second)
	p := &n.peers[2]
	pace := uint32(1)
	beat := func(life uint64, seq model.Seq, link model.Link, heard uint8) {
		n.receive(&model.Event{Kind: model.EventMessage, Link: link, Message: model.Message{
			Kind: model.MsgHeartbeat, From: 2, To: 1, Incarnation: life, Seq: seq, Links: heard, Count: pace}})
	}
	const both, second = 1<<model.LinkA1 | 1<<model.LinkA2, 1 << model.LinkA2
	beat(5, 8, model.LinkA1, both)
	beat(5, 9, model.LinkA2, second)
	require.True(t, p.links[model.LinkA2].up)
	require.False(t, p.links[model.LinkA1].up, "it hears nothing of us there")

	n.now = n.now.Add(n.cfg.Timing.SuspectAfter - 1)
	beat(5, 7, model.LinkA1, both)
	require.False(t, p.links[model.LinkA1].up)
	require.Equal(t, n.now, p.links[model.LinkA1].heardAt)
	beat(5, 10, model.LinkA2, both)
	require.True(t, p.links[model.LinkA1].up)

	beat(6, 1, model.LinkA2, second)
	require.False(t, p.links[model.LinkA1].up)
	beat(6, 0, model.LinkA2, both) // of one that was downgraded
	require.True(t, p.links[model.LinkA1].up)

	for _, pace = range []uint32{10, 1} { // a link that is always slower says itself when the next one is due
		newest := p.beat + 2
		beat(7, newest, model.LinkA2, both)
		beat(7, newest-1, model.LinkA1, both)
		require.Equal(t, time.Duration(pace)*n.cfg.Timing.SuspectAfter, n.patience(p, int(model.LinkA1)))
	}
}

// TestVersionIsHeardAtOnce: whatever comes first from a member tells its version; what is not a heartbeat and says none, as
// of members of an earlier build, tells nothing.
func TestVersionIsHeardAtOnce(t *testing.T) {
	n := testNode(t, 1)
	for _, c := range []struct {
		message model.Message
		known   uint8
	}{
		{model.Message{Kind: model.MsgReport}, model.Protocol1},
		{model.Message{Kind: model.MsgReport, Version: model.Protocol2}, model.Protocol2},
		{model.Message{Kind: model.MsgReport}, model.Protocol2},
		{model.Message{Kind: model.MsgHeartbeat}, model.Protocol1},
	} {
		c.message.From, c.message.To, c.message.Incarnation = 2, 1, 5
		n.receive(&model.Event{Kind: model.EventMessage, Message: c.message})
		require.Equal(t, c.known, n.peers[2].protocol)
	}
}
