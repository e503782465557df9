package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// The host of an ft guest that hung boots it, unless it cannot. At other levels there is nothing that the other home could go on
// with; what happened in an earlier configuration is forgotten, which costs one more hang at most.
func TestBootsHere(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*vm)
		boots  bool
	}{
		{"it hung", func(*vm) {}, true},
		{"level ha", func(v *vm) { v.cfg.Level = model.LevelHA }, false},
		{"a later configuration", func(v *vm) { v.cfg.Gen++ }, false},
		{"the other home has it", func(v *vm) { v.cfg.Primary = 2 }, false},
		{"its copy is out of sync", func(v *vm) { v.cfg.InSync = model.Nodes(2) }, false},
		{"its copy lost what it promised", func(v *vm) { v.gone = true }, false},
		{"its disk fails", func(v *vm) { v.cannot = true }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &Node{cfg: Config{ID: 1}, pool: pool.New(pool.Members{Hosts: model.Nodes(1, 2)})}
			homes := model.Nodes(1, 2)
			v := &vm{n: n, id: 7, other: 2, hungIn: 3, cfg: pool.Config{VM: 7, Gen: 3, Level: model.LevelFT, Primary: 1, Secondary: 2, Homes: homes, InSync: homes}}
			c.change(v)
			require.Equal(t, c.boots, v.bootsHere())
		})
	}
}
