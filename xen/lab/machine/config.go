package machine

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"holdfast/xen/lab/agent"
)

// cpu is the processor that is emulated. SMAP crashes a PV dom0, RDTSCP breaks PVH guests, and AVX silently corrupts
// dom0's registers as soon as a guest runs; see docs/lab.md.
const cpu = "qemu64,+svm,+npt,-rdtscp,+ssse3,+sse4.1,+sse4.2,+popcnt,+aes"

// xenOptions keeps the hypervisor quiet: at loglvl=info every context save prints to the serial line and costs
// milliseconds.
const xenOptions = "console=com1 com1=115200,8n1 loglvl=warning guest_loglvl=warning dom0_max_vcpus=1"

// kernelOptions are dom0's.
const kernelOptions = "console=hvc0 loglevel=4 holdfast.role=host"

// maxSocket is the longest address of a unix socket in bytes, less one for its end.
const maxSocket = 107

// ErrConfig is returned for a Config that cannot be.
var ErrConfig = errors.New("machine: bad configuration")

// Disk is one of a machine's disks, seen by the host as a virtio block device with the name as serial number.
type Disk struct {
	Name string
	// Path of a raw image.
	Path string
	// Socket of a server that has the disk, as a network block device (package disk); empty for a disk that the emulator
	// has itself. A saved state fits both.
	Socket string
	// ReadOnly is true for a disk that several machines share.
	ReadOnly bool
}

// Config describes a machine.
type Config struct {
	// Name of the host, short: a, b, c.
	Name string
	// Dir holds the machine's sockets and files; its path is short, because those of sockets are limited.
	Dir string
	// QEMU is the emulator; empty for qemu-system-x86_64 from the path.
	QEMU string
	// Xen, Kernel and Initrd are the files to boot.
	Xen, Kernel, Initrd string
	// Memory of the machine and of dom0 in MiB. What is left is for guests and the hypervisor.
	Memory, Dom0Memory int
	Disks              []Disk
	// Network is true when a switch listens at the NICs' sockets; otherwise the cards are there and lead nowhere.
	Network bool
	// State to continue; nil for a cold start.
	State *State
}

func (c *Config) validate() error {
	switch {
	case c.Name == "" || strings.ContainsAny(c.Name, "/, ="):
		return fmt.Errorf("%w: name %q", ErrConfig, c.Name)
	case c.Dom0Memory < 512 || c.Memory < c.Dom0Memory+256:
		return fmt.Errorf("%w: %d MiB, %d of it for dom0: dom0 needs 512, guests and hypervisor 256", ErrConfig, c.Memory, c.Dom0Memory)
	case len(c.Socket("console")) > maxSocket:
		return fmt.Errorf("%w: the folder's path %s is too long for sockets (at most %d bytes with their names)", ErrConfig, c.Dir, maxSocket)
	}
	for _, text := range append([]string{c.Dir, c.Xen, c.Kernel, c.Initrd}, c.diskPaths()...) {
		if strings.ContainsAny(text, ", ") {
			return fmt.Errorf("%w: QEMU cannot be told of the path %q: it holds a comma or a space", ErrConfig, text)
		}
	}
	return nil
}

func (c *Config) diskPaths() (out []string) {
	for _, d := range c.Disks {
		out = append(out, d.Path, d.Socket)
	}
	return out
}

// Socket returns the path of one of the machine's sockets: qmp, agent, console, or the name of a NIC.
func (c *Config) Socket(kind string) string { return filepath.Join(c.Dir, c.Name+"-"+kind+".sock") }

// Log returns the path of a file: console (what the machine printed) or qemu (what the emulator printed).
func (c *Config) Log(kind string) string { return filepath.Join(c.Dir, c.Name+"-"+kind+".log") }

// hardware returns the arguments that describe the machine, as far as a saved state depends on them.
func (c *Config) hardware() []string {
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none",
		"-machine", "pc,accel=tcg", "-cpu", cpu, "-smp", "1", "-m", fmt.Sprint(c.Memory),
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=" + agent.Port,
		// A watchdog that is not served resets the machine, as hardware does.
		"-device", "i6300esb", "-action", "watchdog=reset",
	}
	for i, nic := range agent.NICs() {
		args = append(args, "-device", fmt.Sprintf("virtio-net-pci,netdev=%s,mac=%s,romfile=", nic, agent.MAC(i)))
	}
	for _, d := range c.Disks {
		args = append(args, "-device", fmt.Sprintf("virtio-blk-pci,drive=%s,serial=%s,werror=report,rerror=report", d.Name, d.Name)) // QEMU would stop the machine
	}
	return args
}

// options returns the hypervisor's command line.
func (c *Config) options() string {
	return fmt.Sprintf("%s dom0_mem=%dM,max:%dM", xenOptions, c.Dom0Memory, c.Dom0Memory)
}

// args returns QEMU's arguments. A state to continue is file 3.
func (c *Config) args() []string {
	args := append(c.hardware(),
		"-name", c.Name,
		"-kernel", c.Xen, "-append", c.options(), "-initrd", c.Kernel+" "+kernelOptions+","+c.Initrd,
		"-chardev", "socket,id=console,path="+c.Socket("console")+",server=on,wait=off,logfile="+c.Log("console")+",logappend=on",
		"-serial", "chardev:console",
		"-chardev", "socket,id=agent,path="+c.Socket("agent")+",server=on,wait=off",
		"-qmp", "unix:"+c.Socket("qmp")+",server=on,wait=off",
	)
	for i, nic := range agent.NICs() {
		backend := fmt.Sprintf("hubport,hubid=%d", i) // leads nowhere
		if c.Network {
			backend = "stream,server=off,addr.type=unix,addr.path=" + c.Socket(nic)
		}
		args = append(args, "-netdev", backend+",id="+nic)
	}
	for _, d := range c.Disks {
		if d.Socket != "" {
			args = append(args, "-blockdev", "driver=nbd,node-name="+d.Name+",server.type=unix,server.path="+d.Socket+",discard=unmap")
			continue
		}
		how := ",discard=unmap"
		if d.ReadOnly {
			how = ",read-only=on"
		}
		args = append(args,
			"-blockdev", "driver=file,node-name="+d.Name+"-file,filename="+d.Path+how,
			"-blockdev", "driver=raw,node-name="+d.Name+",file="+d.Name+"-file"+how)
	}
	if c.State != nil {
		args = append(args, "-incoming", "fd:3")
	}
	return args
}
