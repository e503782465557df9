package faults

import "strconv"

// Kind says what happens. The zero Kind is no fault and never valid.
type Kind uint8

// The kinds, grouped by what they hit. Doc and Syntax describe each.
const (
	PowerOff Kind = iota + 1
	PowerOn
	Reboot
	Freeze
	Thaw
	SlowCPU
	SaveDisk

	KillDaemon
	StopDaemon
	ContinueDaemon
	CrashDaemon
	OldDaemon

	ToolstackError
	ToolstackHang
	HalfCreate
	CrashVM
	HangVM

	Cut
	Heal
	Loss
	Delay
	Jitter
	Duplicate
	Reorder
	Corrupt
	Slow
	Isolate
	Partition
	NICDown
	NICUp
	HealAll

	DiskError
	DiskHang
	DiskSlow
	DiskFull
	DiskCorrupt
	DiskLyingFlush
	DiskHeal
	IODelay
	StorageCut

	ClockJump
	ClockDrift
	ClockFreeze
	WatchdogDrift

	Override
	ForceStart
	JoinHost
	LeaveHost
	ReplaceHome
	SetLevel
	Migrate
	Maintain
	Resume
	ClearFaults
	// MTBF states how often a component may fail before it is left out of service.
	MTBF
	OrderVM
	HandOver
	FailOver
	FailBack
	TestFailOver
	AddRecovery
	RemoveRecovery

	numKinds
)

// Class groups kinds by the component they hit.
type Class uint8

// The classes, in the order of the language reference.
const (
	ClassHost Class = iota
	ClassDaemon
	ClassToolstack
	ClassNetwork
	ClassDisk
	ClassClock
	ClassOperator
	numClasses
)

var classNames = [numClasses]string{"host", "daemon", "toolstack and VM", "network", "disk", "clock", "operator"}

// String returns the heading of the class.
func (c Class) String() string {
	if c < numClasses {
		return classNames[c]
	}
	return "class(" + strconv.Itoa(int(c)) + ")"
}

// Kinds returns every kind in the order of the language reference.
func Kinds() []Kind {
	kinds := make([]Kind, 0, numKinds-1)
	for k := Kind(1); k < numKinds; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// Valid reports whether k is one of Kinds.
func (k Kind) Valid() bool { return k > 0 && k < numKinds }

// String returns the word that starts the fault's text, such as "power-off".
func (k Kind) String() string {
	if !k.Valid() {
		return "kind(" + strconv.Itoa(int(k)) + ")"
	}
	return table[k].word
}

// Class returns the group of a valid kind.
func (k Kind) Class() Class { return table[k].class }

// Doc returns one sentence on what a valid kind does.
func (k Kind) Doc() string { return table[k].doc }

// Syntax returns how a valid kind is written, with placeholders in capitals and options in brackets.
func (k Kind) Syntax() string {
	s := table[k].word
	for _, p := range table[k].params {
		s += " " + p.syntax
	}
	for _, o := range table[k].options {
		s += " [" + o.syntax + "]"
	}
	return s
}

// Lasts reports whether the kind may carry "for D": the fault then ends by itself after D. Without it
// the fault stays until something heals it, at the latest the end of the run.
func (k Kind) Lasts() bool {
	for _, o := range table[k].options {
		if o.syntax == optFor.syntax {
			return true
		}
	}
	return false
}

// HostsOnly reports whether the kind cannot hit a witness, which runs no VM, stores no guest data and
// is connected to the management network only.
func (k Kind) HostsOnly() bool { return table[k].hostsOnly }

// Mends reports whether the kind only ends faults and begins none.
func (k Kind) Mends() bool {
	switch k {
	case PowerOn, Thaw, ContinueDaemon, Heal, NICUp, HealAll, DiskHeal, Resume, ClearFaults:
		return true
	}
	return false
}

// words lists the words of all kinds, for suggestions.
func words() []string {
	list := make([]string, 0, numKinds)
	for _, k := range Kinds() {
		list = append(list, k.String())
	}
	return list
}
