package pool

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

// ordersHold checks that an order was carried out only if its member had none decided with this number or a later one.
func ordersHold(t *rapid.T, s *State, before uint64, cmd *Command, ok bool) {
	after, life := s.Ordered(cmd.By)
	number := uint64(cmd.Expect)
	switch numbered := cmd.Kind.Numbered() && number != 0; {
	case !s.Members().All().Has(cmd.By):
		require.Zero(t, after, "what left is forgotten")
	case numbered && number > before:
		require.Equal(t, []uint64{number, cmd.Incarnation}, []uint64{after, life})
	default:
		require.Equal(t, before, after)
		require.False(t, numbered && ok)
	}
}

// An order that comes again, or after a later one of its member, is not carried out, whatever became of it the first time;
// members number theirs for themselves.
func TestOrderOnce(t *testing.T) {
	s := New(three)
	index := uint64(0)
	maintain := func(by model.NodeID, number uint64, over bool) error {
		index++
		return s.Apply(index, Command{Kind: KindMaintain, By: by, Incarnation: 7, Node: 2, Override: over, Expect: model.Gen(number)}).Refused
	}
	require.NoError(t, maintain(1, 3, false))
	require.ErrorIs(t, maintain(1, 4, false), ErrMaintenance)
	require.NoError(t, maintain(1, 5, true))
	require.ErrorIs(t, maintain(1, 3, false), ErrStale)
	require.ErrorIs(t, maintain(1, 4, false), ErrStale, "it was decided when it was refused")
	require.Empty(t, s.Members().Maintenance)
	require.NoError(t, maintain(4, 1, false), "the witness has orders of its own")
	require.NoError(t, maintain(1, 0, true), "without a number")
	number, life := s.Ordered(1)
	require.Equal(t, []uint64{5, 7}, []uint64{number, life})

	again, err := Restore(s.Snapshot())
	require.NoError(t, err)
	s = again
	require.ErrorIs(t, maintain(1, 5, false), ErrStale)

	index++
	require.NoError(t, s.Apply(index, Command{Kind: KindLeave, By: 1, Node: 1}).Refused)
	number, _ = s.Ordered(1)
	require.Zero(t, number, "it has left")
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
