package certify

import (
	"errors"
	"fmt"

	"holdfast/faults"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
	"holdfast/xen/lab/disk"
)

// ErrUnsupported is wrapped by the error for a script that cannot be run here. Nothing was done then.
var ErrUnsupported = errors.New("not on the lab")

// Supported fails with ErrUnsupported and the first thing in the script that a driver, or the lab with such a guest, cannot
// do or cannot see, and why.
func Supported(s *script.Script, d Driver, opt Options) error {
	refuse := func(line int, what fmt.Stringer, err error) error {
		return fmt.Errorf("%w with driver %s: line %d: %s: %w", ErrUnsupported, d.Name(), line, what, err)
	}
	if err := poolSupported(s); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if err := d.Supports(&s.VMs[0]); err != nil {
		return fmt.Errorf("%w with driver %s: line %d: vm %s: %w", ErrUnsupported, d.Name(), s.VMs[0].Note.Line, s.VMs[0].Name, err)
	}
	if err := guestSupported(s, d, opt); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	for i := range s.Actions {
		a := &s.Actions[i]
		if a.Trigger.Kind != script.TriggerAt {
			return refuse(a.Note.Line, a.Trigger.Stage, errors.New("only the simulator sees when a VM reaches a stage; the lab knows instants only (at)"))
		}
		if err := actionSupported(s, &a.Fault, d); err != nil {
			return refuse(a.Note.Line, a.Fault, err)
		}
	}
	for i := range s.Expects {
		if err := expectSupported(&s.Expects[i]); err != nil {
			return refuse(s.Expects[i].Note.Line, &s.Expects[i], err)
		}
	}
	return nil
}

// poolSupported checks what the pool consists of.
func poolSupported(s *script.Script) error {
	switch {
	case len(s.Hosts) != 2:
		return fmt.Errorf("pool of %d hosts: the drivers are made for two", len(s.Hosts))
	case len(s.VMs) != 1:
		return fmt.Errorf("%d VMs: the drivers protect one", len(s.VMs))
	case len(s.Clients) == 0:
		return errors.New("no clients: nothing would be seen")
	case s.Clients[0].Keys > maxKeys:
		return fmt.Errorf("line %d: %d keys: writing each once takes too long on an emulated host; at most %d", s.Clients[0].Note.Line, s.Clients[0].Keys, maxKeys)
	case len(s.Policies) > 0:
		return fmt.Errorf("line %d: policy: nobody here knows policies", s.Policies[0].Note.Line)
	case len(s.Tunes) > 0:
		return fmt.Errorf("line %d: tune: the settings are those of Holdfast's engine", s.Tunes[0].Note.Line)
	case s.Voters != 0:
		return fmt.Errorf("line %d: voters: the drivers vote on nothing", s.VotersNote.Line)
	case s.VMs[0].Memory != 0:
		return fmt.Errorf("line %d: vm %s: memory: a guest of the lab has as much as its saved state", s.VMs[0].Note.Line, s.VMs[0].Name)
	}
	for _, h := range s.Hosts {
		switch {
		case h.Site != "":
			return fmt.Errorf("line %d: host %s: site: the lab's hosts stand side by side", h.Note.Line, h.Name)
		case h.Memory != 0:
			return fmt.Errorf("line %d: host %s: memory: a host of the lab has as much as its saved state", h.Note.Line, h.Name)
		}
	}
	return nil
}

// programs reports whether the guest serves something else than the lab's registers.
func (o *Options) programs() bool { return o.Service != "" && o.Service != lab.Registers }

// guestSupported checks what is asked of the guest besides the script.
func guestSupported(s *script.Script, d Driver, opt Options) error {
	if vm := &s.VMs[0]; opt.programs() && vm.Service != script.ServiceLog {
		return fmt.Errorf("line %d: service %s: %s takes the place of a log on a disk only", vm.Note.Line, vm.Service, opt.Service)
	}
	g := GuestFor(s, d, opt)
	return g.Validate()
}

// maxKeys is the largest number of keys: each is written once before a run and read once afterwards.
const maxKeys = 64

// actionSupported checks one action.
func actionSupported(s *script.Script, f *faults.Fault, d Driver) error {
	for _, role := range rolesOf(f) {
		if role.Kind == faults.RoleWitness || role.Kind == faults.RoleName && role.Name == s.Witness.Name && role.Name != "" {
			return errors.New("the lab has no witness: the driver has no use for one")
		}
	}
	switch f.Kind.Class() {
	case faults.ClassNetwork:
		return nil
	case faults.ClassHost:
		return hostSupported(f)
	case faults.ClassDaemon:
		if f.Kind == faults.CrashDaemon || f.Kind == faults.OldDaemon {
			return errors.New("it is about Holdfast's own daemon")
		}
		return d.Does(&s.VMs[0], f)
	case faults.ClassToolstack:
		if f.Kind == faults.CrashVM {
			return errors.New("dom0 cannot make a guest crash that has not asked for it")
		}
		return d.Does(&s.VMs[0], f)
	case faults.ClassDisk:
		if err := diskSupported(s, f); err != nil {
			return err
		}
		return d.Does(&s.VMs[0], f)
	case faults.ClassClock:
		return errors.New("the lab's hosts have the clocks of their emulator, which cannot be changed")
	}
	return errors.New("nobody here takes orders of an operator")
}

// rolesOf returns all roles that a fault names.
func rolesOf(f *faults.Fault) []faults.Role {
	roles := []faults.Role{f.Member, f.Peer}
	for _, g := range f.Groups {
		roles = append(roles, g...)
	}
	return roles
}

func hostSupported(f *faults.Fault) error {
	switch {
	case f.Kind == faults.SlowCPU:
		return errors.New("an emulated processor has no speed that could be set")
	case f.Kind == faults.SaveDisk || f.OldDisk:
		return errors.New("the drivers keep nothing on the system disk")
	}
	return nil
}

// diskSupported checks a fault of the disk that a host has for the guest.
func diskSupported(s *script.Script, f *faults.Fault) error {
	if s.VMs[0].Service == script.ServiceRegisters {
		return errors.New("a guest that keeps its state in memory has no disk")
	}
	return disk.Possible(*f)
}

// expectSupported checks whether an expectation can be judged from outside.
func expectSupported(e *script.Expect) error {
	switch e.Kind {
	case script.ExpectEvent, script.ExpectNoEvent, script.ExpectRefused:
		return errors.New("notices are Holdfast's own; a peer gives none")
	case script.ExpectRPO:
		return errors.New("the age of a recovery point cannot be seen from outside")
	case script.ExpectApart:
		return errors.New("there is one VM")
	}
	return nil
}
