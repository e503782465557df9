// Package pair is the output commit protocol between the two hosts of a VM (R1,
// R3): what a guest says to the world leaves its host only after its partner
// acknowledged the state that said it. It is a pure state machine: events go in as
// method calls, effects come out in a model.Effects; nothing here waits, reads a
// clock or moves data.
//
// One protocol serves every level. What differs is the proof that the partner must
// hold before output may go:
//
//	ft           a checkpoint of memory, CPU and devices plus the epoch's disk writes
//	ha, restart  a barrier: the partner's word that it has not taken over yet
//	             (disk writes are in the mirror already)
//
// The primary's side:
//
//	         Begin                    ack of the full checkpoint      attached
//	Passing ───────► Baseline ──────────────────────────► Holding ─────────► Holding
//	   ▲             output still flows,                  output waits       (committed)
//	   │             first copy on its way                for acks
//	   └──────────────────────────── Pass (the log says: exposed) ◄─────────────┘
//
// Holding starts before the secondary becomes one in the log. So at the moment when
// the log allows it to take over, nothing has left that it does not hold.
//
// The secondary's side:
//
//	Empty ── full checkpoint sealed ──► Ready(e) ── next sealed ──► Ready(e+1) …
//	  ▲                                    │
//	  └── Reset (new session, restart) ◄───┴── Renounce ──► Renounced(e): acks nothing,
//	                                                        e is what a promotion activates
//
// At most one checkpoint or barrier is unacknowledged at any time, because the
// kernel's plug remembers only one mark.
package pair
