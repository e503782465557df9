// Package machine runs the lab's hosts: emulated computers that boot Xen.
//
// A Machine is one QEMU process and what belongs to it: monitor, console, agent port, disks, sockets of the network
// cards. The emulation is in software (TCG), so it needs no special processor and no privilege; the facts behind its
// command line are in docs/lab.md.
//
//	          Start                 agent says ready
//	off ──────────────► booting ─────────────────────► up ◄───┐
//	 ▲                     ▲  │                        │  │   │ Thaw
//	 │                     │  │ PowerOff, or           │  ▼   │
//	 │                     │  │ the process ended      │ frozen
//	 ├─────────────────────┼──┘                        │  │
//	 │                     └─────── Reset, a reset ────┤  │
//	 │                              by the machine     │  │
//	 └───────────── PowerOff, or the process ended ────┴──┘
//
// Machines start cold, or from a State: a machine that was saved when it was ready. A state belongs to all hosts
// of a lab and to all labs: the identity of a host is given to it afterwards, through the agent. Disks are no part of it;
// a saved host has read nothing of them.
//
// A machine ends with the process that started it, however that ends.
package machine
