package engine

import (
	"time"

	"holdfast/engine/dr"
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/pair"
	"holdfast/engine/planted"
)

// recovery is what a node has to do with a VM's copy at another place. Which part is used depends on the
// configuration: the primary has a source, the host with the copy a target.
type recovery struct {
	src     *dr.Source
	srcAt   model.Time // no stream is opened before
	lacking model.Bitmap
	changed model.Bitmap // the local copy's change record; nil: not read yet
	late    bool         // the point is older than its target, and that was said
	said    bool         // that it is within its target was said

	returning bool       // an operator wants the VM back at its homes
	returnBy  model.Time // when to give that up
	left      *dr.Source // ships the last point of an instance that was ended for that

	tgt       *dr.Target
	opening   uint64     // the number of the opening under way; 0: none
	openedFor model.Gen  // the history for which it was opened last
	openAt    model.Time // when to try to open the copy again
	broken    bool       // that it failed was said
	takeover  bool       // an operator wants to start the VM from this copy
	askedIn   model.Gen  // generation out of which that was proposed last
	testing   uint64     // the number of the test under way; 0: none
	testPoint model.Epoch
}

// recovery returns the settings of recovery copies with the defaults in place.
func (c *Config) recovery() dr.Config {
	r := c.Recovery
	r.Extents, r.ExtentSectors = c.Mirror.Extents, c.Mirror.ExtentSectors
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&r.Window, 256)
	set(&r.Journal, 1024)
	set(&r.CopyDepth, c.Mirror.CopyDepth)
	if r.PointEvery == 0 {
		r.PointEvery = 100 * time.Millisecond
	}
	if r.Resend == 0 {
		r.Resend = 50 * time.Millisecond
	}
	return r
}

// RecoveryPoint is what a node knows of a VM's copy at another place.
type RecoveryPoint struct {
	Point model.Epoch   // the newest durable one; 0: none
	Age   time.Duration // of the oldest completed write that it lacks; 0: it lacks none
	State dr.State      // of the source
}

// RecoveryPoint returns the recovery point of a VM that runs here; ok is false if it has no recovery copy.
func (n *Node) RecoveryPoint(id model.VMID) (p RecoveryPoint, ok bool) {
	v := n.vm(id)
	if v == nil || v.recovery.src == nil {
		return p, false
	}
	s := v.recovery.src
	return RecoveryPoint{Point: s.Point(), Age: s.Age(n.now), State: s.State()}, true
}

// RecoveryCopy returns the newest durable point of the recovery copy that this host keeps and how long ago it was
// announced here; ok is false if there is none.
func (n *Node) RecoveryCopy(id model.VMID) (point model.Epoch, age time.Duration, ok bool) {
	v := n.vm(id)
	if v == nil || v.recovery.tgt == nil {
		return 0, 0, false
	}
	history, point := v.recovery.tgt.Point()
	return point, v.recovery.tgt.Age(n.now), history == v.cfg.History && point != 0
}

// ship tells the sources what the effects of this step say about the guests' writes, and keeps the change records.
func (n *Node) ship() {
	for i, end := 0, len(n.out.List); i < end; i++ {
		e := &n.out.List[i]
		switch e.Kind {
		case model.EffectComplete, model.EffectForget, model.EffectExtentWrite, model.EffectChanged,
			model.EffectCapture, model.EffectRelease, model.EffectHold, model.EffectPass:
			if v := n.vm(e.VM); v != nil {
				v.shipEffect(e)
			}
		}
	}
	for i := range n.out.List {
		if n.out.List[i].Kind == model.EffectChanged {
			e := n.out.List[i]
			n.vm(e.VM).unchanged(e.Data)
		}
	}
}

func (v *vm) shipEffect(e *model.Effect) {
	now, out, r := v.n.now, &v.n.out, &v.recovery
	switch e.Kind {
	case model.EffectForget:
		v.recorded(e.Data)
		return
	case model.EffectExtentWrite:
		if r.changed != nil && int(e.Count) < v.n.cfg.Mirror.Extents {
			r.changed.Set(e.Count)
		}
		return
	}
	if r.src == nil {
		return
	}
	epochs := v.cfg.Level == model.LevelFT
	switch {
	case e.Kind == model.EffectComplete && e.IO.Op == model.OpWrite:
		r.src.Completed(now, e.IO.ID, e.Flags.Has(model.FlagError), out)
	case e.Kind == model.EffectPass:
		r.src.Exposed(now, out)
	case e.Kind == model.EffectHold && epochs:
		r.src.Hold()
	case e.Kind == model.EffectCapture && epochs && v.out != nil && v.out.State() == pair.Holding:
		r.src.Boundary(e.Epoch)
	case e.Kind == model.EffectRelease && epochs:
		r.src.Acknowledged(now, e.Epoch, out)
	}
}

// changesRead takes the change record that was found beside the opened copy.
func (v *vm) changesRead(data []byte) {
	changed, ok := model.ParseBitmap(data, v.n.cfg.Mirror.Extents)
	if !ok {
		changed = model.NewBitmap(v.n.cfg.Mirror.Extents)
		changed.Fill(v.n.cfg.Mirror.Extents) // nothing is known
	}
	v.recovery.changed = changed
}

// recorded notes that write intent went to the change record.
func (v *vm) recorded(data []byte) {
	r := &v.recovery
	extents, ok := model.ParseBitmap(data, v.n.cfg.Mirror.Extents)
	if !ok {
		return
	}
	if r.changed != nil {
		r.changed.Union(extents)
	}
	if r.src != nil {
		r.src.Recorded(extents)
	}
}

// unchanged takes what a durable point has out of the change records of both homes. While extents are copied the other home keeps its
// record: what the guest writes to an extent before it is copied has no number there, and a word that comes late would take away what the copy put
// into the record.
func (v *vm) unchanged(data []byte) {
	v.clearChanged(data)
	if v.main != nil && v.main.Connected() && (v.main.Remote() >= mirror.Joined || planted.On(planted.ChangedWhileCopied)) {
		m := v.n.out.Send(model.MsgChanged, v.other, v.id)
		m.Gen, m.Session, m.Seq, m.Data = v.gen, v.main.Session(), v.main.LastSeq(), data
	}
}

func (v *vm) clearChanged(data []byte) {
	extents, ok := model.ParseBitmap(data, v.n.cfg.Mirror.Extents)
	if ok && v.recovery.changed != nil {
		v.recovery.changed.Subtract(extents)
	}
}

// changedElsewhere takes the primary's word on what the recovery copy has. It counts only while nothing was
// written since.
func (v *vm) changedElsewhere(m *model.Message) {
	if v.copy == nil || m.From != v.cfg.Primary || !v.copy.Unchanged(m.Session, m.Seq) {
		return
	}
	v.clearChanged(m.Data)
	v.n.out.Add(model.EffectChanged, v.id).Data = m.Data
}

// lacking notes, when an instance begins to run here, what the recovery copy may lack.
func (v *vm) lacking(marks model.Bitmap) {
	extents := v.n.cfg.Mirror.Extents
	v.stopShipping()
	v.recovery.lacking = model.NewBitmap(extents)
	if marks == nil || v.recovery.changed == nil {
		v.recovery.lacking.Fill(extents)
		return
	}
	v.recovery.lacking.Union(marks)
	v.recovery.lacking.Union(v.recovery.changed)
}

func (v *vm) stopShipping() {
	v.recovery.src, v.recovery.lacking = nil, nil
}

// source makes the source of the running VM, if it is to have one.
func (v *vm) source() *dr.Source {
	n, r := v.n, &v.recovery
	if r.src != nil && (r.src.Target() != v.cfg.Recovery || r.src.History() != v.cfg.History || r.src.Era() != v.gen.Era()) {
		r.src.Close(&n.out)
		r.src = nil
	}
	if r.src == nil && v.cfg.Recovery != model.NoNode && v.main != nil {
		lacking := r.lacking
		if lacking == nil {
			lacking = model.NewBitmap(n.cfg.Mirror.Extents)
		}
		r.src = dr.NewSource(n.now, v.id, n.cfg.recovery(), v.cfg.Recovery, v.gen, v.cfg.History, lacking, n.token())
		r.late, r.said = false, false
		for _, io := range v.main.Writes() {
			r.src.Underway(&io)
		}
		if v.cfg.Level == model.LevelFT && v.out.State() == pair.Holding {
			r.src.Hold()
		}
	}
	return r.src
}

// shipRequest tells the source of a guest's request before the mirror takes it.
func (v *vm) shipRequest(io *model.IO) {
	if io.Op != model.OpWrite || v.main == nil {
		return
	}
	if s := v.source(); s != nil {
		s.Write(io, &v.n.out)
	}
}

// shipping keeps a stream to the recovery copy open, and says how old its point is.
func (v *vm) shipping() {
	n, r := v.n, &v.recovery
	s := v.source()
	if s == nil {
		return
	}
	s.SetGen(v.gen)
	s.Blind(n.now, !v.localReadable(), &n.out)
	v.openStream(s)
	v.sayAge(s)
	if r.returning && r.left == nil {
		v.beginReturn(s)
	}
}

func (v *vm) openStream(s *dr.Source) {
	n, r := v.n, &v.recovery
	p := &n.peers[s.Target()]
	if s.State() != dr.Closed || p.suspected || p.incarnation == 0 {
		return
	}
	if n.now < r.srcAt {
		v.lookAgain(r.srcAt)
		return
	}
	r.srcAt = n.now.Add(n.cfg.Timing.RepairEvery)
	s.Open(n.now, n.nextSession(), &n.out)
}

// sayAge tells people when the recovery point becomes older than its target, and when it is within it again.
func (v *vm) sayAge(s *dr.Source) {
	r, target := &v.recovery, time.Duration(v.cfg.TargetMS)*time.Millisecond
	switch late := s.Age(v.n.now) > target; {
	case late && !r.late:
		r.late, r.said = true, false
		notice := v.n.out.Notify(model.NoticeRecoveryLate, v.id, s.Target())
		notice.Gen, notice.Epoch = v.gen, s.Point()
		notice.Detail = "the recovery copy is more than its target of " + target.String() + " behind; check the links to its place and its disk"
	case !late && !r.said && s.State() == dr.Shipping:
		r.late, r.said = false, true
		notice := v.n.out.Notify(model.NoticeRecoveryPoint, v.id, s.Target())
		notice.Gen, notice.Epoch = v.gen, s.Point()
	}
}

func (v *vm) recoveryWake() model.Time {
	r, at := &v.recovery, model.Never
	if r.src != nil {
		at = r.src.NextWake()
		if !r.late {
			at = min(at, r.src.LackSince().Add(time.Duration(v.cfg.TargetMS)*time.Millisecond+1))
		}
	}
	if r.left != nil {
		at = min(at, r.left.NextWake(), r.returnBy)
	}
	return at
}

// wakeRecovery does what is due. People are told of a late point whatever else becomes of the VM, such as a guest that hangs.
func (v *vm) wakeRecovery() {
	if s := v.recovery.src; s != nil {
		v.sayAge(s)
	}
	for _, s := range []*dr.Source{v.recovery.src, v.recovery.left} {
		if s != nil {
			s.Wake(v.n.now, &v.n.out)
		}
	}
}

// fromTarget takes what the recovery copy's host answers.
func (v *vm) fromTarget(m *model.Message) {
	for _, s := range []*dr.Source{v.recovery.src, v.recovery.left} {
		switch {
		case s == nil:
		case m.Kind == model.MsgShipState:
			s.Answer(v.n.now, m, &v.n.out)
		default:
			s.Ack(v.n.now, m, &v.n.out)
		}
	}
}
