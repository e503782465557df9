package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine"
	"holdfast/engine/model"
)

// path is one of the paths that a node walks all the time: a cycle of steps that leads
// back to where it began.
type path struct {
	name  string
	level model.Level
	node  model.NodeID // whose steps are measured
	steps int          // in a cycle
	cycle func(b *bench)
}

// bench is a node of a protected pool, with what its cycles need.
type bench struct {
	t       require.TestingT
	node    *engine.Node
	now     model.Time
	beat    model.Message // a heartbeat of the peer
	session uint64
	id      uint64
	seq     model.Seq
	ev      model.Event
	beats   int

	gen      model.Gen
	captured model.Epoch // the capture under way
}

// shortEpoch is so short that cycles take next to no time of the node's clock.
const shortEpoch = time.Microsecond

var paths = []path{
	{"heartbeat", model.LevelHA, 1, 1, func(b *bench) { b.heartbeat() }},
	{"ack", model.LevelFT, 1, 2, func(b *bench) { b.epoch() }},
	{"mirror-write", model.LevelHA, 1, 3, func(b *bench) { b.write() }},
	{"mirror-replica", model.LevelHA, 2, 2, func(b *bench) { b.replica() }},
}

// newBench returns the member of a pool that protects one VM.
func newBench(t require.TestingT, p *path) *bench {
	r := newRunner(t, 3, func(c *engine.Config) { c.Pair.Epoch, c.Pair.EpochMax = shortEpoch, shortEpoch })
	r.run(time.Second)
	r.create(p.level, 1, false)
	r.run(30 * time.Millisecond)
	config := r.members[1].node.Pool().VM(1)
	for i := 0; config.Exposed(); i++ {
		require.Less(t, i, 100_000, "the VM is not protected after a second")
		r.run(10 * time.Microsecond)
		config = r.members[1].node.Pool().VM(1)
	}
	b := &bench{t: t, node: r.members[p.node].node}
	peer := 3 - p.node
	for b.beat.Kind == 0 || b.session == 0 {
		r.run(10 * time.Microsecond)
		for _, q := range r.queue {
			m := &q.ev.Message
			switch {
			case q.ev.Kind != model.EventMessage:
			case m.Kind == model.MsgHeartbeat && m.From == peer && q.to == p.node:
				b.beat = *m
			case m.Session != 0:
				b.session = m.Session
			}
		}
		if b.session == 0 && r.now%model.Time(time.Millisecond) == 0 {
			r.step(1, &model.Event{Kind: model.EventRequest, VM: 1, IO: model.IO{ID: 1, Op: model.OpWrite, Count: 1}})
			b.seq = 1
		}
	}
	r.run(time.Millisecond)
	for p.level == model.LevelFT && b.captured == 0 {
		r.run(10 * time.Microsecond)
		for _, q := range r.queue {
			if q.ev.Kind == model.EventCaptured {
				b.gen, b.captured = q.ev.Gen, q.ev.Epoch
			}
		}
	}
	b.now = r.now
	return b
}

// step makes a step and returns the first effect of the given kind, if it wants one.
func (b *bench) step(want model.EffectKind) *model.Effect {
	list := b.node.Step(b.now, &b.ev)
	if want == 0 {
		return nil
	}
	for i := range list {
		if list[i].Kind == want {
			return &list[i]
		}
	}
	require.FailNow(b.t, "the step has no such effect", "%v after %v", want, b.ev.Kind)
	return nil
}

func (b *bench) message(kind model.MessageKind) *model.Message {
	b.ev = model.Event{Kind: model.EventMessage}
	m := &b.ev.Message
	m.Kind, m.From, m.To, m.VM = kind, b.beat.From, b.beat.To, 1
	m.Incarnation, m.Session = b.beat.Incarnation, b.session
	return m
}

// heartbeat is a heartbeat of the peer.
func (b *bench) heartbeat() {
	b.ev = model.Event{Kind: model.EventMessage, Message: b.beat}
	b.step(0)
}

// alive keeps the peer from being suspected over many cycles.
func (b *bench) alive() {
	if b.beats++; b.beats%10_000 == 0 {
		b.heartbeat()
	}
}

// epoch is a staged checkpoint and its acknowledgement, with which the next epoch ends.
func (b *bench) epoch() {
	b.alive()
	b.ev = model.Event{Kind: model.EventCaptured, VM: 1, Gen: b.gen, Epoch: b.captured, Count: 5}
	session := b.step(model.EffectSend).Message.Session
	b.now += 2 * model.Time(shortEpoch)
	m := b.message(model.MsgAck)
	m.Gen, m.Epoch, m.Session = b.gen, b.captured, session
	b.captured = b.step(model.EffectCapture).Epoch
}

// write is a guest's write, its end on the local copy, and its end on the other.
func (b *bench) write() {
	b.alive()
	b.id++
	b.ev = model.Event{Kind: model.EventRequest, VM: 1, IO: model.IO{ID: b.id, Op: model.OpWrite, Count: 1}}
	id := b.step(model.EffectDisk).ID
	b.ev = model.Event{Kind: model.EventDisk, VM: 1, ID: id}
	b.step(0)
	b.seq++
	b.message(model.MsgMirrorAck).Seq = b.seq
	b.step(model.EffectComplete)
}

// replica is a primary's write and its end on the copy.
func (b *bench) replica() {
	b.alive()
	b.seq++
	m := b.message(model.MsgWrite)
	m.Seq, m.IO = b.seq, model.IO{ID: uint64(b.seq), Op: model.OpWrite, Count: 1}
	id := b.step(model.EffectDiskCopy).ID
	b.ev = model.Event{Kind: model.EventDisk, VM: 1, ID: id}
	b.step(model.EffectSend)
}

// An operation is one step.
func BenchmarkStep(b *testing.B) {
	for i := range paths {
		p := &paths[i]
		b.Run(p.name, func(b *testing.B) {
			state := newBench(b, p)
			p.cycle(state)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += p.steps {
				p.cycle(state)
			}
		})
	}
}

func TestStepsAllocateNothing(t *testing.T) {
	for i := range paths {
		p := &paths[i]
		t.Run(p.name, func(t *testing.T) {
			b := newBench(t, p)
			require.Zero(t, testing.AllocsPerRun(1000, func() { p.cycle(b) }), "allocations in a cycle of %d steps", p.steps)
		})
	}
}
