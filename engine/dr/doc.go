// Package dr keeps a copy of a VM's disk at another place, at any distance: behind the VM
// by a measured time, but consistent at every moment. It is a pair of pure state machines in
// the style of the mirror: method calls go in, effects come out in a model.Effects, and data
// never passes through.
//
//	guest ── writes, completed ──► Source ══ entries 1, 2, 3 … point 7 = "up to 3" ══► Target ──► journal ──► copy
//	                                  ▲                                                  │
//	                                  └──────── received up to 5; point 7 is durable ────┘
//
// # What a point is
//
// A point is the disk as it was at one moment: a prefix of the guest's completed writes, in the order
// of their completion. A write that depends on another one is asked for after that one was completed, and
// writes to the same sectors are completed in their order (mirror), so every prefix is a disk that a
// loss of power could have left. Only what the pool cannot go back behind may be in a point (the same
// question as R1): at level ft, while there is a secondary, the writes that were completed before the
// capture of an acknowledged checkpoint; else every completed write, since each in-sync copy has it (R4).
//
// # The source
//
//	          Open                ShipState                nothing lacks, point durable
//	Closed ─────────► Opening ──────────────► Copying ───────────────────────────────► Shipping
//	  ▲                  │                       ▲      journal overflows, a write failed  │
//	  │                  │                       └─────────────────────────────────────────┤
//	  └──────────────────┴──────────────────── target began a new life, or failed ◄────────┘
//
// Shipping: each completed write is an entry of the stream, kept in memory until the target has it.
// Copying: extents that the copy lacks are entries too, read from the local copy one after the other;
// a write to an extent that still lacks is not shipped, because the extent will be. An entry's place in
// the stream is fixed when the reading begins: whatever completes later comes later and wins. What the
// reading may have seen too early, writes that were under way, must be completed (and committed)
// before the next point: the floor.
//
// Memory is bounded by Config.Journal. When that is full, what was not sent yet is given up and its
// extents count as lacking. The target's copy stays at its point all the time.
//
// # The target
//
//	       Open            point whole             durable                 on the copy
//	Closed ─────► Idle ─────────────────► Sealing ──────────► Applying ───────────────► Idle
//
// Entries go to a journal, in the order of the stream. A point is sealed once the journal has all of
// it: that is the one moment at which the copy moves. What a crash finds sealed is applied again; what is not sealed
// is dropped. So the recovered copy is always a point, and points only move forward.
//
// # Invariants
//
//	D1  The recovered copy is a point, never a mixture (R6).
//	D2  A point that was acknowledged is never lost, and no later one is older (R3).
//	D3  An extent in which the copy may differ from the VM's disk is lacking, or in an entry after the
//	    newest durable point, or under way at the source; and, for the next source, in the write intent or
//	    the change record of each copy that may become the truth (R7).
//	D4  No entry is dropped at the source before the target has received it, unless its extents count as lacking.
//	D5  The guest never waits for any of this.
//
// # The change record
//
// Each home of the VM keeps, beside its write intent, the extents that changed since the recovery copy was last known
// to have them. An extent goes from the intent into the record when the mirror forgets it, so the data path pays
// nothing for it, and leaves the record when a durable point has it. A source that begins (promotion, boot, a
// new life of the daemon) takes intent and record together: every extent that the copy may lack.
//
// Both speak of one history. After an operator's override the copy may have points of another one, which was discarded. The
// generation that is durable with the newest point tells its era; a source of another era replaces the copy as a whole.
package dr
