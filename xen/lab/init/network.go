package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"holdfast/xen/lab/agent"
)

// bridge is where guests are attached; it has the host's network card of that name as a port.
const (
	bridge    = "xenbr0"
	guestSide = "lan"
)

// network names the cards and makes the bridge. Addresses come with the identity.
func network() error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	cards := agent.NICs()
	for i, name := range cards {
		for _, link := range links {
			if link.Attrs().HardwareAddr.String() != agent.MAC(i) || link.Attrs().Name == name {
				continue
			}
			if err := netlink.LinkSetName(link, name); err != nil {
				return fmt.Errorf("naming the card %s: %w", name, err)
			}
		}
	}
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridge}}); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("making the bridge %s: %w", bridge, err)
	}
	br, err := netlink.LinkByName(bridge)
	if err != nil {
		return err
	}
	for _, name := range append([]string{"lo", bridge}, cards...) {
		link, err := netlink.LinkByName(name)
		if err == nil && name == guestSide {
			err = netlink.LinkSetMaster(link, br)
		}
		if err == nil {
			err = netlink.LinkSetUp(link)
		}
		if err != nil {
			return fmt.Errorf("network card %s: %w", name, err)
		}
	}
	return nil
}

// Identify implements agent.Host.
func (h *host) Identify(id agent.Identity) error {
	now := unix.NsecToTimeval(id.UnixNano)
	if err := unix.Settimeofday(&now); err != nil {
		return fmt.Errorf("setting the clock: %w", err)
	}
	if err := stir(id.Seed); err != nil {
		return fmt.Errorf("mixing in random numbers: %w", err)
	}
	if err := unix.Sethostname([]byte(id.Name)); err != nil {
		return fmt.Errorf("setting the host's name: %w", err)
	}
	for card, mac := range id.MACs {
		if err := setMAC(card, mac); err != nil {
			return fmt.Errorf("hardware address of %s: %w", card, err)
		}
	}
	for card, address := range id.Addresses {
		if card == guestSide {
			card = bridge
		}
		if err := setAddress(card, address); err != nil {
			return fmt.Errorf("address of %s: %w", card, err)
		}
	}
	var hosts strings.Builder
	hosts.WriteString("127.0.0.1 localhost\n")
	for name, address := range id.Hosts {
		fmt.Fprintln(&hosts, address, name)
	}
	if err := os.WriteFile("/etc/hosts", []byte(hosts.String()), 0o644); err != nil {
		return err
	}
	h.set(func(st *agent.Status) { st.Name = id.Name })
	return nil
}

// stir mixes a seed, all of which counts as random, into the kernel's random numbers, and makes it draw from the new
// state at once.
func stir(seed []byte) error {
	f, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	// struct rand_pool_info of linux/random.h: bits of entropy, bytes, the bytes.
	info := binary.NativeEndian.AppendUint32(nil, uint32(len(seed)*8))
	info = append(binary.NativeEndian.AppendUint32(info, uint32(len(seed))), seed...)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.RNDADDENTROPY, uintptr(unsafe.Pointer(&info[0]))); e != 0 {
		return e
	}
	return unix.IoctlSetInt(int(f.Fd()), unix.RNDRESEEDCRNG, 0)
}

func setMAC(card, mac string) error {
	address, err := net.ParseMAC(mac)
	if err != nil {
		return err
	}
	link, err := netlink.LinkByName(card)
	if err != nil {
		return err
	}
	// Down and up again, so that its IPv6 address follows, which all hosts have in common otherwise.
	if err := netlink.LinkSetDown(link); err != nil {
		return err
	}
	if err := netlink.LinkSetHardwareAddr(link, address); err != nil {
		return err
	}
	if card == guestSide { // the bridge has taken the address of its port
		if err := restart(bridge); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// restart takes a network card down and up again.
func restart(card string) error {
	link, err := netlink.LinkByName(card)
	if err == nil {
		err = netlink.LinkSetDown(link)
	}
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	return err
}

// setAddress makes address, in CIDR form, the only one of IPv4 that the card has.
func setAddress(card, address string) error {
	want, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	link, err := netlink.LinkByName(card)
	if err != nil {
		return err
	}
	have, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return err
	}
	for _, a := range have {
		if !a.Equal(*want) {
			if err := netlink.AddrDel(link, &a); err != nil {
				return err
			}
		}
	}
	return netlink.AddrReplace(link, want)
}

// waitLink waits until a network card is there: front ends of Xen need a while.
func waitLink(name string, limit time.Duration) (netlink.Link, error) {
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		link, err := netlink.LinkByName(name)
		if err == nil || time.Now().After(end) {
			return link, err
		}
	}
}
