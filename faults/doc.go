// Package faults is the one vocabulary for everything that can go wrong, and for the few things an
// operator does about it. A Fault is plain data: a Kind, whom it meets (roles, VM, link), and its
// parameters. Scenario scripts, random campaigns, the simulator and the lab of real Xen hosts all
// speak it; none of them adds words of its own.
//
//	text "cut a1 a -> b for 2s"  ── Parse ──►  Fault{Kind: Cut, Link: LinkA1, ...}
//	                             ◄─ String ──
//
// String and Parse are inverse to each other: Parse(f.String()) is f for every valid f, and the
// String of what Parse returned is the canonical spelling. One table (table.go) says for every kind
// which parameters it has, in which order; parser, printer and the language reference follow from it.
//
// Faults name roles ("primary(db)"), never processes, addresses or simulator objects: who resolves
// and injects them decides what a role means at that moment. The package never injects anything,
// never looks at a pool, and never draws random numbers.
package faults
