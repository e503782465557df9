package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/xen/lab/lock"
	"holdfast/xen/lab/machine"
	"holdfast/xen/lab/wire"
)

// ErrPrivate is returned for a folder of sockets that others could write to.
var ErrPrivate = errors.New("lab: folder is not private")

// Lab is a lab that runs in this process.
type Lab struct {
	config  Config
	say     func(format string, args ...any)
	started time.Time
	down    chan struct{} // closed when somebody asked for the end
	once    sync.Once

	mu      sync.Mutex
	hosts   []*Host
	network *network

	providing sync.Mutex // one service at a time
	provided  []string   // services whose programs are on the disk that hosts share; under providing
}

// Supervise runs a lab until ctx ends or somebody asks for its end, and leaves nothing behind but the cache. say is
// told what happens. ready is called once all hosts are up.
func Supervise(ctx context.Context, c Config, say func(format string, args ...any), ready func()) error {
	return supervise(ctx, c, Prepare, say, ready)
}

// preparer is Prepare, or what stands for it in tests.
type preparer func(context.Context, Config, func(string, ...any)) (*Prepared, error)

func supervise(ctx context.Context, c Config, prepare preparer, say func(string, ...any), ready func()) (err error) {
	if err := c.Validate(); err != nil {
		return err
	}
	held, err := c.take()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Remove()) }()
	if err := c.clean(); err != nil { // what a lab left that could not clean up itself
		return err
	}
	defer func() { err = errors.Join(err, c.clean()) }()
	for _, dir := range []string{c.Run, c.disks()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	l := &Lab{config: c, say: say, started: time.Now(), down: make(chan struct{})}
	return l.run(ctx, prepare, ready)
}

// take makes the folder that holds the lab's, and takes the lab's lock there.
func (c *Config) take() (*lock.Lock, error) {
	base := filepath.Dir(c.Run)
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, err
	}
	var s unix.Stat_t
	if err := unix.Lstat(base, &s); err != nil {
		return nil, err
	}
	if int(s.Uid) != os.Getuid() || s.Mode&0o022 != 0 {
		return nil, fmt.Errorf("%w: %s belongs to user %d with mode %04o; remove it or set XDG_RUNTIME_DIR", ErrPrivate, base, s.Uid, s.Mode&0o7777)
	}
	return lock.Take(c.Run+".lock", "the lab "+c.Name)
}

// clean removes all files of a lab that does not run. Its caller holds the lab's lock.
func (c *Config) clean() error { return errors.Join(os.RemoveAll(c.Run), os.RemoveAll(c.disks())) }

// run starts everything, serves the control socket, and stops everything.
func (l *Lab) run(ctx context.Context, prepare preparer, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-l.down:
			cancel()
		case <-ctx.Done():
		}
	}()
	control, err := net.Listen("unix", l.config.control())
	if err != nil {
		return err
	}
	server := &http.Server{Handler: l.handler()}
	go server.Serve(control)
	defer endServer(server)
	prepared, err := prepare(ctx, l.config, l.say)
	if err != nil {
		return err
	}
	if prepared, err = prepared.hold(filepath.Join(l.config.disks(), "boot")); err != nil {
		return err
	}
	network, err := l.newNetwork()
	if err != nil {
		return err
	}
	defer network.Close()
	hosts, err := l.plug(prepared, network)
	if err != nil {
		return err
	}
	defer stopHosts(hosts)
	if err := startHosts(ctx, hosts, prepared.State == nil); err != nil {
		return err
	}
	ready()
	<-ctx.Done()
	endServer(server) // before the hosts end, so that nobody switches one on afterwards
	return nil
}

// answerLimit is how long requests under way may take when the lab ends.
const answerLimit = time.Second

// endServer lets requests be answered that are under way, above all the one that asked for the end, and cuts off what takes
// longer.
func endServer(s *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	if s.Shutdown(ctx) != nil {
		s.Close()
	}
}

// seed decides what chance decides in this lab.
func (l *Lab) seed() uint64 {
	if l.config.Seed != 0 {
		return l.config.Seed
	}
	return uint64(l.started.UnixNano())
}

// plug makes the hosts, switched off, with their disks and sockets.
func (l *Lab) plug(p *Prepared, n *network) (hosts []*Host, err error) {
	defer func() {
		if err != nil {
			stopHosts(hosts)
		}
	}()
	if err := makeImages(imagesPath(l.config.disks()), p.Services); err != nil {
		return nil, err
	}
	for _, s := range p.Services {
		l.provided = append(l.provided, s.Name)
	}
	for i, name := range l.config.hostNames() {
		if err := n.plug(name); err != nil {
			return nil, err
		}
		c := l.config.machine(p, name, l.config.disks())
		c.Network = true
		if err := makeDisks(c, l.config.Disk); err != nil {
			return nil, err
		}
		h := &Host{config: c, identity: l.config.identity(i), say: l.say, disks: map[string]*served{}, down: func() []wire.Segment { return n.Down(name) }}
		if i == 0 && p.GuestState != nil {
			h.first = p.GuestState
			if err := copyDisks(c, h.first); err != nil {
				return nil, err
			}
		}
		if err := h.serveDisks(l.seed()); err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts, l.network = hosts, n
	return hosts, nil
}

// startHosts switches all hosts on at the same time. It returns the first error, when all have ended.
func startHosts(ctx context.Context, hosts []*Host, cold bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, h := range hosts {
		all.Go(func() {
			if err := h.PowerOn(ctx, cold); err != nil {
				cancel(err) // the others need not go on
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// stopHosts cuts the power of all hosts and waits until the emulators have ended.
func stopHosts(hosts []*Host) {
	var all sync.WaitGroup
	for _, h := range hosts {
		all.Go(h.End)
	}
	all.Wait()
}

// all returns the hosts; none before they are made.
func (l *Lab) all() []*Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hosts
}

// host returns the host of that name.
func (l *Lab) host(name string) (*Host, error) {
	hosts := l.all()
	for _, h := range hosts {
		if h.config.Name == name {
			return h, nil
		}
	}
	if hosts == nil && slices.Contains(l.config.hostNames(), name) {
		return nil, errNotYet
	}
	return nil, fmt.Errorf("%w: no host %q; the hosts are %q", ErrConfig, name, l.config.hostNames())
}

// ready reports whether all hosts are up.
func (l *Lab) ready() bool {
	for _, h := range l.all() {
		if h.status().Phase != machine.Up {
			return false
		}
	}
	return len(l.all()) > 0
}
