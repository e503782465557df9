// Package wire is the network of the lab in which real Xen hosts run in QEMU machines: four Ethernet networks in user
// space, without any privilege, with every fault of the fault vocabulary on every link.
//
//	 QEMU machine h1                        the lab's process                              QEMU machine h2
//	┌────────────────┐  unix socket   ┌───────────────────────────────┐   unix socket   ┌────────────────┐
//	│ NIC lan        ├═ h1-lan.sock ══╡ lan     bridge.Bridge         ╞══ h2-lan.sock ══┤ NIC lan        │
//	│ NIC alink0     ├═ h1-alink0 … ══╡ alink0  h1→h2: link.Direction ╞══ h2-alink0 … ══┤ NIC alink0     │
//	│ NIC alink1     ├═ h1-alink1 … ══╡ alink1  h2→h1: link.Direction ╞══ h2-alink1 … ══┤ NIC alink1     │
//	│ NIC mgmt       ├═ h1-mgmt … ════╡ mgmt    each a segment        ╞══ h2-mgmt … ════┤ NIC mgmt       │
//	└────────────────┘                └──▲────────────▲────────────▲──┘                 └────────────────┘
//	                                     │ frames     │ Inject     │ Capture, Stats
//	                             Stack: TCP, UDP,   faults.Fault   people
//	                             ping of clients
//
// A machine's NIC is a Port on a Segment: QEMU connects to its socket, as often as the machine is started anew. A frame
// that comes in is decided about under the segment's lock by packages bridge and link, which are pure; it then waits in
// the queue of each port that gets it, from which a goroutine writes to QEMU; or in the bridge's agenda, from which the segment's
// goroutine takes it when its time has come. All queues are bounded. What does not fit is dropped and counted; Stats has a counter for
// every reason, so that no frame vanishes unseen.
//
// Inject does a faults.Fault to the network, with the meaning that it has in the simulator; Translate is what decides what
// that means here, and refuses with a reason what a network cannot do. A Stack is a host without a machine: a TCP/IP
// stack in this process, with an address of its own, from which clients reach guests as if they stood beside them.
//
// The package knows nothing of pools, VMs or the engine, and neither starts nor stops machines. It decides nothing by
// the clock but when a delayed frame is due and when a fault with a duration ends.
package wire
