// Package history holds what clients of a virtual machine saw: the operations they
// called, when, and how each one ended. A history is the evidence on which every
// claim about lost work rests.
//
// Data flows in one direction:
//
//	simulator, lab clients ──► Recorder ─┐
//	files of other tools   ──► Open ─────┼──► History ──► reports/check
//	files of this tool     ──► Decode ───┘       │
//	                                             └──► Encode (JSON Lines, docs/history.md)
//
// Three rules make a history fit for checking, and every way into the package
// enforces them:
//
//   - Call and Return are values of one strictly increasing event counter, never
//     of a clock. Intervals are closed, so two equal values would mean
//     "concurrent" and hide a violation.
//   - An operation whose outcome is unknown stays open to the end of time, and its
//     client goes on under a new process id.
//   - A process has one operation under way at a time.
//
// The package never judges a history, never reads a clock, and never repairs bad
// input: a file that breaks a rule yields one error that names file, line and
// column, and no history.
package history
