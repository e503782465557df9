package model

// MessageKind says what a Message means.
type MessageKind uint8

// Messages between engines. The comment names the fields that each one uses
// besides From, To and Incarnation.
const (
	// MsgHeartbeat: Seq (its number in the sender's life, the same on all links; 0: it has none),
	// Count (heartbeat intervals until the sender's next one), Links (which links the sender hears the receiver on),
	// Hears (which members it does not suspect), Flags, Position (the sender's durable control log position), and
	// Subject/SubjectPosition (what it knows of another member's; the receiver's own
	// if it asked, then ID is the life of the receiver that it is about).
	MsgHeartbeat MessageKind = iota + 1
	// MsgControl carries a control log message in Data. Of one that the sender only passes on, Subject is the
	// author and ID the number of the author's life (from Protocol2 on).
	MsgControl
	// MsgReport tells the other home what the sender really holds of a VM:
	// VM, Gen (of the instance), Epoch (of the checkpoint held), Flags.
	MsgReport

	// MsgCheckpoint announces a whole checkpoint that travelled with it: VM, Gen,
	// Epoch, Session, Seq (last disk write of the epoch), Count (pages),
	// Flags (FlagFull, FlagFinal, FlagDurable).
	MsgCheckpoint
	// MsgBarrier asks for leave to let the output before it go: VM, Gen, Epoch.
	MsgBarrier
	// MsgAck acknowledges a checkpoint or barrier: VM, Gen, Epoch.
	MsgAck
	// MsgRefuse says that a checkpoint, barrier or mirror message was not and will
	// not be accepted: VM, Gen (the newest the sender knows), Epoch, Session.
	MsgRefuse

	// MsgWrite carries one guest write: VM, Gen, Session, Seq, IO, Epoch and
	// FlagHold if it must wait for the epoch's commit.
	MsgWrite
	// MsgFlush asks for everything up to Seq to be durable: VM, Gen, Session, Seq,
	// ID.
	MsgFlush
	// MsgMirrorAck: VM, Session, Seq (every write up to it is done), ID (flush
	// that is done, or 0).
	MsgMirrorAck
	// MsgRead asks for data: VM, Gen, ID, IO. MsgReadDone carries it: VM, ID, Flags
	// (FlagError).
	MsgRead
	MsgReadDone
	// MsgStable lets the receiver forget write intent: VM, Session, Seq (marks of later
	// writes stay), Data (extent bitmap).
	MsgStable

	// MsgResync opens a mirror session: VM, Gen, Session, and ID, the life of the node that is to follow it; 0: not said. MsgIntent answers it with
	// what the target may have written since the copies were last equal: VM,
	// Session, Data (extent bitmap), FlagError if the copy is unusable.
	MsgResync
	MsgIntent
	// MsgCopy carries one extent to a stale copy: VM, Gen, Session, Count (extent), ID (of the EffectExtentRead, with whose
	// data it is sent as often as it takes). MsgCopied: VM, Session, Count, ID, Flags (FlagError).
	MsgCopy
	MsgCopied

	// MsgForward asks the receiver to carry the VM's network traffic (FlagOn) or to
	// stop: VM, Gen.
	MsgForward

	// MsgShipOpen asks a recovery copy to follow a stream: VM, Gen, Session (the stream), Epoch (history).
	// MsgShipState answers it: VM, Session, ID (the life of the copy's host), Gen (history of the copy, 0: none),
	// Epoch (its newest point), Seq (received so far), FlagError if the copy is unusable.
	MsgShipOpen
	MsgShipState
	// MsgShipWrite carries a completed write of the guest: VM, Session, Seq, ID (kept data), IO. MsgShipExtent
	// carries a whole extent: VM, Session, Seq, ID, Count (extent).
	MsgShipWrite
	MsgShipExtent
	// MsgShipPoint says that the copy is consistent once it has everything up to Seq: VM, Session, Epoch (point), Seq.
	MsgShipPoint
	// MsgShipAck: VM, Session, ID (life), Seq (everything up to it was received), Epoch (newest point that is durable).
	MsgShipAck
	// MsgChanged lets the other home take extents out of its change record: VM, Session (of the mirror), Seq
	// (last write sent; void if a later one arrived), Data (extent bitmap).
	MsgChanged
)

var messageNames = [...]string{
	MsgHeartbeat: "heartbeat", MsgControl: "control", MsgReport: "report",
	MsgCheckpoint: "checkpoint", MsgBarrier: "barrier", MsgAck: "ack", MsgRefuse: "refuse",
	MsgWrite: "write", MsgFlush: "flush", MsgMirrorAck: "mirror-ack", MsgRead: "read",
	MsgReadDone: "read-done", MsgStable: "stable", MsgResync: "resync", MsgIntent: "intent",
	MsgCopy: "copy", MsgCopied: "copied", MsgForward: "forward", MsgShipOpen: "ship-open", MsgShipState: "ship-state",
	MsgShipWrite: "ship-write", MsgShipExtent: "ship-extent", MsgShipPoint: "ship-point", MsgShipAck: "ship-ack",
	MsgChanged: "changed",
}

func (k MessageKind) String() string { return name(messageNames[:], int(k)) }

// Flags qualify messages, events and effects.
type Flags uint16

// The flags. Each message, event and effect says which of them it uses.
const (
	// FlagFull: the checkpoint holds all pages rather than the changed ones.
	FlagFull Flags = 1 << iota
	// FlagFinal: the guest stays suspended; the secondary is asked to take over.
	FlagFinal
	// FlagDurable: the guest flushed during the epoch, or wants this write durable.
	FlagDurable
	// FlagHold: the write belongs to an open epoch.
	FlagHold
	// FlagError: it failed.
	FlagError
	// FlagOn: begin rather than stop.
	FlagOn
	// FlagInstance: an instance of the VM runs (or is suspended) here.
	FlagInstance
	// FlagCheckpoint: an acknowledged checkpoint of the VM is held here.
	FlagCheckpoint
	// FlagCannotRun: this home cannot run the VM; the other one should.
	FlagCannotRun
	// FlagNIC: the sender's guest network works.
	FlagNIC
	// FlagProbation: the sender's control log may have lost its end; it wants to
	// know what others remember of it.
	FlagProbation
	// FlagRemote: the data to write is what the other copy answered to a read.
	FlagRemote
	// FlagLost: the copy lacks something that it had called durable.
	FlagLost
	// FlagGone: the sender knows that it does not belong to the pool.
	FlagGone
)

// Has reports whether all of want are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// Position is a durable place in the control log. The order is by Term, then
// Index: a member that is seen at a smaller position than before has lost a part
// of its disk.
type Position struct {
	Term  uint64 // highest election term persisted
	Index uint64 // last log entry persisted
}

// Before reports whether p is behind q in either respect.
func (p Position) Before(q Position) bool { return p.Term < q.Term || p.Index < q.Index }

// Max returns the higher term and the higher index of both.
func (p Position) Max(q Position) Position {
	return Position{Term: max(p.Term, q.Term), Index: max(p.Index, q.Index)}
}

// IOOp is what a guest asks of its disk.
type IOOp uint8

// The operations of a disk.
const (
	OpRead IOOp = iota + 1
	OpWrite
	OpFlush
)

// IO is one request of a guest to its disk. The data travels with the runner. That of a write belongs to the operation
// (ID of EffectDisk, EffectShipKeep and MsgWrite) from the first effect that names it. A MsgWrite may be sent again long
// after EffectComplete, when the guest has given its own number to another request, and what is in its memory has changed:
// the runner keeps the data of the newest 512 writes of each VM, which is as many as the engine can ask for.
type IO struct {
	ID     uint64 // the guest's own number of the request, unique until EffectComplete
	Sector uint64 // first sector
	Count  uint32 // sectors, at least 1 for reads and writes
	Op     IOOp
	FUA    bool // the write itself must be durable before it completes
}

// Extents returns the first and the last extent of size sectors, at least 1, that a read or write touches.
func (io *IO) Extents(size uint32) (first, last uint32) {
	n := uint64(size)
	return uint32(io.Sector / n), uint32((io.Sector + uint64(io.Count) - 1) / n)
}

// Message is what one engine tells another. A message may be lost, repeated,
// delayed and overtaken; a corrupted one never arrives.
type Message struct {
	Kind        MessageKind
	From, To    NodeID
	Subject     NodeID
	Links       uint8
	Version     uint8 // the newest protocol that the sender speaks; 0: not said, in a heartbeat Protocol1
	Flags       Flags
	VM          VMID
	Count       uint32
	Incarnation uint64 // the number of the sender's life
	Hears       NodeSet
	Gen         Gen
	Epoch       Epoch
	Session     uint64
	Seq         Seq
	ID          uint64
	IO          IO

	Position, SubjectPosition Position
	Data                      []byte // must not be changed after sending
}

func name(names []string, i int) string {
	if i >= 0 && i < len(names) && names[i] != "" {
		return names[i]
	}
	return "unknown"
}
