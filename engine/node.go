package engine

import (
	"fmt"

	"holdfast/engine/control"
	"holdfast/engine/lease"
	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// Node is the engine of one pool member. It is not safe for concurrent use.
type Node struct {
	cfg         Config
	incarnation uint64
	log         *control.Log
	pool        *pool.State

	peers  []peer // by NodeID
	others []model.NodeID
	near   model.NodeSet // of the others: those that vote with this one or share a VM
	metAt  uint64        // place in the log up to which the peers are in line with it
	metOf  model.NodeSet // what was mentioned then

	mentioned model.NodeSet // heard by peers while this node is astray

	voters, learners model.NodeSet // as of then
	erased           map[model.VMID]bool
	roster

	now     model.Time // the clock less the time for which this node did not run
	stalled model.Time // how long that was in all
	wakeAt  model.Time // what the runner was asked for, on its clock

	heartbeatAt model.Time
	detectAt    model.Time
	graceUntil  model.Time // until then links get the benefit of the doubt
	gossip      int
	nic         bool
	inventoried bool // what an earlier life left behind is known
	// inMaintenance and evacuated are what was said about this host's maintenance.
	inMaintenance, evacuated bool
	outgrown                 error // the log holds something that this version cannot read
	leads                    bool  // it led the log when it was last drained
	dropped                  bool  // a VM is not at home here any more
	logBusy                  bool  // the control log may have something to say
	tokens                   uint64
	sessions                 uint64
	orders                   []pendingOrder
	lastOrder                uint64 // the number of this life's newest order
	troubles                 []troubled
	governor                 governor

	lease    *lease.Holder
	renewAt  model.Time                    // when to propose the renewal (again)
	renewals [model.MaxNode + 1]model.Time // when the newest of each member was applied here
	unsafe   bool                          // that this host cannot renew was said

	out model.Effects
}

// New returns the node that the records persisted by its earlier lives make; there
// are none before the first. Errors wrap ErrConfig, or say that the records are damaged.
func New(cfg Config, records []model.Record) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	store, err := control.Fold(records)
	if err != nil {
		return nil, fmt.Errorf("engine: the records of node %d cannot be read; restore them or let the node join anew: %w", cfg.ID, err)
	}
	if cfg.Protocol == 0 {
		cfg.Protocol = model.ProtocolNewest
	}
	n := &Node{cfg: cfg, pool: newPool(&cfg), nic: true, wakeAt: model.Never}
	if n.cfg.Lease == (lease.Config{}) {
		n.cfg.Lease = lease.Default()
	}
	n.lease = lease.NewHolder(n.cfg.Lease)
	n.peers, n.erased = make([]peer, model.MaxNode+1), make(map[model.VMID]bool)
	voters := pool.FirstVoters(n.pool.Members(), cfg.Voters)
	n.log, err = control.New(control.Config{
		ID: cfg.ID, Voters: voters, Learners: (cfg.Hosts | cfg.Witnesses) &^ voters,
		Witness: cfg.Witnesses.Has(cfg.ID), Seed: cfg.Seed,
	}, store)
	if err != nil {
		return nil, fmt.Errorf("engine: node %d: %w", cfg.ID, err)
	}
	n.log.SetSnapshot(n.snapshot, n.restore)
	n.meet()
	return n, nil
}

// Pool returns the pool's state as far as this node knows it. It must not be changed.
func (n *Node) Pool() *pool.State { return n.pool }

// Resync returns how many extents a resync that this node runs for the VM has to copy in
// all, and how many are left; 0 and 0 if there is none.
func (n *Node) Resync(vm model.VMID) (total, left int) {
	if v := n.vm(vm); v != nil && v.main != nil {
		return v.main.Progress()
	}
	return 0, 0
}

// Leader returns the member that this node takes for the control log's leader, or NoNode.
func (n *Node) Leader() model.NodeID { return n.log.Leader() }

// Voters returns the members whose majority decides in the control log, as far as this node knows.
func (n *Node) Voters() model.NodeSet { return n.log.Voters() }

// Step takes one event that happened at now and returns what has to be done, in order. The
// slice is valid until the next call.
func (n *Node) Step(now model.Time, ev *model.Event) []model.Effect {
	n.out.Reset()
	if n.outgrown != nil {
		n.silent(ev)
		return n.out.List
	}
	n.clock(now, ev)
	n.handle(ev)
	n.inventoried = ev.Kind != model.EventStart && ev.Kind != model.EventInstance
	n.timers()
	n.drain()
	if n.outgrown != nil {
		n.fallSilent()
		return n.out.List
	}
	if ev.Kind != model.EventStart && ev.Kind != model.EventInstance {
		n.keepLease()
		n.maintained()
		n.reconcile() // not before it is known which instances an earlier life left behind
	}
	n.ship()
	n.route()
	n.wake()
	return n.out.List
}

// clock advances the node's time. Time in which the node itself was stopped does not
// count: after a freeze everybody else would look dead, though nobody had a chance to be heard.
func (n *Node) clock(now model.Time, ev *model.Event) {
	if ev.Kind == model.EventStart {
		n.now, n.incarnation = now, ev.ID
		n.greet()
		n.sayReset(ev)
		n.touchAll()
		n.logBusy = true
		return
	}
	if late := now - n.wakeAt; n.wakeAt != model.Never && late > model.Time(n.cfg.Timing.Heartbeat) {
		n.stalled += late
		n.wakeAt = now // counted
	}
	if ev.Kind == model.EventWake && now < n.wakeAt {
		n.wakeAt = model.Never // the timer fired too early, and is gone: ask for another one
	}
	n.now = max(n.now, now-n.stalled)
}

func (n *Node) handle(ev *model.Event) {
	switch ev.Kind {
	case model.EventMessage:
		n.receive(ev)
	case model.EventNIC:
		if n.nic = ev.Flags.Has(model.FlagOn); !n.nic {
			n.fault(pool.Part{Component: model.ComponentNIC, Node: n.cfg.ID})
		}
		n.touchAll()
	case model.EventOperator:
		n.order(&ev.Order)
	case model.EventStart:
		n.syncVMs() // what a snapshot says could have no effects before
	case model.EventWake:
	default:
		n.vmEvent(ev)
	}
}

func (n *Node) vmEvent(ev *model.Event) {
	v := n.vm(ev.VM)
	if v == nil && ev.Kind == model.EventInstance {
		v = n.addVM(ev.VM) // the log will say what it is
	}
	if v != nil {
		v.event(ev)
		v.touch()
	}
}

// timers does what is due.
func (n *Node) timers() {
	if n.now >= n.detectAt {
		n.detect()
	}
	if n.now >= n.heartbeatAt {
		n.heartbeat()
		n.govern()
	}
	if n.now >= n.log.NextWake() {
		n.log.Wake(n.now)
		n.logBusy = true
	}
	if n.now >= n.ordersAt() {
		n.pushOrders()
	}
	if !n.inventoried {
		return
	}
	for i, v := range n.vms {
		at := n.due[i]
		if v.listed {
			at = v.nextWake()
		}
		if n.now >= at {
			v.wake()
			v.touch()
		}
	}
}

// reconcile brings what the VMs have and what the pool wants together, until nothing changes.
func (n *Node) reconcile() {
	for round := 0; round < maxRounds; round++ {
		for _, v := range n.stales() {
			if v.stale {
				v.stale = false
				v.reconcile()
			}
		}
		if !n.logBusy {
			break
		}
		n.drain()
	}
	if n.dropped {
		n.dropped = false
		n.sweep()
	}
}

// maxRounds bounds how often one step can go through its own consequences. A
// single-voter log commits within the step in which something is proposed.
const maxRounds = 8

// route completes the messages of the step and gives each one its way.
func (n *Node) route() {
	for i := range n.out.List {
		e := &n.out.List[i]
		if e.Kind != model.EffectSend {
			continue
		}
		m := &e.Message
		m.From, m.Incarnation, m.Version = n.cfg.ID, n.incarnation, n.cfg.Protocol
		if m.Kind == model.MsgControl && n.peers[m.To].protocol < model.Protocol2 {
			m.Subject, m.ID = model.NoNode, 0
		}
		if m.Kind != model.MsgHeartbeat {
			e.Link = n.peers[m.To].best()
		}
	}
}

// wake asks for the next EventWake if the instant changed.
func (n *Node) wake() {
	n.endStep()
	next := min(n.heartbeatAt, n.detectAt, n.log.NextWake(), n.ordersAt(), n.leaseAt(), n.roster.nextWake())
	if next != model.Never {
		next = max(next, n.now+1) + n.stalled
	}
	if next == n.wakeAt {
		return
	}
	n.wakeAt = next
	n.out.Add(model.EffectWake, 0).At = next
}

// nextSession returns a number that no session of any life of any node has had, higher than those before it: of the life, the session in it and the
// node, from the highest bits down. Lives of two nodes may have the same number. More than 2^26 sessions of a life, years of one a second, are carried into
// the number of the life, which the next life is far above if lives are numbered by seconds.
func (n *Node) nextSession() uint64 {
	n.sessions++
	if planted.On(planted.SessionsShared) {
		return n.incarnation<<32 | n.sessions
	}
	return n.incarnation<<32 + n.sessions<<6 | uint64(n.cfg.ID)
}

// token returns a number that makes the disk operations of one machine of this node unique.
func (n *Node) token() uint64 {
	n.tokens++
	return n.tokens << 40
}
