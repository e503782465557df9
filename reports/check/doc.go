// Package check judges client histories: could one correct object, used by one
// client after another, have given these answers (linearizability)?
//
//	History ──► partitions by key ──► rules over unique values ──► porcupine ──► Verdict
//	                                  (linear, good message)       (the proof)     │
//	                                                                               └─► Render
//
// The rules are fast and find most losses with a message that names the operations;
// the proof is porcupine's search (Horn and Kroening, "Faster linearizability
// checking via P-compositionality", FORTE 2015), or, for a bank, an order of all its
// operations that was found otherwise and then checked (bank.go). The search is bounded
// in time and memory. When a bound is reached, the result is Unknown, which is not a pass.
//
// The package never calls an unproven history linearizable, never reads files, and
// never changes a history. Only the time bound depends on a clock.
package check
