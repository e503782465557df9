package faults

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"holdfast/faults/lex"
)

// Link names a network between members, or a set of them.
type Link uint8

const (
	// LinkNone is the absent link.
	LinkNone Link = iota
	// LinkA1 and LinkA2 are the two availability links between hosts.
	LinkA1
	LinkA2
	// LinkManagement is the management network, the only one a witness is on.
	LinkManagement
	// LinkPair is a1 and a2.
	LinkPair
	// LinkAll is a1, a2 and the management network.
	LinkAll
	numLinks
)

var linkNames = [numLinks]string{"", "a1", "a2", "mgmt", "links", "all"}

// String returns the link's word in scripts.
func (l Link) String() string { return enumName(linkNames[:], int(l)) }

// Parts returns the single links that l stands for, in ascending order.
func (l Link) Parts() []Link {
	switch l {
	case LinkPair:
		return []Link{LinkA1, LinkA2}
	case LinkAll:
		return []Link{LinkA1, LinkA2, LinkManagement}
	case LinkA1, LinkA2, LinkManagement:
		return []Link{l}
	default:
		return nil
	}
}

// IO is a direction of disk operations.
type IO uint8

// The directions; IONone is the absent one.
const (
	IONone IO = iota
	IORead
	IOWrite
	numIO
)

var ioNames = [numIO]string{"", "read", "write"}

// String returns the direction's word in scripts.
func (io IO) String() string { return enumName(ioNames[:], int(io)) }

// Unsynced says what a power loss does to disk writes that were not flushed.
type Unsynced uint8

const (
	// UnsyncedSeeded lets the run's seed choose, write by write.
	UnsyncedSeeded Unsynced = iota
	// UnsyncedTorn writes a part of the last one and loses or keeps the others by the seed.
	UnsyncedTorn
	// UnsyncedKept has all of them on the disk.
	UnsyncedKept
	// UnsyncedLost has none of them on the disk.
	UnsyncedLost
	numUnsynced
)

var unsyncedNames = [numUnsynced]string{"", "torn", "keep-unsynced", "lose-unsynced"}

// String returns the option's word in scripts; the seeded choice is the empty default.
func (u Unsynced) String() string { return enumName(unsyncedNames[:], int(u)) }

// Level is a protection of a VM that SetLevel gives it.
type Level uint8

// The levels; LevelAbsent is the absent one.
const (
	LevelAbsent Level = iota
	LevelNone
	LevelRestart
	LevelHA
	LevelFT
	numLevels
)

var levelNames = [numLevels]string{"", "none", "restart", "ha", "ft"}

// String returns the level's word in scripts.
func (l Level) String() string { return enumName(levelNames[:], int(l)) }

// Part is a component that can be taken out of service.
type Part uint8

// The parts: PartHost and PartNIC of a member, PartDisk of a member and a VM, PartVM of a VM.
const (
	PartHost Part = iota + 1
	PartNIC
	PartDisk
	PartVM
	numParts
)

var partNames = [numParts]string{"", "host", "nic", "disk", "vm"}

// String returns the part's word in scripts.
func (p Part) String() string { return enumName(partNames[:], int(p)) }

// Repair is a rule for a part.
type Repair uint8

// The rules.
const (
	RepairDefault Repair = iota + 1
	RepairAlways
	RepairNever
	RepairMTBF
	numRepairs
)

var repairNames = [numRepairs]string{"", "default", "always", "never", "MTBF"}

// String returns the rule's word in scripts; RepairMTBF is written as a duration.
func (r Repair) String() string { return enumName(repairNames[:], int(r)) }

// DefaultDaemonRestart is how long kill-daemon keeps the daemon down when it carries no "for".
const DefaultDaemonRestart = 300 * time.Millisecond

// Fault is one thing that goes wrong, one repair, or one act of an operator. Fields that its Kind
// does not use are zero; Validate checks that. Faults hold no references to anything that changes.
type Fault struct {
	Kind Kind
	// Member is the member that is hit; for faults on links one end of the link.
	Member Role
	// Peer is the other end of the link, the member that Override declares dead, or the host to which
	// ReplaceHome moves a copy from Member.
	Peer Role
	// VM names the virtual machine, or the one whose disk copy on Member is hit.
	VM string
	// Link and OneWay: which networks between Member and Peer; OneWay hits only Member to Peer.
	Link   Link
	OneWay bool
	// Groups are the sides of a partition, two or more, each with one member or more. No packet
	// passes between different groups on any link; the guest network is not touched.
	Groups [][]Role
	// IO is the direction that a disk fault hits.
	IO IO
	// Count is how many operations fail (disk-error, toolstack-error); 0 means until healed.
	Count int
	// Effect is the number of the effect, counted from 1 after the fault is armed, before which
	// crash-daemon strikes.
	Effect int
	// Factor is how many times slower the CPU becomes.
	Factor int
	// DriftPPM is the clock's drift in parts per million; negative is slow.
	DriftPPM int
	// Chance is the share of packets hit, in millionths, 1 to 1,000,000.
	Chance int
	// Bandwidth is the link's remaining bandwidth in KiB/s, per direction.
	Bandwidth int
	// Timeouts is a multiple of the I/O time-out in thousandths; Amount is added to it.
	Timeouts int
	// Amount is the added delay, the clock's jump, the recovery point target, or the offset to Timeouts.
	Amount time.Duration
	// Unsynced is what power-off does to writes not yet flushed.
	Unsynced Unsynced
	// Level is what SetLevel gives the VM.
	Level Level
	// Part says which component of Member or VM, or both, MTBF is about, and Repair what it says; RepairMTBF has
	// the mean time between failures in Amount.
	Part   Part
	Repair Repair
	// KeepLAN leaves an isolated host its guest network.
	KeepLAN bool
	// OldDisk restores the member's system disk as remembered by the last save-disk.
	OldDisk bool
	// For ends the fault by itself after this time; 0 means it stays until healed.
	For time.Duration
}

// String returns the canonical text of f, which Parse reads back. It never fails: a Fault that is not
// valid prints as something that Parse refuses.
func (f Fault) String() string {
	if !f.Kind.Valid() {
		return f.Kind.String()
	}
	parts := []string{f.Kind.String()}
	for _, list := range [][]*param{table[f.Kind].params, table[f.Kind].options} {
		for _, p := range list {
			if s := p.print(&f); s != "" {
				parts = append(parts, s)
			}
		}
	}
	return strings.Join(parts, " ")
}

// Parse reads the text of one fault. Errors are *lex.Error with the column.
func Parse(text string) (Fault, error) {
	c, _, _, err := lex.Scan("", 1, text)
	if err != nil {
		return Fault{}, err
	}
	f, _, err := ParseAt(c)
	if err != nil {
		return Fault{}, err
	}
	return f, c.End()
}

// Validate checks that f can be written down: every parameter that its kind needs is there and in
// range, every other field is zero.
func (f Fault) Validate() error {
	back, err := Parse(f.String())
	if err != nil {
		return fmt.Errorf("fault %q: %w", f, err)
	}
	if !reflect.DeepEqual(f, back) {
		return fmt.Errorf("fault %q: a field is set that %s does not use, or out of range", f, f.Kind)
	}
	return nil
}

// enumName returns names[i], or a visible mark for a value that is not in the list.
func enumName(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown(" + strconv.Itoa(i) + ")"
}
