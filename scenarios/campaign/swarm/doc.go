// Package swarm draws random scenario scripts: the pool, its load and its settings, and a plan of faults.
//
//	seed ──► shape: a sort of pool (hosts, witness, sites, spares), VMs, policies, clients, tunes
//	     ──► mix: some kinds of fault fully off, the weights of the others drawn anew
//	     ──► moods: some sorts of episodes fully off
//	     ──► episodes over the length of the run ──► actions ──► script.Script
//
// The mix follows Groce and others, "Swarm Testing" (2012): a plan in which some kinds of fault
// are absent reaches states that a plan with all of them never does, because faults
// hide each other. FoundationDB and TigerBeetle draw their plans in the same way.
//
// An episode is one trouble and what comes with it: a fault at a random instant or at a stage of
// the protocol, a burst, a flapping component, a second fault at an edge of a time-out of the
// engine (T/2, right before T, at T, right after T), or a second fault while the pool recovers
// from the first. What freezes also thaws: pairs belong together and are drawn together.
//
// Orders of an operator are drawn like faults: alone, in bursts, and with something that goes wrong right after them.
// Policies and named homes fit each other at the beginning of a plan; what becomes of them is up to the pool.
//
// The package only writes plans. It does not know whether the protocol promises to survive them: the
// roles of a plan get their meaning when the faults happen, so that is decided then, by
// package contract. It never runs anything, and takes every random number from the seed's own stream.
package swarm
