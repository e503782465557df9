package pool

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

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
	// ErrKeepsHomes: a VM with a recovery copy, or that runs on one, keeps its homes.
	ErrKeepsHomes = errors.New("a VM with a recovery copy keeps its homes; remove the recovery copy first")
	// ErrMoved: the VM has got another home since it was created, so that it can have no recovery copy.
	ErrMoved = errors.New("a VM whose homes were changed can have no recovery copy")
	// ErrAway: the VM runs on its recovery copy.
	ErrAway = errors.New("the VM runs on its recovery copy; return it to its homes first")
)

// keeps reports whether a command leaves everything as it is that a launch depends on: then the proposer of the
// configuration stays the same, too.
func (k Kind) keeps() bool { return k == KindAddRecovery || k == KindRemoveRecovery }

// Recovery reports whether the command is about a recovery copy. Only operators ask for these.
func (k Kind) Recovery() bool { return k >= KindAddRecovery && k <= KindFailBack }

// KeepsHomes reports whether the homes of c cannot be changed: it has a recovery copy, or runs on one.
func (c Config) KeepsHomes() bool { return c.Recovery != model.NoNode || !c.Former.Empty() }

// Holders returns the hosts that have anything of the VM to keep: its homes, former ones to which it
// returns, and the one with the recovery copy.
func (c Config) Holders() model.NodeSet { return (c.Homes | c.Former).With(c.Recovery) }

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
	case cur.Level == model.LevelNone:
		return cur, fmt.Errorf("%w: %v", ErrLevel, cur.Level)
	case cur.Since != [2]model.Gen{}:
		return cur, fmt.Errorf("%w: since generations %v", ErrMoved, cur.Since)
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

// bump is for those who may have a proposal out whose fate they do not know: the primary, and the host with the recovery
// copy, which may have proposed a fail-over.
func bump(cur Config, cmd Command) error {
	if cmd.By == cur.Recovery {
		return nil
	}
	return fromPrimary(cur, cmd)
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
	case c.Shared && c.KeepsHomes():
		return "a recovery copy of shared storage"
	case has != (c.History > 0) || has != (c.TargetMS > 0):
		return fmt.Sprintf("recovery copy on %d with history %d and target %d ms", c.Recovery, c.History, c.TargetMS)
	case c.Homes.Has(c.Recovery) || c.Recovery > model.MaxNode:
		return fmt.Sprintf("recovery copy on %d, homes %v", c.Recovery, c.Homes)
	case has && c.Level == model.LevelNone:
		return fmt.Sprintf("recovery copy on %d at level %v", c.Recovery, c.Level)
	case c.KeepsHomes() && c.Since != [2]model.Gen{}:
		return fmt.Sprintf("recovery copy on %d, homes since generations %v", c.Recovery, c.Since)
	case !c.Former.Empty() && !has:
		return fmt.Sprintf("former homes %v and no recovery copy", c.Former)
	case c.History > c.Gen:
		return fmt.Sprintf("the recovery copy begins in generation %v", c.History)
	case !c.Former.Empty() && (c.Former.Len() != 2 || c.Former&1 != 0 || c.Former&c.Homes != 0 || c.Homes.Len() != 1):
		return fmt.Sprintf("homes %v, former homes %v", c.Homes, c.Former)
	}
	return ""
}

// sectionRecovery marks the section of the snapshot with the recovery copies.
const sectionRecovery = 2

// appendRecovery appends the section of the snapshot with the recovery copies, if there are any: its mark and, preceded by
// their number, the VMs that have one, or run on one, each with its host, history, target and the former homes.
func appendRecovery(b []byte, vms []Config) []byte {
	covered := []uint64{sectionRecovery, 0}
	for _, c := range vms {
		if c.KeepsHomes() {
			covered[1]++
			covered = append(covered, uint64(c.VM), uint64(c.Recovery), uint64(c.History), uint64(c.TargetMS), uint64(c.Former))
		}
	}
	for i := 0; i < len(covered) && covered[1] > 0; i++ {
		b = protowire.AppendVarint(b, covered[i])
	}
	return b
}

// recovery reads what appendRecovery wrote.
func (d *decoder) recovery(s *State) {
	d.at++ // the mark
	n, last := d.number("number of VMs with a recovery copy"), model.VMID(0)
	if n == 0 {
		d.fail("an empty list of recovery copies")
	}
	for ; n > 0 && d.err == nil; n-- {
		vm := model.VMID(d.below("VM", 1<<16))
		recovery, history := d.node("recovery copy"), model.Gen(d.number("history"))
		target, former := uint32(d.below("recovery point target", 1<<32)), d.nodes("former homes")
		i, found := s.find(vm)
		if d.err != nil {
			return
		}
		if !found || vm <= last || recovery == model.NoNode && former.Empty() {
			d.fail("recovery copy of VM %d on %d, after VM %d", vm, recovery, last)
			return
		}
		c := &s.vms[i]
		c.Recovery, c.History, c.TargetMS, c.Former = recovery, history, target, former
		last = vm
	}
}
