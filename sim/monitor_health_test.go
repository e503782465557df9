package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/engine/pool"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
)

// calmPool is a pool of two hosts and a witness that has worked undisturbed for ten seconds, with a VM on it.
func calmPool(t *testing.T) *World {
	t.Helper()
	w, err := New(Options{Seed: 1, Hosts: []string{"a", "b"}, Witness: "w", VMs: []VM{{Name: "db", Level: model.LevelHA, Service: guest.Log, Home: "a", Second: "b"}}})
	require.NoError(t, err)
	w.Run(model.Time(10 * time.Second))
	require.True(t, w.Redundant(1))
	require.Empty(t, w.Violations())
	return w
}

// leader returns the member that leads.
func (w *World) leader() *member {
	for _, m := range w.nodes[1:] {
		if m.node.Leader() == m.id {
			return m
		}
	}
	return nil
}

// alarmed checks that the monitor has said so, as a violation of R9 and nothing else, if something is wrong.
func alarmed(t *testing.T, w *World, wrong bool, text string) {
	t.Helper()
	if !wrong {
		require.Empty(t, w.Violations())
		return
	}
	require.Len(t, w.Violations(), 1)
	require.Equal(t, "R9", w.Violations()[0].Rule)
	require.Contains(t, w.Violations()[0].Text, text)
}

var portOfB = pool.Part{Component: model.ComponentNIC, Node: 2}

// ledger is a log of faults that no engine wrote, and which a member learns.
type ledger struct {
	w     *World
	state *pool.State
	index uint64
}

// begin makes one that the member has read so far.
func begin(w *World, m *member) *ledger {
	l := &ledger{w: w, state: pool.New(m.node.Pool().Members()), index: m.node.Pool().Applied() + 1}
	l.add(m, pool.Command{Kind: pool.KindFault, Component: model.ComponentHost, Node: 1}) // so that there is something to know
	return l
}

// add has the log decide a command about b's network port, or what it names, and the member learn it.
func (l *ledger) add(m *member, cmd pool.Command) {
	if cmd.Component == 0 && cmd.Kind != pool.KindClear {
		cmd.Component, cmd.Node = portOfB.Component, portOfB.Node
	}
	cmd.By = m.id
	l.index++
	l.state.Apply(l.index, cmd)
	l.w.monitor.learns(m, l.state)
}

// A component that is taken out of service although its rule lets it fail as it did is a violation; as it should, it is none.
func TestRetiredWithoutReason(t *testing.T) {
	fault, retire, clear := pool.Command{Kind: pool.KindFault}, pool.Command{Kind: pool.KindRetire}, pool.Command{Kind: pool.KindClear}
	rule := func(mode model.RepairMode, mtbf time.Duration) pool.Command {
		return pool.Command{Kind: pool.KindRepair, Repair: model.Repair{Mode: mode, MTBF: mtbf}}
	}
	five := []pool.Command{fault, fault, fault, fault, fault}
	for _, c := range []struct {
		name  string
		gap   time.Duration
		log   []pool.Command
		wrong bool
	}{
		{"five faults within four times the usual", 4 * time.Second, append(five[:5:5], retire), false},
		{"five faults in a longer time", 5 * time.Second, append(five[:5:5], retire), true},
		{"four faults", time.Second, append(five[:4:4], retire), true},
		{"five faults within four times its own", 4 * time.Second, append(append([]pool.Command{rule(model.RepairByMTBF, 20*time.Second)}, five...), retire), false},
		{"five faults in longer than four times its own", time.Second, append(append([]pool.Command{rule(model.RepairByMTBF, 200*time.Millisecond)}, five...), retire), true},
		{"one that is never put back", time.Second, []pool.Command{rule(model.RepairNever, 0), fault}, false},
		{"cleared in between", time.Second, []pool.Command{fault, fault, fault, clear, fault, fault, retire}, true},
		{"five after it was cleared", time.Second, append(append([]pool.Command{fault, clear}, five...), retire), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := calmPool(t)
			m := w.leader()
			l := begin(w, m)
			for _, cmd := range c.log {
				w.now = w.now.Add(c.gap)
				l.add(m, cmd)
			}
			alarmed(t, w, c.wrong, "is taken out of service although")
		})
	}
}

// A member whose clock was disturbed meanwhile, or which learns several faults at once, may have counted otherwise.
func TestRetiredByAnotherClock(t *testing.T) {
	w := calmPool(t)
	m := w.leader()
	l := begin(w, m)
	for range strikeCount {
		w.now = w.now.Add(6 * time.Second)
		w.ClockJump(m.id, -time.Minute)
		l.add(m, pool.Command{Kind: pool.KindFault})
	}
	l.add(m, pool.Command{Kind: pool.KindRetire})
	require.Empty(t, w.Violations())
}

// What has to be taken out of service and is not is a violation, unless the leader was disturbed.
func TestNotRetired(t *testing.T) {
	for _, disturb := range []bool{false, true} {
		w := calmPool(t)
		m := w.leader()
		l := begin(w, m)
		for range strikeCount {
			w.now = w.now.Add(100 * time.Millisecond)
			l.add(m, pool.Command{Kind: pool.KindFault})
		}
		require.Len(t, w.monitor.health.demands, 1)
		if disturb {
			w.SlowCPU(m.id, 2)
		}
		w.Run(w.now.Add(2 * answerTime))
		require.Empty(t, w.monitor.health.demands)
		alarmed(t, w, !disturb, "is not taken out of service")
	}
}

// A fault that a member has seen and nobody counts is a violation, unless those who count were disturbed.
func TestUncounted(t *testing.T) {
	for name, c := range map[string]struct {
		disturb func(*World)
		wrong   bool
	}{
		"calm":                   {func(*World) {}, true},
		"a link is cut":          {func(w *World) { w.Wire(1, 2, model.LinkA1).Cut = true }, false},
		"the host stands still":  {func(w *World) { w.Freeze(2) }, false},
		"faults are cleared":     {func(w *World) { w.NIC(1, false); w.Run(w.now.Add(100 * time.Millisecond)); w.ClearFaults() }, false},
		"somebody decides alone": {func(w *World) { w.DeclareDead(1, 2) }, false},
		"it is counted":          {func(w *World) { w.NIC(2, false) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := calmPool(t)
			w.monitor.failed(w.nodes[2], portOfB)
			require.Len(t, w.monitor.health.demands, 1)
			c.disturb(w)
			w.Run(w.now.Add(2 * answerTime))
			require.Empty(t, w.monitor.health.demands)
			alarmed(t, w, c.wrong, "the network port of b failed, and that is not counted")
		})
	}
}

// A guest that hangs on and on is a violation, unless its host was disturbed; one that goes on is none, nor is one that is booted.
func TestHangsOn(t *testing.T) {
	for name, c := range map[string]struct {
		disturb func(*World)
		wrong   bool
	}{
		"calm":                  {func(*World) {}, true},
		"it goes on":            {func(w *World) { w.ResumeVM(1) }, false},
		"its host stands still": {func(w *World) { w.Freeze(1) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := calmPool(t)
			p := w.nodes[1].vms[1]
			w.HangVM(1)
			w.Run(w.now.Add(time.Second))
			w.monitor.hangs(w.nodes[1], 1)
			require.NotEmpty(t, w.monitor.health.demands)
			w.monitor.health.demands[0].until = w.now.Add(time.Second) // long before the engine has to do anything
			c.disturb(w)
			w.Run(w.now.Add(2 * time.Second))
			alarmed(t, w, c.wrong, "the guest of db hangs on a")
			if c.wrong {
				w.Run(w.now.Add(10 * time.Second))
				require.False(t, p.inst.machine.CPU().Hung)
				require.Len(t, w.Violations(), 1, "the engine's own time was kept")
			}
		})
	}
}

// The loss of a host is demanded to be counted, whether it leads or not, and it is.
func TestLossIsDemanded(t *testing.T) {
	for id := model.NodeID(1); id <= 2; id++ {
		w := calmPool(t)
		w.PowerOff(id, disk.LossDraw)
		require.Len(t, w.monitor.health.demands, 1)
		w.Run(w.now.Add(10 * time.Second))
		require.Empty(t, w.monitor.health.demands)
		require.Empty(t, w.Violations())
		require.NotZero(t, w.Wisest().Health(pool.Part{Component: model.ComponentHost, Node: id}).Faults)
	}
}

// A member that uses what it knows to be out of service is a violation.
func TestRetiredIsUsed(t *testing.T) {
	for name, c := range map[string]struct {
		part pool.Command
		used model.Effect
		text string
	}{
		"copy":  {pool.Command{Component: model.ComponentDisk, Node: 2, VM: 1}, model.Effect{Kind: model.EffectOpen, VM: 1}, "opens the copy of db on b"},
		"word":  {pool.Command{Component: model.ComponentVM, VM: 1}, model.Effect{Kind: model.EffectSend, VM: 1, Message: model.Message{Kind: model.MsgReport, VM: 1}}, "says that nothing runs the guest of db"},
		"guest": {pool.Command{Component: model.ComponentVM, VM: 1}, model.Effect{Kind: model.EffectStart, VM: 1}, "runs the guest of db"},
	} {
		t.Run(name, func(t *testing.T) {
			w := calmPool(t)
			m := w.nodes[2]
			if c.used.Kind == model.EffectSend {
				m = w.nodes[1] // the primary
			}
			w.monitor.stepped(m, &model.Event{Kind: model.EventWake}, []model.Effect{c.used}, false)
			require.Empty(t, w.Violations(), "it is in service")
			rule := pool.Command{Kind: pool.KindRepair, Component: c.part.Component, Node: c.part.Node, VM: c.part.VM}
			w.StateRule(model.Order{Component: rule.Component, Node: rule.Node, VM: rule.VM, Repair: model.Repair{Mode: model.RepairNever}})
			w.Run(w.now.Add(time.Second))
			if w.CrashVM(1); rule.Component == model.ComponentDisk {
				w.Disk(2, 1).FailWrites = -1
			}
			w.Run(w.now.Add(5 * time.Second))
			require.True(t, m.node.Pool().Retired(pool.Part{Component: rule.Component, Node: rule.Node, VM: rule.VM}))
			require.Empty(t, w.Violations())
			w.monitor.stepped(m, &model.Event{Kind: model.EventWake}, []model.Effect{c.used}, false)
			alarmed(t, w, true, c.text)
		})
	}
}
