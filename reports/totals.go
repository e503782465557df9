package reports

import (
	"cmp"
	"slices"
)

// Totals sums up a run.
type Totals struct {
	Outcome   Outcome         `json:"outcome"`   // the worst of all scenarios
	Scenarios int             `json:"scenarios"` // how many ran
	Outcomes  map[Outcome]int `json:"outcomes"`  // how many ended how; outcomes that did not occur are absent

	Operations     int64 `json:"operations"`      // client operations with a known outcome
	Unknown        int64 `json:"unknown"`         // client operations without an answer
	LostOperations int64 `json:"lost_operations"` // acknowledged operations that were missing afterwards
	Faults         int   `json:"faults"`          // faults injected
	Expectations   int   `json:"expectations"`    // demands made by the scripts
	Unmet          int   `json:"unmet"`           // those of them that were not met
	Histories      int   `json:"histories"`       // histories checked
	Proven         int   `json:"proven"`          // those of them that were shown to be linearizable
	Promotions     int64 `json:"promotions"`
	Restarts       int64 `json:"restarts"`
	SimulatedNS    int64 `json:"simulated_ns"`
	Events         int64 `json:"events"`

	RTO    Distribution `json:"rto_ns"` // over every failover of every scenario, nanoseconds
	Levels []LevelTotal `json:"levels"` // in the order none, restart, ha, ft
}

// LevelTotal sums up the scenarios of one protection level.
type LevelTotal struct {
	Level          string       `json:"level"`
	Scenarios      int          `json:"scenarios"`
	Passed         int          `json:"passed"`
	Operations     int64        `json:"operations"`
	LostOperations int64        `json:"lost_operations"`
	Promotions     int64        `json:"promotions"`
	Restarts       int64        `json:"restarts"`
	RTO            Distribution `json:"rto_ns"`
	LongestPauseNS int64        `json:"longest_pause_ns"`
	ConvergenceNS  int64        `json:"convergence_ns"` // the longest of its scenarios; -1 when one of them never converged
}

// levelOrder is the order in which levels are reported: by the protection they give.
var levelOrder = []string{"none", "restart", "ha", "ft", "dr"}

// Summarize computes the totals of scenarios.
func Summarize(scenarios []Scenario) Totals {
	t := Totals{Scenarios: len(scenarios), Outcomes: map[Outcome]int{}}
	var outcomes []Outcome
	var rto []int64
	byLevel := map[string][]Scenario{}
	for _, s := range scenarios {
		outcomes = append(outcomes, s.Outcome)
		t.Outcomes[s.Outcome]++
		rto = append(rto, s.Measures.RTO...)
		byLevel[s.Level] = append(byLevel[s.Level], s)
		t.add(s)
	}
	t.Outcome = Worst(outcomes...)
	t.RTO = Distribute(rto)
	for level, list := range byLevel {
		t.Levels = append(t.Levels, summarizeLevel(level, list))
	}
	slices.SortFunc(t.Levels, func(a, b LevelTotal) int {
		return CompareGroups(a.Level, b.Level)
	})
	return t
}

// add counts one scenario.
func (t *Totals) add(s Scenario) {
	m := s.Measures
	t.Operations += m.Operations
	t.Unknown += m.Unknown
	t.LostOperations += m.LostOperations
	t.Promotions += m.Promotions
	t.Restarts += m.Restarts
	t.SimulatedNS += s.SimulatedNS
	t.Events += s.Events
	t.Faults += len(s.Faults)
	t.Expectations += len(s.Expectations)
	for _, e := range s.Expectations {
		if !e.OK {
			t.Unmet++
		}
	}
	t.Histories += len(s.Verdicts)
	for _, v := range s.Verdicts {
		if v.Result == Linearizable {
			t.Proven++
		}
	}
}

func summarizeLevel(level string, list []Scenario) LevelTotal {
	t := LevelTotal{Level: level, Scenarios: len(list)}
	var rto []int64
	for _, s := range list {
		m := s.Measures
		if s.Outcome == Pass {
			t.Passed++
		}
		t.Operations += m.Operations
		t.LostOperations += m.LostOperations
		t.Promotions += m.Promotions
		t.Restarts += m.Restarts
		t.LongestPauseNS = max(t.LongestPauseNS, m.LongestPauseNS)
		switch {
		case m.ConvergenceNS < 0:
			t.ConvergenceNS = -1
		case t.ConvergenceNS >= 0:
			t.ConvergenceNS = max(t.ConvergenceNS, m.ConvergenceNS)
		}
		rto = append(rto, m.RTO...)
	}
	t.RTO = Distribute(rto)
	return t
}

// levelRank places unknown levels after the known ones.
func levelRank(level string) int {
	if i := slices.Index(levelOrder, level); i >= 0 {
		return i
	}
	return len(levelOrder)
}

// CompareGroups orders the groups of a report: those named after a level first, by the protection it gives,
// then the others by name. It returns a negative number, zero or a positive number, like cmp.Compare.
func CompareGroups(a, b string) int {
	return cmp.Or(cmp.Compare(levelRank(a), levelRank(b)), cmp.Compare(a, b))
}

// Sort puts scenarios into the order of a report: by group, then by name.
func Sort(scenarios []Scenario) {
	slices.SortStableFunc(scenarios, func(a, b Scenario) int {
		return cmp.Or(CompareGroups(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
	})
}
