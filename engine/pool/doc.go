// Package pool is what the members of a pool agree on: who they are, the current
// configuration of every VM, the faults counted against components, the
// overrides of operators, and which orders of each member are decided. It is the state machine behind the control log.
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
// Rehome puts another host in the place of a home that is not in sync; the
// configuration is exposed before and after. The copy that a home holds belongs to the
// generation in which it became a home (Config.HomeSince): what a dropped home held is void
// for ever, also if it becomes a home again.
//
// Every arrow raises the VM's generation by exactly one, and names the
// generation it starts from (Command.Expect). Of several proposals that start
// from one generation the log orders one first, and that one wins; the others
// are refused as stale, with no effect. This compare-and-swap is rule R2: the
// generation is the fencing token.
//
// Legality is decided in one function, Check for VMs and CheckMembers for the members,
// which a proposer can also ask beforehand through State.Check. What Check guards is listed at Config.Validate.
//
// # Members
//
//	              Join                 Leave                  home of no VM
//	stranger ───────────────► host ───────────────► leaving ─────────────────► stranger
//	                            ▲        Join          │
//	                            └──────────────────────┘
//
// A host that is leaving keeps its copies until the VMs have others; it gets no new ones.
// Who of the members votes is not decided here but by the control log's own changes of
// configuration; FirstVoters says with whom they begin.
//
// # Policies
//
// KindPolicy states something about a host, a VM or a group of VMs. What is stated is part of the state, and what
// follows from it is decided by package policy, which Check asks about new homes and raised levels.
//
// # Orders
//
// What people order about the pool and its components names no generation, and is proposed until it is decided. Each order has a
// number of its member instead, and the log decides each number once (Kind.Numbered).
//
// # Shared storage
//
// A VM of level restart whose disk both homes reach has its own transitions, drawn at onShared, and none of those above that
// are about copies. A pool has it in the second version of the format only.
//
// The package knows nothing of time, messages or disks.
package pool
