package certify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/faults"
	"holdfast/faults/lex"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
)

// Driver is a way to protect a VM that exists today, so that it can be compared. Its methods may be called from several
// goroutines; a Driver is used for one run.
type Driver interface {
	// Name in small letters.
	Name() string
	// Supports fails with the reason why it cannot protect such a VM.
	Supports(vm *script.VM) error
	// Does fails with the reason why a fault of a daemon, of the toolstack or of a disk would hit nothing: it depends on what the driver
	// has of the VM, and where.
	Does(vm *script.VM, f *faults.Fault) error
	// Guest completes the guest for a VM: its disk, and what has to be set up before it is created.
	Guest(g *lab.Guest)
	// Protect makes the VM redundant, which runs on p.Home, and returns when it is.
	Protect(ctx context.Context, p *Pool) error
	// Protected says whether the VM is redundant now, and if not, what is missing.
	Protected(ctx context.Context, p *Pool) (State, error)
	// Booted does what the start-up scripts of a host do that got its power back.
	Booted(ctx context.Context, p *Pool, host string) error
	// Daemon is an extended regular expression for the command line of the driver's daemon on any host; empty if it has none.
	Daemon() string
	// Restart starts the daemon on a host again after it was killed.
	Restart(ctx context.Context, p *Pool, host string) error
	// Checkpoints tells whether the guest is stopped for checkpoints while it is protected.
	Checkpoints() bool
}

// State is how a VM is protected.
type State struct {
	// Missing is what it lacks; empty if it is redundant.
	Missing string
	// Hopeless: it will not become redundant without a person.
	Hopeless bool
}

// poll asks each second until it is done or fails. At the end of ctx it fails with the cause and the end of what was told last, who
// being its source.
func poll(ctx context.Context, who string, ask func() (done bool, told string, err error)) error {
	for {
		done, told, err := ask()
		if done || err != nil {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("%w; %s: %s", context.Cause(ctx), who, lastLines(told, 3))
		}
	}
}

// lastLines returns the last n lines of a text as one.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "; ")
}

// drivers makes each driver, in the order in which they are listed.
var drivers = []func() Driver{
	func() Driver { return none{} },
	func() Driver { return &remus{} },
	func() Driver { return &watcher{} },
}

// Drivers returns the names of all drivers.
func Drivers() []string {
	var names []string
	for _, make := range drivers {
		names = append(names, make().Name())
	}
	return names
}

// NewDriver returns a driver by its name.
func NewDriver(name string) (Driver, error) {
	i := slices.Index(Drivers(), name)
	if i < 0 {
		hint := ""
		if near := lex.Nearest(name, Drivers()); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return nil, fmt.Errorf("no driver %q; the drivers are %s%s", name, strings.Join(Drivers(), ", "), hint)
	}
	return drivers[i](), nil
}
