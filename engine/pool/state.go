package pool

import (
	"errors"
	"fmt"
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/policy"
)

// Override is an operator's decision against the rules, kept for ever.
type Override struct {
	Index       uint64 // place in the control log
	Kind        Kind   // KindOverride, KindFailOver, or KindStart of a copy that was not in sync
	VM          model.VMID
	By          model.NodeID
	Node        model.NodeID // declared dead, or started from
	Incarnation uint64
}

// State is the pool's replicated state. Make it with New.
type State struct {
	members   Members
	applied   uint64
	vms       []Config // ordered by VM
	overrides []Override
	parts     []Health // ordered by Part
	orders    []passed // ordered by member
	rules     policy.Rules
}

// Result is what became of a command.
type Result struct {
	OK      bool
	Refused error  // why not; wraps one of the errors at Check
	Config  Config // of the command's VM afterwards; zero if there is none
}

// New returns the state before the first command. It is not replicated itself:
// all members must be given the same members.
func New(members Members) *State { return &State{members: members} }

// Members returns the pool's members.
func (s *State) Members() Members { return s.members }

// Applied returns the place in the control log of the last command applied, 0 if none.
func (s *State) Applied() uint64 { return s.applied }

// VM returns the configuration of vm; the zero Config, with Gen 0, if there is none.
func (s *State) VM(vm model.VMID) Config {
	if i, found := s.find(vm); found {
		return s.vms[i]
	}
	return Config{}
}

// VMs returns all configurations in the order of their VMs. The caller must not
// change the slice; Apply may.
func (s *State) VMs() []Config { return s.vms }

// Overrides returns the operators' overrides in the order in which they were
// applied. The caller must not change the slice.
func (s *State) Overrides() []Override { return s.overrides }

func (s *State) find(vm model.VMID) (int, bool) {
	return slices.BinarySearchFunc(s.vms, vm, func(c Config, vm model.VMID) int { return int(c.VM) - int(vm) })
}

// ErrOrder is the cause of the panic in Apply when index does not rise.
var ErrOrder = errors.New("pool: commands applied out of order")

// Apply performs the command at place index of the control log. Places rise, with gaps; to
// apply one again is a programming error and panics. A refused command leaves
// everything but Applied and Decided as it was.
func (s *State) Apply(index uint64, cmd Command) Result {
	if index <= s.applied {
		panic(fmt.Errorf("%w: %d after %d", ErrOrder, index, s.applied))
	}
	s.applied = index
	err := s.pass(&cmd)
	if err == nil {
		err = s.perform(cmd)
	}
	if err != nil {
		return Result{Refused: err, Config: s.VM(cmd.VM)}
	}
	return Result{OK: true, Config: s.VM(cmd.VM)}
}

// Check returns what Apply would answer to cmd now, without applying it: the VM's next
// configuration, zero for commands that are not for a VM, or why it is refused. It leaves the number of an order out of
// account: Apply may refuse the order because it was decided before.
func (s *State) Check(cmd Command) (Config, error) {
	if cmd.Kind == KindPolicy {
		return Config{}, s.checkPolicy(cmd)
	}
	if !cmd.Kind.ForVM() {
		_, err := CheckMembers(s.members, s.vms, cmd)
		if err == nil && cmd.Kind == KindRetire {
			err = s.checkRetire(cmd)
		}
		return Config{}, err
	}
	if cmd.Kind == KindCreate || cmd.Kind == KindRehome {
		added := cmd.Homes &^ s.VM(cmd.VM).Homes
		if err := s.members.mayHost(added); err != nil {
			return Config{}, fmt.Errorf("%v of VM %d by member %d: %w", cmd.Kind, cmd.VM, cmd.By, err)
		}
	}
	if cmd.Kind == KindAddRecovery {
		if err := s.members.mayRecover(s.VM(cmd.VM).Homes, cmd.Node); err != nil {
			return Config{}, fmt.Errorf("%v of VM %d by member %d: %w", cmd.Kind, cmd.VM, cmd.By, err)
		}
	}
	next, err := Check(s.VM(cmd.VM), cmd)
	if err == nil {
		err = s.admit(cmd, &next)
	}
	if err != nil {
		return Config{}, err
	}
	return next, nil
}

func (s *State) perform(cmd Command) error {
	before := s.VM(cmd.VM)
	next, err := s.Check(cmd)
	if err != nil {
		return err
	}
	switch cmd.Kind {
	case KindRenew:
		return nil
	case KindOverride:
		s.override(cmd)
		s.beginEra(cmd)
		return nil
	case KindFault, KindRetire, KindClear, KindRepair:
		s.service(cmd)
		return nil
	case KindPolicy:
		s.rules.Apply(cmd.Node, cmd.VM, cmd.Policy)
		return nil
	case KindJoin, KindLeave, KindMaintain:
		s.members, _ = CheckMembers(s.members, s.vms, cmd) // Check has just allowed it
	default:
		s.put(next)
	}
	s.release()
	overridden := cmd.Kind == KindStart && (!before.InSync.Has(cmd.Node) || before.Shared && cmd.Override)
	if overridden || cmd.Kind == KindFailOver {
		s.override(cmd)
	}
	return nil
}

// beginEra lets the VMs go on in the era of an override, as they are.
func (s *State) beginEra(cmd Command) {
	for i := range s.vms {
		if c := &s.vms[i]; cmd.Expect != 0 && !planted.On(planted.EraKept) {
			*c = c.Overridden(cmd)
		}
	}
}

// Overridden returns what a VM's configuration becomes with an override that begins a new era. What was claimed on shared
// storage stays claimed: there is still something to wait for.
func (c Config) Overridden(cmd Command) Config {
	c.Gen, c.By, c.Incarnation = c.Gen.In(uint64(cmd.Expect)), cmd.By, cmd.Incarnation
	if c.Cause != KindClaim || planted.On(planted.ClaimForgotten) {
		c.Cause = KindOverride
	}
	return c
}

func (s *State) put(next Config) {
	if i, found := s.find(next.VM); found {
		s.vms[i] = next
	} else {
		s.vms = slices.Insert(s.vms, i, next)
	}
}

func (s *State) override(cmd Command) {
	s.overrides = append(s.overrides, Override{
		Index: s.applied, Kind: cmd.Kind, VM: cmd.VM, By: cmd.By, Node: cmd.Node, Incarnation: cmd.Incarnation,
	})
}
