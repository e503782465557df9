package sim

import (
	"slices"
	"time"

	"holdfast/engine/model"
)

// acked is the newest epoch that was acknowledged in a session. Sessions with different partners may
// overlap: the last word of the former one can still be on its way when the next begins.
type acked struct {
	session     uint64
	epoch       model.Epoch
	checkpoints bool // it proves by checkpoints
}

// capture is when a checkpoint was taken.
type capture struct {
	epoch model.Epoch
	at    model.Time
}

// seen is how long it takes at most until the engine has heard of a request, and counts it among those of an epoch.
const seen = 100 * time.Millisecond

// covers takes down what the acknowledgement of a checkpoint covers.
func (v *watch) covers(epoch model.Epoch) {
	for _, c := range v.captures {
		if c.epoch == epoch {
			v.covered = c.at.Add(-seen)
		}
	}
}

// ackedIn returns the newest acknowledgement of a session.
func (v *watch) ackedIn(session uint64) *acked {
	for i := len(v.acks) - 1; i >= 0; i-- {
		if v.acks[i].session == session {
			return &v.acks[i]
		}
	}
	v.acks = append(v.acks, acked{session: session})
	return &v.acks[len(v.acks)-1]
}

// sent watches what members tell each other.
func (o *monitor) sent(m *member, msg *model.Message, att *attachment) {
	switch msg.Kind {
	case model.MsgCheckpoint, model.MsgBarrier:
		m.vms[msg.VM].session = msg.Session
		if msg.Kind == model.MsgCheckpoint {
			o.vms[msg.VM].ackedIn(msg.Session).checkpoints = true
		}
	case model.MsgAck:
		o.acknowledged(m.vms[msg.VM], msg)
	case model.MsgWrite:
		if msg.Flags.Has(model.FlagHold) && o.vms[msg.VM].newest().Primary == m.id {
			o.vms[msg.VM].shadow.write(msg, att)
		}
	}
}

// acknowledged checks that a secondary holds what it acknowledges.
func (o *monitor) acknowledged(p *place, msg *model.Message) {
	v := &o.vms[msg.VM]
	a := v.ackedIn(msg.Session)
	if a.checkpoints && p.sealed < msg.Epoch {
		o.breaks("R1", p, "acknowledges checkpoint %d; the newest that it holds as a whole is %d", msg.Epoch, p.sealed)
	}
	a.epoch = max(a.epoch, msg.Epoch)
	p.acked = max(p.acked, msg.Epoch)
	v.covers(msg.Epoch)
}

// released checks that output may leave: its epoch was acknowledged, or (epoch 0)
// this host holds the only copy by the log's word (R1, R2).
func (o *monitor) released(p *place, epoch model.Epoch) {
	v := &o.vms[p.vm.id]
	cfg := v.newest()
	if cfg.Shared {
		o.releasedShared(p)
		return
	}
	if epoch != 0 && epoch <= v.ackedIn(p.session).epoch {
		return
	}
	if epoch == 0 && v.exposure != 0 && v.exposeBy == p.m.id && p.m.knows(p.vm.id, v.exposure) && o.w.now.Sub(v.exposeAt) >= 2*time.Second {
		o.breaks("R10", p, "output leaves the only copy since generation %v and nobody was told", v.exposure)
		v.exposure = 0
	}
	switch {
	case cfg.Primary != p.m.id:
		o.breaks("R2", p, "output of generation %v leaves; the pool went on with generation %v on %s", p.inst.gen, cfg.Gen, o.w.nodes[cfg.Primary].name)
	case epoch != 0:
		o.breaks("R1", p, "output of epoch %d leaves; acknowledged is %d", epoch, v.ackedIn(p.session).epoch)
	case !cfg.Exposed():
		o.breaks("R1", p, "output leaves unacknowledged; in generation %v this host is not the only copy", cfg.Gen)
	}
}

// starting checks that a generation is started once.
func (o *monitor) starting(p *place, gen model.Gen) {
	v := &o.vms[p.vm.id]
	for _, g := range v.starts {
		if g == gen {
			o.breaks("R2", p, "generation %v is started a second time", gen)
		}
	}
	if p.lost && o.vms[p.vm.id].forced != p.m.id {
		o.breaks("R5", p, "generation %v starts from a copy that lost what it had promised", gen)
	}
	v.starts, v.orphans = append(v.starts, gen), v.orphans[:0]
	o.atHome(p, gen)
	o.startingShared(p, gen)
	v.writes = v.writes[:0]
}

// notStarted takes back that a generation was started: the instance could not be created.
func (o *monitor) notStarted(p *place, gen model.Gen) {
	v := &o.vms[p.vm.id]
	v.starts = slices.DeleteFunc(v.starts, func(g model.Gen) bool { return g == gen })
}

// activating checks that a promotion uses the newest acknowledged checkpoint, and that the disk
// belongs to the same instant (R3, R6).
func (o *monitor) activating(p *place, epoch model.Epoch) {
	o.starting(p, p.inst.gen)
	o.points[p.vm.id].promoted(o, p, epoch)
	if epoch != p.acked || epoch != p.imageAt {
		o.breaks("R3", p, "activates checkpoint %d; it acknowledged %d and holds %d", epoch, p.acked, p.imageAt)
	}
	o.vms[p.vm.id].shadow.compare(o, p, epoch)
}

// captured lets the shadow of the disk begin with a full checkpoint.
func (o *monitor) captured(p *place, epoch model.Epoch, full bool) {
	v := &o.vms[p.vm.id]
	if len(v.captures) == 8 {
		v.captures = append(v.captures[:0], v.captures[1:]...)
	}
	v.captures = append(v.captures, capture{epoch, o.w.now})
	o.points[p.vm.id].captured(epoch)
	if full && p.vm.spec.Service.OnDisk() {
		v.shadow.begin(p)
	}
}

// sealing checks that nothing is missing in what is about to be made one unit.
func (o *monitor) sealing(p *place, session uint64, epoch model.Epoch, last model.Seq) {
	v := &o.vms[p.vm.id]
	for i := range v.shadow.writes {
		s := &v.shadow.writes[i]
		if s.session != session || s.seq > last || s.epoch > epoch {
			continue
		}
		if p.incoming.get(session, uint64(s.seq)) == nil {
			o.breaks("R6", p, "seals checkpoint %d without its disk write %d", epoch, s.seq)
			return
		}
	}
}

// applied moves the shadow on. A host that was out of the world for a while may apply what belongs to a session that is over.
func (o *monitor) applied(p *place, session uint64, epoch model.Epoch) {
	if s := &o.vms[p.vm.id].shadow; s.of == session {
		s.fold(epoch)
	}
}
