package pool

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// ordered is the number of a member's newest order that the log decided, and the life of the member that gave it.
type ordered struct {
	by                  model.NodeID
	incarnation, number uint64
}

// Numbered reports whether commands of this kind may have a number, in Expect, that their proposer gave them. It is proposed
// with that number until it is decided, and decided once: a copy that was still on its way cannot undo what came after it.
func (k Kind) Numbered() bool {
	switch k {
	case KindFault, KindJoin, KindLeave, KindMaintain, KindClear, KindPolicy, KindRepair:
		return true
	}
	return false
}

// Ordered returns the number of the newest order of a member that was decided, 0 if none was, and in which
// life the member gave it. What it ordered with that number or a lower one is never carried out again.
func (s *State) Ordered(by model.NodeID) (number, incarnation uint64) {
	if i, found := s.findOrdered(by); found {
		return s.orders[i].number, s.orders[i].incarnation
	}
	return 0, 0
}

func (s *State) findOrdered(by model.NodeID) (int, bool) {
	return slices.BinarySearchFunc(s.orders, by, func(o ordered, by model.NodeID) int { return cmp.Compare(o.by, by) })
}

// number takes down that an order is decided, also one that is refused then; ErrStale: it was before, or a later one was.
func (s *State) number(cmd *Command) error {
	if !cmd.Kind.Numbered() || cmd.Expect == 0 || !s.members.All().Has(cmd.By) {
		return nil
	}
	i, found := s.findOrdered(cmd.By)
	if !found {
		s.orders = slices.Insert(s.orders, i, ordered{by: cmd.By})
	}
	if o := &s.orders[i]; uint64(cmd.Expect) > o.number || planted.On(planted.OrdersRepeated) {
		o.incarnation, o.number = cmd.Incarnation, uint64(cmd.Expect)
		return nil
	}
	return fmt.Errorf("%v %d of member %d: %w", cmd.Kind, cmd.Expect, cmd.By, ErrStale)
}

// sectionOrders marks the section of the snapshot with the numbers of orders.
const sectionOrders = 3

// appendOrders appends the section of the snapshot with the numbers of orders, if there were any: its mark and, preceded by their
// number, the members that gave some, each with the life in which it gave the newest, and its number.
func appendOrders(b []byte, orders []ordered) []byte {
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
		o := ordered{by: d.node("member"), incarnation: d.number("incarnation"), number: d.number("order")}
		if o.by <= last || !s.members.All().Has(o.by) || o.number == 0 {
			d.fail("order %d of member %d, after member %d, in a pool of %v", o.number, o.by, last, s.members.All())
		}
		last = o.by
		s.orders = append(s.orders, o)
	}
}
