package main

import "holdfast/reports"

// The exit codes, as documented in docs/cli.md. Where several apply, safety comes before crash, crash before
// liveness, liveness before inconclusive.
const (
	exitPass         = 0
	exitSafety       = 1
	exitUsage        = 2
	exitLiveness     = 3
	exitCrash        = 4
	exitInconclusive = 5
	exitInterrupted  = 130 // what shells expect after Ctrl-C: 128 and the number of the signal
)

// exitCode returns the code that stands for an outcome.
func exitCode(o reports.Outcome) int {
	switch o {
	case reports.Pass:
		return exitPass
	case reports.Safety:
		return exitSafety
	case reports.Liveness:
		return exitLiveness
	case reports.Inconclusive:
		return exitInconclusive
	}
	return exitCrash
}

// outcomeError ends a command that did its work and came to a conclusion other than pass. The conclusion has been
// printed already.
type outcomeError struct{ outcome reports.Outcome }

func (e *outcomeError) Error() string { return "outcome: " + string(e.outcome) }

// concluded returns nil for a pass and an outcomeError otherwise.
func concluded(o reports.Outcome) error {
	if o == reports.Pass {
		return nil
	}
	return &outcomeError{o}
}

// internalError marks a failure of this program itself, such as a report that could not be written after the run.
type internalError struct{ cause error }

func (e *internalError) Error() string { return e.cause.Error() }
func (e *internalError) Unwrap() error { return e.cause }

// interruptedError ends a command that was interrupted and kept what it had; kept says what, and how to go on.
type interruptedError struct{ kept string }

func (e *interruptedError) Error() string { return "interrupted; " + e.kept }
