package swarm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
	"holdfast/sim/random"
)

// Options say what plans are drawn.
type Options struct {
	// Run is the length of the part with faults, from MinRun to script.MaxRun. Default DefaultRun.
	Run time.Duration
	// Unbounded draws plans in which anything may happen.
	Unbounded bool
}

// Bounds of Options.Run.
const (
	DefaultRun = time.Minute
	MinRun     = 5 * time.Second
)

// calm is how long a plan lets the pool be at its beginning.
const calm = 500 * time.Millisecond

// drawer draws one script.
type drawer struct {
	*random.Stream
	script    *script.Script
	unbounded bool
	rough     bool // ft VMs may lose their memory
	rolled    bool // a member's system disk goes back in this plan
	shape     shape
	mix       []weighted
	weights   []uint32
	moods     []uint32 // weight of each sort of episode
}

// Draw returns the script of a seed. The same seed and options give the same script. It panics if
// Options.Run is out of range: that is a mistake of the caller.
func Draw(seed uint64, o Options) *script.Script {
	if o.Run == 0 {
		o.Run = DefaultRun
	}
	if o.Run < MinRun || o.Run > script.MaxRun {
		panic(fmt.Sprintf("swarm: a run of %v; choose %v to %v", o.Run, MinRun, script.MaxRun))
	}
	d := &drawer{Stream: random.New(seed, random.Plan), unbounded: o.Unbounded, script: &script.Script{Run: o.Run}}
	d.rough = d.unbounded || d.Chance(2, 5)
	d.pool()
	d.govern()
	d.load()
	d.tunes()
	d.drawMix()
	d.drawMoods()
	d.distance()
	d.episodes()
	d.declare()
	d.title(seed)
	return d.script
}

// Name returns the name of the script of a seed.
func Name(seed uint64, unbounded bool) string {
	if unbounded {
		return fmt.Sprintf("unbounded-%d", seed)
	}
	return fmt.Sprintf("seed-%d", seed)
}

// drawMix switches some kinds of fault off and gives the others a weight.
func (d *drawer) drawMix() {
	share := int64(d.Int(3, 9)) // tenths of the kinds that stay on
	for _, w := range table {
		if w.draw == nil || w.fits != nil && !w.fits(d) || !d.Chance(share, 10) {
			continue
		}
		d.mix = append(d.mix, w)
		d.weights = append(d.weights, uint32(w.weight)*uint32(1<<d.Int(0, 4)))
	}
	if len(d.mix) == 0 {
		d.mix, d.weights = []weighted{entryOf(faults.PowerOff)}, []uint32{1}
	}
}

// declare says which VMs may lose their memory.
func (d *drawer) declare() {
	for _, vm := range d.script.VMs {
		if d.rough && vm.Level == script.LevelFT {
			d.script.Expects = append(d.script.Expects, script.Expect{Kind: script.ExpectStateLost, VM: vm.Name})
		}
	}
}

// title names the script and says in one sentence what it is.
func (d *drawer) title(seed uint64) {
	s := d.script
	s.Name = Name(seed, d.unbounded)
	var kinds []string
	for _, a := range s.Actions {
		if k := a.Fault.Kind.String(); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	slices.Sort(kinds)
	s.Purpose = fmt.Sprintf("Drawn from seed %d: %d hosts, %d VMs, %d faults of %d kinds (%s).",
		seed, len(s.Hosts), len(s.VMs), len(s.Actions), len(kinds), strings.Join(kinds, ", "))
}

// add appends actions to the plan, up to what a script may hold.
func (d *drawer) add(actions ...script.Action) {
	room := script.MaxActions - len(d.script.Actions)
	d.script.Actions = append(d.script.Actions, actions[:min(room, len(actions))]...)
}

// sort puts the actions into the order of their instants; equal ones keep theirs.
func (d *drawer) sort() {
	slices.SortStableFunc(d.script.Actions, func(a, b script.Action) int { return cmp.Compare(a.Trigger.At, b.Trigger.At) })
}
