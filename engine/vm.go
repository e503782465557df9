package engine

import (
	"holdfast/engine/lease"
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/pair"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// instance is what this host has of a running VM.
//
//	         launch                 EventStarted
//	absent ─────────► starting ───────────────────► running
//	  ▲                   │ could not be created      │ died, fenced, given up
//	  └───────────────────┴───────────────────────────┘
//
// An instance that an earlier life of the daemon left behind is foreign: it runs, but
// nothing leaves it until the log has confirmed that it is still the VM's.
type instance uint8

const (
	absent instance = iota
	starting
	running
	foreign
)

// vm is one VM as this node sees it.
type vm struct {
	n     *Node
	id    model.VMID
	cfg   pool.Config  // newest known configuration; Gen 0: none
	stale bool         // it has to be reconciled
	other model.NodeID // the other home

	instance    instance
	gen         model.Gen  // configuration that the instance runs under
	launched    model.Gen  // configuration for which a launch was ordered
	born        model.Gen  // generation of the newest instance that this life launched
	right       right      // to launch
	forced      model.Gen  // generation that an operator's order to start the VM here would make
	failedIn    model.Gen  // generation in which a boot here failed: nothing has run since the decision for it
	cannot      bool       // this home cannot run the VM for now
	moving      bool       // an operator wants it on the other home
	staysIn     model.Gen  // generation in which it was said that it stays, because it is out of service
	lost        model.Gen  // generation in which this home had no instance left
	absentSince model.Time // since when
	losesIn     model.Gen  // generation out of which this home asks to boot without the memory that was promised
	hungIn      model.Gen  // generation in which it was said that the guest hangs
	silentSince model.Time // since when the guest has not responded; Never: it does

	disk      diskState
	broken    bool         // its failure was said
	gone      bool         // it lacks what it had called durable, so it is not the truth whatever the log says
	saidGone  bool         // that was said
	openedFor model.Gen    // the generation for which it was opened last
	opening   uint64       // the number of that opening
	openBy    model.Time   // when it counts as failed, if there is no answer
	landBy    model.Time   // the same while the writes of a checkpoint are on their way to it
	marks     model.Bitmap // recorded intent, while the disk is open and no machine owns it
	diskAt    model.Time   // when to try to open it again

	out  *pair.Primary // as primary
	main *mirror.Primary
	in   *pair.Secondary // as replica
	copy *mirror.Replica

	epoch     model.Epoch // the newest of the machines that an override made void
	session   uint64      // present session, as primary
	sessionOf uint64      // life of the peer that it was opened with
	sessionAt model.Time  // not before this instant
	attachGen model.Gen   // generation out of which an attach was proposed
	attached  uint64      // as replica: session in which the copy joined
	followed  followed    // as replica

	want      pool.Command // proposal under way; Kind 0: none
	proposeAt model.Time   // when to repeat it
	wantSince model.Time
	won       model.Gen // newest generation out of which this node's own proposal led
	proposing bool      // this round of reconcile proposed something

	report   report
	reportAt model.Time
	retryAt  model.Time // when to try to launch again
	timerAt  model.Time // any other instant at which reconcile must look again

	route    route
	partner  partner
	shared   sharedState
	recovery recovery

	index   int        // in the list of VMs
	listed  bool       // among those that the step touched
	counted leaseCount // in the needs of all
}

// syncVMs takes over the configurations of the pool's state.
func (n *Node) syncVMs() {
	if n.cfg.Witnesses.Has(n.cfg.ID) {
		return
	}
	for _, cfg := range n.pool.VMs() {
		v := n.vm(cfg.VM)
		holds := cfg.Holders().Has(n.cfg.ID)
		if !holds && v == nil {
			n.erase(&cfg)
			continue
		}
		if n.erased[cfg.VM] && holds {
			delete(n.erased, cfg.VM)
		}
		if v == nil {
			v = n.addVM(cfg.VM)
		}
		if cfg.Gen < v.cfg.Gen || cfg.Gen == v.cfg.Gen && cfg != v.cfg {
			v.overruled()
		}
		if cfg != v.cfg {
			v.take(&cfg)
		}
	}
}

// take makes cfg, which follows from the known configuration, the known one.
func (v *vm) take(cfg *pool.Config) {
	v.changeHomes(cfg)
	v.entitle(cfg)
	v.follow(cfg)
	v.cfg = *cfg
	v.touch()
	v.meetPartner(cfg.Peer(v.self()))
	if v.mine() {
		v.won = cfg.Gen - 1
	}
	if v.want.Kind != 0 && v.want.Expect < cfg.Gen {
		v.withdraw()
	}
}

// overruled forgets what this node believed about the VM, because an operator's override
// made another history of the pool the valid one. An instance of the old history counts as foreign: it is the log's to say
// whether it is still the VM's. But where the old history had taken this host's copy out of the in-sync set, the guest was told
// of writes that are on the other copy alone, so it cannot go on with this one.
func (v *vm) overruled() {
	if v.instance != absent && v.cfg.Gen != 0 && !v.cfg.InSync.Has(v.self()) {
		v.fence()
	}
	v.cfg, v.launched, v.right, v.won = pool.Config{}, 0, right{}, 0
	v.leaveRecovery()
	if v.recovery.returning {
		v.n.refuse(v.id, v.self(), "an operator's override began another history; the VM stays where that has it, and the order has to be given again")
	}
	v.recovery = recovery{changed: v.recovery.changed}
	v.shared.claim, v.shared.said, v.shared.passed = lease.Claim{}, 0, 0
	v.withdraw()
	v.touch()
	if v.instance != absent {
		v.instance, v.gen = foreign, 0
		if v.out != nil {
			v.epoch = v.out.Epoch()
		}
		v.main, v.out = nil, nil
		v.session = 0
		v.disk, v.marks = diskClosed, nil
		v.n.out.Add(model.EffectHold, v.id)
	}
}

// peer returns what is known about the other home.
func (v *vm) peer() *peer { return &v.n.peers[v.other] }

func (v *vm) self() model.NodeID { return v.n.cfg.ID }

func (v *vm) isPrimary() bool { return v.cfg.Primary == v.self() }

// mine reports whether the present configuration was proposed by this life of this node.
func (v *vm) mine() bool {
	return v.cfg.By == v.self() && v.cfg.Incarnation == v.n.incarnation
}

// event takes what happened to the VM on this host.
func (v *vm) event(ev *model.Event) {
	now, out := v.n.now, &v.n.out
	switch ev.Kind {
	case model.EventInstance:
		if ev.Flags.Has(model.FlagError) {
			out.Add(model.EffectDestroy, v.id)
			return
		}
		v.instance, v.gen = foreign, ev.Gen
		v.shared.settled = false
	case model.EventStarted:
		v.started(ev)
	case model.EventDied:
		if v.instance != absent {
			v.right.in = 0
			v.guestFailed()
			v.lose()
		}
	case model.EventDestroyed:
		v.destroyed(ev)
	case model.EventResponding:
		v.responding(ev)
	case model.EventOpened:
		v.opened(ev)
	case model.EventCaptured:
		if v.out != nil {
			v.out.Captured(now, ev.Epoch, ev.Count, out)
		}
	case model.EventSealed:
		v.sealed(ev)
	case model.EventApplied:
		v.applied(ev)
	case model.EventOutput:
		if v.out != nil {
			v.out.Output(now, v.gen, out)
		}
	case model.EventRequest:
		switch {
		case v.main != nil && v.main.Pending(ev.IO.ID): // told of again when the instance was taken over
		case v.main != nil:
			v.shipRequest(&ev.IO)
			v.main.Request(now, &ev.IO, out)
		case v.shared.disk != nil:
			v.shared.disk.request(now, &ev.IO, out)
		}
	case model.EventDisk:
		v.diskDone(ev)
	case model.EventIntent:
		switch failed := ev.Flags.Has(model.FlagError); {
		case v.main != nil:
			v.main.IntentDone(now, ev.ID, failed, out)
		case v.copy != nil:
			v.copy.IntentDone(ev.ID, failed, out)
			v.in.Poll(v.copy.Held(), out)
		}
	default:
		v.recoveryEvent(ev)
	}
}

func (v *vm) diskDone(ev *model.Event) {
	failed := ev.Flags.Has(model.FlagError)
	switch {
	case v.shared.disk != nil:
		v.shared.disk.done(ev.ID, failed, v.otherAble(), &v.n.out)
	case v.recovery.src != nil && v.recovery.src.DiskDone(v.n.now, ev.ID, failed, &v.n.out):
	case v.main != nil:
		v.main.DiskDone(v.n.now, ev.ID, failed, &v.n.out)
	case v.copy != nil:
		v.copy.DiskDone(ev.ID, failed, &v.n.out)
		v.in.Poll(v.copy.Held(), &v.n.out)
	}
}

func (v *vm) sealed(ev *model.Event) {
	if ev.ID != v.in.Session() || v.refused(ev) {
		return // of a session that is over, or of no use
	}
	landed := v.in.Landed()
	if seq := v.in.Sealed(ev.Epoch, &v.n.out); seq != 0 && v.copy != nil {
		v.copy.Applied(seq, &v.n.out)
	}
	if landed {
		v.landBy = v.n.now.Add(openPatience * v.n.cfg.Mirror.IOTimeout)
	}
}

// applied takes what became of the disk writes of an acknowledged checkpoint.
func (v *vm) applied(ev *model.Event) {
	if ev.ID == v.in.Session() && !v.refused(ev) {
		v.in.Applied(ev.Epoch)
	}
}

// refused gives the local copy up if the disk refused what a checkpoint brought: the primary need not wait for
// acknowledgements that cannot come.
func (v *vm) refused(ev *model.Event) bool {
	if !ev.Flags.Has(model.FlagError) || planted.On(planted.RefusalIgnored) {
		return false
	}
	if v.copy != nil {
		v.copy.Refused(&v.n.out)
	}
	return true
}

// nextWake returns the next instant at which wake has something to do.
func (v *vm) nextWake() model.Time {
	at := min(v.timerAt, v.proposeAt, v.reportAt, v.recoveryWake())
	if v.main != nil {
		at = min(at, v.main.NextWake())
	}
	if v.out != nil {
		at = min(at, v.out.NextWake())
	}
	return at
}

// wake does what is due; reconcile follows.
func (v *vm) wake() {
	now, out := v.n.now, &v.n.out
	if now >= v.timerAt {
		v.timerAt = model.Never
	}
	v.wakeRecovery()
	if v.main != nil {
		v.main.Wake(now, out)
	}
	if v.out != nil {
		v.out.Wake(now, v.gen, out)
	}
	if now >= v.reportAt {
		v.tell()
	}
}

// lookAgain makes reconcile run at t or before.
func (v *vm) lookAgain(t model.Time) {
	if t > v.n.now {
		v.timerAt = min(v.timerAt, t)
	}
}

// reconcile does the next step that brings what this host has in line with the configuration.
func (v *vm) reconcile() {
	if v.cfg.Gen == 0 || v.cfg.Gen < v.gen && v.instance != absent {
		return // the log has not caught up with what this host already has
	}
	holds := v.cfg.Holders().Has(v.self())
	if !holds && !planted.On(planted.StartDropped) {
		v.n.dropped = true
		v.drop()
		return
	}
	if v.isPrimary() {
		v.sayStays()
	}
	if v.cfg.Shared {
		v.reconcileShared()
		return
	}
	switch {
	case v.isPrimary():
		v.leaveRecovery()
		v.reconcilePrimary()
	case v.cfg.Homes.Has(v.self()) || !holds:
		v.leaveRecovery()
		v.reconcileReplica()
	default:
		v.reconcileElsewhere()
	}
	if v.disk == diskFailed {
		v.lookAgain(v.diskAt)
	}
}
