package mirror

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Primary is the mirror where the VM runs. See NewPrimary.
type Primary struct {
	vm   model.VMID
	cfg  Config
	peer model.NodeID
	gen  model.Gen

	localState, remoteState   CopyState
	localFailed, remoteFailed bool
	unfit                     bool // it was said that the last copy fails
	unrecorded                bool // it was said that the last copy takes no records

	session   uint64
	connected bool   // the replica has answered in this session
	life      uint64 // of the node that the session is opened with
	refused   bool   // that node will not follow the session
	openedAt  model.Time
	lastSeq   model.Seq

	hold    bool
	epoch   model.Epoch
	durable bool // the guest asked for durability in this epoch

	ops      table
	marked   model.Bitmap // extents with write intent, on one of the copies at least
	recorded model.Bitmap // extents with durable intent on the local copy
	stamps   []uint64     // per extent: the stamp at its last write
	stamp    uint64
	resync   resync
	wakeAt   model.Time
}

// NewPrimary returns the mirror of a VM that runs here. inSync is the in-sync set
// of the configuration gen. marked is the write intent recorded on the local copy,
// nil if there is no usable local copy. token makes the ids of disk operations
// unique: its low 40 bits must be zero and it must differ from all others of this node.
func NewPrimary(vm model.VMID, cfg Config, self, peer model.NodeID, gen model.Gen, inSync model.NodeSet, marked model.Bitmap, token uint64) *Primary {
	p := &Primary{vm: vm, cfg: cfg, peer: peer, gen: gen, wakeAt: model.Never}
	p.ops.token = token
	p.marked = model.NewBitmap(cfg.Extents)
	p.recorded = model.NewBitmap(cfg.Extents)
	p.stamps = make([]uint64, cfg.Extents)
	p.resync.init(&cfg)
	if marked != nil {
		p.marked.Union(marked)
		p.recorded.Union(marked)
	}
	if inSync.Has(self) {
		p.localState = InSync
	}
	if inSync.Has(peer) {
		p.remoteState = InSync
		p.remoteFailed = true // no session yet
	}
	return p
}

// Local and Remote return where the copies stand.
func (p *Primary) Local() CopyState  { return p.localState }
func (p *Primary) Remote() CopyState { return p.remoteState }

// LocalFailed and RemoteFailed report that a copy failed or did not answer in time. The
// operations that need it wait until the log has taken it out of the in-sync set (R4).
func (p *Primary) LocalFailed() bool  { return p.localFailed }
func (p *Primary) RemoteFailed() bool { return p.remoteFailed }

// Refused reports that the replica will not follow the session that is being opened: another one is needed.
func (p *Primary) Refused() bool { return p.refused && p.session != 0 }

// Session returns the present session, or 0.
func (p *Primary) Session() uint64 { return p.session }

// LastSeq returns the number of the newest write of the session.
func (p *Primary) LastSeq() model.Seq { return p.lastSeq }

// Connected reports that the replica has answered in the present session.
func (p *Primary) Connected() bool { return p.connected && !p.remoteFailed }

// Writes returns the guest's writes that are not completed, in the order in which they were asked for.
func (p *Primary) Writes() []model.IO {
	var list []model.IO
	for i := range p.ops.order {
		if o := p.ops.at(i); o.kind == opGuest && o.isWrite() && o.phase != phaseDone {
			list = append(list, o.io)
		}
	}
	return list
}

// Pending reports whether the guest's request id is under way.
func (p *Primary) Pending(id uint64) bool {
	for i := range p.ops.order {
		if o := p.ops.at(i); o.kind == opGuest && o.io.ID == id && o.phase != phaseDone {
			return true
		}
	}
	return false
}

// Hold makes writes from now on belong to epoch and be held by the replica (ft).
func (p *Primary) Hold(epoch model.Epoch) { p.hold, p.epoch = true, epoch }

// Boundary ends the running epoch and returns its last write and whether the guest asked for durability.
func (p *Primary) Boundary(next model.Epoch) (last model.Seq, durable bool) {
	durable = p.durable
	p.durable, p.epoch = false, next
	return p.lastSeq, durable
}

// Reconfigure takes over a newer configuration in which this host is still the
// primary. Operations that waited only for a copy that is no longer in the in-sync
// set are complete. A copy that the log calls in sync although it was given up here
// meanwhile counts as failed until the log takes it out again (R4).
func (p *Primary) Reconfigure(now model.Time, self model.NodeID, gen model.Gen, inSync model.NodeSet, out *model.Effects) {
	p.gen = gen
	switch {
	case inSync.Has(self) && p.localState == Joined:
		p.attached(&p.localState)
	case inSync.Has(self) && p.localState != InSync:
		p.localState, p.localFailed = InSync, true
		p.resync.stop()
	case !inSync.Has(self) && p.localState == InSync:
		p.localState, p.localFailed = Absent, false
		p.drop(local)
	}
	switch {
	case inSync.Has(p.peer) && p.remoteState == Joined:
		p.attached(&p.remoteState)
	case inSync.Has(p.peer) && p.remoteState != InSync:
		p.remoteState, p.remoteFailed = InSync, true
		p.resync.stop()
	case !inSync.Has(p.peer) && p.remoteState == InSync:
		p.closeSession()
	}
	p.settle(now, out)
}

func (p *Primary) attached(state *CopyState) {
	*state = InSync
	p.resync.stop()
	p.resync.cleanDue = true
}

// drop makes nothing wait for the copies in s. A read has no answer without its copy: it is
// asked of the other one.
func (p *Primary) drop(s side) {
	for i := range p.ops.order {
		o := p.ops.at(i)
		if o.io.Op == model.OpRead && o.phase == phaseIssued && o.busy&s != 0 {
			o.phase = phaseStuck
		}
		o.need &^= s
		o.busy &^= s
		if s&remote != 0 && o.io.Op == model.OpRead {
			o.repair = false // the local copy has the last word
		}
		if s&local == 0 {
			continue
		}
		o.owed = false
		if o.phase == phaseIntent {
			o.intents = true
			o.phase = phaseBlocked
		}
	}
}

// redo lets the local copy, now the last one, do what it failed to do before or was not asked
// for since. Its errors are the guest's to see.
func (p *Primary) redo() {
	p.localFailed = false
	for i := range p.ops.order {
		o := p.ops.at(i)
		if o.phase == phaseIntent && !planted.On(planted.RecordOnce) {
			o.phase = phaseBlocked // its record may have failed, and nobody waits for that any more: it is asked for again
		}
		if !o.owed {
			continue
		}
		o.owed, o.intents, o.busy, o.need = false, false, 0, 0
		o.phase = phaseBlocked
		if o.kind != opGuest {
			o.phase = phaseDone
		}
	}
}

func (p *Primary) closeSession() {
	p.remoteState, p.remoteFailed = Absent, false
	p.session, p.connected, p.hold = 0, false, false
	p.resync.stop()
	p.sourceGone()
	p.drop(remote)
	if p.localState == InSync {
		p.redo()
	}
}

// sourceGone gives up a local copy that was still on its way.
func (p *Primary) sourceGone() {
	if p.localState != InSync && p.localState != Absent {
		p.localState, p.localFailed = Absent, false
		p.drop(local)
	}
}

// Disconnect gives up the present session. A copy that was still on its way is
// Absent again; one in the in-sync set counts as failed until the log decides.
func (p *Primary) Disconnect(now model.Time, out *model.Effects) {
	if p.remoteState == InSync {
		p.remoteFailed, p.connected, p.session = true, false, 0
		p.resync.stop()
		p.sourceGone()
	} else {
		p.closeSession()
	}
	p.settle(now, out)
}

// LocalLost tells that the local copy can no longer be used although it was not (yet) in sync.
func (p *Primary) LocalLost(now model.Time, out *model.Effects) {
	if p.localState != InSync {
		p.localState, p.localFailed = Absent, false
		p.resync.stop()
		p.drop(local)
		p.settle(now, out)
	}
}

// Request takes a guest's request. One that is empty or not on the disk fails at once.
func (p *Primary) Request(now model.Time, io *model.IO, out *model.Effects) {
	end := uint64(p.cfg.Extents) * uint64(p.cfg.ExtentSectors)
	if io.Op != model.OpFlush && (io.Count == 0 || io.Sector >= end || uint64(io.Count) > end-io.Sector) {
		e := out.Add(model.EffectComplete, p.vm)
		e.IO, e.Flags = *io, model.FlagError
		return
	}
	o := p.ops.add(opGuest)
	o.io = *io
	p.admit(now, o, len(p.ops.order)-1, out)
	p.finish(o, out)
}

// admit moves an operation on as far as it can go. rank is its place in the order.
func (p *Primary) admit(now model.Time, o *op, rank int, out *model.Effects) {
	switch o.io.Op {
	case model.OpWrite:
		if p.blocked(o, rank) {
			o.phase = phaseBlocked
			return
		}
		if !o.intents && !p.mark(o, out) {
			o.phase, o.started = phaseIntent, now
			p.wakeBy(now.Add(p.cfg.IOTimeout))
			return
		}
		p.issueWrite(now, o, out)
	case model.OpRead:
		p.issueRead(now, o, out)
	default:
		p.issueFlush(now, o, out)
	}
}

// blocked reports whether a write must wait: for an earlier one on the same
// sectors, because copies may finish them in different orders, or for the copy of its extent.
func (p *Primary) blocked(o *op, rank int) bool {
	for i := 0; i < rank; i++ {
		e := p.ops.at(i)
		if !e.overlaps(&o.io) {
			continue
		}
		if e.isWrite() {
			return true
		}
		e.stale = true
	}
	return p.resync.touches(o.io.Extents(p.cfg.ExtentSectors))
}

// mark records write intent for o; it returns false if the record has to become durable first.
func (p *Primary) mark(o *op, out *model.Effects) bool {
	if p.localState == Absent || p.localFailed {
		return true // the remote copy records it durably
	}
	first, last := o.io.Extents(p.cfg.ExtentSectors)
	cold := false
	for x := first; x <= last; x++ {
		cold = cold || !p.recorded.Has(x)
	}
	if cold {
		p.record(o, out)
	}
	return !cold
}

// record asks for the intent record of o.
func (p *Primary) record(o *op, out *model.Effects) {
	fresh := model.NewBitmap(p.cfg.Extents)
	first, last := o.io.Extents(p.cfg.ExtentSectors)
	for x := first; x <= last; x++ {
		fresh.Set(x)
	}
	e := out.Add(model.EffectIntent, p.vm)
	e.ID, e.Data = o.id, fresh.Bytes()
}

// noRecord is said of a last copy that does not take records; see IntentDone.
const noRecord = "the last copy in sync refuses to record which blocks are about to differ; writes to others wait, and no second copy is made, until it takes records again"

// sayUnrecorded says, once until a record succeeds, that the last copy takes none.
func (p *Primary) sayUnrecorded(out *model.Effects) {
	if !p.unrecorded {
		p.unrecorded = true
		p.sayFault(noRecord, out)
	}
}

// IntentDone tells that the intent record id is durable, or failed. One that failed may be durable all the same; that only marks too much.
func (p *Primary) IntentDone(now model.Time, id uint64, failed bool, out *model.Effects) {
	p.unrecorded = p.unrecorded && failed
	if p.resync.intentDone(id) {
		if failed {
			if p.resync.target == remote {
				p.sayUnrecorded(out)
			}
			p.giveUpTarget()
			p.settle(now, out)
			return
		}
		p.recorded.Union(p.resync.intent)
		p.startCopying(now, out)
		p.settle(now, out)
		return
	}
	o := p.ops.find(id)
	if o == nil || o.phase != phaseIntent {
		return
	}
	if failed {
		if p.localState == InSync && p.remoteState != InSync {
			p.sayUnrecorded(out) // it is asked for again, in its time
			return
		}
		p.localFailed = true
		p.settle(now, out)
		return
	}
	first, last := o.io.Extents(p.cfg.ExtentSectors)
	for x := first; x <= last; x++ {
		p.marked.Set(x)
		p.recorded.Set(x)
	}
	o.intents, o.phase = true, phaseBlocked
	p.settle(now, out)
}

// maxUnacknowledged bounds what a holding replica may be behind: beyond it the guest waits, so that
// neither the table here nor the replica's window overflows while nobody answers.
const maxUnacknowledged = window / 2

// wakeBy makes sure that Wake is called at t or before.
func (p *Primary) wakeBy(t model.Time) { p.wakeAt = min(p.wakeAt, t) }

// NextWake returns the next instant at which Wake has something to do.
func (p *Primary) NextWake() model.Time { return p.wakeAt }
