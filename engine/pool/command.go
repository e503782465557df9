package pool

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"holdfast/engine/model"
)

// ErrCommand is wrapped by Decode when data is not a command. The text says
// where it departs from the format.
var ErrCommand = errors.New("pool: invalid command")

// Kind is what a command does.
type Kind uint8

// The commands. The comment names the fields that each one uses besides By and
// Incarnation. Those of which ForVM holds change a VM and use VM; all of them but
// KindCreate use Expect as well, for the generation; those of which Numbered holds may have their number there.
const (
	// KindCreate: Level, Homes, Node (the first primary, with the only copy), Shared.
	KindCreate Kind = iota + 1
	// KindStart: boot from disk on Node; the other copy drops out. Override: although
	// Node may lack acknowledged writes.
	KindStart
	// KindPromote: Node, the secondary of an ft VM and the proposer, continues it alone.
	KindPromote
	// KindDetach: the copy on Node is no longer in sync.
	KindDetach
	// KindAttach: the copy on Node is in sync. BaseEpoch for ft.
	KindAttach
	// KindBump: nothing but the generation changes, so that an earlier proposal whose fate is unknown cannot succeed any
	// more: one of the primary, or a fail-over by the host with the recovery copy.
	KindBump
	// KindOverride: By overrode the rules by declaring Node dead. Expect is the era in which the VMs go on; 0: in none
	// of their own, as in the first version.
	KindOverride
	// KindFault: one more fault of the part (Component, Node, VM). It is out of service then if its rule is that it is never
	// put back into service by itself.
	KindFault
	// KindRehome: Homes, the primary and another host in place of the home that is not
	// in sync. What that home held is void, and the new one begins with nothing.
	KindRehome
	// KindJoin: Node becomes a host of the pool; one that is leaving stays.
	KindJoin
	// KindLeave: Node is to give up its copies. It is a host until it is the home of no VM.
	KindLeave
	// KindLevel: Level, the protection that the VM has from now on. Unless both levels keep disks only, the primary goes on
	// with the only copy until its redundancy is complete at the new one.
	KindLevel
	// KindMaintain: VMs are to run elsewhere than on Node, if they can, and nothing new comes to it (Override: no longer).
	KindMaintain
	// KindRetire: the part (Component, Node, VM), whose rule is a mean time between failures, is out of service until it is
	// cleared. Expect is how many faults are counted at least: fewer were cleared meanwhile.
	KindRetire
	// KindClear: the part is in service again and its faults are forgotten; without a Component, every part.
	KindClear
	// KindPolicy: Policy, about the host Node or VM, as its kind says. The command's encoding is longer by its fields.
	KindPolicy
	// KindClaim: Node, the proposer and the other home of a VM on shared storage, takes it from a primary that
	// is gone. From here on no renewal of the old primary's lease counts for the VM; Node starts it when
	// the old instance has certainly stopped.
	KindClaim
	// KindRelease: Node, the other home of a VM on shared storage, gets it from the primary, which
	// has stopped its own instance.
	KindRelease
	// KindRenew changes nothing. Its place in the log proves to By what the VMs' configurations are there, so that
	// By can renew its lease. Expect is the number of the renewal.
	KindRenew
	// KindAddRecovery: Node keeps a recovery copy, with the target TargetMS. KindRemoveRecovery ends it.
	KindAddRecovery
	KindRemoveRecovery
	// KindFailOver: an operator starts the VM from the recovery copy on Node.
	KindFailOver
	// KindFailBack: the VM returns to its former homes, to the one with the recovery copy, Node.
	KindFailBack
	// KindRepair: Repair is the rule for the part (Component, Node, VM).
	KindRepair

	numKinds
)

// ForVM reports whether commands of this kind change the configuration of a VM.
func (k Kind) ForVM() bool {
	return k >= KindCreate && k <= KindBump || k == KindRehome || k == KindLevel || k == KindClaim || k == KindRelease || k.Recovery()
}

// Format returns the version of the format that first had this kind. A member that speaks an older
// protocol cannot read such a command.
func (k Kind) Format() uint8 {
	if k >= KindFault {
		return model.Protocol2
	}
	return model.Protocol1
}

var kindNames = [...]string{
	KindCreate: "create", KindStart: "start", KindPromote: "promote", KindDetach: "detach",
	KindAttach: "attach", KindBump: "bump", KindOverride: "override", KindFault: "fault",
	KindRehome: "rehome", KindJoin: "join", KindLeave: "leave",
	KindLevel: "level", KindMaintain: "maintain",
	KindRetire: "retire", KindClear: "clear",
	KindPolicy: "policy",
	KindClaim:  "claim", KindRelease: "release", KindRenew: "renew",
	KindAddRecovery: "add-recovery", KindRemoveRecovery: "remove-recovery", KindFailOver: "fail-over", KindFailBack: "fail-back",
	KindRepair: "repair",
}

func (k Kind) String() string {
	if k > 0 && k < numKinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Command is one proposal. Fields that its kind does not use are zero.
type Command struct {
	Kind        Kind
	VM          model.VMID
	Expect      model.Gen // the generation that it changes (ForVM), the order's number or 0 (Numbered), or what its kind says
	By          model.NodeID
	Incarnation uint64 // the proposer's number of starts
	Node        model.NodeID
	Level       model.Level
	Homes       model.NodeSet
	BaseEpoch   model.Epoch
	Component   model.Component
	Override    bool
	Policy      model.Policy
	Shared      bool // the disk is shared storage that both homes reach
	Repair      model.Repair
	TargetMS    uint32 // recovery point target in milliseconds; of KindAddRecovery only
}

// Format returns the version of the format that first had such a command: that of its kind, and the second
// for shared storage and for a new era.
func (c Command) Format() uint8 {
	if c.Shared || c.Kind == KindOverride && c.Expect != 0 {
		return model.Protocol2
	}
	return c.Kind.Format()
}

// Encode returns the command's only encoding: the version of the format that has such a command, then every field in
// the order of the struct as a base-128 varint, Override and Shared as one (1 and 2); those of Policy for KindPolicy
// only, TargetMS for KindAddRecovery only, and Repair for KindRepair only, at the end.
func (c Command) Encode() []byte {
	b := []byte{c.Format()}
	for _, v := range [...]uint64{
		uint64(c.Kind), uint64(c.VM), uint64(c.Expect), uint64(c.By), c.Incarnation, uint64(c.Node),
		uint64(c.Level), uint64(c.Homes), uint64(c.BaseEpoch), uint64(c.Component), flag(c.Override) + 2*flag(c.Shared),
	} {
		b = protowire.AppendVarint(b, v)
	}
	switch c.Kind {
	case KindPolicy:
		b = appendPolicy(b, c.Policy)
	case KindAddRecovery:
		b = protowire.AppendVarint(b, uint64(c.TargetMS))
	case KindRepair:
		b = protowire.AppendVarint(b, repairValue(c.Repair))
	}
	return b
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// Decode is the inverse of Encode. It accepts nothing that Encode does not
// produce from a command of a known kind. Errors wrap ErrCommand.
func Decode(data []byte) (Command, error) {
	d := newDecoder(data)
	c := Command{
		Kind: Kind(d.below("kind", uint64(numKinds))), VM: model.VMID(d.below("VM", 1<<16)),
		Expect: model.Gen(d.number("expected generation")), By: d.node("proposer"),
		Incarnation: d.number("incarnation"), Node: d.node("node"),
		Level: model.Level(d.below("level", uint64(model.LevelFT)+1)), Homes: d.nodes("homes"),
		BaseEpoch: model.Epoch(d.number("base epoch")), Component: model.Component(d.below("component", uint64(model.NumComponents))),
	}
	marks := d.below("override and shared", 4)
	c.Override, c.Shared = marks&1 != 0, marks&2 != 0
	if c.Kind == KindPolicy {
		c.Policy = d.policy()
	}
	if c.Kind == KindAddRecovery {
		c.TargetMS = uint32(d.below("recovery point target", 1<<32))
	}
	if c.Kind == KindRepair {
		c.Repair = d.repair()
	}
	switch {
	case c.Kind == 0:
		d.fail("kind is 0")
	case d.err == nil && c.Format() != d.format:
		d.fail("%v in format %d", c.Kind, d.format)
	}
	if err := d.end(); err != nil {
		return Command{}, fmt.Errorf("%w: %w", ErrCommand, err)
	}
	return c, nil
}

func (c Command) String() string {
	return fmt.Sprintf("%v vm=%d expect=%d by=%d/%d node=%d", c.Kind, c.VM, c.Expect, c.By, c.Incarnation, c.Node)
}
