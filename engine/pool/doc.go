// Package pool is what the members of a pool agree on: who they are, the current
// configuration of every VM, the faults counted against components, and the
// overrides of operators. It is the state machine behind the control log.
//
//	proposer ── Command ──► control log ── committed, in order ──► State.Apply
//
// State changes in one way only: Apply, with a command and its place in the log.
// Apply is a pure function of both, so that every member holds the same state at
// the same place, and a member that comes back rebuilds it from a snapshot and
// the commands after it.
//
// # The life of a VM's configuration
//
//	            Attach (the secondary)
//	          ┌──────────────────────────────────┐
//	          │                                  ▼     Detach (own disk, ha)
//	Create ─► exposed ◄──────────────────── protected ─────────────────────► served by
//	          ▲     Detach (the secondary),      ▲      Attach (own disk)    the other disk
//	          │     Promote (ft), Start          └──────────────────────────────┤
//	          └──────────────────────────── Start ──────────────────────────────┘
//
// Start is possible in each of them and leads to exposed, on the node that
// starts; Bump leads back to where it came from.
//
// Every arrow raises the VM's generation by exactly one, and names the
// generation it starts from (Command.Expect). Of several proposals that start
// from one generation the log orders one first, and that one wins; the others
// are refused as stale, with no effect. This compare-and-swap is rule R2: the
// generation is the fencing token.
//
// Legality is decided in one function, Check, which a proposer can also ask
// beforehand. What Check guards is listed at Config.Validate.
//
// The package knows nothing of time, messages or disks.
package pool
