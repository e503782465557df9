package reports

import "time"

// Time is a moment of a scenario: simulated nanoseconds since it began, 0 or more.
type Time int64

// Duration returns the distance from the beginning of the scenario.
func (t Time) Duration() time.Duration { return time.Duration(t) }

// String prints the moment rounded to what a reader of a timeline can use: "1.25s", "340ms".
func (t Time) String() string { return FormatNS(int64(t)) }

// VM is the history of one virtual machine in a scenario.
type VM struct {
	Name       string `json:"name"`
	Level      string `json:"level"`      // none, restart, ha, ft; the level at the end when it was changed
	Service    string `json:"service"`    // what its guest serves: register, wal, bank; empty for none
	Spans      []Span `json:"spans"`      // who had an instance of it and in what state; spans of different hosts may overlap
	Protection []Span `json:"protection"` // how well it was protected; these do not overlap, Host is empty
}

// Span is a stretch of time during which one thing held: From is in it, To is not.
// An open end is closed by the runner at the end of the scenario.
type Span struct {
	Host string   `json:"host,omitempty"`
	From Time     `json:"from_ns"`
	To   Time     `json:"to_ns"`
	Kind SpanKind `json:"kind"`
}

// SpanKind says what held during a span.
type SpanKind string

// Kinds of [VM.Spans]: the state of the VM's instance on one host.
const (
	Runs    SpanKind = "runs"    // the guest executes and its outputs may leave
	Paused  SpanKind = "paused"  // the guest exists and does not execute
	Booting SpanKind = "booting" // a guest that was restarted is not ready yet
	Held    SpanKind = "held"    // the guest executes; its outputs wait for a commit that is late
	Standby SpanKind = "standby" // this host holds the secondary's copy
	Frozen  SpanKind = "frozen"  // the host itself does not execute
)

// Kinds of [VM.Protection].
const (
	Protected SpanKind = "protected" // every copy that the level asks for is in sync
	Exposed   SpanKind = "exposed"   // one copy only: the next fault may cost service or data
	Resync    SpanKind = "resync"    // a copy is being brought up to date
	Degraded  SpanKind = "degraded"  // protected, with less redundancy than the level asks for (a path, a NIC, a disk)
	Down      SpanKind = "down"      // nobody serves it
)

// Mark is something that happened at a moment, or lasted from At to Until.
type Mark struct {
	At    Time   `json:"at_ns"`
	Until Time   `json:"until_ns,omitempty"` // end of what lasted; 0 or At for a moment
	Text  string `json:"text"`               // one line, in the words of the fault language or of the notice
}

// Lasts reports whether m covers a stretch of time rather than a moment.
func (m Mark) Lasts() bool { return m.Until > m.At }

// Point is one operation as a client saw it.
type Point struct {
	VM        string `json:"vm,omitempty"` // whom the client called; empty when a scenario has one service only
	At        Time   `json:"at_ns"`        // when the client called
	LatencyNS int64  `json:"latency_ns"`   // until the answer came, or until the client gave up
	OK        bool   `json:"ok"`           // false: no answer, an error or a reset connection
}
