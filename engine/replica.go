package engine

import (
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// reconcileReplica does the next step of the home that the pool does not want to run the VM.
func (v *vm) reconcileReplica() {
	if v.instance != absent && !planted.On(planted.KeepFenced) {
		v.fence()
	}
	if v.instance != absent {
		return
	}
	v.keepCopy()
	v.seekPromotion()
	v.settleProposal()
}

// fence destroys an instance that the pool went on without, and what it still wanted to say (R2).
func (v *vm) fence() {
	v.destroy()
	v.n.out.Notify(model.NoticeFenced, v.id, v.self()).Gen = v.gen
}

// keepCopy keeps the local copy open and served by a replica.
func (v *vm) keepCopy() {
	out := &v.n.out
	if v.copy != nil && !v.in.Landed() {
		if v.lookAgain(v.landBy); v.n.now >= v.landBy {
			v.copy.Refused(out)
		}
	}
	if v.copy != nil && v.copy.Failed() {
		v.failDisk()
	}
	if !v.ensureDisk() {
		v.cannotRun(v.unfit())
		return
	}
	if v.copy == nil {
		v.copy = mirror.NewReplica(v.id, v.n.cfg.Mirror, v.marks, v.n.token())
		v.marks = nil
	}
	v.cannotRun(v.gone)
	if v.cfg.InSync == v.cfg.Homes && v.attached != v.copy.Session() && v.copy.Session() != 0 {
		v.attached = v.copy.Session()
		v.copy.Attached(out)
		v.trust()
	}
}

// holdsVM reports whether this home can continue the VM without losing memory.
func (v *vm) holdsVM() bool {
	return v.cfg.Level == model.LevelFT && v.cfg.Secondary == v.self() && (v.truth() || planted.On(planted.HeldUntrue)) &&
		v.in.Holds() >= v.cfg.BaseEpoch && v.in.Holds() != 0 && v.copy != nil && !v.copy.Failed()
}

// seekPromotion proposes to take over when the primary is gone.
func (v *vm) seekPromotion() {
	inSync := v.truth() || planted.On(planted.StartStale) || planted.On(planted.StartDropped)
	if !inSync || v.copy == nil || v.stopped() {
		return // not the truth (R5), or not to be started
	}
	t, p := &v.n.cfg.Timing, v.peer()
	r, known := v.reported()
	gone := known && !r.flags.Has(model.FlagInstance)
	unable := gone && r.flags.Has(model.FlagCannotRun)
	silent := func(wait model.Time) bool {
		if p.suspected && v.n.now < p.since+wait {
			v.lookAgain(p.since + wait)
		}
		return p.suspected && v.n.now >= p.since+wait
	}
	switch {
	case v.holdsVM():
		if silent(v.promoteWait()) || (gone || v.in.HandedOver()) && (v.in.Landed() || planted.On(planted.LandingIgnored)) {
			v.in.Renounce(v.cfg.Gen)
			v.propose(pool.Command{Kind: pool.KindPromote, Node: v.self()})
		}
	case v.cfg.Secondary == v.self() && v.cfg.Level != model.LevelFT:
		if silent(v.promoteWait()) || unable {
			v.in.Renounce(v.cfg.Gen)
			v.propose(pool.Command{Kind: pool.KindStart, Node: v.self()})
		}
	default:
		if silent(model.Time(t.ColdStartAfter)) || unable {
			if v.cfg.Level == model.LevelFT {
				v.losesIn = v.cfg.Gen
			}
			v.in.Renounce(v.cfg.Gen)
			v.propose(pool.Command{Kind: pool.KindStart, Node: v.self(), Override: planted.On(planted.StartStale)})
		}
	}
}

// promoteWait is how long a secondary waits after it began to suspect the primary. If
// somebody else still hears the primary, only the links between the two homes are gone; then
// the primary gets much more time to go on alone, and nothing fails over.
func (v *vm) promoteWait() model.Time {
	wait := model.Time(v.n.cfg.Timing.PromoteWait)
	if v.n.vouched(v.other) {
		wait *= vouchedPatience
	}
	return wait
}

// vouchedPatience multiplies PromoteWait for a primary that a third member still hears.
const vouchedPatience = 8

// fromPrimary takes what a primary asks of this replica. Only the VM's present
// primary is served; a session belongs to one tenure of one primary.
func (v *vm) fromPrimary(m *model.Message) {
	out := &v.n.out
	if v.cfg.Gen == 0 || v.cfg.Primary != m.From || v.instance != absent {
		if m.Gen < v.cfg.Gen {
			r := out.Send(model.MsgRefuse, m.From, v.id)
			r.Gen, r.Epoch, r.Session = v.cfg.Gen, m.Epoch, m.Session
		}
		return
	}
	if m.Kind == model.MsgResync {
		v.openReplica(m)
		return
	}
	if v.copy == nil || m.Session != v.copy.Session() {
		return
	}
	switch m.Kind {
	case model.MsgWrite:
		v.copy.Write(m, out)
		v.in.Poll(v.copy.Held(), out)
	case model.MsgFlush:
		v.copy.Flush(m, out)
	case model.MsgStable:
		v.copy.Stable(m, out)
	case model.MsgRead:
		v.copy.Read(m, out)
	case model.MsgCopy:
		v.copy.Copy(m, out)
	case model.MsgCheckpoint:
		v.in.Checkpoint(m, v.copy.Held(), out)
	case model.MsgBarrier:
		v.in.Barrier(m, out)
	}
}

// followed is the newest session that a replica here followed, in this life.
type followed struct {
	primary model.NodeID
	life    uint64 // of the primary
	session uint64
}

// openReplica follows a new session of the primary, unless that could cost the
// pool something that this home still holds for it.
func (v *vm) openReplica(m *model.Message) {
	out := &v.n.out
	if m.Gen != v.cfg.Gen || v.cfg.InSync == v.cfg.Homes {
		return // one of both has not caught up; the primary asks again
	}
	if v.copy == nil {
		r := out.Send(model.MsgIntent, m.From, v.id)
		r.Session, r.Flags = m.Session, model.FlagError
		return
	}
	if m.ID != 0 && m.ID != v.n.incarnation && !planted.On(planted.LateLife) {
		return // late: it is for an earlier life, and what that took in the session nobody knows
	}
	f := &v.followed
	if m.Session != v.copy.Session() && m.From == f.primary && m.Incarnation == f.life && m.Session <= f.session && !planted.On(planted.SessionTwice) {
		// That session is over, or the copy that followed it was closed: what comes of it again and late could not be told from what is new.
		r := out.Send(model.MsgMirrorAck, m.From, v.id)
		r.Session, r.Flags = m.Session, model.FlagError
		return
	}
	if m.Session != v.copy.Session() {
		if v.copy.Busy() {
			v.disk, v.copy = diskClosed, nil // reopening ends what is under way
			return
		}
		v.in.Reset(m.Session, out)
	}
	*f = followed{m.From, m.Incarnation, m.Session}
	v.copy.Open(m.From, m.Session, out)
}
