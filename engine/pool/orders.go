package pool

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// passed is the newest order of a member that the log decided: its number among those of one life of the member.
type passed struct {
	by                  model.NodeID
	incarnation, number uint64
}

// Numbered reports whether commands of this kind may have a number, in Expect, with which a life of their proposer counts its orders
// from 1. They are proposed in turn, each until it is decided, and decided once: a copy that was still on its way cannot undo what came
// after it.
func (k Kind) Numbered() bool {
	switch k {
	case KindFault, KindJoin, KindLeave, KindMaintain, KindClear, KindPolicy, KindRepair:
		return true
	}
	return false
}

// Decided reports whether an order, which has a number, or a later one of its member was decided, so that it is never carried out
// any more. The state knows it as long as the member belongs to the pool.
func (s *State) Decided(cmd *Command) bool {
	i, found := s.findPassed(cmd.By)
	if !found {
		return false
	}
	o := &s.orders[i]
	return cmp.Or(cmp.Compare(cmd.Incarnation, o.incarnation), cmp.Compare(uint64(cmd.Expect), o.number)) <= 0
}

func (s *State) findPassed(by model.NodeID) (int, bool) {
	return slices.BinarySearchFunc(s.orders, by, func(o passed, by model.NodeID) int { return cmp.Compare(o.by, by) })
}

// pass takes down that an order is decided, also one that is refused then.
func (s *State) pass(cmd *Command) error {
	if !cmd.Kind.Numbered() || cmd.Expect == 0 || !s.members.All().Has(cmd.By) {
		return nil
	}
	if s.Decided(cmd) && !planted.On(planted.OrdersRepeated) {
		return fmt.Errorf("%v %d of life %d of member %d: %w", cmd.Kind, cmd.Expect, cmd.Incarnation, cmd.By, ErrOvertaken)
	}
	i, found := s.findPassed(cmd.By)
	if !found {
		s.orders = slices.Insert(s.orders, i, passed{})
	}
	s.orders[i] = passed{by: cmd.By, incarnation: cmd.Incarnation, number: uint64(cmd.Expect)}
	return nil
}

// sectionOrders marks the section of the snapshot with the numbers of orders.
const sectionOrders = 3

// appendOrders appends the section of the snapshot with the numbers of orders, if there were any: its mark and, preceded by their
// number, the members that gave some, each with the life in which it gave the newest, and its number.
func appendOrders(b []byte, orders []passed) []byte {
	if len(orders) == 0 {
		return b
	}
	b = append(protowire.AppendVarint(b, sectionOrders), byte(len(orders)))
	for _, o := range orders {
		for _, v := range [...]uint64{uint64(o.by), o.incarnation, o.number} {
			b = protowire.AppendVarint(b, v)
		}
	}
	return b
}

// orders reads what appendOrders wrote.
func (d *decoder) orders(s *State) {
	d.at++ // the mark
	n, last := d.number("number of members with orders"), model.NoNode
	if n == 0 {
		d.fail("an empty list of orders")
	}
	for ; n > 0 && d.err == nil; n-- {
		o := passed{by: d.node("member"), incarnation: d.number("incarnation"), number: d.number("order")}
		if o.by <= last || !s.members.All().Has(o.by) || o.number == 0 {
			d.fail("order %d of member %d, after member %d, in a pool of %v", o.number, o.by, last, s.members.All())
		}
		last = o.by
		s.orders = append(s.orders, o)
	}
}
