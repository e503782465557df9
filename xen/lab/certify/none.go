package certify

import (
	"context"
	"errors"

	"holdfast/faults"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
)

// none is no protection: the VM was created with xl create, and nobody restarts anything.
type none struct{}

func (none) Name() string { return "none" }

// Supports any level, for comparison: that is what the same faults do without protection.
func (none) Supports(vm *script.VM) error { return ownDisk(vm) }

// errNoDaemon is the reason of drivers without a daemon.
var errNoDaemon = errors.New("it has no daemon")

// Does the faults of the one disk.
func (none) Does(vm *script.VM, f *faults.Fault) error {
	home := f.Member.Kind == faults.RolePrimary || f.Member.Kind == faults.RoleName && f.Member.Name == vm.Home
	switch {
	case f.Kind.Class() == faults.ClassDaemon:
		return errNoDaemon
	case f.Kind.Class() == faults.ClassToolstack && f.Kind != faults.HangVM:
		return errors.New("it creates the guest once, before the script begins")
	case f.Kind.Class() == faults.ClassDisk && !home:
		return errors.New("the only disk of the VM is that of its home")
	}
	return nil
}

func (none) Guest(*lab.Guest) {}

func (none) Protect(context.Context, *Pool) error { return nil }

// Protected expects of a VM of level none that it runs, and of others more than it can have.
func (none) Protected(ctx context.Context, p *Pool) (State, error) {
	if p.Level != script.LevelNone {
		return State{"nothing protects it", true}, nil
	}
	domains, err := p.Domains(ctx, p.Home)
	if err == nil && len(domains) == 0 {
		return State{"nobody starts it again", true}, nil
	}
	return State{}, err
}

func (none) Booted(context.Context, *Pool, string) error { return nil }

func (none) Daemon() string { return "" }

func (none) Restart(context.Context, *Pool, string) error { return errNoDaemon }

func (none) Checkpoints() bool { return false }

// ownDisk fails for a VM that the lab cannot make.
func ownDisk(vm *script.VM) error {
	switch {
	case vm.Shared:
		return errors.New("the lab has no shared storage")
	case vm.Service == script.ServiceBank:
		return errors.New("no guest of the lab has the service bank")
	case vm.Home == "":
		return errors.New("nobody chooses homes here: the script must name one")
	case vm.Later:
		return errors.New("nobody takes orders here: the VM must be there from the beginning")
	case vm.Recovery != "":
		return errors.New("it keeps no recovery copy")
	}
	return nil
}
