package control

import (
	"errors"
	"fmt"
	"time"

	"holdfast/engine/model"
)

// ErrConfig is wrapped by New when a Config cannot work. The text names the
// field, what was found and what is valid.
var ErrConfig = errors.New("control: invalid configuration")

// Config is what a member must know before it opens its control log. Zero
// values of the durations and CompactAfter mean their defaults.
type Config struct {
	// ID is this member, 1 to model.MaxNode. It is also its number in raft.
	ID model.NodeID

	// Voters are the members that decide when the pool is created. Every member
	// must be given the same set: it becomes the common beginning of all logs.
	// Later changes travel in the log, and this field is ignored once the store is
	// not empty. One voter survives no failure, two need both, three survive one.
	Voters model.NodeSet

	// Learners receive the log from the beginning but do not decide. Disjoint from
	// Voters. ID must be in one of both, or in neither if it joins later by Change; Voters and
	// Learners are then still those of the beginning.
	Learners model.NodeSet

	// Witness says that this member runs no VMs. It lets hosts campaign first, so that the
	// leader is normally next to the VMs that its decisions are about.
	Witness bool

	// Seed and Incarnation (the number of this member's starts, from 1) seed the
	// jitter of election timers. Equal seeds give equal runs.
	Seed        uint64
	Incarnation uint64

	// ElectionTimeout is how long a member goes without a control log message of its leader
	// before it campaigns, plus up to as much again at random. Default 2s; at
	// least 3×HeartbeatEvery. It bounds failover only where Suspect is not
	// called. A quarter of it paces repeated campaigns while there is no leader, and
	// must exceed a round trip between members. Short: needless elections on slow
	// links; long: slow recovery from lost votes.
	ElectionTimeout time.Duration

	// HeartbeatEvery is the leader's rest between messages while every follower has
	// everything. Default 500ms. Short: idle traffic; long: a lost last message is
	// noticed late.
	HeartbeatEvery time.Duration

	// ResendEvery replaces HeartbeatEvery while a follower that is being heard
	// lacks entries. Default 50ms, at most HeartbeatEvery. It should exceed a round trip, or
	// entries that are on their way are sent again.
	ResendEvery time.Duration

	// CompactAfter is the number of applied entries after which the log is
	// replaced by a snapshot of the pool's state. Default 1024. Small: frequent
	// rewriting; large: longer restart and a larger store.
	CompactAfter uint64
}

// Defaults of Config.
const (
	DefaultElectionTimeout = 2 * time.Second
	DefaultHeartbeatEvery  = 500 * time.Millisecond
	DefaultResendEvery     = 50 * time.Millisecond
	DefaultCompactAfter    = 1024
)

func (c Config) withDefaults() Config {
	if c.ElectionTimeout == 0 {
		c.ElectionTimeout = DefaultElectionTimeout
	}
	if c.HeartbeatEvery == 0 {
		c.HeartbeatEvery = DefaultHeartbeatEvery
	}
	if c.ResendEvery == 0 {
		c.ResendEvery = min(DefaultResendEvery, c.HeartbeatEvery)
	}
	if c.CompactAfter == 0 {
		c.CompactAfter = DefaultCompactAfter
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.ID == model.NoNode || c.ID > model.MaxNode:
		return fmt.Errorf("%w: ID is %d, want 1 to %d", ErrConfig, c.ID, model.MaxNode)
	case c.Voters.Empty():
		return fmt.Errorf("%w: Voters is empty, want at least one member", ErrConfig)
	case c.Voters&1 != 0 || c.Learners&1 != 0:
		return fmt.Errorf("%w: Voters %v and Learners %v must not hold member 0", ErrConfig, c.Voters, c.Learners)
	case c.Voters&c.Learners != 0:
		return fmt.Errorf("%w: %v are both in Voters and Learners", ErrConfig, c.Voters&c.Learners)
	case c.HeartbeatEvery < 0 || c.ElectionTimeout < 3*c.HeartbeatEvery:
		return fmt.Errorf("%w: ElectionTimeout is %v, want at least three times HeartbeatEvery (%v)", ErrConfig, c.ElectionTimeout, c.HeartbeatEvery)
	case c.ResendEvery <= 0 || c.ResendEvery > c.HeartbeatEvery:
		return fmt.Errorf("%w: ResendEvery is %v, want more than zero and at most HeartbeatEvery (%v)", ErrConfig, c.ResendEvery, c.HeartbeatEvery)
	}
	return nil
}
