package history

import (
	"fmt"
	"math"
)

// Recorder builds a History while a run goes on. It holds the event counter and
// the process ids, so that a recorded history is valid by construction. It knows
// no clock: the caller gives every time. It is not safe for concurrent use.
//
// Recording an integer operation does not allocate, but for the growth of the
// slice of operations, which NewRecorder's capacity avoids.
//
// Misuse (a process with two operations, an operation ended twice) is a defect of
// the caller that would make the evidence worthless: the methods panic.
type Recorder struct {
	history   History
	events    int64
	processes []processState
	finished  bool
}

type processState uint8

const (
	processIdle processState = iota
	processBusy
	processRetired
)

// Token identifies an operation that has begun and not ended.
type Token int

// Outcome is how an operation ended. The fields besides Status and Time are those
// of Operation and are used by the functions that have a result.
type Outcome struct {
	Status Status
	Result int64
	Values []int64 // kept, not copied
	Output string
	Time   int64 // nanoseconds since the start of the run
}

// NewRecorder starts an empty history. The capacity is the number of operations to
// make room for, 0 for unknown. The header (initial values, key names) is taken
// from the given history, whose operations must be empty.
func NewRecorder(header History, capacity int) *Recorder {
	if len(header.Operations) != 0 {
		panic("history: recorder started with operations in its header")
	}
	if err := header.validateHeader(); err != nil {
		panic("history: recorder started with a bad header: " + err.Error())
	}
	header.Operations = make([]Operation, 0, capacity)
	return &Recorder{history: header}
}

// NewProcess returns the id for a new client, counting from 0.
func (r *Recorder) NewProcess() int64 {
	r.processes = append(r.processes, processIdle)
	return int64(len(r.processes) - 1)
}

// Begin records the call of an operation. The caller fills Process, Func, Key, the
// arguments and CallTime; the recorder sets the rest.
func (r *Recorder) Begin(o Operation) Token {
	if r.finished {
		panic("history: operation begun after the recorder was finished")
	}
	if o.Process < 0 || o.Process >= int64(len(r.processes)) || r.processes[o.Process] != processIdle {
		panic(fmt.Sprintf("history: process %d begins an operation but is unknown, busy or retired", o.Process))
	}
	r.processes[o.Process] = processBusy
	o.Status = Unknown
	o.Call, o.Return, o.ReturnTime = r.next(), Never, 0
	r.history.Operations = append(r.history.Operations, o)
	return Token(len(r.history.Operations) - 1)
}

// End records the outcome of an operation and returns the process id under which
// its client goes on: the same one, or a new one when the outcome is Unknown.
func (r *Recorder) End(t Token, out Outcome) (process int64) {
	if r.finished {
		panic("history: operation ended after the recorder was finished")
	}
	o := &r.history.Operations[t]
	if o.Return != Never || r.processes[o.Process] != processBusy {
		panic(fmt.Sprintf("history: operation %d ended twice", t))
	}
	if out.Status == Unknown {
		r.processes[o.Process] = processRetired
		return r.NewProcess()
	}
	r.processes[o.Process] = processIdle
	o.Status, o.Result, o.Values, o.Output = out.Status, out.Result, out.Values, out.Output
	o.Return, o.ReturnTime = r.next(), out.Time
	return o.Process
}

// Mark returns a fresh value of the event counter, to bound a Note with.
func (r *Recorder) Mark() int64 { return r.next() }

// Note adds a marked period.
func (r *Recorder) Note(n Note) { r.history.Notes = append(r.history.Notes, n) }

// Len returns the number of operations begun so far.
func (r *Recorder) Len() int { return len(r.history.Operations) }

// Finish ends the recording and returns the history. Operations still open stay in
// it with an unknown outcome. The recorder cannot be used afterwards.
func (r *Recorder) Finish() *History {
	r.finished = true
	return &r.history
}

func (r *Recorder) next() int64 {
	if r.events == math.MaxInt64-1 {
		panic("history: event counter exhausted")
	}
	r.events++
	return r.events
}
