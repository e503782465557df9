// Package scenarios runs scenario scripts on the simulated pool and judges what
// happened.
//
//	script ──► World: pool, VMs, clients ──► run with faults ──► heal everything ──►
//	    convergence within its budget ──► clients end ──► every key is read once ──► verdicts
//
// The result says pass only if no monitor of the world saw a rule broken, every
// client history is proven linearizable, every VM came back to its level, and every
// expectation of the script was met. The package draws no conclusion of its own about what
// is safe: it collects those of sim, of reports/check and of the script.
package scenarios
