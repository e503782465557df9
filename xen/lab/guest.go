package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/image"
	"holdfast/xen/lab/service"
)

// Kind is how a guest is virtualised.
type Kind string

// The kinds of guests.
const (
	PVH Kind = "pvh" // hardware-assisted, without emulated devices
	PV  Kind = "pv"  // paravirtualised
	HVM Kind = "hvm" // a whole emulated computer, used without any interface of Xen: the stand-in for an unmodified guest
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{PVH, PV, HVM} }

// ErrGuest is returned when a host's toolstack did not do what it was asked.
var ErrGuest = errors.New("the toolstack failed")

// Service is what a guest serves.
type Service string

// The services of guests. All but the registers need a disk.
const (
	Registers Service = "registers" // the lab's own: package xen/lab/service
	Redis     Service = "redis"     // with appendfsync always
	Postgres  Service = "postgres"  // PostgreSQL with fsync and synchronous_commit on
)

// ports are where services listen.
var ports = map[Service]int{Registers: service.Port, Redis: 6379, Postgres: 5432}

// ServiceNames returns the names of all services.
func ServiceNames() []Service { return []Service{Registers, Redis, Postgres} }

// Memory returns how much memory a guest of a kind with a service has unless asked otherwise, in MiB. An HVM guest
// unpacks its kernel itself.
func Memory(k Kind, s Service) int {
	if s == Postgres || k == HVM {
		return 256
	}
	return 128
}

// Guest describes a guest that serves.
type Guest struct {
	// Name in the toolstack.
	Name string
	Kind Kind
	// Number from 0 to 99; its addresses follow from it.
	Number int
	// Memory in MiB.
	Memory int
	// Disk is the device of dom0 on which the service keeps its data; empty for none.
	Disk string
	// Service is what it serves; empty for Registers.
	Service Service
	// Setup is a shell script that dom0 runs before it creates the guest, such as one that makes Disk; empty for none.
	Setup string
}

// guestName is what can stand in a file's name and on a command line.
var guestName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,31}$`)

// Validate fails with ErrConfig for what cannot be.
func (g *Guest) Validate() error {
	switch {
	case !guestName.MatchString(g.Name):
		return fmt.Errorf("%w: the guest's name %q: 1 to 32 letters, digits and hyphens", ErrConfig, g.Name)
	case !slices.Contains(Kinds(), g.Kind):
		return fmt.Errorf("%w: --type %q: the types are %q", ErrConfig, g.Kind, Kinds())
	case g.Service != "" && ports[g.Service] == 0:
		return fmt.Errorf("%w: --service %q: the services are %q", ErrConfig, g.Service, ServiceNames())
	case g.Number < 0 || g.Number > 99 || g.Memory < 64:
		return fmt.Errorf("%w: a guest has a number from 0 to 99 and at least 64 MiB", ErrConfig)
	case g.programs() && g.Disk == "":
		return fmt.Errorf("%w: the service %s needs a disk", ErrConfig, g.Service)
	case g.programs() && g.Kind == HVM:
		return fmt.Errorf("%w: an HVM guest serves registers only", ErrConfig)
	}
	return nil
}

// programs reports whether the guest needs programs besides the lab's own.
func (g *Guest) programs() bool { return g.Service != "" && g.Service != Registers }

// needs returns what has to be on the disk that hosts share.
func (g *Guest) needs() []string {
	switch {
	case g.Kind == HVM:
		return []string{image.BootDisk}
	case g.programs():
		return []string{string(g.Service)}
	}
	return nil
}

// Address returns where the service is, with its port.
func (g *Guest) Address() string {
	port := ports[Registers]
	if g.programs() {
		port = ports[g.Service]
	}
	return fmt.Sprintf("%s:%d", GuestAddress(g.Number), port)
}

// MAC returns the hardware address of the guest's network card.
func (g *Guest) MAC() string { return agent.GuestMAC(g.Number) }

// Config returns the guest's configuration for xl; see xl.cfg(5).
func (g *Guest) Config() string {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "%s = %q\n", name, value) }
	set("name", g.Name)
	set("type", string(g.Kind))
	fmt.Fprintf(&b, "memory = %d\nvcpus = 1\n", g.Memory)
	if g.Kind == HVM {
		b.WriteString(g.emulated())
		return b.String()
	}
	set("ramdisk", "/boot/guest.cpio")
	set("on_crash", "preserve") // so that people can look at it
	set("kernel", "/boot/vmlinux")
	command := "holdfast.role=guest holdfast.ip=" + GuestAddress(g.Number) + "/24 loglevel=4 panic=1 console=hvc0"
	var disks []string
	if g.Disk != "" {
		command += " holdfast.disk=/dev/xvda"
		disks = append(disks, fmt.Sprintf("%q", "format=raw,vdev=xvda,access=rw,script=block-lab,target="+g.Disk))
	}
	if g.programs() {
		command += fmt.Sprintf(" holdfast.service=%s holdfast.root=/dev/xvdb", g.Service)
		disks = append(disks, fmt.Sprintf("%q", "format=raw,vdev=xvdb,access=ro,script=block-lab,target=/dev/lab/"+string(g.Service)))
	}
	if len(disks) > 0 {
		fmt.Fprintf(&b, "disk = [ %s ]\n", strings.Join(disks, ", "))
	}
	fmt.Fprintf(&b, "vif = [ \"bridge=xenbr0,script=vif-lab,mac=%s\" ]\n", g.MAC())
	set("cmdline", command)
	return b.String()
}

// emulated returns what an HVM guest has for devices. The disks are given to the device model directly: the shared one can
// only be read, which the toolstack's IDE disks cannot be, and the guest's own needs the write-back mode of its cache, with
// which a flush of the guest is one of the device below.
func (g *Guest) emulated() string {
	drive := func(name, device, options string) string {
		return fmt.Sprintf("%q, %q, %q, %q", "-drive", "file="+device+",if=none,format=raw,id="+name+options, "-device", "virtio-blk-pci,drive="+name)
	}
	disks := []string{drive("boot", "/dev/lab/"+image.BootDisk, ",readonly=on")}
	if g.Disk != "" {
		disks = append(disks, drive("data", g.Disk, ",cache=writeback"))
	}
	return fmt.Sprintf(`on_crash = "preserve"
boot = "c"
xen_platform_pci = 0
serial = "pty"
vga = "none"
nographic = 1
device_model_args_hvm = [ %s ]
vif = [ "type=ioemu,model=e1000,bridge=xenbr0,script=vif-lab,mac=%s" ]
`, strings.Join(disks, ", "), g.MAC())
}

// ConfigFile returns the place of the guest's configuration in dom0.
func (g *Guest) ConfigFile() string { return "/etc/xen/" + g.Name + ".cfg" }

// StartGuest creates a guest on the host that a talks with. The guest boots afterwards. What its service needs must be
// there: Client.Provide sees to it.
func StartGuest(ctx context.Context, a *agent.Client, g Guest) error {
	if err := g.Validate(); err != nil {
		return err
	}
	text := g.Config()
	if err := a.Push(ctx, g.ConfigFile(), 0o644, int64(len(text)), strings.NewReader(text)); err != nil {
		return err
	}
	if g.Setup != "" {
		if _, err := output(ctx, a, "sh", "-ec", g.Setup); err != nil {
			return err
		}
	}
	_, err := xl(ctx, a, "create", g.ConfigFile())
	return err
}

// StopGuest ends a guest at once, without asking it.
func StopGuest(ctx context.Context, a *agent.Client, name string) error {
	_, err := xl(ctx, a, "destroy", name)
	return err
}

// xl runs the toolstack and returns what it printed.
func xl(ctx context.Context, a *agent.Client, args ...string) (string, error) {
	return output(ctx, a, append([]string{"xl"}, args...)...)
}

// output runs a command on a host and returns what it printed. It fails with ErrGuest when the command does.
func output(ctx context.Context, a *agent.Client, args ...string) (string, error) {
	var out, errs bytes.Buffer
	code, err := a.Exec(ctx, agent.Command{Args: args, Out: &out, Err: &errs})
	if err == nil && code != 0 {
		err = fmt.Errorf("%w: %s: exit code %d: %s", ErrGuest, strings.Join(args, " "), code, strings.TrimSpace(errs.String()+out.String()))
	}
	return out.String(), err
}
