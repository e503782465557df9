// Package sim is the simulated pool: hosts with hypervisor, disks, networks and
// clocks, a witness, guests that run real services in simulated memory, and clients
// outside. The engine that it runs is the one that runs on real hosts; only the
// runner around it is simulated.
//
//	clients ──► guest LAN ──► host: plug, guest, disks ──► engine.Node
//	                             ▲            │ effects        ▲
//	                             └────────────┘        links ──┘ messages
//
// Everything happens in one thread, in the order of one event queue, in virtual
// time. One seed gives one run: the digest of everything that happened (World.Trace)
// is the same for the same options, in every process.
//
// The world knows everything, so it also watches: package-private monitors compare what
// happens with the rules R1 to R7 and R10 at the moment when it happens, independently of
// what the engine believes. A violation names its rule.
//
// Data crosses the world as it would in reality: pages of a checkpoint, sectors of a
// write and of a copied extent travel with the message that announces them, and
// what a daemon holds in memory is gone when it crashes.
package sim
