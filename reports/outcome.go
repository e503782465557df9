package reports

// Outcome is the conclusion of a scenario, or of a whole run.
type Outcome string

// The outcomes, from the best to the worst as [Worst] orders them.
const (
	Pass         Outcome = "pass"         // every rule held, every expectation was met, every history was proven
	Inconclusive Outcome = "inconclusive" // nothing was found wrong, and not everything was proven
	Liveness     Outcome = "liveness"     // safe, but it did not recover, or not in the stated time
	Crash        Outcome = "crash"        // the tool or the engine itself failed: nothing can be concluded from it
	Safety       Outcome = "safety"       // a rule was broken, or acknowledged work was lost
)

// rank orders outcomes; the empty outcome ranks with Crash because a scenario without a conclusion is a
// defect of the tool and must never be counted as a pass.
func (o Outcome) rank() int {
	switch o {
	case Pass:
		return 0
	case Inconclusive:
		return 1
	case Liveness:
		return 2
	case Safety:
		return 4
	default:
		return 3
	}
}

// Worst returns the outcome that decides over all of them: safety before crash before liveness before
// inconclusive before pass. Without outcomes it is Inconclusive, because nothing was proven. A value that
// is none of the five counts as Crash.
func Worst(outcomes ...Outcome) Outcome {
	if len(outcomes) == 0 {
		return Inconclusive
	}
	worst := Pass
	for _, o := range outcomes {
		if o.rank() > worst.rank() {
			worst = o
		}
	}
	if worst.rank() == Crash.rank() {
		return Crash
	}
	return worst
}

// Words returns the outcome as a reader would say it.
func (o Outcome) Words() string {
	switch o {
	case Pass:
		return "passed"
	case Inconclusive:
		return "not proven"
	case Liveness:
		return "did not recover"
	case Safety:
		return "broke a rule"
	default:
		return "crashed"
	}
}
