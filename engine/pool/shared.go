package pool

import (
	"fmt"

	"holdfast/engine/model"
)

// createShared makes a VM whose disk is shared storage. Both homes reach the one disk, so both are
// in sync from the beginning and for ever.
func createShared(cmd Command) (Config, error) {
	if cmd.Level != model.LevelRestart {
		return Config{}, fmt.Errorf("%w: level %v, want restart", ErrShared, cmd.Level)
	}
	c := Config{VM: cmd.VM, Level: cmd.Level, Homes: cmd.Homes, Shared: true, InSync: cmd.Homes}
	return heldBy(c, cmd.Node), nil
}

// heldBy makes node the primary of a VM on shared storage.
func heldBy(c Config, node model.NodeID) Config {
	c.Primary, c.Secondary = node, c.Homes.Other(node)
	return c
}

// onShared is transition for a VM on shared storage. Nothing is copied, so nothing is attached, detached or
// promoted. What moves is who may run it:
//
//	          Claim (the other home)                  Start (the new primary, after its wait)
//	held by P ──────────────────────► claimed by S ─────────────────────────────────────────► held by S
//	    │                               │      ▲ Claim (the other home)
//	    │ Release (P, when it stopped)  └──────┘
//	    └─────────────────────────────────────────────► held by S, at once
//
// The log cannot see whether a wait is over. That is the claimant's duty (see package lease).
func onShared(cur Config, cmd Command) (Config, error) {
	other := cur.Homes.Other(cur.Primary)
	switch cmd.Kind {
	case KindStart:
		switch {
		case !cur.Homes.Has(cmd.Node):
			return cur, fmt.Errorf("%w: node %d, homes %v", ErrNotHome, cmd.Node, cur.Homes)
		case !cmd.Override && (cmd.Node != cur.Primary || cmd.By != cmd.Node):
			return cur, fmt.Errorf("%w: node %d, primary %d", ErrHolder, cmd.Node, cur.Primary)
		}
		return heldBy(cur, cmd.Node), nil
	case KindClaim:
		if cmd.Node != other || cmd.By != cmd.Node {
			return cur, fmt.Errorf("%w: node %d, the other home is %d", ErrProposer, cmd.Node, other)
		}
		return heldBy(cur, cmd.Node), nil
	case KindRelease:
		switch err := fromPrimary(cur, cmd); {
		case err != nil:
			return cur, err
		case cmd.Node != other:
			return cur, fmt.Errorf("%w: node %d, the other home is %d", ErrNotHome, cmd.Node, other)
		case cur.Cause == KindClaim: // it does not know yet that nobody runs it
			return cur, fmt.Errorf("%w: it was claimed and not started", ErrHolder)
		}
		return heldBy(cur, cmd.Node), nil
	case KindBump:
		if cur.Cause == KindClaim { // it would hide that there is something to wait for
			return cur, fmt.Errorf("%w: it was claimed and not started", ErrHolder)
		}
		return cur, fromPrimary(cur, cmd)
	case KindAddRecovery:
		return cur, fmt.Errorf("%w: a recovery copy is made of a mirrored disk", ErrShared)
	default:
		return cur, fmt.Errorf("%w: %v", ErrShared, cmd.Kind)
	}
}
