// Package lab runs real Xen hosts in emulated machines on an ordinary Linux computer, without privilege.
//
//	holdfast lab up ─► Prepare ─► image (package image), saved state of a ready host
//	        │
//	        └─ starts ─► Supervise: a process of its own, which owns everything that runs
//	                        ├── wire.Network: the switches behind the hosts' NICs, and a client of its own
//	                        ├── machine.Machine, one per host
//	                        └── control socket ◄── holdfast lab status, exec, push, power, fault, down
//
// Everything of a lab ends with its supervisor: the kernel kills the emulators when the supervisor ends, however it
// ends, and what lies in its folders is removed by down, or by the next up of the same name. One lock per lab tells whether
// it runs.
//
// A host is started by continuing the saved state of a host that was ready, and by giving it its identity: name,
// addresses, time, random numbers. That takes seconds; a cold boot takes half a minute.
package lab
