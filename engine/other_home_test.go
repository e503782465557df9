package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/pair"
	"holdfast/engine/pool"
)

// homes is a VM of hosts 1 and 2, both in sync, on the given one.
func homes(t *testing.T, self, other model.NodeID) *vm {
	n := testNode(t, self)
	v := n.addVM(7)
	v.other = other
	v.cfg = pool.Config{VM: 7, Gen: 3, Level: model.LevelFT, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2, InSync: model.Nodes(1, 2)}
	v.in = pair.NewSecondary(7)
	return v
}

// TestHoldsVM: a home tells of the memory that it holds only if it may go on with it: otherwise the primary, which could boot the VM,
// would wait for it.
func TestHoldsVM(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*vm)
		want   bool
	}{
		"the truth":                {func(*vm) {}, true},
		"lost what it promised":    {func(v *vm) { v.gone = true }, false},
		"not in sync":              {func(v *vm) { v.cfg.InSync = model.Nodes(1) }, false},
		"before the first attach":  {func(v *vm) { v.cfg.BaseEpoch = 3 }, false},
		"a level without memory":   {func(v *vm) { v.cfg.Level = model.LevelHA }, false},
		"a copy that is not there": {func(v *vm) { v.copy = nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := homes(t, 2, 1)
			v.copy = mirror.NewReplica(7, v.n.cfg.Mirror, nil, 1)
			v.in.Reset(5, &v.n.out)
			v.in.Checkpoint(&model.Message{Kind: model.MsgCheckpoint, From: 1, VM: 7, Gen: 3, Session: 5, Epoch: 2, Flags: model.FlagFull}, 0, &v.n.out)
			v.in.Sealed(2, &v.n.out)
			c.change(v)
			require.Equal(t, c.want, v.holdsVM())
		})
	}
}

// TestCannotRun: a home says that it cannot run the VM also when its disk is out of service from the beginning, and when its copy lost what
// it had promised: otherwise the primary would leave the VM to it.
func TestCannotRun(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*vm)
		want   bool
	}{
		"able": {func(v *vm) { v.disk = diskOpen }, false},
		"its disk is out of service, and was not opened": {func(v *vm) {
			disk := v.n.about(pool.KindFault, pool.Part{Component: model.ComponentDisk, Node: 2, VM: 7})
			v.n.orders = append(v.n.orders, pendingOrder{cmd: disk})
		}, true},
		"its copy lost what it had promised": {func(v *vm) { v.disk, v.gone = diskOpen, true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			v := homes(t, 2, 1)
			v.marks = model.NewBitmap(v.n.cfg.Mirror.Extents)
			c.change(v)
			v.keepCopy()
			require.Equal(t, c.want, v.cannot)
		})
	}
}

// TestOutOfServiceStays: a guest that runs, and is not to be started any more, is not ended to be started elsewhere.
func TestOutOfServiceStays(t *testing.T) {
	for name, c := range map[string]struct {
		kind   model.OrderKind
		change func(*vm)
	}{
		"migrated":    {model.OrderMigrate, func(*vm) {}},
		"handed over": {model.OrderHandOver, func(v *vm) { v.cfg.Level, v.cfg.Shared = model.LevelRestart, true }},
		"returned":    {model.OrderFailBack, func(v *vm) { v.cfg.Former = model.Nodes(2, 3) }},
	} {
		t.Run(name, func(t *testing.T) {
			v := homes(t, 1, 2)
			n := v.n
			v.instance = running
			c.change(v)
			guest := n.about(pool.KindFault, pool.Part{Component: model.ComponentVM, VM: 7})
			n.orders = append(n.orders, pendingOrder{cmd: guest})
			n.out.Reset()
			n.order(&model.Order{Kind: c.kind, VM: 7, Node: 2})
			require.Len(t, n.out.List, 1)
			require.Equal(t, vmRetired, n.out.List[0].Notice.Detail)
			require.False(t, v.moving || v.shared.away || v.recovery.returning)
		})
	}
}

// TestCannotGoOn: a primary that gave its VM away, and hears that the other home cannot go on with it, goes on itself. That the last
// checkpoint was refused may have been lost on the way.
func TestCannotGoOn(t *testing.T) {
	for name, c := range map[string]struct {
		final   bool
		flags   model.Flags
		trouble bool
	}{
		"given away":                       {true, model.FlagCheckpoint, false},
		"given away, and it cannot":        {true, model.FlagCannotRun, true},
		"not given away, and it could not": {false, model.FlagCannotRun, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := homes(t, 1, 2)
			n := v.n
			n.peers[2].incarnation, n.peers[2].suspected = 4, false
			v.instance, v.gen, v.session, v.sessionOf = running, 3, 5, 4
			v.report = report{incarnation: 4, gen: 3, flags: c.flags}
			v.main = mirror.NewPrimary(7, n.cfg.Mirror, 1, 2, 3, model.Nodes(1), nil, 1)
			v.out = pair.NewPrimary(7, n.cfg.Pair, true, 0)
			v.out.Begin(n.now, 3, 2, 5, &n.out)
			v.out.Capture(n.now, 3, 0, true, c.final, &n.out)
			require.Equal(t, c.trouble, v.peerTrouble())
		})
	}
}

// TestRecordKeptWhileCopied: what a durable point has goes out of the other home's change record only when every write has a number there.
func TestRecordKeptWhileCopied(t *testing.T) {
	v := homes(t, 1, 2)
	n := v.n
	v.cfg.InSync, v.cfg.Recovery = model.Nodes(1), 3
	v.instance, v.gen = running, 3
	marks := model.NewBitmap(n.cfg.Mirror.Extents)
	marks.Set(4)
	v.main = mirror.NewPrimary(7, n.cfg.Mirror, 1, 2, 3, model.Nodes(1), marks, 1)
	told := func() bool {
		n.out.Reset()
		v.unchanged(marks.Bytes())
		for i := range n.out.List {
			if e := &n.out.List[i]; e.Kind == model.EffectSend && e.Message.Kind == model.MsgChanged {
				return true
			}
		}
		return false
	}
	asked := func(kind model.EffectKind) uint64 {
		for i := range n.out.List {
			if e := &n.out.List[i]; e.Kind == kind {
				return e.ID
			}
		}
		require.Failf(t, "missing", "%v", kind)
		return 0
	}
	require.False(t, told(), "there is nobody")

	v.main.Open(n.now, 5, 4, &n.out)
	v.main.Intent(n.now, &model.Message{Kind: model.MsgIntent, From: 2, VM: 7, Session: 5, Data: model.NewBitmap(n.cfg.Mirror.Extents).Bytes()}, &n.out)
	intent := asked(model.EffectIntent)
	require.False(t, told(), "nothing is copied yet")

	v.main.IntentDone(n.now, intent, false, &n.out)
	require.Equal(t, mirror.Copying, v.main.Remote())
	read := asked(model.EffectExtentRead)
	require.False(t, told(), "an extent is on its way")

	v.main.DiskDone(n.now, read, false, &n.out)
	v.main.Copied(n.now, &model.Message{Kind: model.MsgCopied, From: 2, VM: 7, Session: 5, ID: read}, &n.out)
	require.Equal(t, mirror.Joined, v.main.Remote())
	require.True(t, told())
}

// TestSessionsAreFollowedOnce: a copy that is opened again does not follow a session that one before it followed, nor a new life one that was
// opened with an earlier life: what comes once more and late could not be told from what is new.
func TestSessionsAreFollowedOnce(t *testing.T) {
	const life = 9
	open := func(v *vm, session, primaryLife, ours uint64) (intent, refused bool) {
		v.n.out.Reset()
		v.openReplica(&model.Message{Kind: model.MsgResync, From: 1, VM: 7, Gen: 3, Session: session, Incarnation: primaryLife, ID: ours})
		for i := range v.n.out.List {
			if e := &v.n.out.List[i]; e.Kind == model.EffectSend {
				intent = intent || e.Message.Kind == model.MsgIntent
				refused = refused || e.Message.Kind == model.MsgMirrorAck && e.Message.Flags.Has(model.FlagError) && e.Message.Session == session
			}
		}
		return intent, refused
	}
	for name, c := range map[string]struct {
		reopened        bool
		session, life   uint64 // of the primary
		ours            uint64 // life of this node
		intent, refused bool
	}{
		"repeated":                         {false, 5, 4, life, true, false},
		"a newer one":                      {false, 6, 4, life, true, false},
		"an older one":                     {false, 4, 4, life, false, true},
		"of another life of the primary":   {false, 4, 5, life, true, false},
		"for an earlier life":              {false, 6, 4, life - 1, false, false},
		"by a version that does not say":   {false, 6, 4, 0, true, false},
		"repeated, and the copy is new":    {true, 5, 4, life, false, true},
		"a newer one, and the copy is new": {true, 6, 4, life, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := homes(t, 2, 1)
			v.n.incarnation, v.cfg.InSync = life, model.Nodes(1)
			v.copy = mirror.NewReplica(7, v.n.cfg.Mirror, nil, 1)
			intent, _ := open(v, 5, 4, life)
			require.True(t, intent)
			if c.reopened {
				v.copy = mirror.NewReplica(7, v.n.cfg.Mirror, nil, 2)
			}
			intent, refused := open(v, c.session, c.life, c.ours)
			require.Equal(t, c.intent, intent)
			require.Equal(t, c.refused, refused)
			require.Equal(t, c.intent, v.copy.Session() == c.session)
		})
	}
}

// TestRefusedSession: a primary whose session is refused opens another one, also with the only copy in sync.
func TestRefusedSession(t *testing.T) {
	for _, inSync := range []model.NodeSet{model.Nodes(1), model.Nodes(2), model.Nodes(1, 2)} {
		v := homes(t, 1, 2)
		n := v.n
		n.peers[2].incarnation = 4
		v.cfg.InSync, v.instance, v.gen, v.session, v.sessionOf = inSync, running, 3, 5, 4
		v.main = mirror.NewPrimary(7, n.cfg.Mirror, 1, 2, 3, inSync, nil, 1)
		v.out = pair.NewPrimary(7, n.cfg.Pair, true, 0)
		v.main.Open(n.now, 5, 4, &n.out)
		require.False(t, v.peerTrouble())
		v.main.MirrorAck(n.now, &model.Message{Kind: model.MsgMirrorAck, From: 2, VM: 7, Session: 5, Flags: model.FlagError}, &n.out)
		require.True(t, v.peerTrouble(), "%v", inSync)
		v.main.Disconnect(n.now, &n.out)
		v.main.Open(n.now, 6, 4, &n.out)
		require.False(t, v.main.Refused())
	}
}
