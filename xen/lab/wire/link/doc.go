// Package link is one direction of one link between two ports of the lab's wire, and what is wrong with it. It decides
// about each frame; it moves none.
//
//	          ┌───────────────────────── Direction.Decide(now, frame) ─────────────────────────┐
//	          │                                                                                │
//	frame ──► │ cut? ─► lost? ─► corrupt? ─► twice? ─► bandwidth ─► delay, jitter ─► reorder?  │ ──► copies,
//	          │  │        │        │             └─ each copy ─┐                          │    │     each with
//	          │  ▼        ▼        ▼                           ▼                          ▼    │     its instant
//	          │ Cut      Lost   Discarded                   Backlog                   Overflow │
//	          └──────────────────────────── counters by reason ────────────────────────────────┘
//
// The order of the stages and the meaning of each are those of the simulated network (package sim, network.go), so
// that a scenario script means the same on both. What differs is what only real frames can show:
//   - the simulator drops a corrupted message, since checksums find it. Here a bit of the frame is inverted and it is
//     the receiver's checksum that finds it. A frame without a checksum is discarded, as a NIC does when the
//     frame check sequence is wrong;
//   - the simulator's bandwidth delays bulk data only. Here all frames of a direction wait in one queue, as on a real
//     link, and what the queue cannot hold is dropped from its tail;
//   - the simulator's queues have no bound; all of these have.
//
// A Direction is deterministic: the same seed, faults, instants and frames give the same decisions. It has a
// stream of random numbers for each kind of fault, so that one fault does not change what another one hits. It asks
// for no time, starts no goroutine and is not safe for concurrent use.
package link
