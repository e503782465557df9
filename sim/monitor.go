package sim

import (
	"fmt"
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/engine/pool"
	"holdfast/sim/disk"
)

// Violation is a rule that was broken, as the world saw it.
type Violation struct {
	Rule string // "R1" to "R10"; "crash" for a daemon that cannot start
	At   model.Time
	VM   model.VMID // 0: none in particular
	Text string
}

// maxViolations bounds the list: after the first few, more say nothing new.
const maxViolations = 20

// monitor compares what happens with the rules. It knows the newest committed
// configuration of each VM and every disk and checkpoint of the world.
type monitor struct {
	w          *World
	vms        []watch // by VMID
	points     []points
	seen       []uint64
	violations []Violation
	scratch    []disk.Sector
}

// watch is what the monitor knows of one VM.
type watch struct {
	truth    []pool.Config // committed configurations in order
	since    []model.Time  // when each was first seen
	seenBy   []sighting
	starts   []model.Gen  // generations that were booted or activated
	asked    []proposal   // what members proposed
	failOver bool         // an operator ordered a start from the recovery copy
	ordered  model.NodeID // an operator ordered a start from there, whatever its copy
	forced   model.NodeID // the newest such order, decided or not

	acks []acked // newest acknowledgement that a secondary gave in each session

	orphans []model.IO // writes that an instance asked for and had no answer to when it ended: the copies may differ in them

	writes []written // completed writes that no flush has covered
	shadow shadow
	recent []written // newest writes asked for, for comparisons of moving copies

	copiedAt model.Time // when a copy that was brought up to date lacked nothing more

	holder model.NodeID // of a VM on shared storage: who started it last

	exposure model.Gen // exposed generation that people have to be told of; 0: none
	exposeBy model.NodeID
	exposeAt model.Time
}

// sighting is who knew of a committed configuration first, and the record of its own which has to be durable
// before that can have any consequence. Once a second member knows it, none is needed.
type sighting struct {
	by     model.NodeID
	record uint64
}

// acked is the newest epoch that was acknowledged in a session. Sessions with different partners may
// overlap: the last word of the former one can still be on its way when the next begins.
type acked struct {
	session     uint64
	epoch       model.Epoch
	checkpoints bool // it proves by checkpoints
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

// proposal is what a member asked the log for.
type proposal struct {
	by     model.NodeID
	what   string
	expect model.Gen
}

// written is a guest write.
type written struct {
	io  model.IO
	at  model.Time
	att *attachment
}

func (o *monitor) init(w *World) {
	o.w = w
	o.vms = make([]watch, len(w.vms))
	o.points = make([]points, len(w.vms))
	for i, v := range w.vms {
		if v != nil && (v.recovery != model.NoNode || v.spec.Covered) {
			o.points[i].init(v)
		}
	}
	o.seen = make([]uint64, len(w.nodes))
	o.scratch = make([]disk.Sector, diskSectors)
}

// Violations returns the rules that were broken so far.
func (w *World) Violations() []Violation { return w.monitor.violations }

func (w *World) violation(rule string, vm model.VMID, text string) {
	if len(w.monitor.violations) < maxViolations {
		w.monitor.violations = append(w.monitor.violations, Violation{Rule: rule, At: w.now, VM: vm, Text: text})
	}
}

func (o *monitor) breaks(rule string, p *place, format string, args ...any) {
	text := p.m.name + ", " + p.vm.spec.Name + ": " + fmt.Sprintf(format, args...)
	o.w.violation(rule, p.vm.id, text)
}

// exists reports whether the pool knows the VM.
func (o *monitor) exists(vm model.VMID) bool { return len(o.vms[vm].truth) > 0 }

// newest returns the newest committed configuration; Gen 0: none.
func (v *watch) newest() pool.Config {
	if len(v.truth) == 0 {
		return pool.Config{}
	}
	return v.truth[len(v.truth)-1]
}

// Config returns the newest configuration of the VM that any member has committed; Gen 0: none.
func (w *World) Config(vm model.VMID) pool.Config { return w.monitor.vms[vm].newest() }

// proposals takes down what the effects of a step say that the member proposes: it may be
// committed within the same step.
func (o *monitor) proposals(m *member, list []model.Effect) {
	for i := range list {
		if e := &list[i]; e.Kind == model.EffectNotify && e.Notice.Kind == model.NoticeProposed && int(e.VM) < len(o.vms) {
			v := &o.vms[e.VM]
			v.asked = append(v.asked, proposal{by: m.id, what: e.Notice.Detail, expect: e.Notice.Gen})
		}
	}
}

// observe looks at what a member has newly learnt from the control log.
func (o *monitor) observe(m *member) {
	state := m.node.Pool()
	if state.Applied() == o.seen[m.id] {
		return
	}
	o.seen[m.id] = state.Applied()
	for _, cfg := range state.VMs() {
		v := &o.vms[cfg.VM]
		if before := v.newest(); cfg.Gen > before.Gen {
			if cfg.Cause != pool.KindBump { // a bump goes on with what is still to be said
				o.told(v, o.w.now)
			}
			v.truth, v.since = append(v.truth, cfg), append(v.since, o.w.now)
			v.seenBy = append(v.seenBy, sighting{by: m.id, record: m.asked})
			o.committed(v, &before, &cfg)
			o.w.tape.committed(o.w, &cfg)
		} else {
			o.agrees(m, v, &cfg)
		}
	}
}

// undo takes back what only a member knew that dies before it was durable there: nothing can have come of it,
// and the log may go on otherwise.
func (o *monitor) undo(m *member) {
	o.seen[m.id] = 0
	for i := range o.vms {
		v := &o.vms[i]
		for n := len(v.truth) - 1; n >= 0 && v.seenBy[n].by == m.id && v.seenBy[n].record > m.durable; n-- {
			if o.points[v.truth[n].VM].undo(&v.truth[n]) {
				v.failOver = true
			}
			v.truth, v.since, v.seenBy, v.exposure = v.truth[:n], v.since[:n], v.seenBy[:n], 0
		}
	}
}

// agrees checks that a member has the same configuration as everybody else who knows the generation.
func (o *monitor) agrees(m *member, v *watch, cfg *pool.Config) {
	for i := len(v.truth) - 1; i >= 0 && v.truth[i].Gen >= cfg.Gen; i-- {
		if v.seenBy[i].by != m.id {
			v.seenBy[i].by = model.NoNode
		}
		if v.truth[i].Gen == cfg.Gen && v.truth[i] != *cfg {
			o.breaks("R2", o.w.nodes[cfg.Primary].place(cfg.VM), "generation %d is %v by %d for %s and was %v by %d for others",
				cfg.Gen, cfg.Cause, cfg.By, m.name, v.truth[i].Cause, v.truth[i].By)
		}
	}
}

// committed checks a step from one configuration to the next.
func (o *monitor) committed(v *watch, before, cfg *pool.Config) {
	p := o.w.nodes[cfg.Primary].place(cfg.VM)
	single := before.Gen != 0 && cfg.Gen == before.Gen+1
	switch cfg.Cause {
	case pool.KindStart, pool.KindPromote:
		over := v.failOver && cfg.Primary == before.Recovery
		if over {
			o.points[cfg.VM].failedOver(o.w, p, cfg.Gen)
			v.failOver = false
		}
		if single && !before.InSync.Has(cfg.Primary) && v.ordered != cfg.Primary && !over {
			o.breaks("R5", p, "generation %d starts from a copy that is not in the in-sync set %v", cfg.Gen, before.InSync)
		}
	case pool.KindAttach:
		o.compareCopies(v, p, cfg)
	case pool.KindFailBack:
		o.points[cfg.VM].failedBack(o.w, p)
	}
	if single {
		o.changedHomes(before, cfg)
		o.points[cfg.VM].fresh = o.points[cfg.VM].fresh || cfg.Cause == pool.KindAddRecovery
	}
	if single && cfg.Primary != before.Primary && cfg.Cause == pool.KindPromote && before.Secondary != cfg.Primary {
		o.breaks("R2", p, "generation %d promotes a host that was not the secondary of generation %d", cfg.Gen, before.Gen)
	}
	if single && v.ordered == model.NoNode && !cfg.Cause.Recovery() && !v.proposed(cfg) {
		o.breaks("R2", p, "generation %d was made by a proposal of %v for another generation", cfg.Gen, cfg.Cause)
	}
	v.ordered = model.NoNode
	owed := v.exposure != 0 && cfg.Cause == pool.KindBump
	v.exposure = 0
	if cfg.Exposed() && cfg.Level != model.LevelNone && (owed || !goesOn(before, cfg)) {
		v.exposure, v.exposeBy, v.exposeAt = cfg.Gen, cfg.Primary, o.w.now
	}
}

// goesOn reports whether an exposed configuration only continues what people were told of before.
func goesOn(before, cfg *pool.Config) bool {
	switch cfg.Cause {
	case pool.KindCreate, pool.KindBump, pool.KindRehome:
		return true
	case pool.KindLevel:
		return before.Exposed() && before.Level != model.LevelNone
	}
	return false
}

// proposed reports whether the configuration's proposer asked for it in the generation before it.
func (v *watch) proposed(cfg *pool.Config) bool {
	for i := range v.asked {
		if a := &v.asked[i]; a.by == cfg.By && (a.what == cfg.Cause.String() || a.what == pool.KindFailOver.String()) && a.expect == cfg.Gen-1 {
			return true
		}
	}
	return false
}

// noticed takes down that somebody said what had to be said (R10).
func (o *monitor) noticed(m *member, n *model.Notice) {
	if int(n.VM) >= len(o.vms) {
		return
	}
	if n.Kind == model.NoticeCopied {
		o.vms[n.VM].copiedAt = o.w.now
	}
	if n.Kind != model.NoticeExposed {
		return
	}
	if v := &o.vms[n.VM]; n.Gen == v.exposure && m.id == v.exposeBy {
		v.exposure = 0
	}
}

// knows reports whether the member's daemon has learnt of a generation: nobody can tell people what he does
// not know, such as another level that was ordered elsewhere while he is cut off.
func (m *member) knows(vm model.VMID, gen model.Gen) bool {
	return m.node != nil && m.node.Pool().VM(vm).Gen >= gen
}

// told checks that an exposure that lasted was said.
func (o *monitor) told(v *watch, now model.Time) {
	if v.exposure == 0 || now.Sub(v.exposeAt) < 2*time.Second {
		return
	}
	m := o.w.nodes[v.exposeBy]
	if p := m.vms[v.newest().VM]; m.running() && m.knows(v.newest().VM, v.exposure) && p.runs() && p.plug.passing {
		o.breaks("R10", p, "runs alone since generation %d and nobody was told", v.exposure)
	}
	v.exposure = 0
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
		o.breaks("R10", p, "output leaves the only copy since generation %d and nobody was told", v.exposure)
		v.exposure = 0
	}
	switch {
	case cfg.Primary != p.m.id:
		o.breaks("R2", p, "output of generation %d leaves; the pool went on with generation %d on %s", p.inst.gen, cfg.Gen, o.w.nodes[cfg.Primary].name)
	case epoch != 0:
		o.breaks("R1", p, "output of epoch %d leaves; acknowledged is %d", epoch, v.ackedIn(p.session).epoch)
	case !cfg.Exposed():
		o.breaks("R1", p, "output leaves unacknowledged; in generation %d this host is not the only copy", cfg.Gen)
	}
}

// starting checks that a generation is started once.
func (o *monitor) starting(p *place, gen model.Gen) {
	v := &o.vms[p.vm.id]
	for _, g := range v.starts {
		if g == gen {
			o.breaks("R2", p, "generation %d is started a second time", gen)
		}
	}
	if p.lost && o.vms[p.vm.id].forced != p.m.id {
		o.breaks("R5", p, "generation %d starts from a copy that lost what it had promised", gen)
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
	o.points[p.vm.id].captured(epoch)
	if full && p.vm.spec.Service.OnDisk() {
		o.vms[p.vm.id].shadow.begin(p)
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
		if p.incoming.get(writeKey(session, s.seq)) == nil {
			o.breaks("R6", p, "seals checkpoint %d without its disk write %d", epoch, s.seq)
			return
		}
	}
}

// applied moves the shadow on.
func (o *monitor) applied(p *place, epoch model.Epoch) { o.vms[p.vm.id].shadow.fold(epoch) }
