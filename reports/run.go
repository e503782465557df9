package reports

import (
	"strconv"
	"strings"
	"time"
)

// Tool identifies the program that produced a run. Two certificates are comparable when their tools
// agree on Version and EngineFormat.
type Tool struct {
	Name         string `json:"name"`          // the program, "holdfast"
	Version      string `json:"version"`       // release or revision, "(devel)" when built from a work tree
	Go           string `json:"go"`            // the Go release that compiled it, as runtime.Version says
	Platform     string `json:"platform"`      // operating system and architecture, "linux/amd64"
	EngineFormat int    `json:"engine_format"` // version of what the engine persists and sends; rises with each incompatible change
}

// Run is one execution of a set of scenarios.
type Run struct {
	Tool      Tool       `json:"tool"`
	Started   time.Time  `json:"started"`   // wall clock at the start, UTC, given by the caller
	WallNS    int64      `json:"wall_ns"`   // real time the whole run took, nanoseconds
	Seed      uint64     `json:"seed"`      // the seed that every scenario ran with
	Selection string     `json:"selection"` // the patterns that chose the scenarios; empty for the whole library
	Backend   string     `json:"backend"`   // what they ran on: empty for the simulator, else in words, such as "lab, driver remus"
	Scenarios []Scenario `json:"scenarios"` // in the order of group and name
	Skipped   []Skipped  `json:"skipped"`   // what was chosen and cannot run there, in the same order
	Totals    Totals     `json:"totals"`    // as computed by [Summarize]
}

// Skipped is a scenario that the backend of a run cannot run. It counts neither for nor against it.
type Skipped struct {
	Name   string `json:"name"`
	Group  string `json:"group"`
	Reason string `json:"reason"` // the first thing in it that cannot be done, and why
}

// Scenario is one script, executed once with one seed.
type Scenario struct {
	Name    string `json:"name"`    // unique within a run, file name without its extension
	Group   string `json:"group"`   // what it is filed under, such as "ft" or "arbitration"
	Level   string `json:"level"`   // the protection level under test: none, restart, ha, ft
	Purpose string `json:"purpose"` // one line: the claim that this scenario proves
	Path    string `json:"path"`    // where the script was read from; empty for one of the built-in library

	Script    string `json:"script"`     // source text, as executed
	Hash      string `json:"hash"`       // identity of what the script says, as package scenarios/script computes it
	Seed      uint64 `json:"seed"`       // the seed it ran with
	TraceHash string `json:"trace_hash"` // digest over every event of the run: equal means "the same run"

	Outcome      Outcome       `json:"outcome"`
	Failures     []Failure     `json:"failures"`     // empty when Outcome is Pass
	Expectations []Expectation `json:"expectations"` // what the script demanded, in its order

	SimulatedNS int64 `json:"simulated_ns"` // how long the scenario lasted in simulated time
	// Slowness is how many real seconds a second of the script took on real hosts, on whose clock all times of this scenario
	// are then; 0: it was simulated. Again is the command line that runs it again there.
	Slowness float64 `json:"slowness,omitempty"`
	Again    string  `json:"again,omitempty"`
	WallNS   int64   `json:"wall_ns"` // real time spent on it
	Events   int64   `json:"events"`  // events that the simulator processed

	VMs     []VM    `json:"vms"`
	Faults  []Mark  `json:"faults"`  // injected, in order of At
	Notices []Mark  `json:"notices"` // what the system itself reported, in order of At
	Latency []Point `json:"latency"` // what clients saw, down-sampled by [Sample]

	Measures Measures  `json:"measures"`
	Verdicts []Verdict `json:"verdicts"` // one per object that clients used
}

// Failure is a rule that was broken, or a demand that was not met, at one moment of a scenario.
type Failure struct {
	Rule string `json:"rule"` // "R1" to "R10"; "setup" for a pool that never stood; "expect" for an expectation; "history" for a verdict; "crash" for a panic
	At   Time   `json:"at_ns"`
	Text string `json:"text"` // what was seen and what had to be: names the objects, no line breaks needed
}

// Expectation is one demand of the script together with what was measured.
type Expectation struct {
	Text string `json:"text"` // the line of the script
	Line int    `json:"line"` // its number in the script, from 1; 0 when unknown
	OK   bool   `json:"ok"`
	Got  string `json:"got"` // what was measured, in words: "longest pause 212ms"
}

// Verdict is the conclusion about what clients saw of one object.
type Verdict struct {
	Object     string        `json:"object"`     // the VM or service whose history was checked
	Model      string        `json:"model"`      // register, cas-register, kv, mutex, bank
	Result     VerdictResult `json:"result"`     //
	Operations int           `json:"operations"` // completed or open operations in the history
	Partitions int           `json:"partitions"` // independent parts that were checked one by one
	WallNS     int64         `json:"wall_ns"`    // real time the check took
	Message    string        `json:"message"`    // why it is not linearizable, which part was not decided, or what a start from a recovery copy lost; empty otherwise
}

// VerdictResult says what a check of a history proved.
type VerdictResult string

// The results of a check. Undecided is never a pass: the time or memory limit came first.
const (
	Linearizable VerdictResult = "linearizable"
	Illegal      VerdictResult = "illegal"
	Undecided    VerdictResult = "unknown"
)

// Replay returns the command line that runs s again: exactly as it was, unless it ran on real hosts.
func (s Scenario) Replay() string {
	if s.Again != "" {
		return s.Again
	}
	return s.command("replay")
}

// Reduce returns the command line that searches for the smallest script that fails like s.
func (s Scenario) Reduce() string { return s.command("reduce") }

// OnLab returns the command line that runs s on the lab, with flags such as "--driver remus".
func (s Scenario) OnLab(flags string) string {
	word := "certify --backend lab " + flags
	if s.Path == "" {
		word += " --only"
	}
	return s.command(word)
}

func (s Scenario) command(word string) string {
	what := s.Path
	if what == "" {
		what = s.Name
	}
	if strings.ContainsAny(what, " \t'\"\\$&|;<>()*?[]`!#~") {
		what = "'" + strings.ReplaceAll(what, "'", `'\''`) + "'"
	}
	return "holdfast " + word + " " + what + " --seed " + strconv.FormatUint(s.Seed, 10)
}
