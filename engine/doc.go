// Package engine is the deterministic core of Holdfast: one Node for every host and
// witness of a pool. A Node decides; it never acts. Its whole contract is
//
//	effects := node.Step(now, event)
//
// One call takes one event and returns what has to be done, as data. The runner
// around it — the simulator's or the daemon's — performs the effects and reports
// what happened as further events. The engine has no goroutine, clock, randomness, file or
// socket, so the same events give the same effects, always.
//
// What a runner must do:
//
//   - Deliver EventStart first, then EventInstance for each VM that the hypervisor
//     still runs, then everything else, one at a time, with a clock that never goes back.
//   - Perform effects in order. The effects of one step come before those of the
//     next. Nothing that follows an EffectPersist may be performed before its record
//     is durable. Between any two effects the runner may crash: a new Node
//     made from the persisted records, and the events of the new life, recover everything.
//   - Count what each disk copy calls durable, on the copy and elsewhere, and say with
//     FlagLost when a copy turns out to have lost some of it.
//   - Deliver EventWake at the instant of the last EffectWake. A late one costs time,
//     never safety; an early one is asked for again.
//   - For VMs on shared storage, drive two timers of the host's hardware watchdog (lease.Timers), which go on
//     when the daemon dies. This is the one duty on which safety in time depends; a runner that has no watchdog must
//     not be given such VMs.
//   - Messages may be lost, repeated, delayed and overtake each other; a message
//     that was changed on the way must not be delivered.
//
// How the pieces fit:
//
//	          ┌───────────────────────── Node ─────────────────────────┐
//	Event ──► │ peers: who is heard on which link                      │
//	          │ control: the pool's log (raft) ──► pool: the state     │ ──► []Effect
//	          │ vm (one per VM):  reconcile(configuration, local facts)│
//	          │    as primary:  pair.Primary,  mirror.Primary          │
//	          │    as replica:  pair.Secondary, mirror.Replica         │
//	          └────────────────────────────────────────────────────────┘
//
// Each VM has one configuration in the pool's log, numbered by its generation. A
// node compares it with what it really has — an instance, a checkpoint, an open disk,
// a partner that answers — and does the next step that brings both together: start,
// replicate, propose a new generation, or destroy what the pool went on without.
package engine
