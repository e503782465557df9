package sim

import (
	"fmt"
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
	health     health
	statements statements
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
	voids    bool         // an operator let a member decide alone that did not know all that was decided
	failOver bool         // an operator ordered a start from the recovery copy
	ordered  model.NodeID // an operator ordered a start from there, whatever its copy
	forced   model.NodeID // the newest such order, decided or not

	acks []acked // newest acknowledgement that a secondary gave in each session

	orphans []model.IO // writes that an instance asked for and had no answer to when it ended: the copies may differ in them

	writes []written // completed writes that no flush has covered
	shadow shadow
	recent []written // writes asked for lately, for comparisons of moving copies

	copiedAt model.Time // when a copy that was brought up to date lacked nothing more
	joining  bool       // it is not in the in-sync set yet
	captures []capture  // newest ones
	covered  model.Time // what a guest of level ft wrote before it is in a checkpoint that was acknowledged

	holder model.NodeID // of a VM on shared storage: who started it last

	exposure model.Gen // exposed generation that people have to be told of; 0: none
	exposeBy model.NodeID
	exposeAt model.Time
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
	o.health.init(w)
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

// noticed takes down that somebody said what had to be said (R10).
func (o *monitor) noticed(m *member, n *model.Notice) {
	if int(n.VM) >= len(o.vms) {
		return
	}
	if n.Kind == model.NoticeCopied {
		o.vms[n.VM].copiedAt, o.vms[n.VM].joining = o.w.now, true
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
		o.breaks("R10", p, "runs alone since generation %v and nobody was told", v.exposure)
	}
	v.exposure = 0
}
