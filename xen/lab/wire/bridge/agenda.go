package bridge

import (
	"bytes"
	"container/heap"
	"time"
)

// waiting is a frame on its way.
type waiting struct {
	at       time.Duration
	order    uint64
	from, to PortID
	frame    []byte
}

// agenda holds the frames that are on their way, ordered by instant and, among equals, by entry. The limits of
// the directions bound it.
type agenda struct {
	heap  waitingHeap
	count uint64
}

// add notes a frame. It keeps a copy: the slab that a frame shares with others would otherwise live as long as
// the longest delay of any of them.
func (a *agenda) add(at time.Duration, from, to PortID, f []byte) {
	a.count++
	heap.Push(&a.heap, waiting{at, a.count, from, to, bytes.Clone(f)})
}

// take removes the first frame that is due by now.
func (a *agenda) take(now time.Duration) (waiting, bool) {
	if len(a.heap) == 0 || a.heap[0].at > now {
		return waiting{}, false
	}
	return heap.Pop(&a.heap).(waiting), true
}

// next returns the instant of the first frame.
func (a *agenda) next() (time.Duration, bool) {
	if len(a.heap) == 0 {
		return 0, false
	}
	return a.heap[0].at, true
}

type waitingHeap []waiting

func (h waitingHeap) Len() int { return len(h) }
func (h waitingHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}
func (h waitingHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *waitingHeap) Push(x any)   { *h = append(*h, x.(waiting)) }
func (h *waitingHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = waiting{} // lets the frame go
	*h = old[:len(old)-1]
	return last
}
