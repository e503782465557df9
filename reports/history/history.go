package history

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Model names the sequential object that the clients believed to talk to.
type Model string

// The models. The rules of each are in package check.
const (
	Register    Model = "register"     // read, write
	CASRegister Model = "cas-register" // read, write, cas
	KeyValue    Model = "key-value"    // get, put, append
	Mutex       Model = "mutex"        // acquire, release
	Bank        Model = "bank"         // transfer, read-all
)

var modelFuncs = map[Model][]Func{
	Register:    {Read, Write},
	CASRegister: {Read, Write, CAS},
	KeyValue:    {Get, Put, Append},
	Mutex:       {Acquire, Release},
	Bank:        {Transfer, ReadAll},
}

// Models lists the known models in a fixed order.
func Models() []Model { return []Model{Register, CASRegister, KeyValue, Mutex, Bank} }

// Allows reports whether operations of this kind belong to the model.
func (m Model) Allows(f Func) bool { return slices.Contains(modelFuncs[m], f) }

// History is what all clients of one object saw in one run.
type History struct {
	Model Model
	// Object is the VM whose service was used; may be empty.
	Object string
	// Initial is the value of every key before the first write, for registers and
	// for key-value histories of integers. Nil means "no value".
	Initial int64
	// Balances are the accounts of a bank at the start. Empty means not recorded:
	// then the first complete read tells them, and less can be proven.
	Balances []int64
	// Text says that the values of a key-value history are texts (Input, Output)
	// and not integers. A key without a value then reads as the empty text.
	Text bool
	// Keys gives names to keys; when it is not empty, Operation.Key is an index
	// into it. Names are unique.
	Keys []string
	// Operations are in the order of Call.
	Operations []Operation
	// Notes mark periods of the run, as fault periods; they have no influence on a
	// verdict.
	Notes []Note
}

// Note is a marked period of the run. From and To are values of the event
// counter, From ≤ To; FromTime and ToTime are in nanoseconds like CallTime.
type Note struct {
	Text             string
	From, To         int64
	FromTime, ToTime int64
}

// KeyName returns the name of a key, or its number when it has none.
func (h *History) KeyName(key int64) string {
	if key >= 0 && key < int64(len(h.Keys)) {
		return h.Keys[key]
	}
	return strconv.FormatInt(key, 10)
}

// Action describes what an operation did and how it ended, as "read() → 17".
func (h *History) Action(o *Operation) string { return o.action(h.Text) }

// Describe describes an operation with its key, client and interval in one line.
func (h *History) Describe(o *Operation) string {
	if h.Model == Bank {
		return h.Action(o) + o.author()
	}
	return h.Action(o) + " on key " + h.KeyName(o.Key) + o.author()
}

// ErrInvalid is wrapped by every error of History.Validate.
var ErrInvalid = errors.New("invalid history")

// OperationError says which operation breaks which rule. It wraps ErrInvalid.
type OperationError struct {
	Index  int    // position in History.Operations
	Reason string // what was found and what was expected
}

// Error implements error.
func (e *OperationError) Error() string {
	return fmt.Sprintf("%v: operation %d: %s", ErrInvalid, e.Index, e.Reason)
}

// Unwrap makes errors.Is(err, ErrInvalid) true.
func (e *OperationError) Unwrap() error { return ErrInvalid }

// Validate checks every rule in the package comment and the ranges of all fields.
// It returns the first violation: an *OperationError, or an error that wraps
// ErrInvalid when the header of the history is at fault.
func (h *History) Validate() error {
	if err := h.validateHeader(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	for i := range h.Operations {
		if reason := h.operationFault(&h.Operations[i]); reason != "" {
			return &OperationError{Index: i, Reason: reason}
		}
	}
	if err := h.validateProcesses(); err != nil {
		return err
	}
	return h.validateCounter()
}

func (h *History) validateHeader() error {
	if _, ok := modelFuncs[h.Model]; !ok {
		return fmt.Errorf("unknown model %q; known are %v", h.Model, Models())
	}
	if h.Text && h.Model != KeyValue {
		return fmt.Errorf("text values in a %s history; only key-value has them", h.Model)
	}
	if len(h.Balances) > 0 && h.Model != Bank {
		return fmt.Errorf("account balances in a %s history; only a bank has them", h.Model)
	}
	if slices.Contains(h.Balances, Nil) {
		return errors.New("an account without a balance; expected an integer for each")
	}
	if !utf8.ValidString(h.Object) {
		return fmt.Errorf("object name %q is not valid UTF-8", h.Object)
	}
	seen := make(map[string]bool, len(h.Keys))
	for _, name := range h.Keys {
		if !utf8.ValidString(name) || seen[name] {
			return fmt.Errorf("key name %q is repeated or not valid UTF-8", name)
		}
		seen[name] = true
	}
	for i, n := range h.Notes {
		if n.From > n.To || !utf8.ValidString(n.Text) {
			return fmt.Errorf("note %d: events %d to %d, text %q; expected from ≤ to and valid UTF-8",
				i, n.From, n.To, n.Text)
		}
	}
	return nil
}

// operationFault returns what is wrong with one operation by itself, or "".
func (h *History) operationFault(o *Operation) string {
	switch {
	case !h.Model.Allows(o.Func):
		return fmt.Sprintf("function %s does not belong to model %s; expected one of %v",
			o.Func, h.Model, modelFuncs[h.Model])
	case o.Status < OK || o.Status > Unknown:
		return fmt.Sprintf("status %d; expected ok, refused, fail or unknown", o.Status)
	case o.Process < 0:
		return fmt.Sprintf("process %d; expected 0 or more", o.Process)
	case o.Call < 1:
		return fmt.Sprintf("call at event %d; expected 1 or more", o.Call)
	case o.Status == Unknown && (o.Return != Never || o.ReturnTime != 0):
		return fmt.Sprintf("outcome unknown, yet it returned at event %d; expected no return", o.Return)
	case o.Status != Unknown && (o.Return <= o.Call || o.Return == Never):
		return fmt.Sprintf("return at event %d, call at event %d; expected the return after the call", o.Return, o.Call)
	case o.Status == Refused && o.Func != CAS && o.Func != Transfer && o.Func != Acquire:
		return fmt.Sprintf("a %s cannot be refused; expected ok, fail or unknown", o.Func)
	case len(h.Keys) > 0 && (o.Key < 0 || o.Key >= int64(len(h.Keys))):
		return fmt.Sprintf("key %d; expected an index of the %d key names", o.Key, len(h.Keys))
	}
	if h.Model == Bank {
		return h.bankFault(o)
	}
	return h.valueFault(o)
}

func (h *History) valueFault(o *Operation) string {
	switch {
	case len(o.Values) > 0:
		return fmt.Sprintf("a list of values on a %s; only read-all has one", o.Func)
	case !h.Text && (o.Input != "" || o.Output != ""):
		return fmt.Sprintf("text value %q in a history of integers", o.Input+o.Output)
	case !h.Text && o.Func == Append:
		return "append in a history of integers; only texts can be appended to"
	case !utf8.ValidString(o.Input) || !utf8.ValidString(o.Output):
		return fmt.Sprintf("text value %q is not valid UTF-8", o.Input+o.Output)
	case (o.Func == Write || o.Func == Put && !h.Text) && o.Arg == Nil, o.Func == CAS && o.Arg2 == Nil:
		return "the reserved value nil is written; expected an integer"
	}
	return ""
}

func (h *History) bankFault(o *Operation) string {
	n := int64(len(h.Balances))
	inRange := func(account int64) bool { return account >= 0 && (n == 0 || account < n) }
	switch {
	case o.Key != 0:
		return fmt.Sprintf("key %d in a bank; expected 0, a bank has one key", o.Key)
	case o.Input != "" || o.Output != "":
		return "text value in a bank; expected integers"
	case o.Func == Transfer && (len(o.Values) > 0 || !inRange(o.Arg) || !inRange(o.Arg2)):
		return fmt.Sprintf("transfer from account %d to account %d; expected accounts of the %d (0 for not recorded) that start at 0",
			o.Arg, o.Arg2, n)
	case slices.Contains(o.Values, Nil):
		return "a read of all accounts that misses a balance; expected an integer for each"
	case o.Func == Transfer && o.Arg3 < 1:
		return fmt.Sprintf("transfer of %d; expected an amount of 1 or more", o.Arg3)
	}
	return ""
}

// validateProcesses checks that calls rise and that a process has one operation at
// a time and none after an unknown outcome.
func (h *History) validateProcesses() error {
	last := make(map[int64]int)
	for i := range h.Operations {
		o := &h.Operations[i]
		if i > 0 && o.Call <= h.Operations[i-1].Call {
			return &OperationError{i, fmt.Sprintf("call at event %d follows a call at event %d; expected rising calls",
				o.Call, h.Operations[i-1].Call)}
		}
		if j, ok := last[o.Process]; ok {
			prev := &h.Operations[j]
			if prev.Status == Unknown {
				return &OperationError{i, fmt.Sprintf("process %d goes on after its operation at event %d ended unknown; "+
					"expected a new process id", o.Process, prev.Call)}
			}
			if prev.Return > o.Call {
				return &OperationError{i, fmt.Sprintf("process %d calls at event %d while its operation of events %d–%d is under way",
					o.Process, o.Call, prev.Call, prev.Return)}
			}
		}
		last[o.Process] = i
	}
	return nil
}

// validateCounter checks that no event number is used twice. Calls are known to
// rise by now, so a merge of the calls with the sorted returns suffices.
func (h *History) validateCounter() error {
	type end struct {
		at    int64
		index int
	}
	ends := make([]end, 0, len(h.Operations))
	for i := range h.Operations {
		if h.Operations[i].Return != Never {
			ends = append(ends, end{h.Operations[i].Return, i})
		}
	}
	slices.SortFunc(ends, func(a, b end) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.index, b.index))
	})
	call := 0
	for i, e := range ends {
		for call < len(h.Operations) && h.Operations[call].Call < e.at {
			call++
		}
		twice := i > 0 && ends[i-1].at == e.at || call < len(h.Operations) && h.Operations[call].Call == e.at
		if twice {
			return &OperationError{e.index, fmt.Sprintf("return at event %d, a number used by another event; "+
				"expected one strictly increasing counter", e.at)}
		}
	}
	return nil
}
