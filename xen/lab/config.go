package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/image"
	"holdfast/xen/lab/machine"
)

// ErrConfig is returned for a Config that cannot be.
var ErrConfig = errors.New("lab: bad configuration")

// Limits of a Config.
const (
	MaxHosts   = 3
	dom0Memory = 1024 // MiB, of each host
)

// Config describes a lab.
type Config struct {
	// Name of the lab, for several at a time: a few lower-case letters and digits.
	Name string
	// Hosts is their number, 1 to MaxHosts. They are called a, b, c.
	Hosts int
	// Memory of each host in MiB, of which dom0 takes 1024.
	Memory int
	// Disk is the size of each of a host's two disks in MiB; they take room as they are written.
	Disk int
	// Seed decides what chance decides: which frames are lost, and which writes of a disk that loses its power; 0: the time does.
	Seed uint64
	// Cold boots hosts from power-on, instead of continuing a saved state.
	Cold bool
	// Guest, if not nil, runs on the first host from the start: that host continues a state that was saved while the
	// guest served. Not together with Cold.
	Guest *Guest
	// Services are those whose programs guests can have from the start, besides the registers; see image.Services. Those of
	// Guest are added.
	Services []string
	// Cache is the folder of images, states and disks.
	Cache string
	// Run is the folder of sockets; its path is short.
	Run string
	// Program is the path of the static program that runs inside (xen/lab/init).
	Program string
	// Mirror and Refresh are those of image.Options. The mirror's default is that of the variable HOLDFAST_MIRROR.
	Mirror  string
	Refresh bool
}

// Default returns the configuration of the lab that goes by a name, as the environment suggests it.
func Default(name string) (Config, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Config{}, fmt.Errorf("%w: no folder for the cache: %v; set XDG_CACHE_HOME", ErrConfig, err)
	}
	program, err := os.Executable()
	if err != nil {
		return Config{}, err
	}
	base := os.Getenv("XDG_RUNTIME_DIR")
	if base == "" {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("holdfast-%d", os.Getuid()))
	}
	return Config{
		Name: name, Hosts: 2, Memory: 2048, Disk: 4096, Cache: filepath.Join(cache, "holdfast", "lab"),
		Run: filepath.Join(base, "lab-"+name), Program: filepath.Join(filepath.Dir(program), "holdfast-lab-init"),
		Mirror: os.Getenv("HOLDFAST_MIRROR"),
	}, nil
}

// Validate fails with ErrConfig for what cannot be.
func (c *Config) Validate() error {
	switch {
	case !machine.CleanName(c.Name):
		return fmt.Errorf("%w: the name %q: at most 8 lower-case letters and digits", ErrConfig, c.Name)
	case c.Hosts < 1 || c.Hosts > MaxHosts:
		return fmt.Errorf("%w: %d hosts: 1 to %d", ErrConfig, c.Hosts, MaxHosts)
	case c.Memory < dom0Memory+256:
		return fmt.Errorf("%w: %d MiB of memory: at least %d, of which dom0 takes %d", ErrConfig, c.Memory, dom0Memory+256, dom0Memory)
	case c.Guest != nil && c.Cold:
		return fmt.Errorf("%w: a host that boots from cold has no guest yet; create it when the lab is up", ErrConfig)
	case c.Guest != nil && c.Guest.Validate() != nil:
		return fmt.Errorf("%w: %w", ErrConfig, c.Guest.Validate())
	case c.Disk < 16:
		return fmt.Errorf("%w: disks of %d MiB: at least 16", ErrConfig, c.Disk)
	}
	for _, name := range c.Services {
		if !slices.Contains(agent.Images(), name) {
			return fmt.Errorf("%w: %w: %q; there are %q", ErrConfig, image.ErrService, name, agent.Images())
		}
	}
	return nil
}

// services returns the names of the services that are to be there from the start, sorted.
func (c *Config) services() []string {
	all := slices.Clone(c.Services)
	if c.Guest != nil {
		all = append(all, c.Guest.needs()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// hostNames returns the names of the hosts.
func (c *Config) hostNames() []string { return []string{"a", "b", "c"}[:c.Hosts] }

// disks is the folder of the hosts' disks.
func (c *Config) disks() string { return filepath.Join(c.Cache, "labs", c.Name) }

// diskNames are a host's disks: one for guests, one for Holdfast's own records.
func diskNames() []string { return []string{"data", "system"} }

// subnets are the second and third bytes of the networks' addresses, by NIC.
var subnets = map[string]int{"mgmt": 0, "alink0": 1, "alink1": 2, "lan": 8}

// Address returns the address of a host's NIC, without the length of the network, which is 24. Hosts count from 0.
func Address(nic string, host int) string { return fmt.Sprintf("10.77.%d.%d", subnets[nic], host+1) }

// GuestAddress returns the address of guest number n on the guests' network; n is 0 to 99.
func GuestAddress(n int) string { return agent.GuestAddress(n) }

// identity returns what makes host number i out of the saved state.
func (c *Config) identity(i int) agent.Identity {
	id := agent.Identity{Name: c.hostNames()[i], Addresses: map[string]string{}, MACs: map[string]string{}, Hosts: map[string]string{}}
	for n, nic := range agent.NICs() {
		id.Addresses[nic] = Address(nic, i) + "/24"
		id.MACs[nic] = fmt.Sprintf("52:54:00:77:%02x:%02x", n, i+1)
	}
	for j, name := range c.hostNames() {
		id.Hosts[name] = Address("mgmt", j)
	}
	return id
}

// Console returns a connection with the console of a host of the lab. There is one at a time.
func (c *Config) Console(ctx context.Context, host string) (net.Conn, error) {
	m := machine.Config{Name: host, Dir: c.Run}
	return m.Console(ctx)
}
