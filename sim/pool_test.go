package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
	"holdfast/sim/client"
	"holdfast/sim/disk"
	"holdfast/sim/guest"
)

// poolMachine is a pool of two hosts and a witness with one VM of each level, to which anything
// happens. It takes down what was done in a form that can be replayed by hand.
type poolMachine struct {
	w    *World
	log  []string
	done int // operations that clients ended
}

// Begin and End make the machine its own clients' recorder.
func (m *poolMachine) Begin(int64, client.Op) int              { return 0 }
func (m *poolMachine) End(int, client.Outcome, *client.Result) { m.done++ }

const (
	poolMembers = 3
	poolVMs     = 3
)

func newPoolMachine(t require.TestingT, seed uint64) *poolMachine {
	m := &poolMachine{}
	vm := func(name string, level model.Level, service guest.Service, home, second string) VM {
		return VM{Name: name, Level: level, Service: service, Home: home, Second: second, Clients: 2, Rate: 20, Keys: 4, Recorder: m}
	}
	w, err := New(Options{
		Seed: seed, Hosts: []string{"a", "b"}, Witness: "w",
		VMs: []VM{
			vm("mem", model.LevelFT, guest.Log, "a", "b"),
			vm("db", model.LevelHA, guest.Log, "b", "a"),
			vm("web", model.LevelRestart, guest.Bank, "a", "b"),
		},
	})
	require.NoError(t, err)
	m.w = w
	return m
}

// run lets time pass. A node that asks to be woken again and again without doing anything
// would stop the time: it is found here.
func (m *poolMachine) run(t require.TestingT, d time.Duration) {
	for end := m.w.Now().Add(d); m.w.Now() < end; {
		before := m.w.Events()
		m.w.Run(min(end, m.w.Now().Add(time.Millisecond)))
		require.Less(t, m.w.Events()-before, uint64(20_000), "events in one millisecond, after\n%s", strings.Join(m.log, "\n"))
	}
}

func (m *poolMachine) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%v ", time.Duration(m.w.Now()))+fmt.Sprintf(format, args...))
}

// safe fails if a rule was broken.
func (m *poolMachine) safe(t require.TestingT) {
	require.Empty(t, m.w.Violations(), "after\n%s", strings.Join(m.log, "\n"))
}

// heal ends every fault.
func (m *poolMachine) heal() {
	m.note("heal")
	w := m.w
	for id := model.NodeID(1); id <= poolMembers; id++ {
		w.PowerOn(id, false)
		w.Thaw(id)
		w.ContinueDaemon(id)
		w.SlowCPU(id, 1)
		w.ClockResume(id)
		w.OldDaemon(id, false, 300*time.Millisecond)
		w.HalfCreates(id, 0)
		w.NIC(id, true)
		w.CutLAN(id, false)
		for to := model.NodeID(1); to <= poolMembers; to++ {
			for l := model.Link(0); l < model.NumLinks; l++ {
				*w.Wire(id, to, l) = Wire{}
			}
		}
		for vm := model.VMID(1); vm <= poolVMs; vm++ {
			w.HealDisk(id, vm)
		}
	}
	for vm := model.VMID(1); vm <= poolVMs; vm++ {
		w.ResumeVM(vm)
	}
}

// converges demands that all VMs are redundant again, and that clients can read everything.
func (m *poolMachine) converges(t require.TestingT) {
	m.heal()
	redundant := func() bool {
		return m.w.Redundant(1) && m.w.Redundant(2) && m.w.Redundant(3)
	}
	for range 30 {
		if m.run(t, time.Second); redundant() {
			break
		}
	}
	m.safe(t)
	for vm := model.VMID(1); vm <= poolVMs; vm++ {
		require.True(t, m.w.Redundant(vm), "R9: VM %d is not redundant 30 s after the last fault: %+v, served by %d, after\n%s",
			vm, m.w.Config(vm), m.w.Serving(vm), strings.Join(m.log, "\n"))
		require.NoError(t, m.w.GuestFault(vm))
	}
	m.w.StopClients()
	m.idle(t)
	m.w.FinalReads()
	m.idle(t)
	m.w.CheckEnd()
	m.safe(t)
}

// idle waits until no client waits for anything.
func (m *poolMachine) idle(t require.TestingT) {
	for range 20 {
		if m.w.ClientsIdle() {
			return
		}
		m.run(t, time.Second)
	}
	require.True(t, m.w.ClientsIdle(), "clients wait for answers: %s, after\n%s", m.state(), strings.Join(m.log, "\n"))
}

// state describes where the VMs stand.
func (m *poolMachine) state() string {
	var b strings.Builder
	for _, v := range m.w.vms[1:] {
		waiting := 0
		for _, c := range v.clients {
			if !c.Idle() {
				waiting++
			}
		}
		fmt.Fprintf(&b, "\n%s: %d clients wait, attached to %d, served by %d", v.spec.Name, waiting, v.attached, m.w.Serving(v.id))
		for _, n := range m.w.nodes[1:poolMembers] {
			p := n.vms[v.id]
			fmt.Fprintf(&b, "; %s: instance %v, suspended %v, %d disk requests wait, passing %v, %d packets held, via %d, for %d",
				n.name, p.inst.present, p.inst.suspended, len(p.inst.calls), p.plug.passing, len(p.plug.queue), p.via, p.forwardTo)
		}
	}
	return b.String()
}

func TestPoolMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newPoolMachine(t, rapid.Uint64Range(1, 1000).Draw(t, "seed"))
		m.run(t, 3*time.Second)
		for range rapid.IntRange(1, 8).Draw(t, "faults") {
			m.fault(t)
			m.run(t, rapid.SampledFrom(pauses).Draw(t, "pause"))
			m.safe(t)
		}
		m.converges(t)
	})
}

// pauses are the distances between faults: within a step of a protocol, and after a whole one.
var pauses = []time.Duration{
	0, time.Millisecond, 7 * time.Millisecond, 60 * time.Millisecond, 350 * time.Millisecond,
	time.Second, 2 * time.Second, 4 * time.Second,
}

// fault does one thing to the pool.
func (m *poolMachine) fault(t *rapid.T) {
	w := m.w
	member := func() model.NodeID { return model.NodeID(rapid.IntRange(1, poolMembers).Draw(t, "member")) }
	host := func() model.NodeID { return model.NodeID(rapid.IntRange(1, 2).Draw(t, "host")) }
	vm := func() model.VMID { return model.VMID(rapid.IntRange(1, poolVMs).Draw(t, "vm")) }
	switch rapid.IntRange(0, 16).Draw(t, "kind") {
	case 0:
		id, loss := member(), disk.Loss(rapid.IntRange(0, 3).Draw(t, "loss"))
		m.note("power off %d, %v", id, loss)
		w.PowerOff(id, loss)
	case 1:
		id := member()
		m.note("power on %d", id)
		w.PowerOn(id, false)
	case 2:
		id, after := member(), time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms"))*time.Millisecond
		m.note("kill the daemon of %d for %v", id, after)
		w.KillDaemon(id, after)
	case 3:
		id, n := member(), uint64(rapid.IntRange(1, 60).Draw(t, "effect"))
		m.note("crash the daemon of %d at effect %d", id, n)
		w.CrashDaemonAt(id, n)
	case 4, 5:
		m.cut(t, member(), member())
	case 6:
		id := member()
		m.note("freeze %d", id)
		w.Freeze(id)
	case 7:
		id := member()
		m.note("thaw %d", id)
		w.Thaw(id)
	case 8:
		m.breakDisk(t, host(), vm())
	case 9:
		id, up := host(), rapid.Bool().Draw(t, "up")
		m.note("NIC of %d: %v", id, up)
		w.NIC(id, up)
	case 10:
		id := vm()
		m.note("crash VM %d", id)
		w.CrashVM(id)
	case 11:
		id, hung := vm(), rapid.Bool().Draw(t, "hung")
		m.note("VM %d hangs: %v", id, hung)
		if hung {
			w.HangVM(id)
		} else {
			w.ResumeVM(id)
		}
	case 12:
		id, n := host(), rapid.IntRange(0, 2).Draw(t, "creations")
		m.note("%d creations on %d fail halfway", n, id)
		w.HalfCreates(id, n)
	case 13:
		id, old := member(), rapid.Bool().Draw(t, "old")
		m.note("previous version on %d: %v", id, old)
		w.OldDaemon(id, old, 300*time.Millisecond)
	case 14:
		id, stop := member(), rapid.Bool().Draw(t, "stop")
		m.note("clock of %d stands still: %v", id, stop)
		if stop {
			w.ClockStop(id)
		} else {
			w.ClockResume(id)
		}
	case 15:
		id, d := member(), time.Duration(rapid.IntRange(-5000, 5000).Draw(t, "jump"))*time.Millisecond
		m.note("clock of %d jumps by %v", id, d)
		w.ClockJump(id, d)
	default:
		m.heal()
	}
}

// cut cuts or mends one direction of a link, or of all links, between two members.
func (m *poolMachine) cut(t *rapid.T, from, to model.NodeID) {
	cut := rapid.IntRange(0, 3).Draw(t, "cut") != 0
	link := model.Link(rapid.IntRange(0, model.NumLinks).Draw(t, "link")) // NumLinks: all
	m.note("cut %d to %d on link %d: %v", from, to, link, cut)
	for l := model.Link(0); l < model.NumLinks; l++ {
		if l == link || link == model.NumLinks {
			m.w.Wire(from, to, l).Cut = cut
		}
	}
}

// breakDisk breaks or mends a copy.
func (m *poolMachine) breakDisk(t *rapid.T, id model.NodeID, vm model.VMID) {
	h := m.w.Disk(id, vm)
	kind := rapid.SampledFrom([]string{"write errors", "one write error", "read errors", "one read error", "hang", "mend"}).Draw(t, "disk")
	m.note("disk of VM %d on %d: %s", vm, id, kind)
	switch kind {
	case "write errors":
		h.FailWrites = -1
	case "one write error":
		h.FailWrites = 1
	case "read errors":
		h.FailReads = -1
	case "one read error":
		h.FailReads = 1
	case "hang":
		h.Hang = true
	case "mend":
		m.w.HealDisk(id, vm)
	}
}
