package history

import (
	"fmt"
	"math"
	"strconv"
)

const (
	// Nil is the value of a register that was never written. It is printed as
	// "nil" and stored in files as null; it cannot be written by a client.
	Nil int64 = math.MinInt64

	// Never is the Return of an operation whose outcome is unknown: it may take
	// effect at any moment after its call.
	Never int64 = math.MaxInt64
)

// Func says what an operation does. Which of them may occur together is decided
// by the Model of the history.
type Func uint8

// The functions and the fields of Operation that they use.
const (
	Read     Func = iota + 1 // Result: the value found
	Write                    // Arg: the new value
	CAS                      // Arg: the expected value, Arg2: the new value
	Put                      // Arg or Input: the new value
	Get                      // Result or Output: the value found
	Append                   // Input: the text added at the end
	Acquire                  // no arguments
	Release                  // no arguments
	Transfer                 // Arg: from account, Arg2: to account, Arg3: amount
	ReadAll                  // Values: the balance of each account
)

var funcNames = [...]string{
	Read: "read", Write: "write", CAS: "cas", Put: "put", Get: "get", Append: "append",
	Acquire: "acquire", Release: "release", Transfer: "transfer", ReadAll: "read-all",
}

// String returns the name which files use.
func (f Func) String() string {
	if f == 0 || int(f) >= len(funcNames) {
		return "func(" + strconv.Itoa(int(f)) + ")"
	}
	return funcNames[f]
}

// Observes reports whether the function only looks and changes nothing.
func (f Func) Observes() bool { return f == Read || f == Get || f == ReadAll }

// Status says how an operation ended.
type Status uint8

const (
	// OK means completed: the operation took effect once, between call and return.
	OK Status = iota + 1
	// Refused means completed and declined because of the state found: the compare
	// of a CAS did not match, the account of a Transfer held too little, the lock
	// was held. It changes nothing, and it is evidence about the state.
	Refused
	// Fail means that the operation certainly had no effect, for a reason that says
	// nothing about the state. A checker ignores it.
	Fail
	// Unknown means that nobody can tell whether it took effect, or whether it
	// still will: a time-out, a broken connection, the end of the run.
	Unknown
)

var statusNames = [...]string{OK: "ok", Refused: "refused", Fail: "fail", Unknown: "unknown"}

// String returns the name which files use.
func (s Status) String() string {
	if s == 0 || int(s) >= len(statusNames) {
		return "status(" + strconv.Itoa(int(s)) + ")"
	}
	return statusNames[s]
}

// Operation is one call by one client. Integer operations need no memory beyond
// the struct itself; text is used only in histories with History.Text set.
type Operation struct {
	// Process is the client. A client whose operation ended Unknown goes on under
	// a new id. Range: 0 and up.
	Process int64
	Func    Func
	Status  Status
	// Key names the object the operation touches, within the VM. Mutexes use it as
	// the number of the lock; a bank has one key, 0. When History.Keys is not
	// empty, Key is an index into it.
	Key int64
	// Arg, Arg2 and Arg3 are the arguments; the constants of Func say which are used.
	Arg, Arg2, Arg3 int64
	// Result is what a Read or a Get with Status OK found; Nil for no value.
	Result int64
	// Values are the balances that a ReadAll found, by account number.
	Values []int64
	// Input and Output are the argument of Put and Append and the result of Get in
	// a history of text values. Both must be valid UTF-8.
	Input, Output string
	// Call and Return are values of one strictly increasing event counter, from 1.
	// Return is Never when Status is Unknown.
	Call, Return int64
	// CallTime and ReturnTime are in nanoseconds since the start of the run. They
	// serve latency and throughput only and order nothing. ReturnTime is 0 when
	// Status is Unknown.
	CallTime, ReturnTime int64
}

// String describes the operation in one line without its key, as "write(17) by
// process 3 [events 10–12]". History.Describe adds the key, and knows for empty
// values whether they are texts.
func (o *Operation) String() string {
	return o.action(o.Input != "" || o.Output != "") + o.author()
}

// action describes what was done and how it ended, as "read() → 17" or
// "cas(3, 4) refused".
func (o *Operation) action(text bool) string {
	did := o.Func.String() + "(" + o.arguments(text) + ")"
	switch {
	case o.Status != OK:
		return did + " " + o.Status.String()
	case o.Func == ReadAll:
		return fmt.Sprintf("%s → %v", did, o.Values)
	case o.Func == Get && text:
		return did + " → " + strconv.Quote(o.Output)
	case o.Func.Observes():
		return did + " → " + FormatValue(o.Result)
	default:
		return did
	}
}

func (o *Operation) arguments(text bool) string {
	switch {
	case o.Func == Append, o.Func == Put && text:
		return strconv.Quote(o.Input)
	case o.Func == Write, o.Func == Put:
		return FormatValue(o.Arg)
	case o.Func == CAS:
		return FormatValue(o.Arg) + ", " + FormatValue(o.Arg2)
	case o.Func == Transfer:
		return fmt.Sprintf("%d → %d, %d", o.Arg, o.Arg2, o.Arg3)
	default:
		return ""
	}
}

// author names the client and the interval.
func (o *Operation) author() string {
	return " by process " + strconv.FormatInt(o.Process, 10) + " " + o.interval()
}

func (o *Operation) interval() string {
	if o.Return == Never {
		return fmt.Sprintf("[events %d–never]", o.Call)
	}
	return fmt.Sprintf("[events %d–%d]", o.Call, o.Return)
}

// FormatValue prints a value, Nil as "nil".
func FormatValue(v int64) string {
	if v == Nil {
		return "nil"
	}
	return strconv.FormatInt(v, 10)
}
