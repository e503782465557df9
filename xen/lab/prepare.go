package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast/xen/lab/image"
	"holdfast/xen/lab/lock"
	"holdfast/xen/lab/machine"
)

// Prepared is what the hosts of a lab start from.
type Prepared struct {
	Image *image.Image
	// State of a ready host; nil when hosts boot cold.
	State *machine.State
}

// bootLimit is how long a cold boot may take before it counts as failed. On two free cores it takes half a minute.
const bootLimit = 5 * time.Minute

// Prepare makes what the cache does not have yet: the image, and the saved state of a host that booted from it.
func Prepare(ctx context.Context, c Config, say func(format string, args ...any)) (*Prepared, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	im, err := image.Build(ctx, image.Options{Cache: c.Cache, Program: c.Program, Mirror: c.Mirror, Refresh: c.Refresh, Say: say})
	if err != nil {
		return nil, err
	}
	p := &Prepared{Image: im}
	if c.Cold {
		return p, nil
	}
	key, err := machine.StateKey(ctx, c.machine(p, "any", ""), im.Key)
	if err != nil {
		return nil, err
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
	p.State = &machine.State{Path: filepath.Join(states, key)}
	if _, err := os.Stat(p.State.Path); err == nil {
		return p, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := c.makeState(ctx, p, states, say); err != nil {
		return nil, fmt.Errorf("making the state of a ready host: %w", err)
	}
	return p, nil
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
	return m
}

// makeState boots a host that is connected with nothing, and saves it when it is ready.
func (c *Config) makeState(ctx context.Context, p *Prepared, states string, say func(string, ...any)) error {
	work, err := os.MkdirTemp("", "holdfast-state-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	booting := Config{Run: work, Memory: c.Memory}
	m := booting.machine(&Prepared{Image: p.Image}, "new", work)
	if err := makeDisks(m, c.Disk); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, bootLimit, fmt.Errorf("the host did not get ready within %v", bootLimit))
	defer cancel()
	say("booting Xen for the first time; this takes half a minute on free processors")
	running, err := machine.Start(ctx, m)
	if err != nil {
		return err
	}
	defer running.PowerOff()
	if err := running.WaitReady(ctx, func(step string) { say("first boot: %s", step) }); err != nil {
		return err
	}
	say("saving the state of the ready host")
	part := filepath.Join(states, "saving")
	if err := running.Save(ctx, part); err != nil {
		return err
	}
	return os.Rename(part, p.State.Path)
}

// makeDisks makes the disks of a machine that are not there yet, of size MiB.
func makeDisks(m machine.Config, size int) error {
	for _, d := range m.Disks {
		if err := machine.MakeDisk(d.Path, int64(size)<<20); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
