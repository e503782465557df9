package guest

import "holdfast/engine/model"

// PacketKind says what a Packet is.
type PacketKind uint8

// The kinds of packets. The comment names the fields that each uses besides VM, Client and Session.
const (
	// Open asks for a new session. A client numbers its sessions upwards.
	Open PacketKind = iota + 1
	// Opened grants it: Token.
	Opened
	// Request asks for an operation: Token, Number, Op, Key, Args.
	Request
	// Reply answers it: Token, Number, Op, Key, Status, Value, Count and Values, Time.
	Reply
	// Reset says that the machine knows nothing of the session, or of requests
	// that it must have seen: whatever is under way has an unknown outcome.
	Reset
)

var packetNames = [...]string{Open: "open", Opened: "opened", Request: "request", Reply: "reply", Reset: "reset"}

// String returns the word for the kind.
func (k PacketKind) String() string { return word(packetNames[:], int(k)) }

// Op is an operation of a service.
type Op uint8

// The operations. Registers and Log know the first three, Bank the last two.
const (
	OpRead     Op = iota + 1 // value of Key
	OpWrite                  // Key becomes Args[0]
	OpCAS                    // Key becomes Args[1] if it is Args[0], else Refused
	OpTransfer               // Args[2] goes from account Args[0] to account Args[1], or Refused if there is too little
	OpReadAll                // all balances
)

var opNames = [...]string{OpRead: "read", OpWrite: "write", OpCAS: "cas", OpTransfer: "transfer", OpReadAll: "read-all"}

// String returns the word for the operation.
func (o Op) String() string { return word(opNames[:], int(o)) }

// Status is the result of an operation.
type Status uint8

// The results. Every one of them is certain: the service has decided.
const (
	Done    Status = iota + 1 // it took effect; reads always end so
	Refused                   // it had no effect: the comparison failed, or the balance is too small
	Invalid                   // it had no effect: the service knows no such key, account or operation
)

var statusNames = [...]string{Done: "done", Refused: "refused", Invalid: "invalid"}

// String returns the word for the status.
func (s Status) String() string { return word(statusNames[:], int(s)) }

// MaxValues is the number of values that fit in a packet, and with it the largest number of accounts.
const MaxValues = 16

// Packet is what a client and a guest tell each other. It is flat, so that it is copied without allocation.
type Packet struct {
	VM      model.VMID
	Kind    PacketKind
	Op      Op
	Status  Status
	Count   uint8  // Values in use
	Client  uint32 // from 0
	Session uint32 // the client's number of the session, from 1
	Number  uint32 // of the request within its session, from 1
	Key     uint32
	Token   uint64 // given to the session by the machine
	Time    uint64 // the machine's own time when it sent this
	Args    [3]int64
	Value   int64
	Values  [MaxValues]int64
}

func word(words []string, i int) string {
	if i < len(words) && words[i] != "" {
		return words[i]
	}
	return "unknown"
}
