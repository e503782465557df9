package policy

import "holdfast/engine/model"

// Margin is the least difference between the loads of two hosts, in percent of their capacities, at which a copy
// moves from the one to the other for nothing but balance. A move costs a whole copy, and the VM is
// exposed meanwhile.
const Margin = 25

// MoveKind is what a move changes.
type MoveKind uint8

// The kinds of move.
const (
	// MoveSecond: another host becomes the second home in the place of From.
	MoveSecond MoveKind = iota + 1
	// MoveSides: the second home To goes on with the VM, and From becomes the second. For ft only,
	// whose guest does not notice.
	MoveSides
)

// Move is a change that mends a breach or balances loads. The zero Move is none.
type Move struct {
	Kind     MoveKind
	VM       model.VMID
	From, To model.NodeID
}

// Plan returns the next move that should be made, looking for new homes among the hosts able, which are
// those that work; zero if there is none. Nothing moves while a VM is on the way back to its redundancy, or
// could be; one that waits for a person is passed by. One move at a time, and none of a VM that is exposed. Each move mends a breach without making another,
// or brings two loads nearer to each other, so that moves come to an end.
func (v *View) Plan(able model.NodeSet) Move {
	whole := true
	for i := range v.VMs {
		p := &v.VMs[i]
		if p.Level == model.LevelNone {
			continue // it has one copy, which is all that it should have
		}
		waits := v.waits(p, able)
		if !p.Whole && p.Homes&^able == 0 && !waits && p.second() != model.NoNode {
			return Move{} // one on its recovery copy waits for a person, and nobody for it
		}
		whole = whole && (p.Whole || waits)
	}
	for _, b := range v.Broken() {
		if m := v.mend(b, able); m.Kind != 0 {
			return m
		}
	}
	if !whole {
		return Move{} // a host is lost: what it left is not balanced against it
	}
	return v.balance(able)
}

// mend returns a move that ends a breach, or helps to.
func (v *View) mend(b Breach, able model.NodeSet) Move {
	for i := range v.VMs {
		p := &v.VMs[i]
		about := p.VM == b.VM || p.VM == b.Other
		if !p.moves(able) {
			continue
		}
		var m Move
		switch b.Kind {
		case BreachRoom:
			if p.second() == b.Node && v.Rules.VM(p.VM).Memory > 0 && reserves(p.Level) {
				m = v.second(p, able)
			}
		case BreachPrimaries:
			if about {
				m = v.sides(p, able)
			}
		default:
			if about && p.Homes.Has(b.Node) && p.Primary != b.Node {
				m = v.second(p, able)
			}
		}
		if m.Kind != 0 {
			return m
		}
	}
	return Move{}
}

// waits reports whether nothing more becomes of the VM before a person has cleared faults.
func (v *View) waits(p *Placed, able model.NodeSet) bool {
	return p.Stopped || p.Waits && v.second(p, able).Kind == 0
}

// moves reports whether the VM may be moved: it is whole, in service, and its host works.
func (p *Placed) moves(able model.NodeSet) bool { return p.Whole && !p.Stopped && able.Has(p.Primary) }

// second returns the move of a second copy to the host where it is best, zero if no host takes it.
func (v *View) second(p *Placed, able model.NodeSet) Move {
	if p.Fixed {
		return Move{}
	}
	_, to, err := v.Place(Request{VM: p.VM, Level: p.Level, Primary: p.Primary, Among: able &^ p.Homes})
	if err != nil {
		return Move{}
	}
	return Move{Kind: MoveSecond, VM: p.VM, From: p.second(), To: to}
}

// sides returns the exchange of a VM's homes, zero if that would cost a boot or break a rule.
func (v *View) sides(p *Placed, able model.NodeSet) Move {
	to := p.second()
	if p.Level != model.LevelFT || !able.Has(to) || !v.Hosts.Has(to) || v.Unlinked.Has(to) || v.Admit(p.VM, p.Level, to, p.Primary) != nil {
		return Move{}
	}
	return Move{Kind: MoveSides, VM: p.VM, From: p.Primary, To: to}
}

// balance returns the move between the two hosts whose loads differ most, if that is more than Margin and the move does
// not merely exchange their places.
func (v *View) balance(able model.NodeSet) (best Move) {
	widest := uint64(Margin)
	for i := range v.VMs {
		p := &v.VMs[i]
		memory := uint64(v.Rules.VM(p.VM).Memory)
		from := p.second()
		if memory == 0 || p.Fixed || !reserves(p.Level) || !p.moves(able) {
			continue
		}
		for rest := able & v.Hosts &^ p.Homes; !rest.Empty(); rest = rest.Without(rest.First()) {
			to := rest.First()
			apart, ok := v.spread(from, to, memory)
			if ok && apart > widest && v.Admit(p.VM, p.Level, p.Primary, to) == nil && v.fragile(p.VM, p.Primary, to) <= v.fragile(p.VM, p.Primary, from) {
				best, widest = Move{Kind: MoveSecond, VM: p.VM, From: from, To: to}, apart
			}
		}
	}
	return best
}

// spread returns how many percentage points more of from is taken than of to; ok is false if from would be the
// emptier one after so much memory moved, or if nobody said how much room they have.
func (v *View) spread(from, to model.NodeID, memory uint64) (points uint64, ok bool) {
	roomFrom, roomTo := uint64(v.Rules.Host(from).Memory), uint64(v.Rules.Host(to).Memory)
	if roomFrom == 0 || roomTo == 0 {
		return 0, false
	}
	full, empty := v.Load(from).Memory(), v.Load(to).Memory()
	if full < memory || (full-memory)*roomTo < (empty+memory)*roomFrom {
		return 0, false
	}
	return full*100/roomFrom - empty*100/roomTo, true
}
