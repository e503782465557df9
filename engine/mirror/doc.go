// Package mirror keeps the two copies of a VM's disk equal: the write path, the
// in-sync set's data side, write intent and resync (R4–R7). It is a pair of pure
// state machines, small enough to sit on a real data path: requests and completions
// go in as method calls, effects come out in a model.Effects; data never passes
// through, only descriptors.
//
// Primary runs where the VM runs. It serves the guest from the copies in the in-sync
// set and brings the other one up to date:
//
//	guest ── Request ──► Primary ── EffectDisk ──► local copy
//	                        │  ▲
//	              MsgWrite, │  │ MsgMirrorAck,
//	              MsgCopy … │  │ MsgCopied …
//	                        ▼  │
//	                     Replica ── EffectDiskCopy ──► the other host's copy
//
// A copy that is not in the in-sync set goes through
//
//	Absent ─ Open ─► Opening ─ intent united ─► Copying ─ nothing left ─► Joined ─ log: attached ─► InSync
//	   ▲                                                                                              │
//	   └───────────────────────────────── failure; log: detached ◄────────────────────────────────────┘
//
// Copying: extents that differ are copied one by one; a guest's write to an extent
// that is being copied waits, one to an extent that is done already goes to both
// copies. Joined: every write is acknowledged only when both copies have it, so
// that the copy holds everything acknowledged at the moment when the log says so.
//
// Write intent (R7): before a write, its extent is recorded durably on each copy that
// it goes to. The mark is forgotten only after both copies hold the extent durably.
// After any loss of contact the union of both sides' marks is what has to be copied.
//
// In a VM of level ft the writes carry their epoch and the replica holds them back
// until the epoch's checkpoint is sealed (R6); the guest need not wait for the other
// copy, because its output does (R1).
package mirror
