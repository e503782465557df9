package pool

import (
	"errors"
	"fmt"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Why a command is refused. A refused command has no effect.
var (
	// ErrExists: a VM of that number is already protected.
	ErrExists = errors.New("the VM exists already")
	// ErrUnknownVM: no VM of that number is protected.
	ErrUnknownVM = errors.New("the VM does not exist")
	// ErrStale: the VM's generation is not the expected one; somebody was first.
	ErrStale = errors.New("the generation is not the expected one")
	// ErrProposer: this member may not propose this.
	ErrProposer = errors.New("the proposer is not entitled to it")
	// ErrHomes: the homes are not two hosts of the pool, or the level is unknown.
	ErrHomes = errors.New("the homes are not two hosts of the pool")
	// ErrNotHome: the node holds no copy of the VM.
	ErrNotHome = errors.New("the node is not a home of the VM")
	// ErrNotInSync: the node's copy may lack acknowledged writes (R5).
	ErrNotInSync = errors.New("the node's copy is not in sync")
	// ErrInSync: the node's copy is in sync already.
	ErrInSync = errors.New("the node's copy is in sync already")
	// ErrLastCopy: it is the only copy that has every acknowledged write.
	ErrLastCopy = errors.New("it is the last copy in sync")
	// ErrLevel: the VM's level has no such change.
	ErrLevel = errors.New("the VM's level does not allow it")
	// ErrBaseEpoch: an ft secondary without the checkpoint it begins with, or the reverse.
	ErrBaseEpoch = errors.New("the base epoch does not fit")
	// ErrMember: the node or component does not exist.
	ErrMember = errors.New("no such member or component")
)

// Check returns the configuration that cmd makes of cur, or why it must be
// refused: one of the errors above, wrapped with the particulars. A zero cur is a
// VM that does not exist. Only kinds up to KindBump are for VMs. That the homes
// of KindCreate are hosts of the pool is left to State.Apply.
func Check(cur Config, cmd Command) (Config, error) {
	next, err := transition(cur, cmd)
	if err != nil {
		return Config{}, fmt.Errorf("%v of VM %d, generation %d, by member %d: %w", cmd.Kind, cmd.VM, cur.Gen, cmd.By, err)
	}
	next.Gen, next.Cause = cur.Gen+1, cmd.Kind
	if cmd.Kind == KindFailOver {
		next.Cause = KindStart // it is launched as any other start
	}
	if !cmd.Kind.keeps() {
		next.By, next.Incarnation = cmd.By, cmd.Incarnation
	}
	return next, nil
}

func transition(cur Config, cmd Command) (Config, error) {
	switch {
	case cmd.Kind == KindCreate:
		return create(cur, cmd)
	case !validNode(cmd.By):
		return cur, ErrProposer
	case cur.Gen == 0 || cmd.VM != cur.VM:
		return cur, ErrUnknownVM
	case cmd.Expect != cur.Gen && !planted.On(planted.NoCompareAndSwap):
		return cur, fmt.Errorf("%w: expected %d", ErrStale, cmd.Expect)
	}
	switch cmd.Kind {
	case KindStart:
		return start(cur, cmd)
	case KindPromote:
		return promote(cur, cmd)
	case KindDetach:
		return detach(cur, cmd)
	case KindAttach:
		return attach(cur, cmd)
	case KindBump:
		return cur, fromPrimary(cur, cmd)
	case KindAddRecovery, KindRemoveRecovery, KindFailOver, KindFailBack:
		return recovery(cur, cmd)
	default:
		return cur, fmt.Errorf("%w: %v does not change a VM", ErrLevel, cmd.Kind)
	}
}

func create(cur Config, cmd Command) (Config, error) {
	switch {
	case cur.Gen != 0:
		return cur, ErrExists
	case cmd.VM == 0:
		return cur, ErrUnknownVM
	case !validNode(cmd.By):
		return cur, ErrProposer
	case cmd.Homes.Len() != 2 || cmd.Homes&1 != 0:
		return cur, fmt.Errorf("%w: %v", ErrHomes, cmd.Homes)
	case cmd.Level > model.LevelFT:
		return cur, fmt.Errorf("%w: %v", ErrLevel, cmd.Level)
	case !cmd.Homes.Has(cmd.Node):
		return cur, fmt.Errorf("%w: node %d, homes %v", ErrNotHome, cmd.Node, cmd.Homes)
	}
	return Config{
		VM: cmd.VM, Level: cmd.Level, Homes: cmd.Homes,
		Primary: cmd.Node, InSync: model.Nodes(cmd.Node),
	}, nil
}

// start drops the other copy with every boot: whether it missed writes while
// nobody ran the VM is not known here, and a resync brings it back.
func start(cur Config, cmd Command) (Config, error) {
	switch {
	case !cur.Homes.Has(cmd.Node):
		return cur, fmt.Errorf("%w: node %d, homes %v", ErrNotHome, cmd.Node, cur.Homes)
	case !cur.InSync.Has(cmd.Node) && !cmd.Override && !planted.On(planted.StartStale):
		return cur, fmt.Errorf("%w: node %d, in sync %v", ErrNotInSync, cmd.Node, cur.InSync)
	}
	if !cur.InSync.Has(cmd.Node) && cur.Recovery != model.NoNode {
		cur.History = cur.Gen + 1 // the recovery copy may have what this copy lacks
	}
	return alone(cur, cmd.Node), nil
}

func promote(cur Config, cmd Command) (Config, error) {
	switch {
	case cur.Level != model.LevelFT:
		return cur, fmt.Errorf("%w: %v", ErrLevel, cur.Level)
	case cmd.Node != cur.Secondary || cmd.By != cmd.Node:
		return cur, fmt.Errorf("%w: node %d, secondary %d", ErrProposer, cmd.Node, cur.Secondary)
	case !cur.InSync.Has(cmd.Node):
		return cur, fmt.Errorf("%w: node %d, in sync %v", ErrNotInSync, cmd.Node, cur.InSync)
	}
	return alone(cur, cmd.Node), nil
}

// alone makes node the VM's only copy.
func alone(cur Config, node model.NodeID) Config {
	cur.Primary, cur.Secondary = node, model.NoNode
	cur.InSync, cur.BaseEpoch = model.Nodes(node), 0
	return cur
}

func detach(cur Config, cmd Command) (Config, error) {
	if err := fromPrimary(cur, cmd); err != nil {
		return cur, err
	}
	switch {
	case !cur.Homes.Has(cmd.Node):
		return cur, fmt.Errorf("%w: node %d, homes %v", ErrNotHome, cmd.Node, cur.Homes)
	case !cur.InSync.Has(cmd.Node):
		return cur, fmt.Errorf("%w: node %d, in sync %v", ErrNotInSync, cmd.Node, cur.InSync)
	case cur.InSync.Without(cmd.Node).Empty():
		return cur, fmt.Errorf("%w: node %d", ErrLastCopy, cmd.Node)
	case cmd.Node == cur.Primary && cur.Level != model.LevelHA:
		// Only ha serves a guest from the other host's disk.
		return cur, fmt.Errorf("%w: the primary's own copy at level %v", ErrLevel, cur.Level)
	}
	cur.InSync = cur.InSync.Without(cmd.Node)
	if cmd.Node == cur.Secondary {
		cur.Secondary, cur.BaseEpoch = model.NoNode, 0
	}
	return cur, nil
}

func attach(cur Config, cmd Command) (Config, error) {
	if err := fromPrimary(cur, cmd); err != nil {
		return cur, err
	}
	secondary := cur.Homes.Other(cur.Primary)
	switch {
	case !cur.Homes.Has(cmd.Node):
		return cur, fmt.Errorf("%w: node %d, homes %v", ErrNotHome, cmd.Node, cur.Homes)
	case cur.InSync.Has(cmd.Node):
		return cur, fmt.Errorf("%w: node %d", ErrInSync, cmd.Node)
	case (cmd.BaseEpoch > 0) != (cur.Level == model.LevelFT && cmd.Node == secondary):
		return cur, fmt.Errorf("%w: %d at level %v", ErrBaseEpoch, cmd.BaseEpoch, cur.Level)
	}
	cur.InSync = cur.InSync.With(cmd.Node)
	if cur.InSync.Has(secondary) {
		cur.Secondary, cur.BaseEpoch = secondary, cmd.BaseEpoch
	}
	return cur, nil
}

func fromPrimary(cur Config, cmd Command) error {
	if cmd.By != cur.Primary {
		return fmt.Errorf("%w: the primary is %d", ErrProposer, cur.Primary)
	}
	return nil
}
