package sim

import (
	"holdfast/engine/model"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
)

// eventKind says what an entry of the queue is.
type eventKind uint8

const (
	evAction    eventKind = iota + 1 // a scripted action; id is its index
	evMessage                        // msg with att arrives at node
	evWake                           // the engine of node asked for it
	evPersisted                      // the record of node's store is durable
	evDaemon                         // start the daemon of node
	evGuest                          // something for the engine about a VM: ev
	evResume                         // the guest of vm on node has been captured
	evProbe                          // the watchdog of the guest of vm on node
	evBoot                           // the guest of vm on node begins to boot its system
	evLaunched                       // the toolstack finished
	evDisk                           // a disk operation finished
	evSealed                         // a checkpoint is one unit
	evApplied                        // its writes are on the disk
	evToClient                       // pkt arrives at client
	evToGuest                        // pkt arrives at the guest LAN side of a host
	evClient                         // a client wants to act
	evWatchdog                       // a timer of the hardware watchdog of node ends; id is the timer
	evDestroyed                      // nothing of the instance of vm on node is left
)

// Classes of events within one instant: what the world does to the pool goes first.
const (
	classAction uint8 = iota
	classDevice
	classArrival
	classTimer
)

// event is one entry of the queue. Which fields count depends on kind.
type event struct {
	kind   eventKind
	node   model.NodeID
	link   model.Link
	flags  model.Flags
	vm     model.VMID
	client uint32
	life   uint64 // of the daemon, host, instance or disk that it is for; others drop it
	id     uint64
	gen    model.Gen
	epoch  model.Epoch
	io     model.IO
	op     diskOp
	att    *attachment
	msg    model.Message
	pkt    guest.Packet
}

// attachment is bulk data that travels with a message or waits for one. It is
// shared by reference and never changed after it was filled.
type attachment struct {
	refs    int
	sectors []disk.Sector
	ck      guest.Checkpoint
	state   uint64 // checkpoint: life of the instance that it was taken from
}

// grab returns an empty attachment with one reference.
func (w *World) grab() *attachment {
	if n := len(w.spare); n > 0 {
		a := w.spare[n-1]
		w.spare = w.spare[:n-1]
		a.refs, a.sectors = 1, a.sectors[:0]
		return a
	}
	return &attachment{refs: 1}
}

func (a *attachment) share() *attachment {
	if a != nil {
		a.refs++
	}
	return a
}

// drop gives one reference back.
func (w *World) drop(a *attachment) {
	if a == nil {
		return
	}
	if a.refs--; a.refs == 0 {
		w.spare = append(w.spare, a)
	}
}
