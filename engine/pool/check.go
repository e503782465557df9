package pool

import (
	"errors"
	"fmt"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Why a command is refused. A refused command has no effect, but for the number of an order, which is used up (State.Decided).
var (
	// ErrExists: a VM of that number is already protected.
	ErrExists = errors.New("the VM exists already")
	// ErrUnknownVM: no VM of that number is protected.
	ErrUnknownVM = errors.New("the VM does not exist")
	// ErrStale: the VM's generation or era is not the expected one, or the faults or the rule for which a part was to be retired
	// are not there any more; somebody was first.
	ErrStale = errors.New("what it starts from is not so any more")
	// ErrOvertaken: the member's order with this number, or a later one, was decided before. Only Apply returns it.
	ErrOvertaken = errors.New("this order of the member, or a later one, was decided before")
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
	// ErrIsMember: the host belongs to the pool already.
	ErrIsMember = errors.New("it is a member already")
	// ErrLeaving: the host is about to leave the pool.
	ErrLeaving = errors.New("the host is leaving")
	// ErrMaintenance: the host is in maintenance, or is not.
	ErrMaintenance = errors.New("hosts in maintenance")
	// ErrOwnCopy: the primary's own copy is not in sync, so that it cannot go on with it alone.
	ErrOwnCopy = errors.New("the primary's own copy is not in sync; wait until it is")
	// ErrPoolSize: the pool would have fewer hosts than MinHosts, or more than MaxHosts.
	ErrPoolSize = errors.New("a pool has 2 to 16 hosts")
	// ErrShared: the VM's disk is shared storage, of which there are no copies, or it is not.
	ErrShared = errors.New("shared storage does not allow it")
	// ErrHolder: the node is not the one that may start the VM on shared storage; it has to claim it first.
	ErrHolder = errors.New("the VM on shared storage belongs to another host")
	// ErrOnlyCopy: the host has the only copy of a VM that holds every acknowledged write.
	ErrOnlyCopy = errors.New("it has the only copy in sync")
	// ErrPolicy: a policy does not allow it, or cannot be stated. It comes with the error of package policy that says why.
	ErrPolicy = errors.New("policies do not allow it")
)

// MinHosts and MaxHosts bound the number of a pool's hosts.
const (
	MinHosts = 2
	MaxHosts = 16
)

// Check returns the configuration that cmd makes of cur, or why it must be
// refused: one of the errors above, wrapped with the particulars. A zero cur is a
// VM that does not exist. That the homes of KindCreate and KindRehome are hosts of
// the pool is left to State.Check, which decides about everything that is not for a VM too.
func Check(cur Config, cmd Command) (Config, error) {
	next, err := transition(cur, cmd)
	if err != nil {
		return Config{}, fmt.Errorf("%v of VM %d, generation %v, by member %d: %w", cmd.Kind, cmd.VM, cur.Gen, cmd.By, err)
	}
	next.Gen, next.Cause = cur.Gen+1, cmd.Kind
	switch cmd.Kind {
	case KindRehome:
		next.Since = sinceOf(cur, next)
	case KindFailOver:
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
	case cmd.Expect != cur.Gen && !unchecked(cmd.Kind):
		return cur, fmt.Errorf("%w: expected %d", ErrStale, cmd.Expect)
	}
	if cur.Shared {
		return onShared(cur, cmd)
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
		return cur, bump(cur, cmd)
	case KindRehome:
		return rehome(cur, cmd)
	case KindLevel:
		return relevel(cur, cmd)
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
	case cmd.Shared:
		return createShared(cmd)
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
	case !cur.Homes.Has(cmd.Node) && !planted.On(planted.StartDropped):
		return cur, fmt.Errorf("%w: node %d, homes %v", ErrNotHome, cmd.Node, cur.Homes)
	case !cur.InSync.Has(cmd.Node) && !cmd.Override && !planted.On(planted.StartStale) && !planted.On(planted.StartDropped):
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
	case cur.Level == model.LevelNone:
		return cur, fmt.Errorf("%w: %v has no second copy", ErrLevel, cur.Level)
	case (cmd.BaseEpoch > 0) != (cur.Level == model.LevelFT && cmd.Node == secondary):
		return cur, fmt.Errorf("%w: %d at level %v", ErrBaseEpoch, cmd.BaseEpoch, cur.Level)
	}
	cur.InSync = cur.InSync.With(cmd.Node)
	if cur.InSync.Has(secondary) {
		cur.Secondary, cur.BaseEpoch = secondary, cmd.BaseEpoch
	}
	return cur, nil
}

// rehome puts another host in the place of the home that is of no use any more. Only
// the primary may ask for it, as for everything that ends an exposed configuration.
func rehome(cur Config, cmd Command) (Config, error) {
	if err := fromPrimary(cur, cmd); err != nil {
		return cur, err
	}
	dropped, added := cur.Homes&^cmd.Homes, cmd.Homes&^cur.Homes
	switch {
	case cur.KeepsHomes() && !planted.On(planted.RecoveryMoves):
		return cur, ErrKeepsHomes
	case cmd.Homes&1 != 0 || cmd.Homes.Len() != 2 || dropped.Len() != 1 || added.Len() != 1:
		return cur, fmt.Errorf("%w: %v in place of %v", ErrHomes, cmd.Homes, cur.Homes)
	case dropped.Has(cur.Primary):
		return cur, fmt.Errorf("%w: %v lack the primary %d", ErrNotHome, cmd.Homes, cur.Primary)
	case dropped&cur.InSync != 0:
		return cur, fmt.Errorf("%w: node %d", ErrInSync, dropped.First())
	}
	cur.Homes = cmd.Homes
	return cur, nil
}

// relevel gives the VM another level. Levels restart and ha keep the same of a VM, so nothing else changes between them.
// Otherwise what the other home has was not kept for the new level, and the primary goes on alone until it has proved that
// the redundancy of that one is complete.
func relevel(cur Config, cmd Command) (Config, error) {
	switch {
	case cmd.Level > model.LevelFT || cmd.Level == cur.Level:
		return cur, fmt.Errorf("%w: from %v to %v", ErrLevel, cur.Level, cmd.Level)
	case !cur.Former.Empty():
		return cur, ErrAway
	case cur.Recovery != model.NoNode && cmd.Level == model.LevelNone:
		return cur, fmt.Errorf("%w: %v with a recovery copy; remove it first", ErrLevel, cmd.Level)
	case !cur.InSync.Has(cur.Primary):
		return cur, fmt.Errorf("%w: node %d, in sync %v", ErrOwnCopy, cur.Primary, cur.InSync)
	case cmd.By != cur.Primary:
		// The primary is alone afterwards. Whether it can be only it knows: if it is dead, or its disk
		// failed, the other home would be shut out with all that is left of the VM.
		return cur, fromPrimary(cur, cmd)
	}
	same := disksOnly(cur.Level) && disksOnly(cmd.Level)
	cur.Level = cmd.Level
	if same {
		return cur, nil
	}
	if planted.On(planted.LevelKeepsSecondary) {
		cur.BaseEpoch = 0
		if cur.Level == model.LevelFT && cur.Secondary != model.NoNode {
			cur.BaseEpoch = 1
		}
		return cur, nil
	}
	return alone(cur, cur.Primary), nil
}

// disksOnly reports whether the second home of a VM of the level has its disk, and nothing else.
func disksOnly(l model.Level) bool { return l == model.LevelRestart || l == model.LevelHA }

// sinceOf returns since when the homes of next, the generation after cur, are homes.
func sinceOf(cur, next Config) (since [2]model.Gen) {
	rest := next.Homes
	for i := range since {
		id := rest.First()
		since[i] = next.Gen
		if cur.Homes.Has(id) {
			since[i] = cur.HomeSince(id)
		}
		rest = rest.Without(id)
	}
	return since
}

// unchecked reports whether a planted bug lets the kind pass without compare-and-swap.
func unchecked(kind Kind) bool {
	return planted.On(planted.NoCompareAndSwap) || kind == KindRehome && planted.On(planted.RehomeUnchecked)
}

func fromPrimary(cur Config, cmd Command) error {
	if cmd.By != cur.Primary {
		return fmt.Errorf("%w: the primary is %d", ErrProposer, cur.Primary)
	}
	return nil
}
