package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/dr"
	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// TestRightToLaunch: a life of a node launches what it proposed itself, also if only the generation moved since at the word
// of somebody else, and nothing else.
func TestRightToLaunch(t *testing.T) {
	const life = 3
	cfg := func(gen model.Gen, cause pool.Kind, by model.NodeID, incarnation uint64) pool.Config {
		return pool.Config{VM: 7, Gen: gen, Level: model.LevelFT, Homes: model.Nodes(1, 2), Primary: 2, InSync: model.Nodes(2),
			Cause: cause, By: by, Incarnation: incarnation}
	}
	promoted := cfg(5, pool.KindPromote, 2, life)
	for name, c := range map[string]struct {
		known []pool.Config
		used  bool
		want  right
	}{
		"promoted":              {known: []pool.Config{promoted}, want: right{5, 5, pool.KindPromote}},
		"in an earlier life":    {known: []pool.Config{cfg(5, pool.KindPromote, 2, life-1)}},
		"started by another":    {known: []pool.Config{cfg(5, pool.KindStart, 1, life)}},
		"bumped by another":     {known: []pool.Config{promoted, cfg(6, pool.KindBump, 3, 1)}, want: right{5, 6, pool.KindPromote}},
		"bumped twice":          {known: []pool.Config{promoted, cfg(6, pool.KindBump, 3, 1), cfg(7, pool.KindBump, 3, 1)}, want: right{5, 7, pool.KindPromote}},
		"overridden":            {known: []pool.Config{promoted, cfg(9<<32|6, pool.KindOverride, 2, life)}, want: right{5, 9<<32 | 6, pool.KindPromote}},
		"after a gap":           {known: []pool.Config{promoted, cfg(7, pool.KindBump, 3, 1)}, want: right{5, 0, pool.KindPromote}},
		"overridden with a gap": {known: []pool.Config{promoted, cfg(9<<32|7, pool.KindOverride, 1, 1)}, want: right{5, 0, pool.KindPromote}},
		"another level":         {known: []pool.Config{promoted, cfg(6, pool.KindLevel, 2, life)}, want: right{5, 0, pool.KindPromote}},
		"used":                  {known: []pool.Config{promoted, cfg(6, pool.KindBump, 3, 1)}, used: true, want: right{5, 0, pool.KindPromote}},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 2)
			n.incarnation = life
			v := n.addVM(7)
			for i := range c.known {
				v.entitle(&c.known[i])
				v.cfg = c.known[i]
				if c.used {
					v.right.in = 0
				}
			}
			require.Equal(t, c.want, v.right)
		})
	}
}

// TestFromSource: the host with a recovery copy follows the VM's primary, in the generation that it knows or a later one.
func TestFromSource(t *testing.T) {
	const gen, history = 6, 4
	open := model.Message{Kind: model.MsgShipOpen, From: 1, Gen: gen, Session: 9, Epoch: history}
	for name, c := range map[string]struct {
		change   func(*model.Message)
		followed bool
	}{
		"as known":           {func(*model.Message) {}, true},
		"a later one":        {func(m *model.Message) { m.Gen++ }, true},
		"an earlier one":     {func(m *model.Message) { m.Gen-- }, false},
		"of another history": {func(m *model.Message) { m.Epoch-- }, false},
		"of the other home":  {func(m *model.Message) { m.From = 2 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 3)
			v := n.addVM(7)
			v.cfg = pool.Config{VM: 7, Gen: gen, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2,
				InSync: model.Nodes(1, 2), Recovery: 3, History: history, TargetMS: 500}
			// The copy itself has followed nothing yet that would tell: it may come from before the generation.
			v.recovery.tgt = dr.NewTarget(0, 7, n.cfg.recovery(), 1, history, history, 2)
			n.out.Reset()
			m := open
			c.change(&m)
			v.fromSource(&m)
			require.Equal(t, c.followed, len(n.out.List) > 0)
		})
	}
}

// TestByRight: an instance on shared storage is this host's as long as nobody else was given the VM since it was started, however
// many lives of the daemon each asked for a generation, and only if the node can know it.
func TestByRight(t *testing.T) {
	cfg := func(gen model.Gen, cause pool.Kind, by, primary model.NodeID, life uint64) pool.Config {
		return pool.Config{VM: 7, Gen: gen, Level: model.LevelRestart, Shared: true, Homes: model.Nodes(1, 2), Primary: primary,
			Cause: cause, By: by, Incarnation: life}
	}
	start, bump, again := cfg(3, pool.KindStart, 2, 2, 1), cfg(4, pool.KindBump, 2, 2, 2), cfg(5, pool.KindBump, 2, 2, 3)
	override := pool.Command{Kind: pool.KindOverride, Expect: 9, By: 1, Incarnation: 8}
	over := func(c pool.Config) pool.Config { return c.Overridden(override) }
	after := over(again)
	after.Gen, after.Cause, after.By = after.Gen+1, pool.KindBump, 2
	claimed, back := cfg(4, pool.KindClaim, 1, 1, 1), cfg(5, pool.KindClaim, 2, 2, 2)
	for name, c := range map[string]struct {
		known []pool.Config
		gen   model.Gen // of the instance
		want  bool
	}{
		"just started":              {[]pool.Config{start}, 3, true},
		"a life later":              {[]pool.Config{start, bump}, 3, true},
		"two lives later":           {[]pool.Config{start, bump, again}, 3, true},
		"all in one step, one seen": {[]pool.Config{bump, again}, 3, true},
		"only the last is seen":     {[]pool.Config{again}, 3, false},
		"one before the last":       {[]pool.Config{again}, 4, true},
		"booted anew, then a life":  {[]pool.Config{start, cfg(4, pool.KindStart, 2, 2, 1), again}, 3, true},
		"claimed":                   {[]pool.Config{start, claimed}, 3, false},
		"claimed and claimed back":  {[]pool.Config{start, claimed, back, cfg(6, pool.KindStart, 2, 2, 2)}, 3, false},
		"and started since":         {[]pool.Config{start, claimed, back, cfg(6, pool.KindStart, 2, 2, 2)}, 6, true},
		"a gap, then a life":        {[]pool.Config{start, cfg(6, pool.KindBump, 2, 2, 3), cfg(7, pool.KindBump, 2, 2, 4)}, 3, false},
		"older than what is known":  {[]pool.Config{start}, 2, true},
		"overridden":                {[]pool.Config{start, over(start)}, 3, true},
		"overridden a life later":   {[]pool.Config{start, bump, over(bump)}, 3, true},
		"only the override is seen": {[]pool.Config{over(start)}, 3, true},
		"overridden, and a life":    {[]pool.Config{start, bump, again, over(again), after}, 3, true},
		"overridden elsewhere":      {[]pool.Config{start, over(back)}, 3, false},
		"overridden when claimed":   {[]pool.Config{start, over(claimed)}, 3, false},
		"from a later generation":   {[]pool.Config{start}, 4, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 2)
			v := n.addVM(7)
			v.gen = c.gen
			for i := range c.known {
				v.follow(&c.known[i])
				v.cfg = c.known[i]
			}
			require.Equal(t, c.want, v.byRight())
		})
	}
}

// TestHeldWhileOutOfService: a right that was won by who had not heard that the VM is out of service is kept until an operator
// has looked, and one that an operator gave is used.
func TestHeldWhileOutOfService(t *testing.T) {
	const life = 3
	out := pool.Command{Kind: pool.KindRetire, By: 2, VM: 7, Component: model.ComponentVM}
	for name, c := range map[string]struct {
		cause           pool.Kind
		retired, forced bool
		history         model.Gen
		held            bool
	}{
		"in service":            {cause: pool.KindPromote},
		"promoted":              {cause: pool.KindPromote, retired: true, held: true},
		"started":               {cause: pool.KindStart, retired: true, held: true},
		"started by force":      {cause: pool.KindStart, retired: true, forced: true},
		"failed over":           {cause: pool.KindStart, retired: true, history: 5},
		"after a new recovery":  {cause: pool.KindStart, retired: true, history: 4, held: true},
		"in service, by force":  {cause: pool.KindStart, forced: true},
		"in service, in a plan": {cause: pool.KindStart, history: 5},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 2)
			n.incarnation = life
			v := n.addVM(7)
			if c.retired {
				require.True(t, n.pool.Apply(1, out).OK)
			}
			if c.forced {
				v.forced = 5
			}
			cfg := pool.Config{VM: 7, Gen: 5, Level: model.LevelFT, Homes: model.Nodes(1, 2), Primary: 2, InSync: model.Nodes(2),
				Cause: c.cause, By: 2, Incarnation: life, History: c.history}
			v.entitle(&cfg)
			v.cfg = cfg
			require.Equal(t, c.held, v.held())
			require.Equal(t, !c.held && c.cause == pool.KindStart, v.startsShared(), "on shared storage")
			if c.held {
				require.True(t, n.pool.Apply(2, pool.Command{Kind: pool.KindClear, By: 2}).OK)
				require.False(t, v.held())
				require.Equal(t, cfg.Gen, v.right.in, "the right is not lost")
			}
		})
	}
}

// TestGoesOn: what an override found is known to a node if it knew it already, or was asking for it itself; then it has the
// right that it asked for.
func TestGoesOn(t *testing.T) {
	const life = 3
	known := pool.Config{VM: 7, Gen: 5, Level: model.LevelFT, Homes: model.Nodes(1, 2), Primary: 1, Secondary: 2, InSync: model.Nodes(1, 2),
		BaseEpoch: 4, Cause: pool.KindAttach, By: 1}
	override := pool.Command{Kind: pool.KindOverride, Expect: 9, By: 3, Incarnation: 8}
	does := func(cfg pool.Config, kind pool.Kind, by, node model.NodeID) pool.Config {
		next, err := pool.Check(cfg, pool.Command{Kind: kind, VM: 7, Expect: cfg.Gen, By: by, Node: node, Incarnation: life})
		require.NoError(t, err)
		return next
	}
	promoted := does(known, pool.KindPromote, 2, 2)
	for name, c := range map[string]struct {
		wants bool // to be promoted
		found pool.Config
		want  bool
		right right
	}{
		"as known":                {found: known, want: true},
		"as known, and asking":    {wants: true, found: known, want: true},
		"promoted":                {wants: true, found: promoted, want: true, right: right{6, 9<<32 | 7, pool.KindPromote}},
		"promoted, and not asked": {found: promoted},
		"promoted, and more":      {wants: true, found: does(promoted, pool.KindBump, 2, 0)},
		"detached":                {wants: true, found: does(known, pool.KindDetach, 1, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			n := testNode(t, 2)
			n.incarnation = life
			v := n.addVM(7)
			v.take(&known)
			if c.wants {
				v.propose(pool.Command{Kind: pool.KindPromote, Node: 2})
			}
			next := c.found.Overridden(override)
			require.Equal(t, c.want, v.goesOn(&next))
			if c.want {
				v.take(&next)
				require.Equal(t, c.right, v.right)
			}
		})
	}
}

// TestBootsAnew: a boot of a VM that hangs was decided and an override followed: the instance of before does not go on.
func TestBootsAnew(t *testing.T) {
	n := testNode(t, 1)
	v := n.addVM(7)
	v.take(&pool.Config{VM: 7, Gen: 5, Level: model.LevelHA, Homes: model.Nodes(1, 2), Primary: 1, InSync: model.Nodes(1), Cause: pool.KindStart, By: 1})
	v.instance, v.gen, v.right = running, 5, right{}
	v.machines(model.NewBitmap(8), 0)
	v.propose(pool.Command{Kind: pool.KindStart, Node: 1})
	booted, err := pool.Check(v.cfg, v.want)
	require.NoError(t, err)
	v.take(&booted)
	next := booted.Overridden(pool.Command{Kind: pool.KindOverride, Expect: 9, By: 1})
	v.take(&next)
	v.run()
	require.Equal(t, absent, v.instance)
	require.Nil(t, v.main)
	require.Equal(t, v.cfg.Gen, v.right.in)
}
