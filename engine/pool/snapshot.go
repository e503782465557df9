package pool

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"holdfast/engine/model"
)

// ErrSnapshot is wrapped by Restore when data is not a snapshot.
var ErrSnapshot = errors.New("pool: invalid snapshot")

// Snapshot returns the whole state. Equal states give equal bytes: the format's
// version, then as base-128 varints the members, Applied, and the lists of VMs,
// overrides and fault counts, each preceded by its length.
func (s *State) Snapshot() []byte {
	b := []byte{model.FormatVersion}
	put := func(values ...uint64) {
		for _, v := range values {
			b = protowire.AppendVarint(b, v)
		}
	}
	put(uint64(s.members.Hosts), uint64(s.members.Witness), s.applied, uint64(len(s.vms)))
	for _, c := range s.vms {
		put(uint64(c.VM), uint64(c.Gen), uint64(c.Level), uint64(c.Homes), uint64(c.Primary), uint64(c.Secondary),
			uint64(c.InSync), uint64(c.BaseEpoch), uint64(c.Cause), uint64(c.By), c.Incarnation,
			uint64(c.Recovery), uint64(c.History), uint64(c.TargetMS), uint64(c.Former))
	}
	put(uint64(len(s.overrides)))
	for _, o := range s.overrides {
		put(o.Index, uint64(o.Kind), uint64(o.VM), uint64(o.By), uint64(o.Node), o.Incarnation)
	}
	var counts []uint64
	for node := range s.faults {
		for component, n := range s.faults[node] {
			if n > 0 {
				counts = append(counts, uint64(node), uint64(component), n)
			}
		}
	}
	put(uint64(len(counts) / 3))
	put(counts...)
	return b
}

// Restore returns the state that Snapshot encoded. It accepts nothing else, and
// no state that breaks an invariant. Errors wrap ErrSnapshot.
func Restore(data []byte) (*State, error) {
	d := newDecoder(data)
	s := New(Members{Hosts: d.nodes("hosts"), Witness: d.node("witness")})
	s.applied = d.number("applied index")
	d.vms(s)
	d.overrides(s)
	d.faults(s)
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
			Level: model.Level(d.below("level", uint64(model.LevelFT)+1)), Homes: d.nodes("homes"),
			Primary: d.node("primary"), Secondary: d.node("secondary"), InSync: d.nodes("in-sync set"),
			BaseEpoch: model.Epoch(d.number("base epoch")), Cause: Kind(d.below("cause", uint64(numKinds))),
			By: d.node("proposer"), Incarnation: d.number("incarnation"),
			Recovery: d.node("recovery copy"), History: model.Gen(d.number("history")),
			TargetMS: uint32(d.below("recovery point target", 1<<32)), Former: d.nodes("former homes"),
		}
		if d.err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			d.fail("%v", err)
		}
		if c.VM <= last || (c.Homes|c.Former).With(c.Recovery)&^s.members.Hosts != 0 {
			d.fail("VM %d with homes %v follows VM %d, in a pool of hosts %v", c.VM, c.Homes, last, s.members.Hosts)
		}
		last = c.VM
		s.vms = append(s.vms, c)
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

func (d *decoder) faults(s *State) {
	last := uint64(0)
	for n := d.number("number of fault counts"); n > 0 && d.err == nil; n-- {
		node, component := d.node("node"), Component(d.below("component", uint64(numComponents)))
		count := d.number("faults")
		place := uint64(node)*uint64(numComponents) + uint64(component)
		if d.err == nil && (component == 0 || count == 0 || place <= last || !s.members.All().Has(node)) {
			d.fail("%d faults of %v of member %d", count, component, node)
		}
		last = place
		if d.err == nil {
			s.faults[node][component] = count
		}
	}
}
