package sim

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// InstanceState is what a host has of a VM at some time.
type InstanceState uint8

// The states of an instance.
const (
	NoInstance InstanceState = iota
	Booting
	Running
	Suspended
	FrozenHost
)

// Span is a stretch of time in which a host had an instance in one state.
type Span struct {
	Host     model.NodeID
	State    InstanceState
	From, To model.Time
}

// Change is a committed configuration and when it was first seen.
type Change struct {
	At     model.Time
	Config pool.Config
}

// Notice is something that a member told people.
type Notice struct {
	At     model.Time
	Member model.NodeID
	model.Notice
}

// tape takes down what people want to see of a run.
type tape struct {
	open    [][]Span // by VM and member: the present span
	spans   [][]Span // by VM
	changes [][]Change
	notices []Notice
	delays  []int64 // of output in plugs
	stops   struct {
		count int64
		sum   time.Duration
		max   time.Duration
	}
	boots  []int       // by VM: how often its system came up
	halves []model.Gen // by VM: configuration in which half a resync was told
	w      *World
}

const (
	maxDelays  = 200_000
	maxNotices = 500_000
)

func (t *tape) ready(w *World) {
	if t.w != nil {
		return
	}
	t.w = w
	t.open = make([][]Span, len(w.vms))
	t.spans = make([][]Span, len(w.vms))
	t.changes = make([][]Change, len(w.vms))
	t.boots, t.halves = make([]int, len(w.vms)), make([]model.Gen, len(w.vms))
	for i := range t.open {
		t.open[i] = make([]Span, len(w.nodes))
	}
}

// host takes down that a member changed: all its instances may look different.
func (t *tape) host(w *World, m *member) {
	for _, p := range m.vms {
		if p != nil {
			t.instance(p)
		}
	}
}

// instance takes down the present state of an instance.
func (t *tape) instance(p *place) {
	t.ready(p.w)
	state := NoInstance
	switch {
	case !p.inst.present:
	case p.m.frozen:
		state = FrozenHost
	case p.inst.booting || p.inst.machine != nil && !p.inst.machine.Serving():
		state = Booting
	case p.inst.suspended && !p.inst.capturing:
		state = Suspended
	default:
		state = Running
	}
	s := &t.open[p.vm.id][p.m.id]
	if s.State == state {
		return
	}
	if s.State != NoInstance && p.w.now > s.From {
		s.To = p.w.now
		t.spans[p.vm.id] = append(t.spans[p.vm.id], *s)
	}
	*s = Span{Host: p.m.id, State: state, From: p.w.now}
}

// booting reports whether the instance was last seen booting.
func (t *tape) booting(p *place) bool {
	return t.w != nil && t.open[p.vm.id][p.m.id].State == Booting
}

func (t *tape) committed(w *World, cfg *pool.Config) {
	t.ready(w)
	t.changes[cfg.VM] = append(t.changes[cfg.VM], Change{At: w.now, Config: *cfg})
}

func (t *tape) notice(w *World, m *member, n *model.Notice) {
	if len(t.notices) >= maxNotices {
		panic("sim: people are told of so much that they see nothing")
	}
	t.notices = append(t.notices, Notice{At: w.now, Member: m.id, Notice: *n})
}

func (t *tape) delayed(d time.Duration) {
	if len(t.delays) < maxDelays {
		t.delays = append(t.delays, int64(d))
	}
}

func (t *tape) stopped(d time.Duration) {
	t.stops.count++
	t.stops.sum += d
	t.stops.max = max(t.stops.max, d)
}

// halfOnce reports whether the half of the VM's present resync is told for the first time.
func (t *tape) halfOnce(vm model.VMID) bool {
	gen := t.w.Config(vm).Gen
	if t.halves[vm] == gen {
		return false
	}
	t.halves[vm] = gen
	return true
}

// Spans returns who had an instance of the VM, up to now, in the order in which the spans ended.
func (w *World) Spans(vm model.VMID) []Span {
	w.tape.ready(w)
	spans := append([]Span(nil), w.tape.spans[vm]...)
	for _, s := range w.tape.open[vm] {
		if s.State != NoInstance && w.now > s.From {
			s.To = w.now
			spans = append(spans, s)
		}
	}
	return spans
}

// Changes returns the committed configurations of the VM.
func (w *World) Changes(vm model.VMID) []Change {
	w.tape.ready(w)
	return w.tape.changes[vm]
}

// Boots returns how often the VM's system came up, the first time included.
func (w *World) Boots(vm model.VMID) int { return w.tape.boots[vm] }

// Notices returns what members told people, in order.
func (w *World) Notices() []Notice { return w.tape.notices }

// OutputDelays returns how long packets waited in plugs, in nanoseconds.
func (w *World) OutputDelays() []int64 { return w.tape.delays }

// Captures returns how often guests were stopped for a checkpoint, for how long in all and at most.
func (w *World) Captures() (count int64, sum, longest time.Duration) {
	s := &w.tape.stops
	return s.count, s.sum, s.max
}
