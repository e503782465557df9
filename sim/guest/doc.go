// Package guest simulates a guest machine that runs one network service.
//
// Everything that the machine knows lives in paged memory of 64-bit words and a tiny
// CPU. A checkpoint that misses a page, mixes two instants or belongs to another disk is
// therefore as broken here as it would be in reality, and clients see it.
//
//	packets ──► Deliver ──┐                       ┌──► Out.Packets
//	                      ├─► sessions ► service ─┤
//	disk    ──► DiskDone ─┘       │  ▲            └──► Out.Requests
//	                              ▼  │
//	                  memory: header, sessions, request ring,
//	                  values, journal buffers, scratch, footer
//	                              │
//	                  Capture ────┴──► Checkpoint ──► Image ──► NewMachineFromImage
//
// Sessions behave like TCP connections: a request is executed at most once, its
// repetition gets the same reply, and a machine that knows nothing of a session answers
// with a reset. The services that log to disk answer nothing that a power
// loss could take back (see journal.go for the format).
//
// The package draws nothing, measures no time, and starts nothing by itself: a machine
// moves only when it is called, and what it wants is in Out.
package guest
