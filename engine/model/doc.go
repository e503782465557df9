// Package model holds the words that every part of the engine shares: who and
// what (nodes, links, VMs), the numbers that order things (generation, epoch,
// sequence), and the three kinds of data that cross the engine's border:
//
//	          Event                    Effect
//	runner ──────────► engine.Step ──────────► runner
//	                       │
//	                       └─ Message, inside an Effect on its way out and
//	                          inside an Event when it arrives elsewhere
//
// Everything here is plain data without behaviour of its own. Events, effects and
// messages are flat structs rather than interfaces, so that the paths that run
// for every heartbeat, acknowledgement and guest write allocate nothing.
//
// The package imports nothing of Holdfast's.
package model
