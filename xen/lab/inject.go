package lab

import (
	"errors"
	"fmt"
	"hash/fnv"
	"path/filepath"

	"holdfast/faults"
	"holdfast/xen/lab/disk"
	"holdfast/xen/lab/wire"
)

// served is a disk of a host and its server.
type served struct {
	disk   *disk.Disk
	server *disk.Server
}

func (s *served) close() {
	_ = errors.Join(s.server.Close(), s.disk.Close()) // the files are removed with the lab
}

// serveDisks has the host's disks served by this process, so that faults can be done to them.
func (h *Host) serveDisks(seed uint64) error {
	for i := range h.config.Disks {
		d := &h.config.Disks[i]
		if d.ReadOnly {
			continue
		}
		own := fnv.New64a() // hosts draw apart
		fmt.Fprintf(own, "%d %s %s", seed, h.config.Name, d.Name)
		opened, err := disk.Open(d.Path, own.Sum64())
		if err != nil {
			return err
		}
		d.Socket = filepath.Join(h.config.Dir, h.config.Name+"-"+d.Name+".sock")
		server, err := disk.Serve(d.Socket, opened)
		if err != nil {
			return errors.Join(err, opened.Close())
		}
		h.disks[d.Name] = &served{opened, server}
	}
	return nil
}

// losePower does to the host's disks what a loss of power does. The machine has ended.
func (h *Host) losePower(how faults.Unsynced) {
	for _, name := range diskNames() {
		d := h.disks[name]
		if d == nil {
			continue
		}
		d.server.Unplug()
		lost, of, err := d.disk.PowerLoss(how)
		if err != nil {
			h.say("host %s: disk %s: %v", h.config.Name, name, err)
		}
		if of > 0 {
			h.say("host %s: disk %s lost %d of %d writes that were not flushed", h.config.Name, name, lost, of)
		}
	}
}

// inject does a fault, written as in a script, and returns what it did.
func (l *Lab) inject(n *network, text string) (string, error) {
	f, err := faults.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrConfig, err)
	}
	did := ""
	switch {
	case f.Kind == faults.PowerOff && f.For == 0:
		did, err = l.powerOff(f)
	case f.Kind.Class() == faults.ClassDisk:
		did, err = l.injectDisk(f)
	case f.Kind == faults.HealAll:
		for _, h := range l.all() {
			for _, name := range diskNames() {
				err = errors.Join(err, h.disks[name].disk.Inject(f))
			}
		}
		fallthrough
	default:
		var plan wire.Plan
		plan, err = n.Inject(f, wire.Names)
		if errors.Is(err, wire.ErrNotOfNetwork) {
			err = fmt.Errorf("%w, nor of disks, nor a power-off without \"for\"; \"lab power\" switches, resets, freezes and thaws hosts", err)
		}
		did = fmt.Sprintf("%s: %d changes", f, len(plan.Begin))
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrConfig, err)
	}
	l.say("fault: %s", did)
	return did, nil
}

// named returns the hosts that a fault's member names.
func (l *Lab) named(r faults.Role) ([]*Host, error) {
	names, err := wire.Names(r)
	if err != nil {
		return nil, err
	}
	var hosts []*Host
	for _, name := range names {
		h, err := l.host(name)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// powerOff cuts the power of a host, with a choice of what becomes of what was not flushed.
func (l *Lab) powerOff(f faults.Fault) (string, error) {
	hosts, err := l.named(f.Member)
	if err != nil {
		return "", err
	}
	for _, h := range hosts {
		h.PowerOff(f.Unsynced)
	}
	return f.String(), nil
}

// DiskOf returns the name of a host's disk on which the copy of a VM's disk lies: the VM system stands for the disk of
// Holdfast's own records, every other one for the disk of guests.
func DiskOf(vm string) string {
	names := diskNames()
	if vm == names[1] {
		return names[1]
	}
	return names[0]
}

// injectDisk does a fault to a disk of a host.
func (l *Lab) injectDisk(f faults.Fault) (string, error) {
	if err := disk.Possible(f); err != nil {
		return "", err
	}
	hosts, err := l.named(f.Member)
	for _, h := range hosts {
		err = errors.Join(err, h.disks[DiskOf(f.VM)].disk.Inject(f))
	}
	return fmt.Sprintf("%s: disk %s", f, DiskOf(f.VM)), err
}
