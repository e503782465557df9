package certify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/faults"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/service"
	"holdfast/xen/lab/wire"
)

// fakeLab is a lab of two hosts that are no machines: a guest is the real service in this process.
type fakeLab struct {
	t     *testing.T
	guest lab.Guest

	// These are set before the run. hook is called before "xl list a", "on a", "heal-all" and so on, and can make them slow, or
	// fail; nil: it does nothing. selfTest returns what a self-test of a host says; nil: hosts are as fast as real ones.
	hook     func(ctx context.Context, what string) error
	selfTest func(host string) (rounds, wrong int)
	resets   map[string]int // by host

	mu      sync.Mutex
	cond    *sync.Cond
	hosts   map[string]*fakeHost
	frames  map[string]uint64
	faults  []string
	acts    []string
	refuse  string                     // an action that fails
	onEvent func(l *fakeLab, a string) // after "off a" and so on; the lock is held
	onList  func(l *fakeLab, a string) // after host a said which domains it has; the lock is held
	// onShell sees each other script that a host runs, and may answer it; the lock is held.
	onShell func(l *fakeLab, host, text string) (out string, code int)
}

// fakeHost is one of its hosts.
type fakeHost struct {
	name        string
	off, frozen bool
	guest       *fakeGuest // nil: it runs none
	paused      bool
	moved       int // how many guests came from the other host
	conns       []*fakeConn
}

// fakeGuest is the memory of a guest, with a way to it.
type fakeGuest struct{ listener net.Listener }

func newFakeLab(t *testing.T) *fakeLab {
	l := &fakeLab{t: t, guest: lab.Guest{Name: guestName}, hosts: map[string]*fakeHost{}, frames: map[string]uint64{}}
	l.cond = sync.NewCond(&l.mu)
	for _, name := range []string{"a", "b"} {
		l.hosts[name] = &fakeHost{name: name}
	}
	l.hosts["a"].guest = l.newGuest("first")
	return l
}

// newGuest boots a guest that holds nothing.
func (l *fakeLab) newGuest(boot string) *fakeGuest {
	server, err := service.New(service.Config{Boot: boot})
	require.NoError(l.t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(l.t, err)
	l.t.Cleanup(func() { listener.Close() })
	go server.Serve(listener)
	return &fakeGuest{listener}
}

// move moves the guest of a host, if it has one, to the other. The lock is held.
func (l *fakeLab) move(host string) {
	from, to := l.hosts[host], l.hosts["b"]
	if host == "b" {
		to = l.hosts["a"]
	}
	if from.guest != nil {
		from.guest, to.guest = nil, from.guest
		to.moved++
	}
}

// Act implements Lab.
func (l *fakeLab) Act(ctx context.Context, host, action string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[host]
	l.acts = append(l.acts, action+" "+host)
	l.mu.Unlock()
	err := l.hooked(ctx, action+" "+host)
	l.mu.Lock()
	if err != nil {
		return err
	}
	if l.refuse == action {
		return errors.New("refused")
	}
	switch action {
	case "off":
		h.off, h.guest, h.paused = true, nil, false
		for _, c := range h.conns {
			c.Conn.Close()
		}
		h.conns = nil
	case "on":
		h.off = false
	case "freeze":
		h.frozen = true
	case "thaw":
		h.frozen = false
	}
	if l.onEvent != nil {
		l.onEvent(l, action+" "+host)
	}
	l.cond.Broadcast()
	return nil
}

// hooked calls the hook, if there is one.
func (l *fakeLab) hooked(ctx context.Context, what string) error {
	if l.hook == nil {
		return nil
	}
	return l.hook(ctx, what)
}

// Fault implements Lab.
func (l *fakeLab) Fault(ctx context.Context, text string) (string, error) {
	if err := l.hooked(ctx, text); err != nil {
		return "", err
	}
	f, err := faults.Parse(text)
	if err == nil && f.Kind == faults.PowerOff {
		return "", l.Act(ctx, f.Member.Name, "off")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, text)
	return "", err
}

// Resets implements Lab.
func (l *fakeLab) Resets(_ context.Context, host string) (int, error) { return l.resets[host], nil }

// Ask implements Lab: every guest that runs answers.
func (l *fakeLab) Ask(context.Context, string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, h := range l.hosts {
		if h.guest != nil && !h.off && !h.frozen {
			l.frames[name]++
		}
	}
	return nil
}

// Sightings implements Lab.
func (l *fakeLab) Sightings(context.Context) (list []wire.Sighting, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, n := range l.frames {
		s := wire.Sighting{Address: l.guest.MAC(), Port: name, Frames: n}
		if h := l.hosts[name]; h.guest != nil && !h.off && !h.frozen {
			s.Newest = time.Now()
		}
		list = append(list, s)
	}
	return list, nil
}

// Dial implements Lab: the network leads to the guest that came last.
func (l *fakeLab) Dial(context.Context, string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range []string{"b", "a"} {
		if h := l.hosts[name]; h.guest != nil && !h.off && !h.frozen {
			conn, err := net.Dial("tcp", h.guest.listener.Addr().String())
			if err != nil {
				return nil, err
			}
			c := &fakeConn{conn, l, h}
			h.conns = append(h.conns, c)
			return c, nil
		}
	}
	return nil, errors.New("no route to the guest")
}

// fakeConn gives nothing while its host stands still.
type fakeConn struct {
	net.Conn
	lab  *fakeLab
	host *fakeHost
}

func (c *fakeConn) Write(p []byte) (int, error) {
	c.lab.mu.Lock()
	for c.host.frozen {
		c.lab.cond.Wait()
	}
	c.lab.mu.Unlock()
	return c.Conn.Write(p)
}

// Host implements Lab.
func (l *fakeLab) Host(_ context.Context, host string) Dom0 { return fakeDom0{l, host} }

type fakeDom0 struct {
	*fakeLab
	name string
}

// Exec implements Dom0: the toolstack knows xl list, and nothing else.
func (d fakeDom0) Exec(ctx context.Context, cmd agent.Command) (int, error) {
	if strings.Contains(strings.Join(cmd.Args, " "), "xl list") {
		if err := d.hooked(ctx, "xl list "+d.name); err != nil {
			return 0, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.hosts[d.name]
	if h.off || h.frozen {
		return 0, errors.New("the host does not answer")
	}
	text := cmd.Args[len(cmd.Args)-1]
	switch action, ok := strings.CutPrefix(text, "xl "); {
	case ok && (action == "pause "+guestName || action == "unpause "+guestName):
		d.acts = append(d.acts, strings.Fields(action)[0]+" "+d.name)
		if h.guest == nil {
			return 1, nil
		}
		h.paused = strings.HasPrefix(action, "pause")
		return 0, nil
	case !strings.Contains(text, "xl list"):
		if d.onShell == nil {
			return 0, nil
		}
		out, code := d.onShell(d.fakeLab, d.name, text)
		fmt.Fprintln(cmd.Out, out)
		return code, nil
	}
	state := "-b----"
	if h.paused {
		state = "--p---"
	}
	fmt.Fprintln(cmd.Out, "Name   ID   Mem VCPUs	State	Time(s)\nDomain-0   0  1024     1     r-----      21.9")
	if h.guest != nil {
		fmt.Fprintf(cmd.Out, "%s   %d   128     1     %s      48.7\n", guestName, 1+h.moved, state)
	}
	if d.onList != nil {
		d.onList(d.fakeLab, d.name)
	}
	return 0, nil
}

// Push implements Dom0.
func (fakeDom0) Push(context.Context, string, os.FileMode, int64, io.Reader) error { return nil }

// SelfTest implements Dom0.
func (d fakeDom0) SelfTest(context.Context, int) (int, int, error) {
	if d.selfTest == nil {
		return 1000, 0, nil
	}
	rounds, wrong := d.selfTest(d.name)
	return rounds, wrong, nil
}

// fakeDriver does what a test says, through the lab's onEvent.
type fakeDriver struct {
	none
	state State
}

func (fakeDriver) Name() string                                      { return "fake" }
func (fakeDriver) Supports(*script.VM) error                         { return nil }
func (f fakeDriver) Protected(context.Context, *Pool) (State, error) { return f.state, nil }

// play runs a script on a lab.
func play(t *testing.T, l Lab, d Driver, text string) *Result {
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost a\nhost b\nvm db level ft service registers on a\nclients db count 4 rate 1000/s keys 4\n"+text)
	require.NoError(t, err)
	result, err := Run(t.Context(), s, d, l, Options{Seed: 1, Say: t.Logf, look: 20 * time.Millisecond, list: 50 * time.Millisecond})
	require.NoError(t, err)
	return result
}
