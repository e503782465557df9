package model

import "time"

// EventKind says what happened.
type EventKind uint8

// What a runner tells the engine. The comment names the fields that each one uses. It tells of an instance and its requests
// in the order in which things happened, and nothing any more of one whose EffectDestroy was performed; of
// operations on a copy nothing any more once an effect has ended them. What names what it is about may come later: the
// outcome of an opening when another one was asked for, a failed creation and a guest that does not respond when
// their instance has ended.
const (
	// EventStart is the first event of an engine's life. ID is the number of this
	// life: higher than that of every earlier life of the node, even if its disk was restored, and below 2^32, because
	// sessions are numbered with it: seconds since some year would do, nanoseconds would not. Other nodes may have the same. FlagError: the
	// host's watchdog reset it since the earlier one.
	EventStart EventKind = iota + 1
	// EventWake: the instant asked for by EffectWake has come.
	EventWake
	// EventMessage: Message arrived on Link.
	EventMessage

	// EventInstance: the hypervisor already has an instance of VM, started in Gen
	// by an earlier life of this daemon; also one that is just being created or destroyed. Comes
	// right after EventStart. FlagError: what is there is the
	// remnant of a creation that failed, and never ran; Gen is not used.
	EventInstance
	// EventStarted: the instance asked for by EffectStart or EffectActivate runs,
	// or FlagError: it could not be created, and there may be a remnant of it.
	EventStarted
	// EventDied: the instance of VM is gone without having been asked to.
	EventDied
	// EventResponding: the guest of VM, of the instance of Gen, responds to its watchdog or to the
	// host's probes (FlagOn), or does no longer. A guest that is not heard of since it was started counts
	// as responding, so that a slow boot is no hang. It is told again after EventInstance if it does not respond.
	EventResponding
	// EventCaptured: the checkpoint (VM, Gen, Epoch) is staged; the guest runs again
	// unless it was final. Count is the number of pages, FlagDurable as in MsgCheckpoint.
	EventCaptured
	// EventSealed: the runner holds the whole checkpoint (VM, Epoch) of the session ID, its
	// disk writes durably if that was asked. FlagError: the disk refuses that, or what an earlier EffectApply gave it.
	EventSealed
	// EventApplied: what belongs to the copy by the checkpoint (VM, Epoch) of the session ID is on it. FlagError: the disk refused that, or
	// did at first.
	EventApplied
	// EventOutput: output of VM waits in the plug.
	EventOutput

	// EventOpened: the EffectOpen with ID is done, and this host's copy of VM's disk is ready; Data is the extent bitmap
	// of writes whose state on the other copy is not known, Count the number of extents, Changed
	// the copy's change record (none: nil).
	// FlagError: it cannot be used. FlagLost: it was found to lack something that it had called durable, for
	// example because its cache lied about a flush, or because an old disk was put back; then all extents are set
	// in Data. It is told with every opening until EffectTrust.
	EventOpened
	// EventRequest: the guest of VM asks IO of its disk. Not before the instance was started, or
	// adopted, in this life.
	EventRequest
	// EventDisk: the disk operation ID of VM has finished; FlagError: it failed.
	EventDisk
	// EventIntent: the intent record ID of VM is durable; FlagError: it failed, and may be durable or not.
	EventIntent

	// EventRecoveryOpened: the EffectRecoveryOpen with ID is done. This host's recovery copy of VM is the point Epoch of
	// the history Gen (0: none), made by a primary in the generation Maker (0: not known). FlagError: it cannot be used.
	EventRecoveryOpened
	// EventRecoverySealed: the point Epoch of the session ID is durable in the journal. EventRecoveryApplied: it is on
	// the copy. FlagError: the operation failed.
	EventRecoverySealed
	EventRecoveryApplied
	// EventTested: the instance asked for by the EffectTestStart with ID serves, or FlagError: it does not, or has found damage.
	EventTested

	// EventNIC: the guest network of this host works (FlagOn) or not.
	EventNIC
	// EventOperator: Command is an operator's order.
	EventOperator

	// EventDestroyed: the EffectDestroy of VM with ID is done.
	EventDestroyed
)

var eventNames = [...]string{
	EventStart: "start", EventWake: "wake", EventMessage: "message", EventInstance: "instance",
	EventStarted: "started", EventDied: "died", EventResponding: "responding", EventCaptured: "captured", EventSealed: "sealed", EventApplied: "applied",
	EventOutput: "output", EventOpened: "opened", EventRequest: "request", EventDisk: "disk",
	EventIntent: "intent", EventNIC: "nic", EventOperator: "operator", EventDestroyed: "destroyed",
	EventRecoveryOpened: "recovery-opened", EventRecoverySealed: "recovery-sealed",
	EventRecoveryApplied: "recovery-applied", EventTested: "tested",
}

func (k EventKind) String() string { return name(eventNames[:], int(k)) }

// OrderKind is what an operator can ask for.
type OrderKind uint8

// The operator's orders.
const (
	// OrderCreate puts VM under protection: Level, Node (first primary), Homes. Without Homes they are chosen
	// by the policies, Node too if it is NoNode.
	OrderCreate OrderKind = iota + 1
	// OrderDeclareDead makes this node decide alone in place of Node, which the
	// operator knows to be dead. For pools of two hosts without a witness.
	OrderDeclareDead
	// OrderForceStart starts VM on Node from its copy, whether it is in sync or not.
	OrderForceStart
	// OrderJoin makes Node a host of the pool. OrderLeave makes it give up its copies and
	// then leave.
	OrderJoin
	OrderLeave
	// OrderReplaceHome moves the second copy of VM from Node to the host in Homes. It goes to the
	// host that runs VM.
	OrderReplaceHome
	// OrderLevel gives VM the protection Level from now on.
	OrderLevel
	// OrderMigrate moves VM to Node, its other home: without a boot at level ft. It goes to the host that runs
	// the VM, and is forgotten with that host's daemon.
	OrderMigrate
	// OrderMaintain puts Node into maintenance: its VMs move away if they can, and stay away. OrderResume ends that.
	OrderMaintain
	OrderResume
	// OrderClear puts every component that was taken out of service back, and forgets the faults counted.
	OrderClear
	// OrderPolicy states Policy, about the host Node or about VM. It waits for joins and statements that were ordered before
	// it at the same member, and creations wait for it.
	OrderPolicy
	// OrderHandOver lets the other home run VM, whose disk is shared storage. It goes to the host that runs VM.
	OrderHandOver
	// OrderAddRecovery gives VM a recovery copy on Node, with the recovery point target Target.
	// OrderRemoveRecovery ends it.
	OrderAddRecovery
	OrderRemoveRecovery
	// OrderFailOver starts VM from its recovery copy. It is given to the host that has the copy.
	OrderFailOver
	// OrderFailBack returns VM, which runs on its recovery copy, to its homes, without loss. It is given to
	// the host that runs VM.
	OrderFailBack
	// OrderTestFailOver runs VM from a snapshot of its recovery copy; nothing else notices. It is given to the
	// host that has the copy.
	OrderTestFailOver
	// OrderRepair states the rule Repair for a Component, of Node or VM or both.
	OrderRepair
)

// Order is an operator's request to the pool, given to any member.
type Order struct {
	Kind  OrderKind
	VM    VMID
	Level Level
	Node  NodeID
	Homes NodeSet
	// Policy is what OrderPolicy states.
	Policy Policy
	// Component and Repair are what OrderRepair is about, and says.
	Component Component
	Repair    Repair
	// Shared, with OrderCreate: the disk is one that both homes reach.
	Shared bool
	// Target is the recovery point target: 1 ms to 24 h, in whole milliseconds.
	Target time.Duration
}

// Event is one thing that happened. The engine keeps no reference to it.
type Event struct {
	Kind    EventKind
	Link    Link
	Flags   Flags
	VM      VMID
	Count   uint32
	Gen     Gen
	Maker   Gen
	Epoch   Epoch
	ID      uint64
	IO      IO
	Order   Order
	Message Message
	Data    []byte
	Changed []byte
}
