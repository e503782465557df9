package sim

import (
	"fmt"
	"time"

	"holdfast/engine/model"
	"holdfast/sim/client"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
	"holdfast/sim/queue"
	"holdfast/sim/random"
)

// World is one simulated pool. It is not safe for concurrent use.
type World struct {
	opt   Options
	now   model.Time
	q     queue.Queue[event]
	nodes []*member // by NodeID; [0] is nil
	vms   []*load   // by VMID; [0] is nil
	links [][][model.NumLinks]wire

	rNet, rDisk, rHyper *random.Stream

	actions []func()
	spare   []*attachment
	lives   uint64 // numbers for lives of daemons, hosts, instances

	monitor  monitor
	sabotage Sabotage
	tape     tape
	trace    trace
	events   uint64
	bounds   bounds

	guestOut guest.Out
	reply    guest.Packet

	// OnStage, if set, is told when a VM reaches a stage on a member. What it does happens at once.
	OnStage func(vm model.VMID, stage Stage, node model.NodeID)
}

// load is one VM as the outside sees it.
type load struct {
	spec     VM
	id       model.VMID
	homes    [2]model.NodeID
	recovery model.NodeID // host with a copy at another place; NoNode: none
	guest    guest.Config
	shared   *disk.Disk   // the one disk of all homes; nil: each home has a copy
	attached model.NodeID // the host at whose port the switch saw the VM's address last
	clients  []*client.Client
	clientAt []model.Time // when the queue will wake each client
	lastOK   model.Time   // last answer to any client
	hangs    bool         // the guest is made to hang
}

// New returns the pool, powered on at time zero, with its VMs ordered at once. Errors wrap ErrOptions.
func New(opt Options) (*World, error) {
	opt.Timing = opt.Timing.withDefaults()
	if err := opt.validate(); err != nil {
		return nil, err
	}
	w := &World{
		opt:  opt,
		rNet: random.New(opt.Seed, "network"), rDisk: random.New(opt.Seed, "disk"), rHyper: random.New(opt.Seed, "hypervisor"),
	}
	w.vms = append(w.vms, nil)
	for i := range opt.VMs {
		if err := w.addLoad(model.VMID(i+1), opt.VMs[i]); err != nil {
			return nil, err
		}
	}
	if err := w.addMembers(); err != nil {
		return nil, err
	}
	w.monitor.init(w)
	for _, m := range w.nodes[1:] {
		if !m.spare {
			w.powerUp(m)
		}
	}
	return w, nil
}

func (t Timing) withDefaults() Timing {
	d := DefaultTiming()
	if t.Engine.Heartbeat != 0 {
		d.Engine = t.Engine
	}
	if t.Epoch != 0 {
		d.Epoch = t.Epoch
	}
	if t.EpochMax != 0 {
		d.EpochMax = t.EpochMax
	}
	if t.AckTimeout != 0 {
		d.AckTimeout = t.AckTimeout
	}
	if t.IOTimeout != 0 {
		d.IOTimeout = t.IOTimeout
	}
	if t.Lease.Timeout != 0 {
		d.Lease = t.Lease
	}
	return d
}

func (w *World) addLoad(id model.VMID, spec VM) error {
	v := &load{spec: spec, id: id, homes: [2]model.NodeID{w.opt.member(spec.Home), w.opt.member(spec.Second)}, recovery: w.opt.member(spec.Recovery)}
	v.guest = spec.guestConfig(id)
	if _, err := guest.NewMachine(v.guest); err != nil {
		return fmt.Errorf("%w: VM %q: %w", ErrOptions, spec.Name, err)
	}
	v.attached = max(v.homes[0], 1) // where nobody answers before there is an instance
	if spec.Shared {
		v.shared = disk.New(diskSectors + 1)
	}
	r := random.New(w.opt.Seed, "clients "+spec.Name)
	for c := range spec.Clients {
		first, count, err := client.Share(spec.Service, spec.Clients, v.guest.Keys, c)
		if err != nil {
			return fmt.Errorf("%w: VM %q: %w", ErrOptions, spec.Name, err)
		}
		k, err := client.New(client.Config{
			VM: id, ID: uint32(c), Service: spec.Service, FirstKey: first, Keys: count,
			Period: time.Duration(spec.Clients) * time.Second / time.Duration(spec.Rate),
		}, r.Derive(uint64(c)), spec.Recorder, 0)
		if err != nil {
			return fmt.Errorf("%w: VM %q: %w", ErrOptions, spec.Name, err)
		}
		v.clients = append(v.clients, k)
		v.clientAt = append(v.clientAt, model.Never)
	}
	w.vms = append(w.vms, v)
	for c := range v.clients {
		w.scheduleClient(v, uint32(c))
	}
	return nil
}

func (w *World) addMembers() error {
	names := w.opt.Hosts
	if w.opt.Witness != "" {
		names = append(append([]string(nil), names...), w.opt.Witness)
	}
	w.nodes = append(w.nodes, nil)
	w.links = make([][][model.NumLinks]wire, len(names)+1)
	for i, name := range names {
		id := model.NodeID(i + 1)
		m := &member{w: w, id: id, name: name, host: i < len(w.opt.Hosts), spare: w.opt.spare(name), nic: true, slow: 1, lostPower: -1}
		w.links[id] = make([][model.NumLinks]wire, len(names)+1)
		m.vms = make([]*place, len(w.vms))
		for _, v := range w.vms[1:] {
			if v.homes[0] == id || v.homes[1] == id || v.recovery == id {
				p, err := newPlace(w, m, v)
				if err != nil {
					return err
				}
				m.vms[v.id] = p
			}
		}
		w.nodes = append(w.nodes, m)
	}
	return nil
}

// Now returns the present simulated time: nanoseconds since the pool was powered on.
func (w *World) Now() model.Time { return w.now }

// Events returns how many events have happened.
func (w *World) Events() uint64 { return w.events }

// Trace returns the digest of everything that has happened so far.
func (w *World) Trace() uint64 { return w.trace.sum }

// At lets do happen at time t, before anything else of that instant.
func (w *World) At(t model.Time, do func()) {
	w.actions = append(w.actions, do)
	e := w.add(max(t, w.now), classAction, 0, evAction)
	e.id = uint64(len(w.actions) - 1)
}

// Member returns the number of the named member, or NoNode.
func (w *World) Member(name string) model.NodeID { return w.opt.member(name) }

// VM returns the number of the named VM, or 0.
func (w *World) VM(name string) model.VMID {
	for _, v := range w.vms[1:] {
		if v.spec.Name == name {
			return v.id
		}
	}
	return 0
}

// add puts an event into the queue and returns it to be completed. Its payload fields may hold old values.
func (w *World) add(at model.Time, class uint8, node model.NodeID, kind eventKind) *event {
	w.bounds.added(w, at, kind)
	e := w.q.Add(queue.Order{At: at, Class: class, Node: node})
	e.kind, e.node, e.life, e.id, e.att = kind, node, 0, 0, nil
	return e
}

// after is add, d from now.
func (w *World) after(d time.Duration, class uint8, node model.NodeID, kind eventKind) *event {
	return w.add(w.now.Add(d), class, node, kind)
}

// Run lets everything happen until time t.
func (w *World) Run(until model.Time) {
	for {
		o, ok := w.q.Peek()
		if !ok || o.At > until {
			break
		}
		_, e := w.q.Take()
		w.now = o.At
		w.events++
		w.bounds.happened(w)
		w.dispatch(e)
	}
	w.now = max(w.now, until)
}

// dispatch handles one event. The entry is valid only until something is added to
// the queue, so each handler takes what it needs first.
func (w *World) dispatch(e *event) {
	w.trace.event(w.now, e)
	switch e.kind {
	case evAction:
		w.actions[e.id]()
	case evMessage:
		w.arrive(e)
	case evWake, evPersisted, evDaemon, evGuest, evWatchdog:
		w.nodes[e.node].device(e)
	case evResume, evDestroyed, evBoot, evProbe, evLaunched, evDisk, evSealed, evApplied:
		w.nodes[e.node].vms[e.vm].device(e)
	case evToClient:
		w.toClient(e)
	case evToGuest:
		w.toGuest(e)
	case evClient:
		w.clientWakes(e.vm, e.client, w.now)
	}
}
