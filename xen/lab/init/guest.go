package main

import (
	"fmt"
	"net"
	"os"
	"time"

	"github.com/vishvananda/netlink"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/service"
)

// How long a guest waits for its devices, before it goes on without.
const deviceWait = 10 * time.Second

// runGuest makes a guest that serves on the network. Its address is holdfast.ip on the kernel's command line; its
// disk, if it has one, is holdfast.disk. It serves the registers, or holdfast.service with programs from the disk
// holdfast.root.
func runGuest() error {
	if err := loadModules(bootModules); err != nil {
		return err
	}
	if err := guestNetwork(option("holdfast.ip", "")); err != nil {
		return err
	}
	disk := guestDisk(option("holdfast.disk", ""))
	if name := option("holdfast.service", ""); name != "" {
		return runProgram(name, option("holdfast.root", ""), disk)
	}
	if disk != "" {
		if err := waitFile(disk, deviceWait); err != nil {
			return err
		}
	}
	server, err := service.New(service.Config{Disk: disk, Boot: readTrimmed("/proc/sys/kernel/random/boot_id")})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", service.Port))
	if err != nil {
		return err
	}
	fmt.Println("holdfast: guest serves")
	return server.Serve(listener)
}

// Values of the options for guests that all boot the same disk: an address that follows from the card's, and a disk if
// there is a second one.
const (
	byCard    = "mac"
	spare     = "spare"
	spareDisk = "/dev/vdb"
)

// spareWait is how long a second disk may take to show up after its driver was loaded.
const spareWait = time.Second

// guestDisk returns the guest's disk, empty for none.
func guestDisk(value string) string {
	if value != spare {
		return value
	}
	if waitFile(spareDisk, spareWait) != nil {
		return ""
	}
	return spareDisk
}

func guestNetwork(address string) error {
	if lo, err := netlink.LinkByName("lo"); err == nil {
		_ = netlink.LinkSetUp(lo) // the service does not need it
	}
	if address == "" {
		return nil
	}
	link, err := waitLink("eth0", deviceWait)
	if err != nil {
		return fmt.Errorf("network card: %w", err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	if address == byCard {
		mac := link.Attrs().HardwareAddr
		address = agent.GuestAddress(int(mac[len(mac)-1])) + "/24"
	}
	return setAddress("eth0", address)
}

func waitFile(name string, limit time.Duration) error {
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(name); err == nil || time.Now().After(end) {
			return err
		}
	}
}
