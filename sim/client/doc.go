// Package client simulates the customers of a protected machine: external clients that
// keep a connection open, time out, retry, and write down what they saw.
//
//	            Wake, Deliver                        Begin, End
//	world ──────────────────────► Client ──────────────────────► Recorder
//	      ◄────────────────────── (one packet at most)
//
//	thinking ──► opening ──► waiting ──► thinking
//	                ▲           │ reset or time-out: the outcome is unknown,
//	                └───────────┘ go on as a new process with a new session
//
// A client repeats a request under the same number until it is answered, so that the
// guest can execute it at most once. It never repeats an operation whose outcome is
// unknown, and after one it reads before it writes again. Every value that is written is
// unique over the run.
//
// A client has no clock: the world says what time it is and asks when it wants to be
// woken. It judges nothing: whether the history is right is for the checkers.
package client
