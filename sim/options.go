package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/engine"
	"holdfast/engine/dr"
	"holdfast/engine/lease"
	"holdfast/engine/mirror"
	"holdfast/engine/model"
	"holdfast/sim/client"
	"holdfast/sim/guest"
)

// ErrOptions is wrapped by New for options that make no pool.
var ErrOptions = errors.New("sim: invalid options")

// Options describe a pool and its load.
type Options struct {
	Seed    uint64
	Hosts   []string // names; host i is member i+1
	Spares  []string // those of Hosts that are not in the pool before JoinHost
	Witness string   // name; empty: none. It is the last member.
	Voters  int      // 0: what suits the size of the pool
	VMs     []VM
	// Policies are stated, in order, before the VMs are ordered; those about spare hosts are not known then.
	Policies []model.Order
	// Timing holds the engine's settings; the zero value of a part means its defaults.
	Timing Timing
}

// Timing are the engine settings that a scenario can tune.
type Timing struct {
	Engine     engine.Timing
	Epoch      time.Duration // default 50 ms
	EpochMax   time.Duration // default 500 ms, at least Epoch
	AckTimeout time.Duration // default 1 s
	IOTimeout  time.Duration // default 500 ms
	Lease      lease.Config  // default lease.Default
}

// VM is one protected machine and its clients.
type VM struct {
	Name         string
	Level        model.Level
	Service      guest.Service
	Home, Second string        // hosts; both empty: the policies choose
	Shared       bool          // its disk is shared storage that both of them reach
	Recovery     string        // host with a copy at another place; empty: none
	Target       time.Duration // recovery point target; needed with Recovery
	Covered      bool          // it may get a recovery copy by AddRecovery
	Later        bool          // not ordered before OrderVM
	Clients      int           // 0 to guest.MaxClients; 0 if Later
	Rate         int           // operations per second of all clients together
	Keys         int
	Recorder     client.Recorder // takes down what the clients saw; required if Clients > 0
}

// Shape of the simulated disks: sectors of a disk and of an extent, and extents of a disk.
const (
	diskSectors   = 2048
	extentSectors = 16
	diskExtents   = diskSectors / extentSectors

	// InitialBalance is what each account of a bank holds at first.
	InitialBalance = 100
)

// DefaultTiming returns the settings that apply where a scenario tunes nothing.
func DefaultTiming() Timing {
	p := engine.DefaultPair()
	return Timing{Engine: engine.DefaultTiming(), Epoch: p.Epoch, EpochMax: p.EpochMax, AckTimeout: p.AckTimeout, IOTimeout: 500 * time.Millisecond, Lease: lease.Default()}
}

// member returns the number of the named member, or NoNode.
func (o *Options) member(name string) model.NodeID {
	for i, h := range o.Hosts {
		if h == name {
			return model.NodeID(i + 1)
		}
	}
	if name != "" && name == o.Witness {
		return model.NodeID(len(o.Hosts) + 1)
	}
	return model.NoNode
}

// spare reports whether the named host joins the pool later.
func (o *Options) spare(name string) bool { return slices.Contains(o.Spares, name) }

func (o *Options) validate() error {
	if len(o.Hosts) < 2 || len(o.Hosts) > 16 {
		return fmt.Errorf("%w: %d hosts; a pool has 2 to 16", ErrOptions, len(o.Hosts))
	}
	for _, v := range o.VMs {
		if err := o.validateHomes(&v); err != nil {
			return err
		}
		if v.Shared && v.Level != model.LevelRestart {
			return fmt.Errorf("%w: VM %q is on shared storage at level %v; only restart has that", ErrOptions, v.Name, v.Level)
		}
		if v.Recovery != "" && (o.member(v.Recovery) == model.NoNode || v.Recovery == v.Home || v.Recovery == v.Second || v.Target < time.Millisecond) {
			return fmt.Errorf("%w: VM %q needs a third host for its recovery copy, with a target; it has %q and %v", ErrOptions, v.Name, v.Recovery, v.Target)
		}
		if v.Clients > 0 && (v.Recorder == nil || v.Rate < 1) {
			return fmt.Errorf("%w: VM %q has clients but no recorder or rate", ErrOptions, v.Name)
		}
	}
	return nil
}

// engineConfig returns the configuration of member id's engine.
func (o *Options) engineConfig(id model.NodeID) engine.Config {
	var hosts, witnesses, contacts model.NodeSet
	for i, name := range o.Hosts {
		if !o.spare(name) {
			hosts = hosts.With(model.NodeID(i + 1))
		}
	}
	if o.Witness != "" {
		witnesses = witnesses.With(model.NodeID(len(o.Hosts) + 1))
	}
	if int(id) <= len(o.Hosts) && !hosts.Has(id) {
		contacts = hosts | witnesses
	}
	pair := engine.DefaultPair()
	pair.Epoch, pair.AckTimeout = o.Timing.Epoch, o.Timing.AckTimeout
	pair.EpochMax = max(o.Timing.EpochMax, pair.Epoch)
	pair.Resend = min(pair.Resend, pair.AckTimeout)
	return engine.Config{
		ID: id, Hosts: hosts, Witnesses: witnesses, Contacts: contacts, Voters: o.Voters, Seed: o.Seed, Timing: o.Timing.Engine, Lease: o.Timing.Lease, Pair: pair,
		Mirror: mirror.Config{
			Extents: diskExtents, ExtentSectors: extentSectors,
			ActiveExtents: 24, CopyDepth: 4, IOTimeout: o.Timing.IOTimeout, Resend: min(50*time.Millisecond, o.Timing.IOTimeout/4),
		},
		// A small journal: a cut of some seconds is longer than what it keeps.
		Recovery: dr.Config{Journal: 128, Window: 64, CopyDepth: 4},
	}
}

// guestConfig returns the shape of the i-th VM's machine.
func (v *VM) guestConfig(id model.VMID) guest.Config {
	return guest.Config{
		VM: id, Service: v.Service, Clients: max(v.Clients, 1), Keys: max(v.Keys, 2), Balance: InitialBalance,
		Sectors: diskSectors, Pages: 64, Churn: 2,
	}
}
