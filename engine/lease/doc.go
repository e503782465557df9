// Package lease lets a host run a VM whose disk is shared storage. Such storage cannot tell an old
// instance from a new one, so the new one must not begin before the old one is known to have
// stopped. Everywhere else in the engine only the log decides what is true; this is the one place where time
// does (R8), and the package exists to keep that place small.
//
// # The machines
//
// A Holder decides for one host that runs such VMs. It works in rounds:
//
//	          begin: start the next timer,              log has committed the renewal,
//	          THEN propose a renewal to the log         nothing here is another host's by then
//	idle ─────────────────────────────────► asking ───────────────────────────────────► held
//	 ▲                                       │  ▲       the next timer becomes the guard,   │
//	 │ not granted in time and               │  │       the old guard is stopped            │
//	 │ no instance here: all timers off      │  └───────────────────────────────────────────┘
//	 └───────────────────────────────────────┘           Every later: begin the next round
//	    (with an instance: a new round; the guard goes on counting and resets the host)
//
// The two timers are the host's hardware watchdog. Whichever of them ends first resets the host, so that
// every instance on it stops. Renewing a lease never extends a running timer: it starts another one
// before it asks, and stops the old one only when the answer has come. So whatever happens between
// two instructions of the daemon, for however long, the host never outlives the start of the last renewal
// that was granted by more than Config.Timeout of the hardware's own clock. No clock of the
// operating system is read for that.
//
// A Claim is what a successor does: it learns from the log that the VM is its own from now on, and that no
// renewal can be granted to the old holder any more. From then on it waits for Config.Wait of its
// own clock. The old holder's word that its instance is gone ends the wait at once.
//
// Timers is for runners: it says which of two hardware timers to start and to stop.
//
// # The bound
//
//	Wait ≥ (Timeout + Margin)·(1+ρ)/(1−ρ)
//
// with ρ = Config.Drift, the bound of the drift of the watchdog's clock and of the successor's clock
// against true time. docs/protocol.md, R8, has the proof and the list of what is assumed.
package lease
