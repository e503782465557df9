package pool

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"holdfast/engine/model"
)

// ErrSnapshot is wrapped by Restore when data is not a snapshot.
var ErrSnapshot = errors.New("pool: invalid snapshot")

// shared is added to the level of a VM on shared storage. The first version has no such level, and a state with one is
// therefore always in the second.
const shared = uint64(model.LevelFT) + 1

// Snapshot returns the whole state. Equal states give equal bytes: the format's
// version, then as base-128 varints the members, Applied, and the lists of VMs and
// overrides, each preceded by its length, and 0. The second version, which a pool has only
// when it uses what came with it, has after that the hosts that leave, those in maintenance and, preceded by
// their number, the VMs that got another home, each with the generations in which its homes became such,
// the parts that had faults, and at the end sections that only pools have which need them: that of what is stated
// (appendRules), that of the recovery copies (appendRecovery), and that of the numbers of orders (appendOrders).
func (s *State) Snapshot() []byte {
	b := []byte{s.Format()}
	put := func(values ...uint64) {
		for _, v := range values {
			b = protowire.AppendVarint(b, v)
		}
	}
	put(uint64(s.members.Hosts), uint64(s.members.Witness), s.applied, uint64(len(s.vms)))
	for _, c := range s.vms {
		put(uint64(c.VM), uint64(c.Gen), uint64(c.Level)+shared*flag(c.Shared), uint64(c.Homes), uint64(c.Primary), uint64(c.Secondary),
			uint64(c.InSync), uint64(c.BaseEpoch), uint64(c.Cause), uint64(c.By), c.Incarnation)
	}
	put(uint64(len(s.overrides)))
	for _, o := range s.overrides {
		put(o.Index, uint64(o.Kind), uint64(o.VM), uint64(o.By), uint64(o.Node), o.Incarnation)
	}
	put(0) // the first version counted faults here, and nobody ever asked it to
	var moved []uint64
	for _, c := range s.vms {
		if c.Since != [2]model.Gen{} {
			moved = append(moved, uint64(c.VM), uint64(c.Since[0]), uint64(c.Since[1]))
		}
	}
	if s.Format() >= model.Protocol2 {
		put(uint64(s.members.Leaving), uint64(s.members.Maintenance), uint64(len(moved)/3))
		put(moved...)
		put(uint64(len(s.parts)))
		for _, h := range s.parts {
			put(uint64(h.Component), uint64(h.Node), uint64(h.VM), h.Faults, flag(h.Retired)+2*repairValue(h.Rule))
		}
	}
	if !s.rules.Empty() {
		b = appendRules(b, &s.rules)
	}
	return appendOrders(appendRecovery(b, s.vms), s.orders)
}

// Format returns the oldest version of the format that can hold the state, so that members which
// are to be set back can read it as long as that is possible.
func (s *State) Format() uint8 {
	if s.members.Leaving|s.members.Maintenance != 0 || len(s.parts)+len(s.orders) > 0 || !s.rules.Empty() {
		return model.Protocol2
	}
	for i := range s.vms {
		c := &s.vms[i]
		if c.Shared || c.Since != [2]model.Gen{} || c.KeepsHomes() || c.Cause.Format() >= model.Protocol2 || c.Cause == KindOverride {
			return model.Protocol2
		}
	}
	for _, o := range s.overrides {
		if o.Kind.Format() >= model.Protocol2 {
			return model.Protocol2
		}
	}
	return model.Protocol1
}

// Restore returns the state that Snapshot encoded. It accepts nothing else, and
// no state that breaks an invariant. Errors wrap ErrSnapshot.
func Restore(data []byte) (*State, error) {
	d := newDecoder(data)
	s := New(Members{Hosts: d.nodes("hosts"), Witness: d.node("witness")})
	s.applied = d.number("applied index")
	d.vms(s)
	d.overrides(s)
	if n := d.number("number of fault counts"); n != 0 {
		d.fail("%d fault counts, want none here", n)
	}
	if d.format >= model.Protocol2 {
		d.moved(s)
		d.parts(s)
		if d.section(sectionRules) {
			d.rules(s)
		}
		if d.section(sectionRecovery) {
			d.recovery(s)
		}
		if d.section(sectionOrders) {
			d.orders(s)
		}
	}
	d.valid(s)
	if d.err == nil && s.Format() != d.format {
		d.fail("format version is %d, want %d", d.format, s.Format())
	}
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return s, nil
}

func (d *decoder) vms(s *State) {
	last := model.VMID(0)
	for n := d.number("number of VMs"); n > 0 && d.err == nil; n-- {
		c := Config{
			VM: model.VMID(d.below("VM", 1<<16)), Gen: model.Gen(d.number("generation")),
			Level: model.Level(d.below("level", 2*shared)), Homes: d.nodes("homes"),
			Primary: d.node("primary"), Secondary: d.node("secondary"), InSync: d.nodes("in-sync set"),
			BaseEpoch: model.Epoch(d.number("base epoch")), Cause: Kind(d.below("cause", uint64(numKinds))),
			By: d.node("proposer"), Incarnation: d.number("incarnation"),
		}
		if d.err != nil {
			return
		}
		if c.Level >= model.Level(shared) {
			c.Level, c.Shared = c.Level-model.Level(shared), true
		}
		if c.VM <= last {
			d.fail("VM %d follows VM %d", c.VM, last)
		}
		last = c.VM
		s.vms = append(s.vms, c)
	}
}

// valid checks the VMs, and that the hosts which leave still hold something, once everything is read.
func (d *decoder) valid(s *State) {
	held := model.NodeSet(0)
	for i := range s.vms {
		c := &s.vms[i]
		if err := c.Validate(); d.err == nil && err != nil {
			d.fail("%v", err)
		}
		if c.Holders()&^s.members.Hosts != 0 {
			d.fail("VM %d on %v, in a pool of hosts %v", c.VM, c.Holders(), s.members.Hosts)
		}
		if c.KeepsHomes() && c.Holders()&s.members.Leaving != 0 {
			d.fail("VM %d keeps its homes, and %v leave", c.VM, c.Holders()&s.members.Leaving)
		}
		held |= c.Holders()
	}
	if s.members.Leaving&^held != 0 || s.members.Maintenance&^s.members.Hosts != 0 {
		d.fail("hosts %v leave and hosts %v are in maintenance, of %v", s.members.Leaving, s.members.Maintenance, s.members.Hosts)
	}
}

func (d *decoder) overrides(s *State) {
	last := uint64(0)
	for n := d.number("number of overrides"); n > 0 && d.err == nil; n-- {
		o := Override{
			Index: d.number("index"), Kind: Kind(d.below("kind", uint64(numKinds))), VM: model.VMID(d.below("VM", 1<<16)),
			By: d.node("proposer"), Node: d.node("node"), Incarnation: d.number("incarnation"),
		}
		if d.err == nil && (o.Index <= last || o.Index > s.applied || o.Kind != KindOverride && o.Kind != KindStart && o.Kind != KindFailOver) {
			d.fail("override %v at %d, after %d of %d", o.Kind, o.Index, last, s.applied)
		}
		last = o.Index
		s.overrides = append(s.overrides, o)
	}
}

// repairValue returns a rule as one number: the mode, and above it the MTBF in milliseconds.
func repairValue(r model.Repair) uint64 {
	return uint64(r.Mode) + uint64(model.NumRepairModes)*uint64(r.MTBF/time.Millisecond)
}

// maxRepair bounds repairValue.
const maxRepair = uint64(model.NumRepairModes) * uint64(model.MaxMTBF/time.Millisecond+1)

func (d *decoder) repair() model.Repair { return d.repairOf(d.below("rule", maxRepair)) }

func (d *decoder) repairOf(v uint64) model.Repair {
	modes := uint64(model.NumRepairModes)
	r := model.Repair{Mode: model.RepairMode(v % modes), MTBF: time.Duration(v/modes) * time.Millisecond}
	if !r.Valid() {
		d.fail("a rule of mode %d with an MTBF of %v", r.Mode, r.MTBF)
	}
	return r
}

func (d *decoder) parts(s *State) {
	var last Health
	for n := d.number("number of parts"); n > 0 && d.err == nil; n-- {
		h := Health{Part: Part{
			Component: model.Component(d.below("component", uint64(model.NumComponents))), Node: d.node("node"), VM: model.VMID(d.below("VM", 1<<16)),
		}, Faults: d.number("faults")}
		marks := d.below("retired and rule", 2*maxRepair)
		h.Retired, h.Rule = marks&1 != 0, d.repairOf(marks/2)
		if d.err != nil {
			return
		}
		about := Command{Kind: KindFault, By: s.members.All().First(), Component: h.Component, Node: h.Node, VM: h.VM}
		if err := checkPart(s.members, about); err != nil || comparePart(last, h.Part) >= 0 || h.well() && h.Rule == (model.Repair{}) {
			d.fail("%d faults of %v of member %d, VM %d (%v)", h.Faults, h.Component, h.Node, h.VM, err)
		}
		last = h
		s.parts = append(s.parts, h)
	}
}

// moved reads the part that only pools with changing homes or members have.
func (d *decoder) moved(s *State) {
	s.members.Leaving, s.members.Maintenance = d.nodes("leaving hosts"), d.nodes("hosts in maintenance")
	n := d.number("number of VMs with other homes")
	last := model.VMID(0)
	for ; n > 0 && d.err == nil; n-- {
		vm := model.VMID(d.below("VM", 1<<16))
		since := [2]model.Gen{model.Gen(d.number("generation")), model.Gen(d.number("generation"))}
		i, found := s.find(vm)
		if d.err != nil {
			return
		}
		if !found || vm <= last || since == [2]model.Gen{} {
			d.fail("homes of VM %d since %v, after VM %d", vm, since, last)
			return
		}
		s.vms[i].Since = since
		last = vm
	}
}
