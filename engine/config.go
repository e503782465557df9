package engine

import (
	"errors"
	"fmt"
	"time"

	"holdfast/engine/dr"
	"holdfast/engine/lease"
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/engine/pair"
)

// ErrConfig is wrapped by New when a Config cannot work; the text names the field.
var ErrConfig = errors.New("engine: invalid configuration")

// Config is what a node must know before its first step. Every member of a
// pool is given the same Hosts, Witnesses and Mirror.
type Config struct {
	// ID is this member. It is in Hosts or in Witnesses, unless it joins later.
	ID model.NodeID
	// Hosts run VMs and hold disk copies; Witnesses only vote. They are those of the pool's
	// beginning, also for members that join later and when some of them have left: the control
	// log begins with them, and everything after that is in the log.
	Hosts, Witnesses model.NodeSet
	// Contacts are members that a host which is not in Hosts turns to until the log tells it who
	// the members are. Such a host does nothing before an operator has ordered the pool to take it in.
	Contacts model.NodeSet
	// Voters is the number of members that vote on the control log, 3 or 5. The others learn. 0: 3, and
	// 5 in pools of 7 members or more. In smaller pools fewer vote. More voters survive more losses
	// at once and make a decision wait for more disks.
	Voters int
	// Seed seeds the jitter of election timers; see control.Config.
	Seed uint64
	// Protocol is the newest version of the protocol that this member speaks; 0 means model.ProtocolNewest.
	// A lower one keeps a member understandable for what is about to be set back to an older version.
	Protocol uint8

	Timing Timing
	// Lease holds the times of leases for VMs on shared storage; the zero value means lease.Default. Safety
	// depends on them, and on nothing else of this kind (R8).
	Lease  lease.Config
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
	// MTBF is the mean time between failures below which a component is taken out of service: five faults in
	// less than four times MTBF. It stays out until an operator clears it. Default 5 s; 0: never.
	MTBF time.Duration
	// HangAfter is how long a guest may not respond before it is booted anew. Default 5 s. Short:
	// a guest that is only busy loses its memory.
	HangAfter time.Duration
	// RehomeAfter is how long the second home of a VM may be of no use before another host is
	// made its second home and gets a whole copy. Default 5 min: longer than a host takes to boot.
	RehomeAfter time.Duration
	// MendAfter is how long a policy has to be broken, or the loads of hosts out of balance, before a VM is
	// moved for it. Default 30 s. Short: copies are made for what would have passed by itself.
	MendAfter time.Duration
	// VoterLostAfter is how long a voter may not be heard before another member votes in its place.
	// Default 1 min. It costs nothing but a few entries of the log; too short, and a pool that
	// falls apart slowly ends with voters that are all on one side.
	VoterLostAfter time.Duration
	// Far is the number of heartbeat intervals between two heartbeats to a member with which this
	// one neither votes nor shares a VM; the other one suspects so many times later. Default 10.
	// 1 makes no difference between members.
	Far int
}

// DefaultTiming returns the documented defaults.
func DefaultTiming() Timing {
	return Timing{
		Heartbeat: 100 * time.Millisecond, SuspectAfter: 400 * time.Millisecond,
		PromoteWait: 200 * time.Millisecond, ColdStartAfter: 5 * time.Second,
		ProposeEvery: 150 * time.Millisecond, ReportEvery: time.Second,
		RepairEvery: 500 * time.Millisecond, HangAfter: 5 * time.Second, MTBF: 5 * time.Second,
		RehomeAfter: 5 * time.Minute, MendAfter: 30 * time.Second, VoterLostAfter: time.Minute, Far: 10,
	}
}

// DefaultPair returns the pair's default timing: epochs of 50 ms while output waits, of up to 500 ms
// while none does, and of about 4,096 dirty pages (16 MiB) at most.
func DefaultPair() pair.Timing {
	return pair.Timing{
		Epoch: 50 * time.Millisecond, EpochMax: 500 * time.Millisecond, DirtyPages: 4096,
		Resend: 100 * time.Millisecond, AckTimeout: time.Second,
	}
}

// maxFar bounds Timing.Far, so that nobody's silence goes unnoticed for minutes.
const maxFar = 100

// Validate returns an error that wraps ErrConfig and names the first field that cannot work.
func (c *Config) Validate() error {
	t := &c.Timing
	switch members := c.Hosts | c.Witnesses; {
	case !members.Has(c.ID) && (c.Contacts.Empty() || c.ID == model.NoNode || c.ID > model.MaxNode):
		return fmt.Errorf("%w: ID %d is neither in Hosts %v nor in Witnesses %v", ErrConfig, c.ID, c.Hosts, c.Witnesses)
	case c.Hosts&c.Witnesses != 0:
		return fmt.Errorf("%w: %v are both in Hosts and in Witnesses", ErrConfig, c.Hosts&c.Witnesses)
	case c.Protocol > model.ProtocolNewest:
		return fmt.Errorf("%w: Protocol is %d; this version speaks up to %d", ErrConfig, c.Protocol, model.ProtocolNewest)
	case t.Heartbeat <= 0 || t.SuspectAfter < 2*t.Heartbeat:
		return fmt.Errorf("%w: SuspectAfter is %v, want at least twice Heartbeat (%v), which must be positive", ErrConfig, t.SuspectAfter, t.Heartbeat)
	case t.PromoteWait < 0 || t.ColdStartAfter < 0:
		return fmt.Errorf("%w: PromoteWait %v and ColdStartAfter %v must not be negative", ErrConfig, t.PromoteWait, t.ColdStartAfter)
	case t.ProposeEvery <= 0 || t.ReportEvery <= 0 || t.RepairEvery <= 0:
		return fmt.Errorf("%w: ProposeEvery %v, ReportEvery %v and RepairEvery %v must be positive", ErrConfig, t.ProposeEvery, t.ReportEvery, t.RepairEvery)
	case t.MTBF < 0:
		return fmt.Errorf("%w: MTBF is %v; it must not be negative", ErrConfig, t.MTBF)
	case t.HangAfter <= 0:
		return fmt.Errorf("%w: HangAfter is %v; it must be positive", ErrConfig, t.HangAfter)
	case t.RehomeAfter <= 0 || t.VoterLostAfter <= 0 || t.MendAfter <= 0:
		return fmt.Errorf("%w: RehomeAfter %v, VoterLostAfter %v and MendAfter %v must be positive", ErrConfig, t.RehomeAfter, t.VoterLostAfter, t.MendAfter)
	case t.Far < 1 || t.Far > maxFar:
		return fmt.Errorf("%w: Far is %d, want 1 to %d", ErrConfig, t.Far, maxFar)
	case c.Voters != 0 && c.Voters != 3 && c.Voters != 5:
		return fmt.Errorf("%w: Voters is %d, want 3, 5, or 0 for what suits the pool", ErrConfig, c.Voters)
	case c.Pair.Epoch <= 0 || c.Pair.EpochMax < c.Pair.Epoch || c.Pair.Resend <= 0 || c.Pair.AckTimeout < c.Pair.Resend:
		return fmt.Errorf("%w: pair timing %+v: all must be positive, EpochMax at least Epoch and AckTimeout at least Resend", ErrConfig, c.Pair)
	}
	if c.Lease != (lease.Config{}) {
		if err := c.Lease.Validate(); err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
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
