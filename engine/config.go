package engine

import (
	"errors"
	"fmt"
	"time"

	"holdfast/engine/dr"
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/pair"
)

// ErrConfig is wrapped by New when a Config cannot work; the text names the field.
var ErrConfig = errors.New("engine: invalid configuration")

// Config is what a node must know before its first step. Every member of a
// pool is given the same Hosts, Witnesses and Mirror.
type Config struct {
	// ID is this member. It is in Hosts or in Witnesses.
	ID model.NodeID
	// Hosts run VMs and hold disk copies; Witnesses only vote.
	Hosts, Witnesses model.NodeSet
	// Seed seeds the jitter of election timers; see control.Config.
	Seed uint64

	Timing Timing
	Pair   pair.Timing
	Mirror mirror.Config
	// Recovery is how copies at another place are kept. Its Extents and ExtentSectors are those of Mirror; the zero
	// value of any other field means its default.
	Recovery dr.Config
}

// Timing holds the node's intervals and time-outs. They decide when somebody
// proposes something; no safety depends on them (R8).
type Timing struct {
	// Heartbeat is the interval of heartbeats on every link. Default 100 ms.
	Heartbeat time.Duration
	// SuspectAfter is the silence after which a link counts as down; a member whose
	// links are all down is suspected. Default 400 ms, at least 2×Heartbeat. Short:
	// failover begins early, sometimes for nothing.
	SuspectAfter time.Duration
	// PromoteWait is how much longer a secondary waits before it proposes to take over, so
	// that the primary wins when only their links are gone. Default 200 ms.
	PromoteWait time.Duration
	// ColdStartAfter is how long a host waits for a partner that may hold newer state before it
	// boots a VM from disk without it. Default 5 s.
	ColdStartAfter time.Duration
	// ProposeEvery is the time after which an undecided proposal is made again. Default 150 ms.
	ProposeEvery time.Duration
	// ReportEvery is the interval at which the two homes of a VM tell each other what they
	// hold. Default 1 s.
	ReportEvery time.Duration
	// RepairEvery is the pause between attempts to mend something: open a failed
	// disk, begin a resync, start an instance. Default 500 ms.
	RepairEvery time.Duration
}

// DefaultTiming returns the documented defaults.
func DefaultTiming() Timing {
	return Timing{
		Heartbeat: 100 * time.Millisecond, SuspectAfter: 400 * time.Millisecond,
		PromoteWait: 200 * time.Millisecond, ColdStartAfter: 5 * time.Second,
		ProposeEvery: 150 * time.Millisecond, ReportEvery: time.Second,
		RepairEvery: 500 * time.Millisecond,
	}
}

// DefaultPair returns the pair's default timing: 50 ms epochs.
func DefaultPair() pair.Timing {
	return pair.Timing{Epoch: 50 * time.Millisecond, Resend: 100 * time.Millisecond, AckTimeout: time.Second}
}

// Validate returns an error that wraps ErrConfig and names the first field that cannot work.
func (c *Config) Validate() error {
	t := &c.Timing
	switch members := c.Hosts | c.Witnesses; {
	case !members.Has(c.ID):
		return fmt.Errorf("%w: ID %d is neither in Hosts %v nor in Witnesses %v", ErrConfig, c.ID, c.Hosts, c.Witnesses)
	case c.Hosts&c.Witnesses != 0:
		return fmt.Errorf("%w: %v are both in Hosts and in Witnesses", ErrConfig, c.Hosts&c.Witnesses)
	case t.Heartbeat <= 0 || t.SuspectAfter < 2*t.Heartbeat:
		return fmt.Errorf("%w: SuspectAfter is %v, want at least twice Heartbeat (%v), which must be positive", ErrConfig, t.SuspectAfter, t.Heartbeat)
	case t.PromoteWait < 0 || t.ColdStartAfter < 0:
		return fmt.Errorf("%w: PromoteWait %v and ColdStartAfter %v must not be negative", ErrConfig, t.PromoteWait, t.ColdStartAfter)
	case t.ProposeEvery <= 0 || t.ReportEvery <= 0 || t.RepairEvery <= 0:
		return fmt.Errorf("%w: ProposeEvery %v, ReportEvery %v and RepairEvery %v must be positive", ErrConfig, t.ProposeEvery, t.ReportEvery, t.RepairEvery)
	case c.Pair.Epoch <= 0 || c.Pair.Resend <= 0 || c.Pair.AckTimeout < c.Pair.Resend:
		return fmt.Errorf("%w: pair timing %+v: all must be positive and AckTimeout at least Resend", ErrConfig, c.Pair)
	}
	if err := c.Mirror.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	recovery := c.recovery()
	if err := recovery.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}
