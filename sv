package contract

import (
	"math"
	"time"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/scenarios"
	"holdfast/scenarios/script"
	"holdfast/sim"
)

// Contract decides about the actions of one run of one script. It is not safe for concurrent use.
type Contract struct {
	script    *script.Script
	unbounded bool
	fewest    int  // members of the pool at any time so far
	shared    bool // there are VMs on shared storage
	governed  bool // policies may move VMs by themselves
	covered   bool // there are recovery copies

	active  []window
	ended   time.Duration       // when the newest fault that is over ended
	rolled  int                 // system disks that went back
	alone   bool                // an operator let a host decide alone
	decides model.NodeID        // that host
	calm    time.Duration       // nothing may go wrong before: a member has lost its memory of the log
	corrupt map[model.VMID]bool // VMs with a corrupted copy

	powered map[model.NodeID]time.Duration // until when a loss of power may give the host power again by itself
	leaving map[model.NodeID]bool          // hosts that were told to leave, and not to join since

	jumped map[model.NodeID]bool // members whose clock made a jump that is too short to be noticed

	places []place // what was decided about lost places, and is not known to all

	refused []Refusal
	fate    []fate // by action
}

// fate is what became of an action.
type fate struct {
	asked    int  // for how many members it was about to happen
	weaker   bool // than it was asked for, to one of them at least
	happened []happened
}

// happened is a fault that an action led to.
type happened struct {
	fault          faults.Fault
	at             time.Duration
	members, peers []model.NodeID
}

// Refusal is an action that did not happen as drawn.
type Refusal struct {
	Action int
	// Weaker reports that something weaker happened in its place.
	Weaker bool
	// Why names the limit, in words.
	Why string
}

// New returns the contract for one run of the script.
func New(s *script.Script, unbounded bool) *Contract {
	c := &Contract{
		script: s, unbounded: unbounded, fewest: math.MaxInt, fate: make([]fate, len(s.Actions)), corrupt: map[model.VMID]bool{},
		powered: map[model.NodeID]time.Duration{}, leaving: map[model.NodeID]bool{}, jumped: map[model.NodeID]bool{},
	}
	for i := range s.VMs {
		c.shared = c.shared || s.VMs[i].Shared
		c.covered = c.covered || s.VMs[i].Recovery != ""
		c.governed = c.governed || s.VMs[i].Memory > 0 || s.VMs[i].Home == ""
	}
	c.governed = c.governed || len(s.Policies) > 0
	return c
}

// Admit decides about an action that is about to happen. It has the form of scenarios.Options.Guard.
func (c *Contract) Admit(m *scenarios.Moment) (faults.Fault, bool) {
	c.expire(m.At)
	if n := m.World.Members().All().Len(); n > 0 {
		c.fewest = min(c.fewest, n)
	}
	c.fate[m.Action].asked++
	f, why := c.decide(m)
	switch {
	case why == "":
	case f.Kind == 0:
		c.refused = append(c.refused, Refusal{Action: m.Action, Why: why})
		return m.Fault, false
	default:
		c.refused = append(c.refused, Refusal{Action: m.Action, Weaker: true, Why: why})
		c.fate[m.Action].weaker = true
	}
	c.happens(m, f)
	c.begin(m, &f)
	return f, true
}

// Refused returns the actions so far that did not happen as drawn.
func (c *Contract) Refused() []Refusal { return c.refused }

// Unfired returns the actions whose moment did not come: the stage that they wait for was not reached.
func (c *Contract) Unfired() []int {
	var list []int
	for i := range c.fate {
		if c.fate[i].asked == 0 {
			list = append(list, i)
		}
	}
	return list
}

// Executed returns the script of what happened: without the actions that were refused or whose stage was
// never reached, and with the weaker forms in place of what was drawn. Run without a contract and with the
// same seed it takes the same course.
func (c *Contract) Executed() *script.Script {
	return c.rewritten(func(*script.Action, *happened) {})
}

// Literal returns the script of what happened, as Executed does and action for action, with the moments and the members that were meant
// in place of the stages and the roles that stood for them.
func (c *Contract) Literal() *script.Script {
	return c.rewritten(func(a *script.Action, h *happened) {
		a.Trigger = script.Trigger{Kind: script.TriggerAt, At: h.at}
		c.spell(&a.Fault.Member, h.members)
		c.spell(&a.Fault.Peer, h.peers)
	})
}

// rewritten returns the script with an edited action for each fault that happened: one for several members if it happened to all as it
// was asked for.
func (c *Contract) rewritten(edit func(*script.Action, *happened)) *script.Script {
	s := *c.script
	s.Actions = nil
	for i, a := range c.script.Actions {
		f := &c.fate[i]
		for j := range f.happened {
			h := &f.happened[j]
			whole := a.Fault.Member.Several() && len(f.happened) == f.asked && !f.weaker
			if whole && j > 0 {
				break
			}
			one := a
			if !whole {
				one.Fault = h.fault
			}
			edit(&one, h)
			s.Actions = append(s.Actions, one)
		}
	}
	return &s
}

// spell puts the name of the one member that a role meant in its place.
func (c *Contract) spell(role *faults.Role, meant []model.NodeID) {
	switch {
	case len(meant) != 1 || role.Several():
	case int(meant[0]) <= len(c.script.Hosts):
		*role = faults.Named(c.script.Hosts[meant[0]-1].Name)
	default:
		*role = faults.Witness()
	}
}

// happens takes down what becomes of an action.
func (c *Contract) happens(m *scenarios.Moment, f faults.Fault) {
	fate := &c.fate[m.Action]
	fate.happened = append(fate.happened, happened{fault: f, at: m.At, members: m.Members, peers: m.Peers})
}

// decide returns the fault that may happen. A reason says that it is not the one drawn; then Kind 0 is none.
func (c *Contract) decide(m *scenarios.Moment) (f faults.Fault, why string) {
	for _, rule := range []func(*scenarios.Moment) (faults.Fault, string){c.operator, c.recovery, c.lease, c.log, c.disk, c.memory} {
		if f, why = rule(m); why != "" {
			return f, why
		}
	}
	return m.Fault, ""
}

// permits reports whether the VM may lose its memory.
func (c *Contract) permits(vm string) bool {
	for i := range c.script.Expects {
		if e := &c.script.Expects[i]; e.Kind == script.ExpectStateLost && e.VM == vm {
			return true
		}
	}
	return false
}

// settle is how long after a fault everything that was proposed because of it has been decided.
func (c *Contract) settle() time.Duration {
	v := c.script.Value
	return v(script.SettingSuspectAfter) + 8*v(script.SettingPromoteWait) + v(script.SettingAckTimeout) + time.Second
}

// homes returns the two homes of a VM.
func (c *Contract) homes(m *scenarios.Moment, vm *script.VM) [2]model.NodeID {
	if cfg := m.World.Config(m.World.VM(vm.Name)); cfg.Gen != 0 {
		return [2]model.NodeID{cfg.Primary, cfg.Homes.Other(cfg.Primary)}
	}
	return [2]model.NodeID{m.World.Member(vm.Home), m.World.Member(vm.Second)}
}

// Watcher returns a watcher that takes down what happens and decides nothing, so that Executed works for a
// script that no contract binds.
func (c *Contract) Watcher() scenarios.Watcher { return &witness{c} }

type witness struct{ c *Contract }

func (*witness) Begin(*sim.World)                                         {}
func (*witness) Stage(time.Duration, model.VMID, sim.Stage, model.NodeID) {}
func (*witness) Heal(time.Duration)                                       {}
func (*witness) End(time.Duration)                                        {}

// Fault takes down that an action happens.
func (w *witness) Fault(m *scenarios.Moment) {
	w.c.fate[m.Action].asked++
	w.c.happens(m, m.Fault)
}
