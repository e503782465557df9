package pool

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

// ordersHold checks that an order was refused as decided exactly if it was, or a later one of its member, and that it is now.
func ordersHold(t *rapid.T, s *State, decided bool, cmd *Command, result Result) {
	require.Equal(t, decided, errors.Is(result.Refused, ErrOvertaken))
	if cmd.Kind.Numbered() && cmd.Expect != 0 {
		require.Equal(t, s.Members().All().Has(cmd.By), s.Decided(cmd), "what left is forgotten")
	}
}

// An order that comes again, or after a later one of its member, is not carried out, whatever became of it the first time;
// members number theirs for themselves, and anew in each life.
func TestOrderOnce(t *testing.T) {
	s := New(three)
	index := uint64(0)
	maintain := func(by model.NodeID, life, number uint64, over bool) error {
		index++
		return s.Apply(index, Command{Kind: KindMaintain, By: by, Incarnation: life, Node: 2, Override: over, Expect: model.Gen(number)}).Refused
	}
	require.NoError(t, maintain(1, 7, 3, false))
	require.ErrorIs(t, maintain(1, 7, 4, false), ErrMaintenance)
	require.NoError(t, maintain(1, 7, 5, true))
	require.ErrorIs(t, maintain(1, 7, 3, false), ErrOvertaken)
	require.ErrorIs(t, maintain(1, 7, 4, false), ErrOvertaken, "it was decided when it was refused")
	require.Empty(t, s.Members().Maintenance)
	require.NoError(t, maintain(4, 2, 1, false), "the witness has orders of its own")
	require.NoError(t, maintain(1, 7, 0, true), "without a number")
	require.NoError(t, maintain(1, 8, 1, false), "the first of the next life")
	require.ErrorIs(t, maintain(1, 7, 6, true), ErrOvertaken, "of an earlier life")

	again, err := Restore(s.Snapshot())
	require.NoError(t, err)
	s = again
	require.ErrorIs(t, maintain(1, 8, 1, true), ErrOvertaken)

	leave := Command{Kind: KindLeave, By: 1, Incarnation: 8, Node: 1, Expect: 2}
	require.NoError(t, s.Apply(index+1, leave).Refused)
	require.False(t, s.Decided(&leave), "it has left")
}

// What the section with the orders cannot say.
func TestOrdersDecodeErrors(t *testing.T) {
	s := New(three)
	require.NoError(t, s.Apply(1, Command{Kind: KindMaintain, By: 1, Node: 2}).Refused)
	before := s.Snapshot()
	for want, section := range map[string][]byte{
		"an empty list of orders":             {sectionOrders, 0},
		"order 0 of member 1":                 {sectionOrders, 1, 1, 1, 0},
		"order 1 of member 9, after member 0": {sectionOrders, 1, 9, 1, 1},
		"order 1 of member 1, after member 2": {sectionOrders, 2, 2, 1, 1, 1, 1, 1},
		"order: unexpected EOF":               {sectionOrders, 1, 1, 1},
		"2 bytes follow the end":              {sectionOrders, 1, 1, 1, 1, 0, 0},
	} {
		_, err := Restore(append(append([]byte{}, before...), section...))
		require.ErrorIs(t, err, ErrSnapshot)
		require.ErrorContains(t, err, want)
	}
}
