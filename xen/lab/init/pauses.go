package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From Xen 4.17: public/xen.h and public/domctl.h; from Linux: uapi/xen/privcmd.h.
const (
	privcmdHypercall = 0x00305000 // IOCTL_PRIVCMD_HYPERCALL
	hypercallDomctl  = 36
	domctlVersion    = 0x15
	domctlGetInfo    = 5
	domctlUnion      = 16              // offset of what belongs to a command
	domctlInfoFlags  = domctlUnion + 4 // offset of the flags
	flagShutdown     = 1 << 2          // it suspended itself, or has ended
	flagPaused       = 1 << 3          // by the toolstack
)

// pausePoll is how often a domain is looked at.
const pausePoll = time.Millisecond

// domainFlags asks the hypervisor how a domain is.
type domainFlags struct {
	privcmd int
	buffer  []byte // locked memory: the hypervisor does not fault pages in
}

func openDomainFlags() (*domainFlags, error) {
	fd, err := unix.Open("/dev/xen/privcmd", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/xen/privcmd: %w", err)
	}
	buffer, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_LOCKED|unix.MAP_POPULATE)
	if err != nil {
		return nil, err
	}
	return &domainFlags{fd, buffer}, nil
}

// flags returns the flags of a domain.
func (d *domainFlags) flags(domain uint16) (uint32, error) {
	clear(d.buffer)
	binary.LittleEndian.PutUint32(d.buffer[0:], domctlGetInfo)
	binary.LittleEndian.PutUint32(d.buffer[4:], domctlVersion)
	binary.LittleEndian.PutUint16(d.buffer[8:], domain)
	binary.LittleEndian.PutUint16(d.buffer[domctlUnion:], domain)
	call := [6]uint64{hypercallDomctl, uint64(uintptr(unsafe.Pointer(&d.buffer[0])))}
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(d.privcmd), privcmdHypercall, uintptr(unsafe.Pointer(&call[0])))
	if e != 0 {
		return 0, e
	}
	return binary.LittleEndian.Uint32(d.buffer[domctlInfoFlags:]), nil
}

// runPauses prints one line for each time that a domain stood still and went on: the time at which it did, and for how
// long, both in microseconds. It looks every millisecond and ends with the domain.
func runPauses(domain string) error {
	id, err := strconv.ParseUint(domain, 10, 15)
	if err != nil {
		return err
	}
	d, err := openDomainFlags()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	start := time.Now()
	var since time.Time
	for tick := time.NewTicker(pausePoll); ; <-tick.C {
		flags, err := d.flags(uint16(id))
		now := time.Now()
		if err != nil {
			return fmt.Errorf("domain %d: %w", id, err)
		}
		still := flags&(flagPaused|flagShutdown) != 0
		switch {
		case still && since.IsZero():
			since = now
		case !still && !since.IsZero():
			fmt.Fprintln(out, since.Sub(start).Microseconds(), now.Sub(since).Microseconds())
			if err := out.Flush(); err != nil {
				return err
			}
			since = time.Time{}
		}
	}
}
