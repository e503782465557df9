// Package reduce makes a failing script small.
//
//	script ──► ddmin over the actions ──► simpler pool, load, times and faults ──► shaking ──┐
//	   ▲                                                                                   │
//	   └─────────── as long as something became smaller, and within the time ◄─────────────┘
//
// A candidate counts if it fails with the same rule, and what happened of it is taken. It runs with the seed that failed; if that does
// not help any more, with a few others, because a seed means something else in a smaller
// world. The result names the seed with which it fails.
// A candidate has a limit of events, so that one that goes on for ever ends, after the same event on
// every machine.
//
// The search for a minimal list of actions is delta debugging (Zeller and Hildebrandt, "Simplifying and
// Isolating Failure-Inducing Input", 2002). Candidates that could be tried in any order run
// side by side, and the first in their order that fails is taken, so that the result does not
// depend on the number of jobs, unless the time is over before. Shaking, which draws smaller scripts, gets out of where
// taking away ends: an action may be there only to bring the others to their moment.
//
// Stages and roles hide when and whom an action meant. So each run tells that as well (Verdict.Literal), and changes that would
// take the meaning away, as that of a VM whose stage is waited for, put the moment and the member in its place.
//
// A script that keeps a contract (package contract) is reduced under that contract. Otherwise a candidate
// could fail because it asks for what nobody promised, such as the loss of both hosts of a VM,
// and the reduction would slip from the failure that was found to one that is none.
package reduce
