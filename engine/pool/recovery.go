package pool

import (
	"errors"
	"fmt"

	"holdfast/engine/model"
)

// Why a command about a recovery copy is refused.
var (
	// ErrRecovery: the VM has a recovery copy already, or none, or another one.
	ErrRecovery = errors.New("the recovery copy is not the expected one")
	// ErrExposed: the VM has no second host now; the order has to wait until it has.
	ErrExposed = errors.New("the VM is not protected at present")
	// ErrTarget: the recovery point target is 0.
	ErrTarget = errors.New("the recovery point target must be positive")
)

// keeps reports whether a command leaves everything as it is that a launch depends on: then the proposer of the
// configuration stays the same, too.
func (k Kind) keeps() bool { return k == KindAddRecovery || k == KindRemoveRecovery }

// Operator reports whether only an operator asks for the change.
func (k Kind) Operator() bool { return k >= KindAddRecovery && k < numKinds }

// changes reports whether k can be the cause of a configuration.
func (k Kind) changes() bool { return k >= KindCreate && k <= KindBump || k.Operator() }

func recovery(cur Config, cmd Command) (Config, error) {
	switch cmd.Kind {
	case KindAddRecovery:
		return addRecovery(cur, cmd)
	case KindRemoveRecovery:
		return removeRecovery(cur)
	case KindFailOver:
		return failOver(cur, cmd)
	default:
		return failBack(cur, cmd)
	}
}

func addRecovery(cur Config, cmd Command) (Config, error) {
	switch {
	case cur.Recovery != model.NoNode:
		return cur, fmt.Errorf("%w: it is on %d", ErrRecovery, cur.Recovery)
	case !validNode(cmd.Node) || cur.Homes.Has(cmd.Node):
		return cur, fmt.Errorf("%w: node %d, homes %v", ErrRecovery, cmd.Node, cur.Homes)
	case cmd.TargetMS == 0:
		return cur, ErrTarget
	case cur.Exposed():
		return cur, ErrExposed
	}
	cur.Recovery, cur.History, cur.TargetMS = cmd.Node, cur.Gen+1, cmd.TargetMS
	return cur, nil
}

func removeRecovery(cur Config) (Config, error) {
	switch {
	case cur.Recovery == model.NoNode:
		return cur, ErrRecovery
	case cur.Exposed():
		return cur, ErrExposed
	}
	cur.Recovery, cur.History, cur.TargetMS = model.NoNode, 0, 0
	return cur, nil
}

// failOver makes the recovery copy the VM's only one. What was the primary gets a recovery copy in its turn, so
// that the VM can return without loss.
func failOver(cur Config, cmd Command) (Config, error) {
	if cmd.Node != cur.Recovery || cmd.By != cmd.Node {
		return cur, fmt.Errorf("%w: node %d, recovery copy on %d", ErrRecovery, cmd.Node, cur.Recovery)
	}
	cur.Recovery, cur.History = cur.Primary, cur.Gen+1
	if cur.Former.Has(cmd.Node) {
		cur.Homes, cur.Former = cur.Former, 0
	} else {
		cur.Homes, cur.Former = model.Nodes(cmd.Node), cur.Homes
	}
	return alone(cur, cmd.Node), nil
}

// failBack returns the VM to its former homes, to the one that has the recovery copy. The proposer, where the VM
// ran, says that the copy has everything.
func failBack(cur Config, cmd Command) (Config, error) {
	if err := fromPrimary(cur, cmd); err != nil {
		return cur, err
	}
	if cmd.Node != cur.Recovery || !cur.Former.Has(cmd.Node) {
		return cur, fmt.Errorf("%w: node %d, recovery copy on %d, former homes %v", ErrRecovery, cmd.Node, cur.Recovery, cur.Former)
	}
	cur.Recovery, cur.History = cur.Primary, cur.Gen+1
	cur.Homes, cur.Former = cur.Former, 0
	return alone(cur, cmd.Node), nil
}

// validRecovery returns what is wrong with the recovery copy of c, or nothing.
func (c Config) validRecovery() string {
	has := c.Recovery != model.NoNode
	switch {
	case has != (c.History > 0) || has != (c.TargetMS > 0):
		return fmt.Sprintf("recovery copy on %d with history %d and target %d ms", c.Recovery, c.History, c.TargetMS)
	case c.Homes.Has(c.Recovery) || c.Recovery > model.MaxNode:
		return fmt.Sprintf("recovery copy on %d, homes %v", c.Recovery, c.Homes)
	case c.History > c.Gen:
		return fmt.Sprintf("the recovery copy begins in generation %d", c.History)
	case !c.Former.Empty() && (c.Former.Len() != 2 || c.Former&1 != 0 || c.Former&c.Homes != 0 || c.Homes.Len() != 1):
		return fmt.Sprintf("homes %v, former homes %v", c.Homes, c.Former)
	}
	return ""
}
