// Package bridge is one network of the lab: a learning Ethernet switch whose every path from one port to another
// is a link.Direction of its own, with faults of its own.
//
//	port a ─► up? ─► learn the source ─► look up the destination ─┬─ a→b ─► link.Direction ─┬──────────► deliver(b)
//	           │                          known: one port         │                         │ later      ▲
//	           ▼                          unknown, group: all     └─ a→c ─► link.Direction ─┴─► agenda ──┘ Advance
//	       counted drop                   the same port: none
//
// A fault between hosts a and b therefore hits exactly the frames from a to b, or from b to a, on this network, and
// nothing that either of them says to others, as in the simulator. What hits a host's whole connection is the port's:
// a NIC that is down, a cable that is cut.
//
// A Bridge is deterministic: the same calls lead to the same deliveries in the same order. Frames that are delayed wait in an
// agenda ordered by instant and, among equals, by the order in which they entered. It asks for no time, starts no
// goroutine and is not safe for concurrent use; the package above (wire) has the lock and the clock.
package bridge
