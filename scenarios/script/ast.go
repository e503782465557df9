package script

import (
	"time"

	"holdfast/faults"
)

// Script is one scenario. Every name in a Script that came from Parse is declared, unique and of the
// right kind; Validate checks that for a Script made by other means.
type Script struct {
	// File is the name that messages use; it is not part of the content.
	File string
	// Name identifies the scenario: small letters, digits and dashes.
	Name string
	// Purpose is one sentence for people.
	Purpose string
	// Hosts has two members or more.
	Hosts []Member
	// Witness is the voter that holds no data; its Name is empty when the pool has none.
	Witness Member
	// Voters is the number of members that vote, 3 or 5; 0: what suits the pool.
	Voters int
	VMs    []VM
	// Policies say where VMs may be.
	Policies []Policy
	// Clients has at most one entry for each VM. A VM without one has no clients.
	Clients []Clients
	// Tunes has at most one entry for each Setting.
	Tunes []Tune
	// Actions are in the order of the file, which decides between actions at the same instant.
	Actions []Action
	// Run is the length of the part with faults. After it every fault is healed, convergence is
	// demanded, and every key is read once.
	Run     time.Duration
	Expects []Expect

	// NameNote, PurposeNote, VotersNote and RunNote carry the comments of those statements; Tail holds
	// the comments behind the last statement.
	NameNote, PurposeNote, VotersNote, RunNote Note
	Tail                                       []string
}

// Note is where a statement stood and which comments came with it.
type Note struct {
	// Line counts from 1; it is 0 in scripts that were not read from a text.
	Line int
	// Above are the comment lines in front of the statement, Beside the comment on its line, both
	// without the #.
	Above  []string
	Beside string
}

// Member is a host or a witness.
type Member struct {
	Name string
	// Spare: the host is not in the pool, and without power, before join-host.
	Spare bool
	// Site is where a host is; empty: the script does not say.
	Site string
	// Memory is a host's room for VMs in MiB, 1 to MaxMemory; 0: as much as the VMs need.
	Memory int
	Note   Note
}

// VM is a protected virtual machine.
type VM struct {
	Name    string
	Level   Level
	Service Service
	// Shared: the disk is shared storage that both homes reach; level restart only.
	Shared bool
	// Home is the host it starts on, Second the host with the second copy. Both are empty if the policies choose.
	Home, Second string
	// Recovery is the host at another place with a recovery copy, Target its recovery point target, from 1ms to
	// MaxRun. Without one they are empty and 0.
	Recovery string
	Target   time.Duration
	// Memory is what it needs on each of its homes in MiB, up to MaxMemory.
	Memory int
	// Later: it is not there, and needs not be, before order-vm. Such a VM has no clients.
	Later bool
	Note  Note
}

// MaxMemory bounds the memory of hosts and VMs, in MiB.
const MaxMemory = 1 << 20

// Policy is a rule for some VMs.
type Policy struct {
	Kind PolicyKind
	// VMs has one VM at least, and two if they are kept apart. None of them is named twice.
	VMs  []string
	Note Note
}

// Default and extreme values of a clients statement.
const (
	DefaultClientCount = 4
	DefaultRate        = 100
	DefaultKeys        = 8
	// MaxClientCount keeps the linearizability check of one key affordable.
	MaxClientCount = 8
	MaxRate        = 10_000
	MaxKeys        = 4_096
)

// Clients use the service of one VM from outside, over the guest network.
type Clients struct {
	VM string
	// Count is the number of concurrent clients, 1 to MaxClientCount.
	Count int
	// Rate is what they ask for together, in operations per second, 1 to MaxRate.
	Rate int
	// Keys is the number of keys (registers, log) or accounts (bank) they use, 1 to MaxKeys; a bank
	// has two at least.
	Keys int
	Note Note
}

// Tune changes one setting of the engine from its default.
type Tune struct {
	Setting Setting
	// Value is from 1ms to 60s.
	Value time.Duration
	Note  Note
}

// Action lets a fault happen at a moment.
type Action struct {
	Trigger Trigger
	Fault   faults.Fault
	// As, if not empty, binds this name to the one member that Fault.Member meant at that moment. It
	// is bound for good; no two actions bind the same name.
	As   string
	Note Note
}

// TriggerKind tells the two forms of a trigger apart.
type TriggerKind uint8

const (
	// TriggerAt fires once, At after the run began.
	TriggerAt TriggerKind = iota + 1
	// TriggerWhen fires once, when a VM reaches a stage. A run in which it never fires has not tested
	// what the script says and must fail.
	TriggerWhen
)

// Trigger is the moment of an action.
type Trigger struct {
	Kind TriggerKind
	// At is the instant for TriggerAt. For TriggerWhen only stages reached at or after it count;
	// it is 0 when the script does not say.
	At time.Duration
	// VM, Stage and Nth: the trigger fires the Nth time (1 or more) that the VM reaches the stage.
	VM    string
	Stage Stage
	Nth   int
	// Delay passes between the stage and the action; it may be 0.
	Delay time.Duration
}

// ExpectKind is what an expectation is about.
type ExpectKind uint8

const (
	// ExpectPause: the longest time without a completed client operation of VM, from the first
	// completed one to the end of the run, compares to Duration.
	ExpectPause ExpectKind = iota + 1
	// ExpectPromotions: the number of times VM continued on its secondary without a boot compares to Count.
	ExpectPromotions
	// ExpectRestarts: the number of boots of VM after its first compares to Count.
	ExpectRestarts
	// ExpectResets: the number of client connections to VM that were lost compares to Count.
	ExpectResets
	// ExpectPrimary: at the very end VM runs on Role, the only host that runs it.
	ExpectPrimary
	// ExpectConverged: every VM is back at its level within Duration after the faults were healed.
	ExpectConverged
	// ExpectEvent: a notice of kind Event about Subject was seen. ExpectNoEvent: none was. Notices
	// before the first action happened do not count: setting up a pool makes notices of its own.
	ExpectEvent
	ExpectNoEvent
	// ExpectStalled: no client operation of VM completed from From to To.
	ExpectStalled
	// ExpectServed: at least one client operation of VM completed from From to To.
	ExpectServed
	// ExpectStateLost: VM, of level ft, may lose its memory, because both its hosts are lost or the
	// guest itself crashes. Without it a lost memory fails the run; no expectation excuses a lost disk.
	ExpectStateLost
	// ExpectSecondary: at the very end Role is VM's other home.
	ExpectSecondary
	// ExpectApart: VM and Other had different primaries at all times from From to To; if To is 0, at the very end.
	ExpectApart
	// ExpectRefused: an order or proposal about VM was refused for a reason that contains Text. Hosts and VMs
	// are called by their names in it.
	ExpectRefused
	// ExpectRPO: the highest age of the recovery point of VM in the run, until it is started from there, compares to Duration.
	ExpectRPO
)

// Comparator compares a measure (left) with the script's bound (right).
type Comparator uint8

// The comparators.
const (
	Less Comparator = iota + 1
	AtMost
	Equal
	AtLeast
	Greater
)

// Expect is one thing that must be true after the run. Fields that its Kind does not use are zero.
type Expect struct {
	Kind       ExpectKind
	VM, Other  string
	Comparator Comparator
	Count      int
	Duration   time.Duration
	// Role is one host: by name, bound by "as", or other() of such.
	Role faults.Role
	// Event is a kind of notice; Subject names the VM or the member it is about.
	Event   Event
	Subject string
	// From and To are instants of the run, From before To.
	From, To time.Duration
	Text     string
	Note     Note
}
