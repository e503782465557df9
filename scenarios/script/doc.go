// Package script is the scenario language: one file says which pool exists, what goes wrong when, and
// what must be true of it. The same file runs on the simulator and on real Xen hosts, so it names
// roles and stages, never the insides of either.
//
//	file ──Parse──► Script ──Format──► canonical file
//	                   │
//	                   └──Hash──► identity of what the script says, comments and layout aside
//
// A Script is plain data that an interpreter walks: the pool (Hosts, Witness, VMs, Clients), engine
// settings (Tunes), Actions in the order of the file, the length of the Run, and Expects. Parse
// accepts only scripts that make sense as a whole, so an interpreter need not check names, levels or
// ranges again. docs/scenarios.md is the reference.
//
// The package never runs anything, and knows no rule about safety: R1 to R9 are checked on every run
// and cannot be written, or switched off, in a script.
package script
