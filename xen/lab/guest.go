package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"holdfast/xen/lab/agent"
)

// Kind is how a guest is virtualised.
type Kind string

// The kinds of guests.
const (
	PVH Kind = "pvh" // hardware-assisted, without emulated devices
	PV  Kind = "pv"  // paravirtualised
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{PVH, PV} }

// ErrGuest is returned when a host's toolstack did not do what it was asked.
var ErrGuest = errors.New("the toolstack failed")

// Guest describes a guest that runs the lab's service.
type Guest struct {
	// Name in the toolstack.
	Name string
	Kind Kind
	// Number from 0 to 99; its addresses follow from it.
	Number int
	// Memory in MiB.
	Memory int
	// Disk is the device of dom0 on which the service keeps its journal; empty for none.
	Disk string
	// Setup is a shell script that dom0 runs before it creates the guest, such as one that makes Disk; empty for none.
	Setup string
}

// Address returns where the service is, with its port.
func (g *Guest) Address() string { return fmt.Sprintf("%s:7000", GuestAddress(g.Number)) }

// MAC returns the hardware address of the guest's network card.
func (g *Guest) MAC() string { return fmt.Sprintf("00:16:3e:77:00:%02x", g.Number) }

// Config returns the guest's configuration for xl; see xl.cfg(5).
func (g *Guest) Config() string {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "%s = %q\n", name, value) }
	set("name", g.Name)
	set("type", string(g.Kind))
	fmt.Fprintf(&b, "memory = %d\nvcpus = 1\n", g.Memory)
	set("ramdisk", "/boot/guest.cpio")
	set("on_crash", "preserve") // so that people can look at it
	set("kernel", "/boot/vmlinux")
	command := "holdfast.role=guest holdfast.ip=" + GuestAddress(g.Number) + "/24 loglevel=4 panic=1 console=hvc0"
	if g.Disk != "" {
		command += " holdfast.disk=/dev/xvda"
		fmt.Fprintf(&b, "disk = [ %q ]\n", "format=raw,vdev=xvda,access=rw,target="+g.Disk)
	}
	fmt.Fprintf(&b, "vif = [ \"bridge=xenbr0,script=vif-lab,mac=%s\" ]\n", g.MAC())
	set("cmdline", command)
	return b.String()
}

// ConfigFile returns the place of the guest's configuration in dom0.
func (g *Guest) ConfigFile() string { return "/etc/xen/" + g.Name + ".cfg" }

// StartGuest creates a guest on the host that a talks with. The guest boots afterwards.
func StartGuest(ctx context.Context, a *agent.Client, g Guest) error {
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
