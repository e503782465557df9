package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/image"
	"holdfast/xen/lab/lock"
	"holdfast/xen/lab/machine"
)

// Prepared is what the hosts of a lab start from.
type Prepared struct {
	Image *image.Image
	// State of a ready host; nil when hosts boot cold.
	State *machine.State
	// GuestState is that of a host with a guest that serves; nil without.
	GuestState *machine.State
	// Services whose programs guests can have.
	Services []*image.Service
}

// bootLimit is how long a cold boot may take before it counts as failed. On two free cores it takes half a minute.
const bootLimit = 5 * time.Minute

// Prepare makes what the cache does not have yet: the image, and the saved state of a host that booted from it.
func Prepare(ctx context.Context, c Config, say func(format string, args ...any)) (*Prepared, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if _, err := new(machine.Config).Program(); err != nil { // before anything is fetched for it
		return nil, err
	}
	im, err := image.Build(ctx, image.Options{Cache: c.Cache, Program: c.Program, Mirror: c.Mirror, Refresh: c.Refresh, Say: say})
	if err != nil {
		return nil, err
	}
	p := &Prepared{Image: im}
	if p.Services, err = BuildServices(ctx, c, c.services(), say); err != nil {
		return nil, err
	}
	if c.Cold {
		return p, nil
	}
	states := filepath.Join(c.Cache, "states")
	if err := os.MkdirAll(states, 0o755); err != nil {
		return nil, err
	}
	held, err := lock.Take(filepath.Join(states, "lock"), "the lab's cache of states")
	if err != nil {
		return nil, err
	}
	defer held.Release()
	if p.State, err = c.state(ctx, p, states, nil, say); err != nil {
		return nil, fmt.Errorf("making the state of a ready host: %w", err)
	}
	if c.Guest != nil {
		if p.GuestState, err = c.state(ctx, p, states, c.Guest, say); err != nil {
			return nil, fmt.Errorf("making the state of a host with a guest: %w", err)
		}
	}
	return p, nil
}

// state returns the state of a ready host, with a guest that serves or without one. It makes what the cache lacks. Its
// caller holds the cache's lock.
func (c *Config) state(ctx context.Context, p *Prepared, states string, g *Guest, say func(string, ...any)) (*machine.State, error) {
	what := p.Image.Key
	if g != nil {
		what += " " + g.Config() + g.Setup
		for _, s := range p.Services {
			if slices.Contains(g.needs(), s.Name) {
				what += " " + s.Key
			}
		}
	}
	m := c.machine(p, "any", "")
	key, err := machine.StateKey(ctx, m, fmt.Sprint(what, " ", c.Disk))
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(states, key)
	s := &machine.State{Path: filepath.Join(dir, "state")}
	if g != nil {
		s.Disks = filepath.Join(dir, "disks")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		image.Touch(dir)
		return s, err
	}
	if left, err := filepath.Glob(filepath.Join(states, "making-*")); err == nil { // by somebody who was interrupted
		for _, dir := range left {
			_ = os.RemoveAll(dir)
		}
	}
	if err := image.EnoughSpace(states, "the saved state of a host", stateSpace); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(states, "making-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	if err := c.makeState(ctx, p, work, g, say); err != nil {
		return nil, err
	}
	if err := os.Rename(work, dir); err != nil {
		return nil, err
	}
	return s, image.Prune(states, keepStates)
}

// stateSpace is what a saved state and the disks that belong to it need, in bytes.
const stateSpace = 1 << 30

// keepStates is the number of states that are kept, unless more were used lately.
const keepStates = 6

// hold gives the files that p names second names in a folder on the same disk, and returns p with those: whatever
// happens to the cache while a lab runs, its hosts can be started again.
func (p *Prepared) hold(dir string) (*Prepared, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	held := *p
	im := *p.Image
	im.Dir = dir
	held.Image = &im
	for from, to := range map[string]string{p.Image.Xen(): im.Xen(), p.Image.Kernel(): im.Kernel(), p.Image.Dom0(): im.Dom0()} {
		if err := os.Link(from, to); err != nil {
			return nil, err
		}
	}
	if p.State != nil {
		held.State = &machine.State{Path: filepath.Join(dir, "state")}
		if err := os.Link(p.State.Path, held.State.Path); err != nil {
			return nil, err
		}
	}
	return &held, nil
}

// machine returns the configuration of the machine of a host. Its disks lie in a folder of that name.
func (c *Config) machine(p *Prepared, host, disks string) machine.Config {
	m := machine.Config{
		Name: host, Dir: c.Run, Xen: p.Image.Xen(), Kernel: p.Image.Kernel(), Initrd: p.Image.Dom0(),
		Memory: c.Memory, Dom0Memory: dom0Memory, State: p.State,
	}
	for _, name := range diskNames() {
		m.Disks = append(m.Disks, machine.Disk{Name: name, Path: filepath.Join(disks, host+"-"+name+".img")})
	}
	m.Disks = append(m.Disks, imagesDisk(disks))
	return m
}

// makeState starts a host that is connected with nothing, and saves it into a folder when it is ready, and serves if
// it is to have a guest.
func (c *Config) makeState(ctx context.Context, p *Prepared, into string, g *Guest, say func(string, ...any)) error {
	run, err := os.MkdirTemp("", "holdfast-state-") // with a short path
	if err != nil {
		return err
	}
	defer os.RemoveAll(run)
	disks := filepath.Join(into, "disks")
	if err := os.Mkdir(disks, 0o755); err != nil {
		return err
	}
	alone := Config{Run: run, Memory: c.Memory}
	m := alone.machine(&Prepared{Image: p.Image, State: p.State}, "new", disks)
	if err := errors.Join(makeDisks(m, c.Disk), makeImages(imagesPath(disks), p.Services)); err != nil {
		return err
	}
	defer os.Remove(imagesPath(disks)) // every lab makes its own
	if m.State == nil {
		say("booting Xen for the first time; this takes half a minute on free processors")
	}
	boot, cancel := context.WithTimeoutCause(ctx, bootLimit, fmt.Errorf("the host did not get ready within %v", bootLimit))
	defer cancel()
	running, err := machine.Start(boot, m)
	if err != nil {
		return err
	}
	defer running.PowerOff()
	if err := running.WaitReady(boot, func(step string) { say("first boot: %s", step) }); err != nil {
		return err
	}
	if g != nil {
		if err := firstGuest(ctx, running, *g, say); err != nil {
			return err
		}
	}
	say("saving the state of the host")
	return running.Save(ctx, filepath.Join(into, "state"))
}

// firstServe is how long a guest may take until it serves for the first time: a database makes its first data then.
const firstServe = 2 * serveLimit

// firstGuest starts a guest on a host that has no identity yet, and waits until it serves.
func firstGuest(ctx context.Context, m *machine.Machine, g Guest, say func(string, ...any)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, firstServe, fmt.Errorf("the guest did not answer within %v", firstServe))
	defer cancel()
	a, err := m.Agent(ctx)
	if err != nil {
		return err
	}
	say("starting a %s guest for the first time", g.Kind)
	// The host needs an address on the guests' network to ask the guest.
	if err := a.Identify(ctx, agent.Identity{
		Name: "new", UnixNano: time.Now().UnixNano(), Seed: []byte("replaced by that of the host"), Addresses: map[string]string{"lan": Address("lan", MaxHosts) + "/24"},
	}); err != nil {
		return err
	}
	if err := StartGuest(ctx, a, g); err != nil {
		return err
	}
	say("the guest boots")
	if err := waitServes(ctx, through(a), g); err != nil {
		return err
	}
	_, err = output(ctx, a, "sync")
	return err
}

// makeDisks makes the disks of a machine that are not there yet, of size MiB.
func makeDisks(m machine.Config, size int) error {
	for _, d := range m.Disks {
		if d.ReadOnly {
			continue // shared by all
		}
		if err := machine.MakeDisk(d.Path, int64(size)<<20); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// copyDisks copies the disks that belong to a state to those of a machine, without their holes.
func copyDisks(m machine.Config, s *machine.State) error {
	for _, d := range m.Disks {
		if d.ReadOnly {
			continue
		}
		if err := copySparse(filepath.Join(s.Disks, "new-"+d.Name+".img"), d.Path); err != nil {
			return err
		}
	}
	return nil
}

// copySparse copies a file and leaves out its holes.
func copySparse(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := out.Truncate(info.Size()); err != nil {
		return errors.Join(err, out.Close())
	}
	return errors.Join(copyData(out, from), out.Close())
}
