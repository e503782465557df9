package client

import "holdfast/sim/guest"

// Op is an operation as a client asks for it. Keys and Args are as in guest.Op.
type Op struct {
	Func guest.Op
	Key  uint32
	Args [3]int64
}

// Outcome says how much a client knows of an operation that it began.
type Outcome uint8

// The outcomes.
const (
	// Answered: the service replied, with the Result.
	Answered Outcome = iota + 1
	// Unknown: it may have taken effect, may yet take effect, or never. A read may be forgotten.
	Unknown
)

// String returns the word for the outcome.
func (o Outcome) String() string {
	switch o {
	case Answered:
		return "answered"
	case Unknown:
		return "unknown"
	}
	return "unheard of"
}

// Result is what the service replied.
type Result struct {
	Status guest.Status
	Value  int64   // of the key after the operation
	Values []int64 // all balances, for OpReadAll; valid during the call only
}

// Recorder takes down the history of a run. Calls come in the order in which things
// happened: the order of calls is the order of a strictly rising counter.
type Recorder interface {
	// Begin says that process is about to ask for op, and returns what End needs to
	// name it. A process has one operation under way at most.
	Begin(process int64, op Op) (handle int)
	// End says what became of an operation. After Unknown its process begins no other.
	// result is empty then.
	End(handle int, outcome Outcome, result *Result)
}

// Stats counts what a client lived through.
type Stats struct {
	Begun       uint64 // operations
	Answered    uint64 // operations
	Refused     uint64 // answered operations that had no effect
	Unknown     uint64 // operations
	Sent        uint64 // packets
	Retransmits uint64 // packets sent again
	Sessions    uint64 // opened
	Resets      uint64 // sessions that the guest knew nothing of any more
	Timeouts    uint64 // operations given up
	TimeBack    uint64 // replies of a session with an earlier guest time than the one before
}

// Add adds up the counts of several clients.
func (s *Stats) Add(o Stats) {
	s.Begun += o.Begun
	s.Answered += o.Answered
	s.Refused += o.Refused
	s.Unknown += o.Unknown
	s.Sent += o.Sent
	s.Retransmits += o.Retransmits
	s.Sessions += o.Sessions
	s.Resets += o.Resets
	s.Timeouts += o.Timeouts
	s.TimeBack += o.TimeBack
}
