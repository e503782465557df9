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
// Incarnation. Those up to KindBump change a VM and use VM; all of them but
// KindCreate use Expect as well.
const (
	// KindCreate: Level, Homes, Node (the first primary, with the only copy).
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
	// KindBump: nothing but the generation changes, so that an earlier proposal of
	// the primary whose fate is unknown cannot succeed any more.
	KindBump
	// KindOverride: By overrode the rules by declaring Node dead.
	KindOverride
	// KindFault: one more fault of Component on Node.
	KindFault

	// KindAddRecovery: Node keeps a recovery copy, with the target TargetMS. KindRemoveRecovery ends it. Both change a
	// VM and use VM and Expect, as the following do.
	KindAddRecovery
	KindRemoveRecovery
	// KindFailOver: an operator starts the VM from the recovery copy on Node.
	KindFailOver
	// KindFailBack: the VM returns to its former homes, to the one with the recovery copy, Node.
	KindFailBack

	numKinds
)

var kindNames = [...]string{
	KindCreate: "create", KindStart: "start", KindPromote: "promote", KindDetach: "detach",
	KindAttach: "attach", KindBump: "bump", KindOverride: "override", KindFault: "fault",
	KindAddRecovery: "add-recovery", KindRemoveRecovery: "remove-recovery", KindFailOver: "fail-over", KindFailBack: "fail-back",
}

func (k Kind) String() string {
	if k > 0 && k < numKinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Component is what a fault is counted against.
type Component uint8

// The components of a host.
const (
	ComponentLink Component = iota + 1
	ComponentNIC
	ComponentDisk
	ComponentHost

	numComponents
)

var componentNames = [...]string{
	ComponentLink: "link", ComponentNIC: "nic", ComponentDisk: "disk", ComponentHost: "host",
}

func (c Component) String() string {
	if c > 0 && c < numComponents {
		return componentNames[c]
	}
	return fmt.Sprintf("component(%d)", uint8(c))
}

// Command is one proposal. Fields that its kind does not use are zero.
type Command struct {
	Kind        Kind
	VM          model.VMID
	Expect      model.Gen // the generation that it changes
	By          model.NodeID
	Incarnation uint64 // the proposer's number of starts
	Node        model.NodeID
	Level       model.Level
	Homes       model.NodeSet
	BaseEpoch   model.Epoch
	Component   Component
	Override    bool
	TargetMS    uint32 // recovery point target in milliseconds
}

// Encode returns the command's only encoding: the format's version, then every
// field in the order of the struct as a base-128 varint.
func (c Command) Encode() []byte {
	b := []byte{model.FormatVersion}
	for _, v := range [...]uint64{
		uint64(c.Kind), uint64(c.VM), uint64(c.Expect), uint64(c.By), c.Incarnation, uint64(c.Node),
		uint64(c.Level), uint64(c.Homes), uint64(c.BaseEpoch), uint64(c.Component), flag(c.Override), uint64(c.TargetMS),
	} {
		b = protowire.AppendVarint(b, v)
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
		BaseEpoch: model.Epoch(d.number("base epoch")), Component: Component(d.below("component", uint64(numComponents))),
		Override: d.below("override", 2) == 1, TargetMS: uint32(d.below("recovery point target", 1<<32)),
	}
	if c.Kind == 0 {
		d.fail("kind is 0")
	}
	if err := d.end(); err != nil {
		return Command{}, fmt.Errorf("%w: %w", ErrCommand, err)
	}
	return c, nil
}

func (c Command) String() string {
	return fmt.Sprintf("%v vm=%d expect=%d by=%d/%d node=%d", c.Kind, c.VM, c.Expect, c.By, c.Incarnation, c.Node)
}
