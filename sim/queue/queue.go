package queue

import "holdfast/engine/model"

// Limits of the parts of an order: they share one word.
const (
	// MaxPushes is how many entries may be pushed during the life of a queue.
	MaxPushes = 1 << seqBits

	seqBits   = 48
	nodeShift = seqBits
	// class occupies the topmost byte.
	classShift = nodeShift + 8
)

// Order says when an entry is due and how ties are broken. Entries come out in
// ascending order of
//
//	At, then Class, then Node, then the order in which they were pushed.
//
// Class lets the world say what goes first within one instant (for example
// faults before arrivals, arrivals before time-outs); Node then makes the order
// independent of which host's entry happened to be pushed first.
type Order struct {
	At    model.Time
	Class uint8
	Node  model.NodeID
}

type key struct {
	at   model.Time
	tie  uint64 // class, node, sequence
	slot uint32
}

func (k *key) before(o *key) bool {
	if k.at != o.at {
		return k.at < o.at
	}
	return k.tie < o.tie
}

// Queue holds entries with payload T. The zero value is an empty queue.
type Queue[T any] struct {
	heap   []key
	slots  []T
	free   []uint32
	pushes uint64
}

// Len returns the number of entries.
func (q *Queue[T]) Len() int { return len(q.heap) }

// Push adds an entry. It panics after MaxPushes, which a run never reaches.
func (q *Queue[T]) Push(o Order, value T) {
	*q.Add(o) = value
}

// Add adds an entry and returns its payload to be filled in place. The payload may hold
// what an earlier entry left there. The pointer is valid until the next Add or Push.
func (q *Queue[T]) Add(o Order) *T {
	if q.pushes == MaxPushes {
		panic("queue: more entries than one run may push")
	}
	k := key{
		at:   o.At,
		tie:  uint64(o.Class)<<classShift | uint64(o.Node)<<nodeShift | q.pushes,
		slot: q.slot(),
	}
	q.pushes++
	q.heap = append(q.heap, k)
	q.up(len(q.heap) - 1)
	return &q.slots[k.slot]
}

// Peek returns the order of the first entry; ok is false if there is none.
func (q *Queue[T]) Peek() (o Order, ok bool) {
	if len(q.heap) == 0 {
		return Order{}, false
	}
	return q.heap[0].order(), true
}

// Pop removes the first entry; ok is false if there is none.
func (q *Queue[T]) Pop() (o Order, value T, ok bool) {
	o, p := q.Take()
	if p == nil {
		return o, value, false
	}
	return o, *p, true
}

// Take removes the first entry and returns a pointer to its payload, or nil if
// there is none. The payload is valid until the next Add or Push.
func (q *Queue[T]) Take() (o Order, value *T) {
	if len(q.heap) == 0 {
		return Order{}, nil
	}
	top := q.heap[0]
	last := len(q.heap) - 1
	k := q.heap[last]
	q.heap = q.heap[:last]
	if last > 0 {
		q.down(k)
	}
	q.free = append(q.free, top.slot)
	return top.order(), &q.slots[top.slot]
}

// Reset empties the queue and keeps its memory. Pushes are counted from zero again.
func (q *Queue[T]) Reset() {
	clear(q.slots)
	q.heap, q.slots, q.free, q.pushes = q.heap[:0], q.slots[:0], q.free[:0], 0
}

func (k *key) order() Order {
	return Order{At: k.at, Class: uint8(k.tie >> classShift), Node: model.NodeID(k.tie >> nodeShift)}
}

// slot returns a payload slot that no entry uses.
func (q *Queue[T]) slot() uint32 {
	if n := len(q.free); n > 0 {
		s := q.free[n-1]
		q.free = q.free[:n-1]
		return s
	}
	var blank T
	q.slots = append(q.slots, blank)
	return uint32(len(q.slots) - 1)
}

// up moves the key at i towards the root until its parent is not later.
func (q *Queue[T]) up(i int) {
	h := q.heap
	k := h[i]
	for i > 0 {
		parent := (i - 1) / 4
		if !k.before(&h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = k
}

// down puts k in at the root and moves it away from there until no child is earlier.
func (q *Queue[T]) down(k key) {
	h := q.heap
	i := 0
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, len(h)); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if !h[least].before(&k) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = k
}
