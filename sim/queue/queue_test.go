package queue_test

import (
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
	"holdfast/sim/queue"
)

type entry struct {
	order queue.Order
	id    int
}

// naive is the rule itself: a list that is kept sorted by a stable sort.
type naive []entry

func (n *naive) push(e entry) {
	*n = append(*n, e)
	sort.SliceStable(*n, func(i, j int) bool {
		a, b := (*n)[i].order, (*n)[j].order
		if a.At != b.At {
			return a.At < b.At
		}
		if a.Class != b.Class {
			return a.Class < b.Class
		}
		return a.Node < b.Node
	})
}

func TestQueueAgainstSortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue.Queue[int]
		var n naive
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.IntRange(0, 9).Draw(t, "what") < 6 {
				o := queue.Order{
					At:    model.Time(rapid.IntRange(-3, 20).Draw(t, "at")),
					Class: uint8(rapid.IntRange(253, 255).Draw(t, "class")),
					Node:  model.NodeID(rapid.IntRange(0, 2).Draw(t, "node")),
				}
				q.Push(o, i)
				n.push(entry{o, i})
			} else {
				pop(t, &q, &n)
			}
			require.Equal(t, len(n), q.Len())
		}
		for len(n) > 0 {
			pop(t, &q, &n)
		}
		_, _, ok := q.Pop()
		require.False(t, ok)
	})
}

func pop(t *rapid.T, q *queue.Queue[int], n *naive) {
	peek, some := q.Peek()
	o, v, ok := q.Pop()
	require.Equal(t, len(*n) > 0, ok)
	require.Equal(t, some, ok)
	if !ok {
		return
	}
	want := (*n)[0]
	*n = (*n)[1:]
	require.Equal(t, want, entry{o, v})
	require.Equal(t, want.order, peek)
}

func TestResetForgetsEverything(t *testing.T) {
	var q queue.Queue[string]
	q.Push(queue.Order{At: 7}, "left over")
	q.Reset()
	require.Zero(t, q.Len())
	require.Empty(t, *q.Add(queue.Order{At: 1}))
	o, _, ok := q.Pop()
	require.True(t, ok)
	require.Equal(t, model.Time(1), o.At)
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	var q queue.Queue[payload]
	fill(&q)
	require.Zero(t, testing.AllocsPerRun(100, func() { turn(&q) }))
}

// payload has the size of a small simulated event.
type payload struct{ words [6]uint64 }

func fill(q *queue.Queue[payload]) {
	for i := range 64 {
		q.Add(queue.Order{At: model.Time(i * 37 % 64)})
	}
}

func turn(q *queue.Queue[payload]) {
	o, p := q.Take()
	v := p.words[0]*6364136223846793005 + 1442695040888963407
	o.At += model.Time(1 + v>>58)
	q.Add(o).words[0] = v
}

func BenchmarkQueue(b *testing.B) {
	var q queue.Queue[payload]
	fill(&q)
	b.ReportAllocs()
	for b.Loop() {
		turn(&q)
	}
}
