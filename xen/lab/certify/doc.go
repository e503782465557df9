// Package certify runs scenario scripts on the lab's real Xen hosts, and judges what can be seen from outside.
//
//	script ──► Supported ──► Run: calibrate, protect, clients, actions, heal, converge, last reads ──► judge ──► Result
//	                          │
//	             Driver: a way of today to protect a VM (nothing, xl remus, a watcher over DRBD)
//
// A script is the one that the simulator runs, unchanged. Before anything happens Supported says whether driver and lab can
// do all of it; what they cannot do is refused with the first thing they cannot, never left out silently. What only
// the simulator sees (the stages of an epoch, the engine's notices, the rules R1 and R3 to R8 by themselves) cannot be judged here:
// a script that demands it is refused, and the report of a run says which rules nobody looked at.
//
// # Time
//
// Emulated hosts are slow, and slower while the computer does other things. Calibrate measures how slow, at the beginning of each
// run, as one factor. The script's clock runs slower by it: a second of the script takes that many real seconds. All
// that the script says is in its own time: instants, durations of faults, bounds of expectations, delays of links,
// and the rate of its clients. Reports of a run give times on the script's clock as well; Result.Real has those of the real one.
// Hosts that are much slower at the end than at the beginning explain why something came late, which is then not judged.
//
// # What is seen
//
// Clients see answers: their history is judged by reports/check, and their pauses give the recovery time. The network sees from
// which host's port the guest's frames come, and who answers when its address is asked for; dom0's toolstack says where a
// domain of the VM runs. Two hosts that run it at the same time, and both answer, are both sides alive.
package certify
