package sim

import (
	"fmt"
	"slices"
	"time"

	"holdfast/engine/model"
	"holdfast/engine/pool"
)

// What the protocol promises about components that fail (R9): each fault is counted, and a component is taken out of
// service exactly when its rule says so. By the mean time between failures, that is when strikeCount faults are counted within
// strikeGaps times that.
const (
	strikeCount = 5
	strikeGaps  = strikeCount - 1
)

// Bounds of what the monitor demands.
const (
	// answerTime is what the log gets for a count or a retirement while nothing is in its way: some round trips and a write.
	answerTime = 2 * time.Second
	// electTime is what the others get to elect a leader that counts the loss of a host, after they suspect it. If their votes
	// are split, which is likely where they are far from each other, raft tries again within twice its time-out of two seconds; they
	// may be split twice.
	electTime = 9 * time.Second
	// settledIn is how long a member has to have worked undisturbed before anything is demanded of it: before that it may not
	// know who leads, who else is there, or what the log says. It is longer than any suspicion takes.
	settledIn = 3 * time.Second
	// greeting is how long others may not have heard of which version a member is that has joined or was replaced. Those with
	// which it neither votes nor shares a VM hear it seldom.
	greeting = 5 * time.Second
	// lingers is how long what asked for a retirement may still be on its way after one was decided.
	lingers = 30 * time.Second
	// fewEntries of the log are read as such; a member that learns more at once may have had a snapshot, in which
	// faults have no times.
	fewEntries = 8
	// nearby is the delay of a link that is no trouble: places are so far from each other at most.
	nearby = 100 * time.Millisecond
)

// health is what the monitor knows of components that fail. It has its own books: it never asks the engine what it
// decides, only what each member has learnt from the log.
type health struct {
	known   []books // by member
	newest  learnt  // by the member that has applied most
	permits []permit
	demands []demand
	cleared model.Time // when the operator gave an order to clear faults last; -1: never
	// versions is when a daemon was last replaced by one of another version, or a host joined; -1: never. Until the others hear
	// of its version they take it for old.
	versions model.Time
	members  model.NodeSet
	left     []model.Time // by member: when it left last; -1: never
	// void: an operator let a member decide alone. What was decided without it is void, and the others' books with it, so
	// nothing is demanded any more.
	void bool
}

// learnt is what a member has learnt from the log.
type learnt struct {
	by      model.NodeID
	applied uint64
	parts   []pool.Health
}

// books are those of one life of a member's daemon.
type books struct {
	learnt
	at      model.Time // when the member learnt the newest of it
	life    uint64
	strikes []strikes
	barred  []model.VMID // VMs whose copy here is out of service, and not the only one in sync
	stopped []model.VMID // VMs that are out of service
}

// strikes is when a member learnt of the newest faults of a component.
type strikes struct {
	of    pool.Part
	times [strikeCount]model.Time // newest last
	n     int
	sure  int // of the newest: nothing can have come between them that the monitor did not see
}

// permit is a reason to take a component out of service that some member had.
type permit struct {
	of   pool.Part
	ends model.Time
}

// demand is something that has to be decided while those who can decide it are undisturbed.
type demand struct {
	of     pool.Part
	what   demanded
	since  model.Time
	until  model.Time
	by     model.NodeID // who asked for it; NoNode: nobody in particular
	leader model.NodeID // the leader, which must not change; NoNode: whoever leads
	faults uint64       // that were counted before
	life   uint64       // of the instance that hangs
	rule   model.Repair
	// voters and members are who has to decide it, and who belonged to the pool.
	voters, members model.NodeSet
}

type demanded uint8

const (
	toCount demanded = iota
	toCountLoss
	toRetire
	toBoot
)

func (h *health) init(w *World) {
	h.known = make([]books, len(w.nodes))
	h.cleared, h.versions, h.left = -1, -1, slices.Repeat([]model.Time{-1}, len(w.nodes))
}

// disturb notes that something changed how a member runs or what its clock shows.
func (m *member) disturb() { m.disturbed = m.w.now }

// steady reports whether a member has run undisturbed, by a clock that is right, since before t.
func (m *member) steady(t model.Time) bool {
	return m.running() && m.disturbed < t && m.slow == 1 && m.clock.drift == 0 && !m.clock.stopped && !m.old
}

// healthy reports whether messages pass the wire as they should.
func (wi *Wire) healthy() bool {
	return !wi.Cut && wi.Loss == 0 && wi.Duplicate == 0 && wi.Reorder == 0 && wi.Corrupt == 0 && wi.Bandwidth == 0 && wi.Delay+wi.Jitter <= nearby
}

// drained reports whether what is sent now does not wait behind what was sent while the wire was slow.
func (wi *wire) drained(now model.Time) bool { return wi.lastArrival <= now.Add(nearby) }

// joined reports whether all links between two members work, and have nothing to catch up with.
func (w *World) joined(a, b model.NodeID) bool {
	for l := range w.links[a][b] {
		there, back := &w.links[a][b][l], &w.links[b][a][l]
		if a != b && !(there.healthy() && back.healthy() && there.drained(w.now) && back.drained(w.now)) {
			return false
		}
	}
	return true
}

// find returns what is known of a component.
func (l *learnt) find(of pool.Part) pool.Health {
	for i := range l.parts {
		if l.parts[i].Part == of {
			return l.parts[i]
		}
	}
	return pool.Health{Part: of}
}

// permit notes that a component may be taken out of service.
func (o *monitor) permit(of pool.Part) {
	for i := range o.health.permits {
		if p := &o.health.permits[i]; p.of == of {
			p.ends = model.Never
			return
		}
	}
	o.health.permits = append(o.health.permits, permit{of: of, ends: model.Never})
}

// advance takes down what is newly known of the log, and checks what was taken out of service.
func (o *monitor) advance(m *member, state *pool.State) {
	h := &o.health
	if state.Applied() <= h.newest.applied {
		return
	}
	if members := state.Members().All(); members != h.members {
		for gone := h.members &^ members; !gone.Empty(); gone = gone.Without(gone.First()) {
			h.left[gone.First()] = o.w.now
		}
		h.members, h.versions = members, o.w.now
	}
	for _, p := range state.Parts() {
		if p.Retired && !h.newest.find(p.Part).Retired {
			o.retired(p)
		}
	}
	h.newest = learnt{by: m.id, applied: state.Applied(), parts: append(h.newest.parts[:0], state.Parts()...)}
}

// retired checks that a component that was taken out of service failed as its rule says.
func (o *monitor) retired(p pool.Health) {
	if o.health.void {
		return
	}
	// The count of the first fault of one that is never put back retires it; strike does not see those that a new life learns.
	if p.Rule.Mode == model.RepairNever || o.health.newest.find(p.Part).Rule.Mode == model.RepairNever {
		o.permit(p.Part)
	}
	for i := range o.health.permits {
		if a := &o.health.permits[i]; a.of == p.Part {
			a.ends = min(a.ends, o.w.now.Add(lingers))
			return
		}
	}
	o.w.violation("R9", p.VM, fmt.Sprintf("%s is taken out of service although it may fail as it did: %s", o.partName(p.Part), ruleText(p.Rule, o.w.opt.Timing.Engine.MTBF)))
}

// ruleText says in words when a component is taken out of service.
func ruleText(r model.Repair, usual time.Duration) string {
	switch r.Mode {
	case model.RepairAlways:
		return "it is always to be put back"
	case model.RepairNever:
		return "its first fault takes it out"
	}
	if r.MTBF != 0 {
		usual = r.MTBF
	}
	return fmt.Sprintf("%d faults within %v take it out", strikeCount, strikeGaps*usual)
}

// partName names a component.
func (o *monitor) partName(of pool.Part) string {
	switch of.Component {
	case model.ComponentHost:
		return "host " + o.w.nodes[of.Node].name
	case model.ComponentVM:
		return "the guest of " + o.w.vms[of.VM].spec.Name
	case model.ComponentDisk:
		return "the copy of " + o.w.vms[of.VM].spec.Name + " on " + o.w.nodes[of.Node].name
	}
	return "the network port of " + o.w.nodes[of.Node].name
}

// forgets drops the books of a member whose daemon dies. What only it knew may be decided otherwise.
func (o *monitor) forgets(m *member) {
	h := &o.health
	h.known[m.id] = books{}
	if h.newest.by != m.id {
		return
	}
	for _, p := range h.newest.parts {
		if p.Retired {
			o.permit(p.Part) // it was checked, and will be seen again
		}
	}
	h.newest = learnt{}
	for i := range h.known {
		if k := &h.known[i]; k.applied > h.newest.applied {
			h.newest = learnt{by: model.NodeID(i), applied: k.applied, parts: slices.Clone(k.parts)}
		}
	}
}

// overridden ends all demands.
func (h *health) overridden() { h.void, h.demands = true, nil }

// clearing notes that the operator gave an order to clear faults: what is counted may begin anew at any moment.
func (h *health) clearing(now model.Time) {
	h.cleared = now
	h.demands = slices.DeleteFunc(h.demands, func(d demand) bool { return d.what != toBoot })
}
