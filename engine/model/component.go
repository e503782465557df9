package model

import (
	"strconv"
	"time"
)

// Component is what a fault is counted against.
type Component uint8

// The components. The comment says which member and VM name one.
const (
	// ComponentNIC is the guest network port of a host.
	ComponentNIC Component = iota + 1
	// ComponentDisk is the copy of a VM's disk on a host.
	ComponentDisk
	// ComponentHost is a host as a whole.
	ComponentHost
	// ComponentVM is the guest of a VM, wherever it runs.
	ComponentVM

	NumComponents
)

var componentNames = [...]string{
	ComponentNIC: "nic", ComponentDisk: "disk", ComponentHost: "host", ComponentVM: "vm",
}

func (c Component) String() string {
	if c > 0 && c < NumComponents {
		return componentNames[c]
	}
	return "component(" + strconv.Itoa(int(c)) + ")"
}

// RepairMode says when a component that failed is put back into service by itself.
type RepairMode uint8

// The modes.
const (
	// RepairByMTBF: unless it fails too often for its mean time between failures. What nothing is said about has this mode.
	RepairByMTBF RepairMode = iota
	// RepairAlways: however often it fails.
	RepairAlways
	// RepairNever: its first fault takes it out of service.
	RepairNever

	NumRepairModes
)

// Repair is the rule for one component. The zero Repair is that of the settings.
type Repair struct {
	Mode RepairMode
	// MTBF, with RepairByMTBF, is this component's own: 1 ms to MaxMTBF in whole milliseconds; 0: that of the settings.
	MTBF time.Duration
}

// MaxMTBF bounds the mean time between failures of a rule.
const MaxMTBF = 365 * 24 * time.Hour

// Valid reports whether the rule is within its ranges.
func (r Repair) Valid() bool {
	return r.Mode < NumRepairModes && r.MTBF >= 0 && r.MTBF <= MaxMTBF && r.MTBF%time.Millisecond == 0 &&
		(r.MTBF == 0 || r.Mode == RepairByMTBF)
}
