package engine_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine"
	"holdfast/engine/internal/golden"
	"holdfast/engine/mirror"
	"holdfast/engine/model"
)

// Delays of the test runner. They are all different, so that traces have one order.
const (
	linkDelay    = 100 * time.Microsecond
	diskDelay    = 70 * time.Microsecond
	startDelay   = 20 * time.Millisecond
	captureDelay = time.Millisecond
	sealDelay    = 30 * time.Microsecond
)

// testExtents is the size of the disks; ExtentSectors is 1.
const testExtents = 3

func testConfig(id model.NodeID, hosts, witnesses model.NodeSet) engine.Config {
	return engine.Config{
		ID: id, Hosts: hosts, Witnesses: witnesses, Seed: 1,
		Timing: engine.DefaultTiming(), Pair: engine.DefaultPair(),
		Mirror: mirror.Config{
			Extents: testExtents, ExtentSectors: 1, ActiveExtents: 2, CopyDepth: 2,
			IOTimeout: 500 * time.Millisecond, Resend: 100 * time.Millisecond,
		},
	}
}

// runner is the smallest runner that lets a pool work: it performs effects at once, or after a
// fixed delay where they take time, and keeps messages in a list. There is no data and no guest.
type runner struct {
	t       require.TestingT
	now     model.Time
	members []*testMember // by NodeID; [0] is nil
	queue   []due
	count   uint64
	life    uint64

	onSend func(*model.Message) // sees every message; nil: nothing

	configure func(*engine.Config) // changes the configuration of every member; nil: nothing

	hosts, witnesses model.NodeSet // of the pool's beginning

	announced [20]model.NodeID // by VMID: who said last that it is there

	trace []string
	all   bool // trace everything, not only decisions
}

// due is an event that will happen.
type due struct {
	at     model.Time
	number uint64
	to     model.NodeID
	life   uint64
	ev     model.Event
}

// testMember is a host or the witness with what survives a crash of its daemon.
type testMember struct {
	node      *engine.Node // nil: the daemon is down
	life      uint64
	wakeAt    model.Time
	records   []model.Record
	instances map[model.VMID]model.Gen
	marks     map[model.VMID]model.Bitmap
	made      map[model.VMID]model.Gen // the generation for which its copy was made
	broken    map[model.VMID]bool      // its disk fails
	lost      map[model.VMID]bool      // its disk lost what it had called durable

	watchdog watchdog

	failStarts int      // so many instances cannot be created
	cut        [20]bool // by receiver
}

func newTestMember() *testMember {
	return &testMember{
		wakeAt: model.Never, instances: map[model.VMID]model.Gen{}, marks: map[model.VMID]model.Bitmap{}, broken: map[model.VMID]bool{},
		made: map[model.VMID]model.Gen{}, lost: map[model.VMID]bool{},
	}
}

// newRunner starts a pool of two hosts, and a witness if there are three members.
func newRunner(t require.TestingT, members int, configure func(*engine.Config)) *runner {
	var witnesses model.NodeSet
	if members == 3 {
		witnesses = model.Nodes(3)
	}
	return newPool(t, members, model.Nodes(1, 2), witnesses, configure)
}

// newPool prepares so many members and starts those that belong to the pool.
func newPool(t require.TestingT, members int, hosts, witnesses model.NodeSet, configure func(*engine.Config)) *runner {
	r := &runner{t: t, members: make([]*testMember, members+1), hosts: hosts, witnesses: witnesses, configure: configure}
	for id := 1; id <= members; id++ {
		r.members[id] = newTestMember()
	}
	for rest := hosts | witnesses; !rest.Empty(); rest = rest.Without(rest.First()) {
		r.start(rest.First())
	}
	return r
}

// start begins a life of the daemon of a member.
func (r *runner) start(id model.NodeID) {
	m := r.members[id]
	config := testConfig(id, r.hosts, r.witnesses)
	if !(r.hosts | r.witnesses).Has(id) {
		config.Contacts = r.hosts
	}
	if r.configure != nil {
		r.configure(&config)
	}
	node, err := engine.New(config, m.records)
	require.NoError(r.t, err)
	r.life++
	m.node, m.life, m.wakeAt = node, r.life, model.Never
	r.step(id, &model.Event{Kind: model.EventStart, ID: m.life})
	for vm := model.VMID(1); vm < 20; vm++ {
		if gen, runs := m.instances[vm]; runs {
			r.step(id, &model.Event{Kind: model.EventInstance, VM: vm, Gen: gen})
		}
	}
}

// create puts VM 1 under protection, with node as its first primary.
func (r *runner) create(level model.Level, node model.NodeID, shared bool) {
	r.step(node, &model.Event{Kind: model.EventOperator, Order: model.Order{
		Kind: model.OrderCreate, VM: 1, Level: level, Node: node, Homes: model.Nodes(1, 2), Shared: shared,
	}})
}

// kill ends the daemon. With the power go the instances.
func (r *runner) kill(id model.NodeID, power bool) {
	m := r.members[id]
	m.node, m.wakeAt, m.life = nil, model.Never, 0
	if power {
		clear(m.instances)
		m.watchdog = watchdog{}
	}
}

func (r *runner) step(id model.NodeID, ev *model.Event) {
	m := r.members[id]
	if m.node == nil {
		return
	}
	effects := m.node.Step(r.now, ev)
	require.NoError(r.t, m.node.RosterError())
	for _, e := range effects {
		r.perform(id, m, &e)
	}
}

// later lets an event happen to the present life of a member.
func (r *runner) later(id model.NodeID, d time.Duration, ev model.Event) {
	r.count++
	r.queue = append(r.queue, due{at: r.now.Add(d), number: r.count, to: id, life: r.members[id].life, ev: ev})
}

// run lets time pass.
func (r *runner) run(d time.Duration) {
	for end := r.now.Add(d); ; {
		next, who := r.next()
		if r.watchdogEnds(min(next, end)) {
			continue
		}
		if next > end {
			r.now = end
			return
		}
		r.now = max(r.now, next)
		if who != model.NoNode {
			r.members[who].wakeAt = model.Never
			r.step(who, &model.Event{Kind: model.EventWake})
			continue
		}
		i := r.first()
		q := r.queue[i]
		r.queue = slices.Delete(r.queue, i, i+1)
		if q.life == 0 || q.life == r.members[q.to].life || q.ev.Kind == model.EventMessage {
			r.step(q.to, &q.ev)
		}
	}
}

func (r *runner) first() int {
	best := -1
	for i := range r.queue {
		if best < 0 || r.queue[i].at < r.queue[best].at || r.queue[i].at == r.queue[best].at && r.queue[i].number < r.queue[best].number {
			best = i
		}
	}
	return best
}

// next returns when something happens next, and who is to be woken then, if it is that.
func (r *runner) next() (at model.Time, who model.NodeID) {
	at = model.Never
	if i := r.first(); i >= 0 {
		at = r.queue[i].at
	}
	for id := range r.members[1:] {
		if m := r.members[id+1]; m.wakeAt < at {
			at, who = m.wakeAt, model.NodeID(id+1)
		}
	}
	return at, who
}

func (r *runner) marks(id model.NodeID, vm model.VMID) model.Bitmap {
	m := r.members[id]
	if m.marks[vm] == nil {
		m.marks[vm] = model.NewBitmap(testExtents)
		for x := range uint32(testExtents) {
			m.marks[vm].Set(x)
		}
	}
	return m.marks[vm]
}

func (r *runner) perform(id model.NodeID, m *testMember, e *model.Effect) {
	r.note(id, e)
	answer := model.Event{VM: e.VM, Gen: e.Gen, Epoch: e.Epoch, ID: e.ID}
	if m.broken[e.VM] {
		answer.Flags = model.FlagError
	}
	after := func(d time.Duration, kind model.EventKind) {
		answer.Kind = kind
		r.later(id, d, answer)
	}
	switch e.Kind {
	case model.EffectWake:
		m.wakeAt = e.At
	case model.EffectPersist:
		m.records = append(m.records, e.Record)
	case model.EffectSend:
		if r.onSend != nil {
			r.onSend(&e.Message)
		}
		if msg := e.Message; !m.cut[msg.To] {
			r.later(msg.To, linkDelay, model.Event{Kind: model.EventMessage, Link: e.Link, Message: msg})
		}
	case model.EffectStart, model.EffectActivate:
		answer.Flags = 0
		if m.failStarts > 0 {
			m.failStarts--
			answer.Flags = model.FlagError
		} else {
			m.instances[e.VM] = e.Gen
		}
		after(startDelay, model.EventStarted)
	case model.EffectDestroy:
		delete(m.instances, e.VM)
		if e.ID != 0 {
			answer.Flags = 0
			after(destroyDelay, model.EventDestroyed)
		}
	case model.EffectWatchdogNext, model.EffectWatchdogKeep, model.EffectWatchdogOff:
		m.watchdog.perform(r.now, e)
	case model.EffectAdopt:
		m.instances[e.VM] = e.Gen
	case model.EffectCapture:
		answer.Flags, answer.Count = 0, 1
		after(captureDelay, model.EventCaptured)
	case model.EffectSeal:
		answer.Flags, answer.ID = 0, e.Session
		after(sealDelay, model.EventSealed)
	case model.EffectApply:
		answer.Flags, answer.ID = 0, e.Session
		after(sealDelay, model.EventApplied)
	default:
		r.disk(id, m, e, answer)
	}
}

func (r *runner) disk(id model.NodeID, m *testMember, e *model.Effect, answer model.Event) {
	marks := r.marks(id, e.VM)
	change, _ := model.ParseBitmap(e.Data, testExtents)
	switch e.Kind {
	case model.EffectOpen:
		if m.made[e.VM] < e.Gen {
			m.made[e.VM], m.marks[e.VM] = e.Gen, nil
			marks = r.marks(id, e.VM)
		}
		if m.lost[e.VM] {
			for x := range uint32(testExtents) {
				marks.Set(x)
			}
			answer.Flags |= model.FlagLost
		}
		answer.Kind, answer.Data, answer.Count = model.EventOpened, marks.Bytes(), testExtents
	case model.EffectTrust:
		m.lost[e.VM] = false
		return
	case model.EffectIntent:
		answer.Kind = model.EventIntent
		if m.broken[e.VM] {
			answer.Flags |= model.FlagError
			break
		}
		marks.Union(change)
	case model.EffectErase:
		if m.made[e.VM] < e.Gen {
			m.made[e.VM], m.marks[e.VM] = e.Gen, nil
		}
		return
	case model.EffectForget:
		for i := range change {
			marks[i] &^= change[i]
		}
		return
	case model.EffectDisk, model.EffectDiskCopy, model.EffectDiskRead, model.EffectExtentRead, model.EffectExtentWrite:
		answer.Kind = model.EventDisk
	default:
		return
	}
	r.later(id, diskDelay, answer)
}

// note writes an effect down: decisions always, the data path only if that was asked for.
func (r *runner) note(id model.NodeID, e *model.Effect) {
	switch e.Kind {
	case model.EffectWake, model.EffectPersist:
		return
	case model.EffectSend:
		switch e.Message.Kind {
		case model.MsgHeartbeat, model.MsgControl, model.MsgReport:
			return
		}
		if !r.all {
			return
		}
	case model.EffectAnnounce:
		if r.announced[e.VM] == id {
			return // said again, in case it was not heard
		}
		r.announced[e.VM] = id
	case model.EffectNotify:
		if k := e.Notice.Kind; k == model.NoticeLinkDown || k == model.NoticeLinkUp {
			return
		}
	case model.EffectCapture, model.EffectMark, model.EffectRelease, model.EffectSeal, model.EffectApply,
		model.EffectIntent, model.EffectForget, model.EffectDisk, model.EffectDiskCopy, model.EffectDiskHold,
		model.EffectDiskRead, model.EffectExtentRead, model.EffectExtentWrite:
		if !r.all {
			return
		}
	}
	vm := ""
	if e.VM != 0 && e.Kind != model.EffectNotify {
		vm = fmt.Sprintf(" vm=%d", e.VM)
	}
	r.trace = append(r.trace, fmt.Sprintf("%9.3fms  %d:%s %s", float64(r.now)/1e6, id, vm, golden.Effect(e)))
}
