package model

// EffectKind says what a runner has to do.
type EffectKind uint8

// What the engine asks of its runner. Runners perform effects in order. The
// comment names the fields that each one uses; an effect that is answered by an
// event says so.
const (
	// EffectWake: deliver EventWake at At. It replaces the instant asked for before.
	EffectWake EffectKind = iota + 1
	// EffectPersist: append Record to the node's durable store. No later effect
	// may be performed before it is durable.
	EffectPersist
	// EffectSend: send Message on Link. Checkpoints, writes, copies and read
	// answers travel with their data, which the runner finds by the message's fields.
	EffectSend
	// EffectNotify: tell people and metrics of Notice.
	EffectNotify

	// EffectStart: boot VM from this host's disk copy as Gen → EventStarted. Its output is held.
	// First end the operations under way on the copy; each may have happened or not.
	EffectStart
	// EffectActivate: run VM as Gen from the checkpoint Epoch held here → EventStarted. Its
	// output is held. First drop the held disk writes of later epochs and end the
	// operations under way on the copy. The checkpoint is kept until the instance runs.
	EffectActivate
	// EffectDestroy: destroy the instance of VM, or what is left of one, and drop its buffered output: at once nothing of it
	// leaves the plug any more. It is not answered, and the runner goes on until nothing is left, also of a creation under
	// way, before a later EffectStart or EffectActivate of VM begins; except that with an ID it is answered by
	// EventDestroyed, when nothing is left and no operation of the instance can reach the storage any more.
	EffectDestroy
	// EffectAdopt: from now on the running instance of VM belongs to Gen. If it is
	// suspended, or about to be for a final capture, let it run. FlagOn: the node begins to serve it, as one of an earlier life
	// or of a history that an override discarded. The marks in its plug are void, and every request and all output that the
	// guest waits for is told of again (EventRequest, EventOutput), whether this life was told of it before or not.
	EffectAdopt
	// EffectCapture: suspend VM, stage the pages (FlagFull: all) and state that
	// changed, mark the plug with Epoch, let it run again unless FlagFinal → EventCaptured.
	EffectCapture

	// EffectHold: the plug of VM holds output until released.
	EffectHold
	// EffectPass: the plug of VM lets everything go, held output first.
	EffectPass
	// EffectMark: everything in the plug of VM so far belongs to Epoch or earlier.
	EffectMark
	// EffectRelease: let the output of VM up to the mark Epoch go.
	EffectRelease
	// EffectAnnounce: attach VM's address to this host's own guest network and tell the switches.
	EffectAnnounce
	// EffectVia: send and take VM's guest network traffic over the links by way of Node.
	EffectVia
	// EffectForward: attach VM's address to this host's guest network and carry its
	// traffic for Node, which runs it (FlagOn), or stop.
	EffectForward

	// EffectSeal: make the received checkpoint (VM, Gen, Epoch) and the held writes
	// up to Seq one unit → EventSealed. FlagDurable: these writes and all that were
	// applied to the disk before must be durable by then.
	EffectSeal
	// EffectApply: merge the sealed checkpoint Epoch into the image of VM and
	// write its held writes to the disk, before anything that follows on this copy → EventApplied. If the disk refuses them, they stay
	// where they are, and until it takes them every operation on this copy fails; so do EffectSeal, EffectOpen and
	// EffectActivate.
	EffectApply
	// EffectDiscard: forget image, checkpoints and held writes of VM, also those that an EffectSeal made durable.
	EffectDiscard

	// EffectOpen: end the operations under way on this host's copy of VM's disk, recover
	// and open it → EventOpened with ID. What a recovery journal has sealed is applied first, and what an EffectSeal of an earlier life
	// made durable; what one of this life did stays as it is. Gen is the generation in which this host became a home of VM, 0 for
	// its creation; the runner keeps it with the copy. One that was made for an earlier
	// generation is void: a new one with all extents marked takes its place. One for a
	// later generation says that this node does not know the newest configuration yet: FlagError.
	EffectOpen
	// EffectTrust: the pool counts on this host's copy of VM again; what it lost before is no longer of interest.
	EffectTrust
	// EffectIntent: record the extents in Data (bitmap) as about to be written,
	// durably → EventIntent with ID; FlagError: it failed. EffectForget clears the extents in Data as recorded by what came before it, answered or
	// not, in its own time, and never what a later EffectIntent records; they go to the change record first.
	EffectIntent
	EffectForget
	// EffectDisk: perform IO of the guest of VM on the local copy → EventDisk with ID. FlagRemote: what is to be written
	// arrived in the MsgReadDone that answered request ID of Session.
	EffectDisk
	// EffectDiskCopy: perform the write that arrived as (VM, Session, Seq) on the local copy → EventDisk with ID.
	EffectDiskCopy
	// EffectDiskHold: keep the write that arrived as (VM, Session, Seq) in memory for Epoch.
	EffectDiskHold
	// EffectDiskRead: read for the peer Node its request ID into the answer to come → EventDisk with ID.
	EffectDiskRead
	// EffectExtentRead: read extent Count for copying → EventDisk with ID.
	// EffectExtentWrite: write, durably, extent Count as it arrived in the MsgCopy or MsgReadDone with the ID Seq of
	// Session → EventDisk with ID. Messages about the extent may have come before and since, also with what it was earlier.
	EffectExtentRead
	EffectExtentWrite
	// EffectComplete: tell the guest of VM that its request IO is done (FlagError: failed).
	EffectComplete

	// EffectErase: this host had nothing of VM to keep in Gen. Forget the copy that was made for an earlier
	// generation, and a recovery copy, with all that belongs to it, and stop to carry VM's traffic.
	EffectErase

	// EffectWatchdogNext: start, or start again, the next timer of the host's hardware watchdog, which resets the
	// host in Count milliseconds of the hardware's own clock. The guard, if there is one, goes on. Nothing
	// that follows may be performed before the timer runs. ID is the number of the round.
	// EffectWatchdogKeep: the next timer becomes the guard; then the old guard is stopped.
	// EffectWatchdogOff: stop both. Package lease has the bookkeeping (lease.Timers).
	EffectWatchdogNext
	EffectWatchdogKeep
	EffectWatchdogOff
	// EffectShipKeep: keep the data of the guest's write IO as ID, for a copy at another place. EffectShipDrop:
	// the data kept as ID is not needed any more. EffectShipRead: read extent Count, keep it as ID → EventDisk with ID.
	EffectShipKeep
	EffectShipDrop
	EffectShipRead
	// EffectChanged: take the extents in Data out of the copy's change record. Extents get into it by
	// EffectForget, which moves them there from the write intent, and by EffectExtentWrite; both durably.
	EffectChanged
	// EffectRecoveryOpen: Gen is the generation since which this host has a recovery copy of VM; the runner keeps it
	// with the copy, which no EffectErase of an earlier one may touch, and which a later EffectOpen may take
	// over as one of the VM's creation. A copy made for a later generation is answered with FlagError, as by EffectOpen. Else end the operations under way on this host's recovery copy of VM, drop the part of its
	// journal that is not sealed, apply the part that is → EventRecoveryOpened with ID. From then on the copy
	// belongs to another history than the VM's own copies: every extent gets into its write intent, durably.
	EffectRecoveryOpen
	// EffectRecoveryStore: append what arrived as (VM, Session, Seq) to the recovery journal.
	EffectRecoveryStore
	// EffectRecoverySeal: make the journal up to Seq durable as the point Epoch of the history Gen, made
	// by a primary in the generation ID, as one unit → EventRecoverySealed.
	EffectRecoverySeal
	// EffectRecoveryApply: write the sealed part of the journal, up to Seq, to the copy in its order, make the copy
	// durable, then drop that part → EventRecoveryApplied. It can be begun again at any moment.
	EffectRecoveryApply
	// EffectRecoveryDrop: drop the part of the journal that is not sealed.
	EffectRecoveryDrop
	// EffectTestStart: run VM from a snapshot of its recovery copy, without any network → EventTested with ID.
	// EffectTestStop: end that and drop the snapshot.
	EffectTestStart
	EffectTestStop
)

var effectNames = [...]string{
	EffectWake: "wake", EffectPersist: "persist", EffectSend: "send", EffectNotify: "notify",
	EffectStart: "start", EffectActivate: "activate", EffectDestroy: "destroy", EffectAdopt: "adopt",
	EffectCapture: "capture", EffectHold: "hold", EffectPass: "pass", EffectMark: "mark",
	EffectRelease: "release", EffectAnnounce: "announce", EffectVia: "via", EffectForward: "forward",
	EffectSeal: "seal", EffectApply: "apply", EffectDiscard: "discard", EffectOpen: "open", EffectTrust: "trust",
	EffectIntent: "intent", EffectForget: "forget", EffectDisk: "disk", EffectDiskCopy: "disk-copy",
	EffectDiskHold: "disk-hold", EffectDiskRead: "disk-read", EffectExtentRead: "extent-read",
	EffectExtentWrite: "extent-write", EffectComplete: "complete",
	EffectErase: "erase", EffectWatchdogNext: "watchdog-next", EffectWatchdogKeep: "watchdog-keep", EffectWatchdogOff: "watchdog-off",
	EffectShipKeep: "ship-keep", EffectShipDrop: "ship-drop", EffectShipRead: "ship-read", EffectChanged: "changed",
	EffectRecoveryOpen: "recovery-open", EffectRecoveryStore: "recovery-store", EffectRecoverySeal: "recovery-seal",
	EffectRecoveryApply: "recovery-apply", EffectRecoveryDrop: "recovery-drop",
	EffectTestStart: "test-start", EffectTestStop: "test-stop",
}

func (k EffectKind) String() string { return name(effectNames[:], int(k)) }

// RecordKind says what a Record holds.
type RecordKind uint8

// The records of a node's durable store. A store is the fold of its records in
// the order in which they were persisted.
const (
	// RecordBase replaces every record persisted before; a runner may drop what precedes it.
	RecordBase RecordKind = iota + 1
	// RecordState is the control log's term, vote and commit.
	RecordState
	// RecordEntries are control log entries; they replace entries of the same or higher index.
	RecordEntries
)

// FormatVersion is the first byte of each Record's Data and rises with each incompatible change.
const FormatVersion = 1

// Record is one entry of a node's durable store.
type Record struct {
	Kind RecordKind
	Data []byte
}

// Effect is one thing to do.
type Effect struct {
	Kind    EffectKind
	Link    Link
	Flags   Flags
	Node    NodeID
	VM      VMID
	Count   uint32
	Gen     Gen
	Epoch   Epoch
	Session uint64
	Seq     Seq
	ID      uint64
	At      Time
	IO      IO
	Message Message
	Record  Record
	Notice  Notice
	Data    []byte
}

// Effects collects effects in the order in which they must be performed. It is
// reused from step to step.
type Effects struct{ List []Effect }

// Add appends one blank effect of the given kind and VM and returns it to be filled in. The
// pointer is valid until the next call.
func (e *Effects) Add(kind EffectKind, vm VMID) *Effect {
	n := len(e.List)
	if n < cap(e.List) {
		e.List = e.List[:n+1]
		e.List[n] = Effect{}
	} else {
		e.List = append(e.List, Effect{})
	}
	f := &e.List[n]
	f.Kind, f.VM = kind, vm
	return f
}

// Send appends an EffectSend and returns its message to be filled in. The link
// is chosen by the node when the step ends.
func (e *Effects) Send(kind MessageKind, to NodeID, vm VMID) *Message {
	f := e.Add(EffectSend, vm)
	f.Message.Kind, f.Message.To, f.Message.VM = kind, to, vm
	return &f.Message
}

// Notify appends an EffectNotify.
func (e *Effects) Notify(kind NoticeKind, vm VMID, node NodeID) *Notice {
	f := e.Add(EffectNotify, vm)
	f.Notice.Kind, f.Notice.VM, f.Notice.Node = kind, vm, node
	return &f.Notice
}

// Reset empties the list and keeps its memory.
func (e *Effects) Reset() { e.List = e.List[:0] }
