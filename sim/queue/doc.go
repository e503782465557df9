// Package queue is the simulator's agenda: a priority queue of what happens next.
//
// It exists so that a run is a pure function of its seed. Two things that are
// due at the same instant always come out in the same order, whatever the
// history of the heap (see Order). It never looks at a clock, and knows nothing
// about what the payloads mean.
//
// The heap is 4-ary and holds keys only (24 bytes each); payloads stay where they
// were put in a table with a free list, so that sifting moves little memory and
// nothing is allocated once the table has grown to the largest number of
// pending entries.
package queue
