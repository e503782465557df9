package sim

import (
	"fmt"
	"time"

	"holdfast/engine"
	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// Delays of a daemon and its system disk.
const (
	persistTime  = 800 * time.Microsecond
	daemonStart  = 50 * time.Millisecond
	hostBoot     = 1500 * time.Millisecond
	inboxLimit   = 4096
	stepSlowness = 40 * time.Microsecond // of each event, for each factor above one
)

// member is one host or witness: the machine and the daemon on it.
type member struct {
	w     *World
	id    model.NodeID
	name  string
	host  bool
	spare bool // not in the pool yet

	powered   bool
	frozen    bool
	stopped   bool // the daemon, by a signal
	hostLife  uint64
	lostPower model.Time // when it last did; -1: never
	disturbed model.Time // when something last changed how it runs or what its clock shows (for checks)
	rewired   model.Time // when something about its links last changed (for checks)
	slow      int        // factor of its CPU

	nic bool // guest network
	cut bool // guest network, upstream

	clock clock

	watchdog   watchdog
	wasReset   bool // by the watchdog, since the last life of the daemon
	storageCut bool // it does not reach shared storage

	store disk.Store
	saved *disk.Store

	node   *engine.Node // nil: the daemon is down
	life   uint64       // of the daemon; those of two members may be the same
	began  model.Time   // when that life did
	wakeID uint64       // the newest EffectWake
	old    bool         // the next daemon is of the first version
	first  bool         // this one is
	wakeAt model.Time   // what it asked for, on the member's clock

	asked   uint64         // records that the daemon's lives wanted persisted
	durable uint64         // those that are
	todo    []model.Effect // effects that wait for the system disk
	blocked bool
	inbox   []model.Event // what arrived while it could not run
	boxes   []*attachment

	effects uint64 // performed since the counter was armed
	crashAt uint64 // the daemon crashes instead of performing this one; 0: never
	restart time.Duration

	toolErrors int        // so many creations fail
	toolHalves int        // so many fail and leave a remnant
	toolHang   model.Time // until when they wait; Never: until it is told otherwise

	vms []*place // by VMID; nil where this has never been a home
}

// alive reports whether software on the member executes.
func (m *member) alive() bool { return m.powered && !m.frozen }

// running reports whether the daemon handles events.
func (m *member) running() bool { return m.node != nil && m.alive() && !m.stopped }

func (w *World) nextLife() uint64 {
	w.lives++
	return w.lives
}

func (w *World) powerUp(m *member) {
	if m.powered {
		return
	}
	m.powered, m.frozen, m.stopped, m.slow = true, false, false, 1
	m.hostLife = w.nextLife()
	delay := daemonStart
	if w.now > 0 {
		delay += hostBoot
	}
	w.tape.host(w, m)
	w.startDaemon(m, delay)
}

func (w *World) startDaemon(m *member, delay time.Duration) {
	e := w.after(delay, classDevice, m.id, evDaemon)
	e.life, e.vm = m.hostLife, 0
}

// device handles what a member's own hardware and kernel report.
func (m *member) device(e *event) {
	switch e.kind {
	case evDaemon:
		if e.life == m.hostLife && m.powered && m.node == nil {
			m.begin()
		}
	case evWake:
		if e.life == m.life && e.id == m.wakeID {
			m.give(&model.Event{Kind: model.EventWake}, nil)
		}
	case evPersisted:
		if e.life == m.life && m.node != nil {
			m.store.Sync()
			m.durable++
			m.blocked = false
			m.perform()
		}
	case evWatchdog:
		m.watchdogEnds(int(e.id), e.life)
	case evGuest:
		if e.life == m.life {
			m.tell(&model.Event{Kind: model.EventKind(e.id), VM: e.vm, Gen: e.gen, Flags: e.flags, IO: e.io})
		}
	}
}

// begin starts a life of the daemon from what its disk holds.
func (m *member) begin() {
	w := m.w
	if m.frozen { // the process starts when the machine goes on
		w.startDaemon(m, 10*time.Millisecond)
		return
	}
	config := w.opt.engineConfig(m.id)
	if m.first = m.old; m.first {
		config.Protocol = model.Protocol1
	}
	node, err := engine.New(config, m.store.Records(nil))
	if err != nil {
		w.violation("crash", 0, fmt.Sprintf("the daemon of %s cannot start: %v", m.name, err))
		return
	}
	m.node, m.life, m.began, m.wakeAt = node, m.life+1, w.now, model.Never
	m.disturb()
	m.todo, m.blocked, m.inbox, m.boxes = m.todo[:0], false, m.inbox[:0], m.boxes[:0]
	w.tape.host(w, m)
	first := model.Event{Kind: model.EventStart, ID: m.life}
	if m.wasReset {
		m.wasReset, first.Flags = false, model.FlagError
	}
	m.tell(&first)
	for _, p := range m.vms {
		if p != nil && p.remnant && m.node != nil {
			m.tell(&model.Event{Kind: model.EventInstance, VM: p.vm.id, Flags: model.FlagError})
		}
		if p != nil && p.inst.present && m.node != nil {
			m.tell(&model.Event{Kind: model.EventInstance, VM: p.vm.id, Gen: p.inst.gen})
			if p.inst.machine != nil && p.inst.machine.CPU().Hung {
				p.probeLater()
			}
		}
	}
	if m.node == nil {
		return
	}
	if !m.nic {
		m.tell(&model.Event{Kind: model.EventNIC})
	}
	w.orderVMs(m)
}

// orderVMs is the operator who sets the pool up: what there is to state is stated, and each VM is ordered from its home
// until it exists.
func (w *World) orderVMs(m *member) {
	stated := false
	for _, v := range w.vms[1:] {
		if v.spec.Later || w.operatorAt(v) != m.id {
			continue
		}
		exists := w.monitor.exists(v.id)
		if m.node != nil && !exists && !stated {
			stated = true
			w.statePolicies(m)
		}
		if m.node != nil && !exists {
			m.tell(&model.Event{Kind: model.EventOperator, Order: v.creation()})
		}
		if m.node != nil && v.recovery != model.NoNode && !w.monitor.points[v.id].begun {
			m.tell(&model.Event{Kind: model.EventOperator, Order: v.cover()})
		}
	}
}

// die ends the daemon's life: everything it held in memory is gone.
func (m *member) die() {
	if m.node == nil {
		return
	}
	m.w.monitor.undo(m)
	m.asked = m.durable
	m.node, m.life = nil, m.life+1
	m.disturb()
	m.stopped = false
	m.todo, m.blocked = m.todo[:0], false
	m.dropInbox()
	m.store.Crash()
	for _, p := range m.vms {
		if p != nil {
			p.forget()
		}
	}
	m.w.tape.host(m.w, m)
}

func (m *member) dropInbox() {
	for _, a := range m.boxes {
		m.w.drop(a)
	}
	m.inbox, m.boxes = m.inbox[:0], m.boxes[:0]
}

// tell is give without an attachment.
func (m *member) tell(ev *model.Event) { m.give(ev, nil) }

// give hands an event, with the attachment that came with it, to the engine.
func (m *member) give(ev *model.Event, att *attachment) {
	switch {
	case m.node == nil || !m.powered:
		m.w.drop(att)
		return
	case m.frozen || m.stopped:
		if len(m.inbox) >= inboxLimit && ev.Kind == model.EventMessage { // a network loses, the own hardware does not
			m.w.drop(att)
			return
		}
		m.inbox, m.boxes = append(m.inbox, *ev), append(m.boxes, att)
		return
	}
	if ev.Kind == model.EventMessage {
		m.receive(&ev.Message, att)
	}
	m.w.drop(att)
	life, busy := m.life, m.blocked || len(m.todo) > 0
	list := m.node.Step(m.time(), ev)
	if m.life != life {
		return
	}
	for i := range list {
		if list[i].Kind == model.EffectPersist {
			m.asked++
		}
	}
	m.w.monitor.stepped(m, ev, list, busy)
	m.w.monitor.observe(m)
	if len(m.w.monitor.health.demands) > 0 {
		m.w.monitor.settleDemands()
	}
	if len(m.todo) == 0 && !m.blocked {
		for i := range list {
			if m.blocked {
				m.todo = append(m.todo, list[i:]...)
				return
			}
			if !m.performOne(&list[i]) {
				return
			}
		}
		return
	}
	m.todo = append(m.todo, list...)
}

// perform performs the effects that waited.
func (m *member) perform() {
	done := 0
	for done < len(m.todo) && !m.blocked {
		e := m.todo[done]
		done++
		if !m.performOne(&e) {
			return // the daemon is gone, and what it had to do with it
		}
	}
	m.todo = append(m.todo[:0], m.todo[done:]...)
}

// performOne performs one effect; false: the daemon did not live to see the next.
func (m *member) performOne(e *model.Effect) bool {
	w := m.w
	life := m.life
	if m.crashAt != 0 {
		m.effects++
		if m.effects == m.crashAt {
			m.crashAt = 0
			w.crash(m)
			return false
		}
	}
	w.trace.effect(m.id, e)
	switch e.Kind {
	case model.EffectWake:
		m.wakeAt = e.At
		m.arm()
	case model.EffectPersist:
		m.store.Append(e.Record)
		m.blocked = true
		ev := w.after(persistTime, classDevice, m.id, evPersisted)
		ev.life, ev.vm = m.life, 0
	case model.EffectSend:
		m.send(e)
	case model.EffectNotify:
		w.notice(m, &e.Notice)
	case model.EffectErase:
		m.erase(e)
	case model.EffectWatchdogNext, model.EffectWatchdogKeep, model.EffectWatchdogOff:
		m.performWatchdog(e)
	default:
		m.place(e.VM).perform(e)
	}
	return m.life == life && m.powered
}

// crash kills the daemon and lets it start again.
func (w *World) crash(m *member) {
	m.die()
	delay := m.restart
	if delay == 0 {
		delay = 300 * time.Millisecond
	}
	w.startDaemon(m, delay)
}

// resume lets a member that was frozen or stopped catch up with what arrived meanwhile.
func (m *member) resume() {
	inbox, boxes := m.inbox, m.boxes
	m.inbox, m.boxes = nil, nil
	for i := range inbox {
		m.give(&inbox[i], boxes[i])
	}
}
