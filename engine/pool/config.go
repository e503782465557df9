package pool

import (
	"errors"
	"fmt"

	"holdfast/engine/model"
)

// ErrInvalid is wrapped by Config.Validate.
var ErrInvalid = errors.New("pool: invalid configuration")

// Config is the current configuration of one VM.
type Config struct {
	VM  model.VMID
	Gen model.Gen // from 1; rises by one with each change

	Level model.Level
	Homes model.NodeSet // the two hosts that hold a disk copy, in sync or not

	// Shared: there are no copies but one disk that both homes reach, at level restart only. Both homes
	// then count as in sync and the other home as secondary, always.
	Shared bool

	Primary   model.NodeID // the home that runs the VM
	Secondary model.NodeID // the other home, if it can take over at once; NoNode: exposed

	InSync model.NodeSet // the homes whose copy has every acknowledged write; never empty

	// Since is for each of the homes, the lower one first, the generation in which it
	// became one; 0: when the VM was created. A copy that was made for an earlier
	// generation is void, whatever became of the VM since: see HomeSince.
	Since [2]model.Gen

	// BaseEpoch is for LevelFT with a secondary the checkpoint from which the
	// secondary is complete in this configuration; 0 otherwise.
	BaseEpoch model.Epoch

	// Recovery is the host at another place that keeps a recovery copy; NoNode: none. A copy of another History is
	// replaced as a whole. TargetMS is the recovery point target in milliseconds.
	Recovery model.NodeID
	History  model.Gen
	TargetMS uint32
	// Former are the homes to which a VM returns that was started from its recovery copy and
	// has that one home only; else empty.
	Former model.NodeSet

	Cause       Kind         // the command that made this configuration
	By          model.NodeID // who proposed it
	Incarnation uint64       // the proposer's number of starts when it did
}

// Validate reports whether c can be a VM's configuration. These are the
// invariants that every command keeps. Errors wrap ErrInvalid.
func (c Config) Validate() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: VM %d, generation %v: %s", ErrInvalid, c.VM, c.Gen, fmt.Sprintf(format, args...))
	}
	switch {
	case c.VM == 0:
		return fail("no VM has number 0")
	case c.Gen == 0:
		return fail("generations begin at 1")
	case c.Level > model.LevelFT:
		return fail("unknown level %d", c.Level)
	case (c.Homes.Len() != 2 && c.Former.Empty()) || c.Homes.Empty() || c.Homes&1 != 0:
		return fail("homes are %v, want two hosts", c.Homes)
	case c.InSync.Empty() || c.InSync&^c.Homes != 0:
		return fail("in-sync set %v is not a non-empty part of homes %v", c.InSync, c.Homes)
	case !c.Homes.Has(c.Primary):
		return fail("primary %d is not one of homes %v", c.Primary, c.Homes)
	case !c.InSync.Has(c.Primary) && c.Level != model.LevelHA:
		return fail("primary %d has no disk in sync (%v), which only level ha allows", c.Primary, c.InSync)
	case !c.InSync.Has(c.Primary) && c.Secondary == model.NoNode:
		return fail("primary %d has no disk in sync and no secondary to serve it", c.Primary)
	case c.Secondary == c.Primary:
		return fail("member %d is both primary and secondary", c.Primary)
	case c.Secondary != model.NoNode && !c.InSync.Has(c.Secondary):
		return fail("secondary %d is not in sync (%v)", c.Secondary, c.InSync)
	case (c.BaseEpoch > 0) != (c.Level == model.LevelFT && c.Secondary != model.NoNode):
		return fail("base epoch %d at level %v with secondary %d", c.BaseEpoch, c.Level, c.Secondary)
	case c.Shared && (c.Level != model.LevelRestart || c.InSync != c.Homes || c.Secondary == model.NoNode):
		return fail("shared storage at level %v with secondary %d and in-sync set %v", c.Level, c.Secondary, c.InSync)
	case !c.Shared && (c.Cause == KindClaim || c.Cause == KindRelease):
		return fail("cause is %v without shared storage", c.Cause)
	case c.Since[0] > c.Gen || c.Since[1] > c.Gen:
		return fail("homes %v since generations %v", c.Homes, c.Since)
	case !c.Cause.ForVM() && c.Cause != KindOverride:
		return fail("cause is %v", c.Cause)
	case !validNode(c.By):
		return fail("proposed by member %d", c.By)
	}
	if wrong := c.validRecovery(); wrong != "" {
		return fail("%s", wrong)
	}
	return nil
}

// Exposed reports whether the VM has no second host to go on with.
func (c Config) Exposed() bool { return c.Secondary == model.NoNode }

// Peer returns the home that is not node, or NoNode if node is not a home.
func (c Config) Peer(node model.NodeID) model.NodeID {
	if !c.Homes.Has(node) {
		return model.NoNode
	}
	return c.Homes.Other(node)
}

// HomeSince returns the generation in which node became a home of the VM, 0 if that was when
// the VM was created. A home's copy belongs to that generation and to no other: one that
// was a home before, was dropped and came back must not go on with what it once held,
// because nobody knows any more what that lacks.
func (c Config) HomeSince(node model.NodeID) model.Gen {
	if c.Homes.First() == node {
		return c.Since[0]
	}
	return c.Since[1]
}

func validNode(id model.NodeID) bool { return id != model.NoNode && id <= model.MaxNode }
