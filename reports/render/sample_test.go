package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"holdfast/reports"
)

const second = reports.Time(time.Second)

// sampleTool and sampleStart stand for the circumstances, which tests must not read from the machine.
var (
	sampleTool  = reports.Tool{Name: "holdfast", Version: "v0.1.0", Go: "go1.26.0", Platform: "linux/amd64", EngineFormat: 1}
	sampleStart = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
)

// sampleRun makes a run that looks like a real one: count scenarios over the groups of the library; with
// broken, four of them end in the four ways of not passing.
func sampleRun(count int, broken bool) *reports.Run {
	rng := rand.New(rand.NewPCG(7, 11))
	groups := []string{"restart", "ha", "ft", "arbitration", "timing"}
	run := &reports.Run{Tool: sampleTool, Started: sampleStart, WallNS: 21_400_000_000, Seed: 1}
	for i := range count {
		group := groups[i*len(groups)/count]
		run.Scenarios = append(run.Scenarios, sampleScenario(rng, group, i))
	}
	if broken {
		spoil(run)
	}
	reports.Sort(run.Scenarios)
	run.Totals = reports.Summarize(run.Scenarios)
	return run
}

// spoil makes four scenarios end in the four ways of not passing.
func spoil(run *reports.Run) {
	n := len(run.Scenarios)
	for i, o := range []reports.Outcome{reports.Safety, reports.Liveness, reports.Inconclusive, reports.Crash} {
		s := &run.Scenarios[(i*n/4+n/5)%n]
		s.Outcome = o
		switch o {
		case reports.Safety:
			s.Failures = []reports.Failure{
				{Rule: "R1", At: 4_012_345_678, Text: "packet 8812 of db left alpha in generation 3 epoch 61; the secondary had acknowledged epoch 60"},
				{Rule: "history", At: 12 * second, Text: "history of db is not linearizable: key k17 read 4711 after 4712 was acknowledged"},
			}
			s.Verdicts[0].Result, s.Verdicts[0].Message = reports.Illegal, "key k17: read 4711 at event 88213 after the write of 4712 was acknowledged at event 88190"
			s.Measures.LostOperations = 1
			s.Expectations[1].OK, s.Expectations[1].Got = false, "1 operation lost"
		case reports.Liveness:
			s.Failures = []reports.Failure{{Rule: "R9", At: 30 * second, Text: "db is still exposed on beta 26s after the last fault ended; budget 20s"}}
			s.Measures.ConvergenceNS = -1
		case reports.Inconclusive:
			s.Failures = []reports.Failure{{Rule: "history", At: 12 * second, Text: "history of db was not decided within 10s: partition k3 with 1,204 operations"}}
			s.Verdicts[0].Result, s.Verdicts[0].Message = reports.Undecided, "time limit of 10s reached in partition k3"
		case reports.Crash:
			s.Failures = []reports.Failure{{Rule: "crash", At: 5 * second, Text: "panic: runtime error: index out of range [3] with length 3"}}
		}
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// sampleScenario invents one passing scenario of 12 s with a power loss and a return.
func sampleScenario(rng *rand.Rand, group string, i int) reports.Scenario {
	level := group
	if level != "restart" && level != "ha" {
		level = "ft"
	}
	kinds := []string{"power-loss-of-the-primary", "isolation-without-witness", "freeze-and-thaw", "second-fault-during-resync",
		"one-way-cut", "witness-back-with-old-disk", "io-just-before-timeout", "both-hosts-lost"}
	name := fmt.Sprintf("%s-%s-%02d", group, kinds[i%len(kinds)], i)
	fault := 4*second + reports.Time(rng.Int64N(int64(time.Second)))
	pause := map[string]reports.Time{"restart": 3 * second, "ha": second, "ft": second / 6}[level] + reports.Time(rng.Int64N(120_000_000))
	script := "scenario " + name + "\npurpose \"a lost host costs no acknowledged operation\"\npool two-hosts witness\nvm db level " + level +
		" service register\n\nat 4s power-off primary(db)\nat 6s power-on other(db)\nexpect db.lost = 0\nexpect db.pause < 4s\nexpect db protected within 20s\n"
	s := reports.Scenario{
		Name: name, Group: group, Level: level, Purpose: "The primary loses power while clients write; the other host goes on and nothing acknowledged is missing.",
		Script: script, Hash: digest(script), Seed: uint64(1000 + i), TraceHash: digest(name)[:32],
		Outcome: reports.Pass, SimulatedNS: int64(12 * second), WallNS: 300_000_000 + rng.Int64N(200_000_000), Events: 180_000 + rng.Int64N(50_000),
		Faults: []reports.Mark{
			{At: second, Until: 2*second + second/2, Text: "delay 5ms±2ms on a1"},
			{At: fault, Text: "power-off alpha"}, {At: fault + second/20, Until: fault + second, Text: "cut mgmt between beta and witness"},
			{At: 6 * second, Text: "power-on alpha"},
		},
		Expectations: []reports.Expectation{
			{Text: "expect db.pause < 4s", Line: 9, OK: true, Got: "longest pause " + pause.String()},
			{Text: "expect db.lost = 0", Line: 8, OK: true, Got: "0 operations lost"},
			{Text: "expect db protected within 20s", Line: 10, OK: true, Got: "protected after 2.3s"},
		},
		Verdicts: []reports.Verdict{{Object: "db", Model: "register", Result: reports.Linearizable, Operations: 1180, Partitions: 64, WallNS: 12_000_000}},
	}
	s.VMs = []reports.VM{sampleVM(level, fault, pause)}
	for n := range 14 {
		s.Notices = append(s.Notices, reports.Mark{At: fault + reports.Time(n)*second/4, Text: []string{"suspected alpha by beta", "proposed promote db on beta (generation 4)",
			"promoted db on beta from epoch 80", "exposed db on beta", "link-down a1 alpha", "resync db on alpha", "protected db"}[n%7]})
	}
	s.Latency = samplePoints(rng, fault, pause)
	s.Measures = reports.Measures{
		Operations: int64(len(s.Latency)) - 3, Unknown: 3, Resets: 1, LongestPauseNS: int64(pause), RTO: []int64{int64(pause)},
		ConvergenceNS: int64(2300 * time.Millisecond), Exposures: 1, Resyncs: 1, Generations: 4, ExposedNS: int64(3 * second),
	}
	if level == "ft" {
		s.Measures.Promotions, s.Measures.Epochs, s.Measures.StoppedNS, s.Measures.StoppedMax = 1, 240, 480_000_000, 3_100_000
		s.Measures.OutputDelay = reports.Delay{Count: 4000, P50NS: 26_000_000, P99NS: 51_000_000, MaxNS: 204_000_000}
	} else {
		s.Measures.Restarts = 1
	}
	return s
}

// sampleVM is protected, loses its primary at fault, pauses, runs exposed, resyncs from 6 s and is protected from 8.3 s.
func sampleVM(level string, fault, pause reports.Time) reports.VM {
	end, back := 12*second, fault+pause
	vm := reports.VM{Name: "db", Level: level, Service: "register", Spans: []reports.Span{
		{Host: "alpha", From: 0, To: fault, Kind: reports.Runs},
		{Host: "beta", From: 0, To: fault, Kind: reports.Standby},
		{Host: "beta", From: fault, To: back, Kind: reports.Booting},
		{Host: "beta", From: back, To: end, Kind: reports.Runs},
		{Host: "alpha", From: 8*second + second/3, To: end, Kind: reports.Standby},
	}}
	if level == "ft" {
		vm.Spans[2].Kind = reports.Paused
		vm.Spans = append(vm.Spans, reports.Span{Host: "alpha", From: 2 * second, To: 2*second + second/4, Kind: reports.Held})
	}
	vm.Protection = []reports.Span{
		{From: 0, To: second, Kind: reports.Protected}, {From: second, To: 5 * second / 2, Kind: reports.Degraded},
		{From: 5 * second / 2, To: fault, Kind: reports.Protected}, {From: fault, To: back, Kind: reports.Down},
		{From: back, To: 6 * second, Kind: reports.Exposed}, {From: 6 * second, To: 8*second + second/3, Kind: reports.Resync},
		{From: 8*second + second/3, To: end, Kind: reports.Protected},
	}
	return vm
}

// samplePoints are operations every 10 ms; those that meet the pause wait for its end, and three get no answer.
func samplePoints(rng *rand.Rand, fault, pause reports.Time) []reports.Point {
	var out []reports.Point
	for at := reports.Time(0); at < 12*second; at += second / 100 {
		p := reports.Point{At: at, OK: true, LatencyNS: 2_000_000 + rng.Int64N(40_000_000)}
		if at >= fault && at < fault+pause {
			p.LatencyNS = int64(fault + pause - at + second/100)
			p.OK = at > fault+3*second/100
		}
		out = append(out, p)
	}
	return out
}
