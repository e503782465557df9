package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/machine/qmp"
)

// Phase is what a machine is doing.
type Phase string

// The phases; see the package comment.
const (
	Off     Phase = "off"
	Booting Phase = "booting"
	Up      Phase = "up"
	Frozen  Phase = "frozen"
)

// ErrGone is returned when the machine's process has ended.
var ErrGone = errors.New("the machine is off")

// Machine is a running machine. Its methods may be called from several goroutines.
type Machine struct {
	config Config
	cmd    *exec.Cmd
	qmp    *qmp.Client
	ended  chan struct{} // closed when the process has ended
	// connecting has one place, of whoever connects with the agent.
	connecting chan struct{}

	mu     sync.Mutex
	phase  Phase
	why    string        // how the process ended
	agent  *agent.Client // nil while nobody answers
	line   net.Conn      // the agent's connection
	resets int
}

// Start starts a machine. It returns when the emulator runs; the host inside boots, or continues its state.
func Start(ctx context.Context, c Config) (*Machine, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	program, err := c.Program()
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{"qmp", "agent", "console"} {
		_ = os.Remove(c.Socket(kind)) // of an earlier run of this machine
	}
	m := &Machine{config: c, ended: make(chan struct{}), connecting: make(chan struct{}, 1), phase: Booting}
	if err := m.spawn(program); err != nil {
		return nil, err
	}
	if err := m.connect(ctx); err != nil {
		m.kill()
		return nil, err
	}
	go m.watch()
	return m, nil
}

// spawn starts the process. It is killed when this process ends in whatever way; because the kernel ties that to the
// thread that started it, one thread is kept for it.
func (m *Machine) spawn(program string) error {
	log, err := os.OpenFile(m.config.Log("qemu"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	m.cmd = exec.Command(program, m.config.args()...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if s := m.config.State; s != nil {
		f, err := os.Open(s.Path)
		if err != nil {
			return fmt.Errorf("state of the machine: %w", err)
		}
		defer f.Close()
		m.cmd.ExtraFiles = []*os.File{f}
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		err := m.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = m.cmd.Wait()
		m.mu.Lock()
		m.phase, m.why, m.agent = Off, fmt.Sprint(err), nil
		m.mu.Unlock()
		close(m.ended)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", program, err)
	}
	return nil
}

// socketPoll is how often a new emulator is tried: it does not tell when it listens.
const socketPoll = 10 * time.Millisecond

// connect connects with the emulator's monitor, and lets a saved state go on.
func (m *Machine) connect(ctx context.Context) error {
	err := m.dial("qmp", func(path string) (err error) {
		m.qmp, err = qmp.Dial(ctx, path)
		return err
	})
	if err == nil && m.config.State != nil {
		if err = m.migrated(ctx); err != nil {
			err = fmt.Errorf("continuing the state %s: %w", m.config.State.Path, err)
		} else {
			err = m.qmp.Do(ctx, "cont", nil, nil) // it was saved standing still
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// dial tries to connect with one of the emulator's sockets until that works or the process has ended.
func (m *Machine) dial(kind string, try func(path string) error) error {
	for {
		err := try(m.config.Socket(kind))
		// An emulator that ends takes connections with it that it had just accepted.
		later := errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, qmp.ErrClosed)
		if !later {
			return err
		}
		select {
		case <-m.ended:
			return m.gone()
		case <-time.After(socketPoll):
		}
	}
}

// gone says that the process has ended, and what it printed last.
func (m *Machine) gone() error {
	m.mu.Lock()
	why := m.why
	m.mu.Unlock()
	return fmt.Errorf("%w: the emulator of %s ended (%s): %s", ErrGone, m.config.Name, why, tail(m.config.Log("qemu")))
}

// tail returns the last line of a log: its folder may be gone when somebody wants to read more.
func tail(log string) string {
	text, _ := os.ReadFile(log)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.TrimSpace(lines[len(lines)-1]))
}

// watch follows the emulator's events until it ends.
func (m *Machine) watch() {
	for e := range m.qmp.Events() {
		m.mu.Lock()
		switch {
		case m.phase == Off:
		case e.Name == "RESET":
			if m.phase != Booting { // the firmware resets the machine again
				m.resets++
			}
			m.phase = Booting
			if m.line != nil {
				m.line.Close() // the socket outlives the host at its other end
			}
		case e.Name == "STOP" && m.phase == Up:
			m.phase = Frozen
		case e.Name == "RESUME" && m.phase == Frozen:
			m.phase = Up
		}
		m.mu.Unlock()
	}
}

// Phase returns what the machine is doing.
func (m *Machine) Phase() Phase {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.phase
}

// Resets returns how often the machine was reset when it was up: by itself, by its watchdog, or by Reset.
func (m *Machine) Resets() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.resets
}

// PID returns the emulator's process number.
func (m *Machine) PID() int { return m.cmd.Process.Pid }

// Ended returns a channel that is closed when the machine is off.
func (m *Machine) Ended() <-chan struct{} { return m.ended }

// Agent returns a client of the host's agent, connecting with it first if nobody is connected. It waits until the
// agent answers or ctx ends.
func (m *Machine) Agent(ctx context.Context) (*agent.Client, error) {
	select { // QEMU talks with one at a time: a second one would wait for the first to go
	case m.connecting <- struct{}{}:
		defer func() { <-m.connecting }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the agent of host %s: %w", m.config.Name, context.Cause(ctx))
	}
	if c, err := m.connected(); c != nil || err != nil {
		return c, err
	}
	conn, c, closed, err := m.connectAgent(ctx)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.agent, m.line = c, conn
	go func() {
		<-closed
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.agent == c {
			m.agent = nil
		}
	}()
	return c, nil
}

// connected returns the client of the host's agent, nil if nobody is connected.
func (m *Machine) connected() (*agent.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase == Off {
		return nil, fmt.Errorf("%w: %s", ErrGone, m.config.Name)
	}
	return m.agent, nil
}

func (m *Machine) connectAgent(ctx context.Context) (conn net.Conn, c *agent.Client, closed <-chan struct{}, err error) {
	err = m.dial("agent", func(path string) (err error) {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "unix", path)
		return err
	})
	if err == nil {
		c, closed, err = agent.Connect(ctx, conn)
	}
	return conn, c, closed, err
}

// readyPoll is how often a host that boots is asked how far it is.
const readyPoll = 100 * time.Millisecond

// WaitReady waits until the host's toolstack can start guests. say is told what the host is doing when that changes.
func (m *Machine) WaitReady(ctx context.Context, say func(step string)) error {
	last := ""
	for {
		a, err := m.Agent(ctx)
		if err != nil {
			return err
		}
		status, err := a.Status(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("waiting for host %s, which does %q: %w", m.config.Name, last, context.Cause(ctx))
		case err != nil:
			// The host was reset meanwhile, or is off: the next round finds out.
		case status.Failed != "":
			return fmt.Errorf("host %s failed at %s: %s; its console ended with: %s", m.config.Name, status.Step, status.Failed, tail(m.config.Log("console")))
		case status.Ready:
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.phase == Booting {
				m.phase = Up
			}
			return nil
		case status.Step != last:
			last = status.Step
			say(last)
		}
		select {
		case <-time.After(readyPoll):
		case <-m.ended:
			return m.gone()
		}
	}
}

// Reset presses the reset button: the host boots from cold.
func (m *Machine) Reset(ctx context.Context) error { return m.qmp.Do(ctx, "system_reset", nil, nil) }

// Freeze stops the processor, and Thaw lets it go on as if no time had passed in between, by its own clock.
func (m *Machine) Freeze(ctx context.Context) error { return m.qmp.Do(ctx, "stop", nil, nil) }

// Thaw ends Freeze.
func (m *Machine) Thaw(ctx context.Context) error { return m.qmp.Do(ctx, "cont", nil, nil) }

// SetLink tells the host that the cable of a NIC has a carrier or not.
func (m *Machine) SetLink(ctx context.Context, nic string, up bool) error {
	return m.qmp.Do(ctx, "set_link", map[string]any{"name": nic, "up": up}, nil)
}

// PowerOff cuts the power: the emulator is killed, and with it everything that was not on a disk yet. It returns when
// the process has ended.
func (m *Machine) PowerOff() { m.kill() }

func (m *Machine) kill() {
	_ = m.cmd.Process.Kill() // it may have ended by itself
	<-m.ended
	if m.qmp != nil {
		m.qmp.Close()
	}
}

// Console returns a connection with the host's console. There is one at a time.
func (c *Config) Console(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.Socket("console"))
	if err != nil {
		return nil, fmt.Errorf("console of %s: %w", c.Name, err)
	}
	return conn, nil
}

// MakeDisk makes an empty raw disk of a size in bytes; it takes room only as it is written.
func MakeDisk(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// CleanName reports whether a name can be that of a host: a few lower-case letters and digits.
func CleanName(name string) bool {
	return name != "" && len(name) <= 8 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == "" && filepath.Base(name) == name
}
