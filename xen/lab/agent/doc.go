// Package agent talks with the program that runs in a lab host's dom0: it runs commands there, brings files, and
// gives the host its identity.
//
//	lab process                                            dom0
//	Client ── unix socket ── QEMU ── virtio-serial port ── Server
//
// The path is a device of the machine, not one of its networks: it works whatever is done to the network.
//
// A byte channel that survives reboots and restored machine states holds remains of earlier talks. So every connection begins with
// a greeting: the client sends a line with a number that was never used before and throws away what comes until the
// server's line with the same number. Then both speak yamux, and every request is a stream of its own: one line of
// JSON, the Request; then what the operation says; in the end one line of JSON, the Reply. Commands exchange frames
// in between, see frame.go.
package agent

import "fmt"

// Port is the name of the virtio-serial port.
const Port = "holdfast.agent"

// NICs are the network cards of every host, in the order of their hardware addresses: management, the two
// availability links, and the network of the guests.
func NICs() []string { return []string{"mgmt", "alink0", "alink1", "lan"} }

// ImagesDisk is the name of the disk of every host from which guests read a service's programs, or boot. It has a
// partition for each of Images, in that order.
const ImagesDisk = "images"

// Images are what has a partition on ImagesDisk: services, and the boot disk of HVM guests. dom0 has them as
// /dev/lab/NAME.
func Images() []string { return []string{"postgres", "redis", "hvm"} }

// GuestAddress returns the address of guest number n, 0 to 99, on the guests' network, and GuestMAC that of its card.
func GuestAddress(n int) string { return fmt.Sprintf("10.77.8.%d", 101+n) }

// GuestMAC ends in the guest's number.
func GuestMAC(n int) string { return fmt.Sprintf("00:16:3e:77:00:%02x", n) }

// MAC returns the hardware address with which a machine gives the NIC number n to its host. All hosts have the same
// ones until they are given their identity: only then can one saved state serve for all.
func MAC(n int) string { return fmt.Sprintf("52:54:00:68:64:%02x", n) }

// Op is what a request asks for.
type Op string

// The operations.
const (
	// OpStatus asks how far the host is; Status is in the reply.
	OpStatus Op = "status"
	// OpExec runs a command: Args, Dir. Frames follow in both directions.
	OpExec Op = "exec"
	// OpPush writes a file, whole or not at all: Path, Mode, Size, then its bytes.
	OpPush Op = "push"
	// OpIdentity makes the host the one that Identity describes.
	OpIdentity Op = "identity"
	// OpSelfTest counts wrong results of a computation that keeps its state in SIMD registers, for Seconds.
	OpSelfTest Op = "selftest"
)

// Request begins a stream.
type Request struct {
	Op       Op
	Args     []string  `json:",omitempty"`
	Dir      string    `json:",omitempty"`
	Path     string    `json:",omitempty"`
	Mode     uint32    `json:",omitempty"`
	Size     int64     `json:",omitempty"`
	Seconds  int       `json:",omitempty"`
	Identity *Identity `json:",omitempty"`
}

// Reply ends a stream.
type Reply struct {
	// Error is empty when the operation was done.
	Error  string  `json:",omitempty"`
	Status *Status `json:",omitempty"`
	// Code is the exit code of a command, 128 and the signal if one ended it.
	Code int `json:",omitempty"`
	// Rounds and Wrong count the computations of a self-test and those with a wrong result.
	Rounds int `json:",omitempty"`
	Wrong  int `json:",omitempty"`
}

// Status is how far a host is.
type Status struct {
	// Ready is true when the toolstack can start guests.
	Ready bool
	// Step is what the first process does or did last.
	Step string
	// Failed is why it got no further; empty if it did.
	Failed string `json:",omitempty"`
	// UptimeMS is the time since dom0's kernel started, in milliseconds.
	UptimeMS int64
	// Boot names this boot of dom0's kernel. Hosts that continue one saved state have it in common.
	Boot string
	// Name is the host's name.
	Name string
}

// Identity is what makes one host out of a state that was saved for all.
type Identity struct {
	// Name of the host.
	Name string
	// Addresses by network card, in CIDR form.
	Addresses map[string]string
	// MACs are the hardware addresses by network card.
	MACs map[string]string
	// Hosts are the names and addresses of all hosts, for /etc/hosts.
	Hosts map[string]string
	// UnixNano is the time.
	UnixNano int64
	// Seed is mixed into the kernel's random numbers, which a saved state repeats otherwise.
	Seed []byte
}
