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

// TestByRight: an instance on shared storage is this host's by right as long as nobody else can have been given the VM.
func TestByRight(t *testing.T) {
	const gen, era = 5, 9 << 32
	for name, c := range map[string]struct {
		gen     model.Gen
		primary model.NodeID
		cause   pool.Kind
		by      model.NodeID
		want    bool
	}{
		"its generation":            {gen, 1, pool.KindStart, 1, true},
		"bumped":                    {gen + 1, 1, pool.KindBump, 1, true},
		"started anew":              {gen + 1, 1, pool.KindStart, 1, true},
		"started by an operator":    {gen + 1, 1, pool.KindStart, 3, false},
		"claimed":                   {gen + 1, 2, pool.KindClaim, 2, false},
		"claimed back":              {gen + 2, 1, pool.KindClaim, 1, false},
		"two of its own":            {gen + 2, 1, pool.KindBump, 1, false},
		"overridden":                {era | gen + 1, 1, pool.KindOverride, 3, true},
		"overridden, other host":    {era | gen + 1, 2, pool.KindOverride, 3, false},
		"overridden when claimed":   {era | gen + 2, 2, pool.KindClaim, 3, false},
		"overridden, another one":   {era | gen + 2, 1, pool.KindOverride, 3, false},
		"overridden and bumped":     {era | gen + 2, 1, pool.KindBump, 1, false},
		"overridden, claimed by it": {era | gen + 1, 1, pool.KindClaim, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := testNode(t, 1).addVM(7)
			v.instance, v.gen = foreign, gen
			v.cfg = pool.Config{VM: 7, Gen: c.gen, Level: model.LevelRestart, Shared: true, Homes: model.Nodes(1, 2), InSync: model.Nodes(1, 2),
				Primary: c.primary, Secondary: 3 - c.primary, Cause: c.cause, By: c.by}
			require.Equal(t, c.want, v.byRight())
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
