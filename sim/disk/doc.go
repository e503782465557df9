// Package disk simulates what forgets, and what must not: a disk with a volatile write
// cache, and the durable store of a daemon.
//
//	Write ──► cache (ordered list of unsynced writes) ──Flush──► medium
//	                       │
//	                   PowerLoss: each unsynced write is kept,
//	                   dropped or torn, sector by sector
//
// Sectors are atomic, writes of several sectors are not. What was flushed, or
// written with FUA, survives everything but Corrupt.
//
// The package decides nothing about time or failure: latency, errors and hangs are the
// world's, which keeps them in Health. It never draws from a generator that it was not given.
package disk
