package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"holdfast/faults"
	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/disk"
	"holdfast/xen/lab/machine"
	"holdfast/xen/lab/wire"
)

// startLimit is how long a host may take from power-on, or from its saved state, until it is ready.
const startLimit = bootLimit

// ErrRunning is returned when a host that is on is switched on.
var ErrRunning = errors.New("the host is on already")

// Host is one host of a running lab.
type Host struct {
	config   machine.Config
	identity agent.Identity
	say      func(format string, args ...any)
	disks    map[string]*served    // by name
	first    *machine.State        // for the first start only; nil for the usual one
	down     func() []wire.Segment // NICs that fail; nil: none ever does

	switching sync.Mutex // one start at a time, and no loss of power in the middle of it

	mu       sync.Mutex
	machine  *machine.Machine        // nil before the first start
	problem  string                  // why the last start failed
	starting context.CancelCauseFunc // ends the start that is under way; nil: there is none
	ended    bool                    // it is not started any more
}

// PowerOn starts the host and returns when it is ready and has its identity. Its disks are as they were; its memory
// is that of a host that has just booted, from a saved state unless cold.
func (h *Host) PowerOn(ctx context.Context, cold bool) error {
	h.switching.Lock()
	defer h.switching.Unlock()
	if m := h.current(); m != nil && m.Phase() != machine.Off {
		return fmt.Errorf("%w: %s", ErrRunning, h.config.Name)
	}
	ctx, done, err := h.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	c := h.config
	if h.first != nil {
		c.State, h.first = h.first, nil
	}
	if cold {
		c.State = nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("host %s was not ready within %v", c.Name, startLimit))
	defer cancel()
	m, err := machine.Start(ctx, c)
	if err == nil {
		h.set(m, "")
		if err = h.unplug(ctx, m); err == nil {
			err = h.settle(ctx, m)
		}
		if err != nil {
			m.PowerOff()
		}
	}
	if err != nil {
		if errors.Is(context.Cause(ctx), errPowerCut) { // whatever failed of it
			err = errPowerCut
		}
		h.set(h.current(), err.Error())
		return err
	}
	go h.follow(m)
	return nil
}

// unplug tells a machine that starts which of its NICs fail.
func (h *Host) unplug(ctx context.Context, m *machine.Machine) (err error) {
	if h.down == nil {
		return nil
	}
	for _, nic := range h.down() {
		err = errors.Join(err, m.SetLink(ctx, string(nic), false))
	}
	return err
}

// begin makes a start known to who cuts the power meanwhile, which ends its context.
func (h *Host) begin(ctx context.Context) (context.Context, func(), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return nil, nil, fmt.Errorf("%w: the lab ends", machine.ErrGone)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	h.starting = cancel
	return ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.starting = nil
		cancel(nil)
	}, nil
}

// settle waits until a host that boots is ready, and gives it its identity.
func (h *Host) settle(ctx context.Context, m *machine.Machine) error {
	if err := m.WaitReady(ctx, func(step string) { h.say("host %s: %s", h.config.Name, step) }); err != nil {
		return err
	}
	a, err := m.Agent(ctx)
	if err != nil {
		return err
	}
	id := h.identity
	id.UnixNano = time.Now().UnixNano()
	id.Seed = make([]byte, 64)
	if _, err := rand.Read(id.Seed); err != nil {
		return err
	}
	if err := a.Identify(ctx, id); err != nil {
		return err
	}
	h.say("host %s is up", h.config.Name)
	return nil
}

// followPoll is how often a running machine is looked at for a reset.
const followPoll = 200 * time.Millisecond

// follow gives a host that was reset its identity again, until it is off.
func (h *Host) follow(m *machine.Machine) {
	for seen := m.Resets(); ; {
		select {
		case <-m.Ended():
			h.say("host %s is off", h.config.Name)
			return
		case <-time.After(followPoll):
		}
		if now := m.Resets(); now != seen {
			seen = now
			h.say("host %s was reset and boots", h.config.Name)
			ctx, cancel := context.WithTimeout(context.Background(), startLimit)
			if err := h.settle(ctx, m); err != nil {
				h.say("host %s after its reset: %v", h.config.Name, err)
			}
			cancel()
		}
	}
}

// errPowerCut ends a start.
var errPowerCut = fmt.Errorf("%w: its power was cut while it started", machine.ErrGone)

// PowerOff cuts the power, also of a host that is being started. how decides what becomes of what dom0 wrote to its disks and did not
// flush.
func (h *Host) PowerOff(how faults.Unsynced) {
	h.mu.Lock()
	on := h.starting != nil
	if on {
		h.starting(errPowerCut)
	}
	h.mu.Unlock()
	h.switching.Lock()
	defer h.switching.Unlock()
	m := h.current()
	if m == nil {
		return
	}
	on = on || m.Phase() != machine.Off
	m.PowerOff()
	if on {
		h.losePower(how)
	}
}

// End cuts the power for good.
func (h *Host) End() {
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	h.PowerOff(faults.UnsyncedKept)
	for _, d := range h.disks {
		d.close()
	}
}

func (h *Host) current() *machine.Machine {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.machine
}

func (h *Host) set(m *machine.Machine, problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.machine, h.problem = m, problem
}

// HostStatus is what a lab tells about a host.
type HostStatus struct {
	Name  string        `json:"name"`
	Phase machine.Phase `json:"phase"`
	// PID of the emulator, 0 when it is off.
	PID int `json:"pid,omitempty"`
	// Resets since it was switched on.
	Resets int `json:"resets"`
	// Address for management.
	Address string `json:"address"`
	// Problem is why the last start failed.
	Problem string `json:"problem,omitempty"`
	// Disks are the counters of its disks, by name.
	Disks map[string]disk.Stats `json:"disks,omitempty"`
}

func (h *Host) status() HostStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := HostStatus{Name: h.config.Name, Phase: machine.Off, Problem: h.problem, Address: h.identity.Addresses["mgmt"], Disks: map[string]disk.Stats{}}
	for name, d := range h.disks {
		s.Disks[name] = d.disk.Stats()
	}
	if h.machine != nil && h.machine.Phase() != machine.Off {
		s.Phase, s.PID, s.Resets = h.machine.Phase(), h.machine.PID(), h.machine.Resets()
	}
	return s
}
