package model

// NoticeKind is something that people and metrics must be able to see (R10).
type NoticeKind uint8

// The notices. VM and Node name whom it is about.
const (
	// NoticeSuspected: Node is no longer heard on any link. NoticeHeard: it is again.
	NoticeSuspected NoticeKind = iota + 1
	NoticeHeard
	// NoticeLinkDown, NoticeLinkUp: Link to Node.
	NoticeLinkDown
	NoticeLinkUp
	// NoticeExposed: VM runs on Node as its only copy. NoticeProtected: it has its full redundancy.
	NoticeExposed
	NoticeProtected
	// NoticeDegraded: the copy on Node was taken out of the in-sync set and the VM goes on with the other.
	NoticeDegraded
	// NoticeProposed: this node asked the log for a new generation; Detail names the transition.
	NoticeProposed
	// NoticePromoted: VM continues on Node from checkpoint Epoch.
	NoticePromoted
	// NoticeStarted: VM boots on Node from its disk.
	NoticeStarted
	// NoticeStateLost: VM has to boot although its level promises more than that.
	NoticeStateLost
	// NoticeFaultCounted: one more fault was counted against a component of Node or VM; Detail names it. NoticeRetired: it
	// had too many in too short a time and is out of service. NoticeCleared: it is in service again; without a name, everything is.
	NoticeFaultCounted
	NoticeRetired
	NoticeCleared
	// NoticeLevel: VM has another level from now on; Detail names it.
	NoticeLevel
	// NoticeMaintenance: Node is in maintenance. NoticeEvacuated: no VM runs on it any more. NoticeResumed: it is in use again.
	NoticeMaintenance
	NoticeEvacuated
	NoticeResumed
	// NoticeHung: the guest of VM on Node has not responded for too long; it is booted anew.
	NoticeHung
	// NoticeFenced: the instance on Node was destroyed because the pool went on without it.
	NoticeFenced
	// NoticeResync: Node's copy of VM is being brought up to date (NoNode: the one of the notifying host).
	// NoticeCopied: it lacks nothing more. NoticeAttached: it is in sync again.
	NoticeResync
	NoticeCopied
	NoticeAttached
	// NoticeDiskFault: Node's copy of VM (NoNode: the one of the notifying host) failed an operation.
	NoticeDiskFault
	// NoticeDiskLost: Node's copy of VM lacks what it had called durable: its disk is not fit for the purpose, or
	// an old one was put back. Detail says what happens to it.
	NoticeDiskLost
	// NoticeRedirected: VM's disk or network traffic takes the way over Node. NoticeDirect: no longer.
	NoticeRedirected
	NoticeDirect
	// NoticeAmnesia: Node's control log lost its end; it does not vote until it has caught up.
	NoticeAmnesia
	// NoticeOutgrown: the pool on Node has decided something that this version cannot read; Detail says what. It takes
	// no part any more and lets nothing out until it is upgraded.
	NoticeOutgrown
	// NoticeOverride: an operator overrode the rules on Node, or Node learnt that others were told to go on without it.
	NoticeOverride
	// NoticeRefused: an order or proposal was refused; Detail says why.
	NoticeRefused
	// NoticeNoQuorum: the pool cannot decide; Detail says what an operator can do.
	NoticeNoQuorum
	// NoticeRehomed: VM's second home is Node from now on.
	NoticeRehomed
	// NoticeJoined: Node is a host of the pool. NoticeLeaving: it gives up its copies. NoticeLeft: it is
	// no host of the pool any more.
	NoticeJoined
	NoticeLeaving
	NoticeLeft
	// NoticeVoter: Node votes on the control log. NoticeLearner: it does not any more.
	NoticeVoter
	NoticeLearner
	// NoticePolicyBroken: a policy about VM or Node does not hold; Detail says what does not. NoticePolicyKept: it holds
	// again. NoticeMoving: VM moves to Node because of a policy; Detail says what moves.
	NoticePolicyBroken
	NoticePolicyKept
	NoticeMoving
	// NoticeClaimed: VM, whose disk is shared storage, is Node's from now on; it is started when the old instance has
	// certainly stopped. NoticeReleased: the old host gave it up and has stopped it.
	NoticeClaimed
	NoticeReleased
	// NoticeUnrenewed: Node cannot renew its lease; its watchdog will reset it. NoticeReset: it did.
	NoticeUnrenewed
	NoticeReset
	// NoticeRecoveryPoint: the recovery copy of VM on Node is within its recovery point target (again).
	// NoticeRecoveryLate: it is not; Detail says by how much.
	NoticeRecoveryPoint
	NoticeRecoveryLate
	// NoticeOverflow: more writes wait for the recovery copy on Node than are kept; changed extents are copied instead.
	NoticeOverflow
	// NoticeFailedOver: an operator started VM on Node from the recovery point Epoch. NoticeFailedBack: VM returned
	// to its homes, to Node.
	NoticeFailedOver
	NoticeFailedBack
	// NoticeTested: a test fail-over of VM on Node from the point Epoch served. NoticeTestFailed: it did not.
	NoticeTested
	NoticeTestFailed
)

var noticeNames = [...]string{
	NoticeSuspected: "suspected", NoticeHeard: "heard", NoticeLinkDown: "link-down", NoticeLinkUp: "link-up",
	NoticeExposed: "exposed", NoticeProtected: "protected", NoticeDegraded: "degraded",
	NoticeProposed: "proposed", NoticePromoted: "promoted", NoticeStarted: "started",
	NoticeStateLost: "state-lost", NoticeFaultCounted: "fault-counted", NoticeRetired: "retired", NoticeCleared: "cleared", NoticeLevel: "level", NoticeMaintenance: "maintenance", NoticeEvacuated: "evacuated", NoticeResumed: "resumed",
	NoticeHung: "hung", NoticeFenced: "fenced", NoticeResync: "resync", NoticeCopied: "copied", NoticeAttached: "attached",
	NoticeDiskFault: "disk-fault", NoticeDiskLost: "disk-lost", NoticeRedirected: "redirected", NoticeDirect: "direct",
	NoticeAmnesia: "amnesia", NoticeOutgrown: "outgrown", NoticeOverride: "override", NoticeRefused: "refused", NoticeNoQuorum: "no-quorum",
	NoticeRehomed: "rehomed", NoticeJoined: "joined", NoticeLeaving: "leaving", NoticeLeft: "left",
	NoticeVoter: "voter", NoticeLearner: "learner",
	NoticePolicyBroken: "policy-broken", NoticePolicyKept: "policy-kept", NoticeMoving: "moving",
	NoticeClaimed: "claimed", NoticeReleased: "released", NoticeUnrenewed: "unrenewed", NoticeReset: "reset",
	NoticeRecoveryPoint: "recovery-point", NoticeRecoveryLate: "recovery-late", NoticeOverflow: "overflow",
	NoticeFailedOver: "failed-over", NoticeFailedBack: "failed-back", NoticeTested: "tested", NoticeTestFailed: "test-failed",
}

func (k NoticeKind) String() string { return name(noticeNames[:], int(k)) }

// ParseNotice is the inverse of NoticeKind.String; ok is false for an unknown name.
func ParseNotice(s string) (kind NoticeKind, ok bool) {
	for i, n := range noticeNames {
		if n == s && n != "" {
			return NoticeKind(i), true
		}
	}
	return 0, false
}

// Notice is something that people and metrics must be able to see.
type Notice struct {
	Kind   NoticeKind
	Node   NodeID
	VM     VMID
	Link   Link
	Gen    Gen
	Epoch  Epoch
	Detail string
}
