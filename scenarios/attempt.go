package scenarios

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"holdfast/reports"
	"holdfast/scenarios/script"
)

// Attempt is Run for those who have many more scripts to run: a panic of the engine or of the world becomes
// a result with outcome crash that names the place. Only the end of ctx, ErrEvents, and a script that describes a
// pool that cannot be, are errors.
func Attempt(ctx context.Context, s *script.Script, opt Options) (result *reports.Scenario, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = &reports.Scenario{
				Name: s.Name, Purpose: s.Purpose, Seed: opt.Seed, Outcome: reports.Crash,
				Failures: []reports.Failure{{Rule: "crash", Text: fmt.Sprintf("panic: %v in %s", p, PanicPlace())}},
			}, nil
		}
	}()
	return Run(ctx, s, opt)
}

// PanicPlace returns, in a function that recovers, which function and line panicked, without the folders of
// the machine that built the program.
func PanicPlace() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	panicking := false
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicking = true
		case panicking && !strings.HasPrefix(frame.Function, "runtime."):
			return frame.Function + ", line " + strconv.Itoa(frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}
