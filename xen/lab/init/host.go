package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/xen/lab/agent"
)

// host is dom0 as its agent shows it.
type host struct {
	mu     sync.Mutex
	status agent.Status
}

// runHost makes dom0 a host that can start guests, and serves its agent meanwhile and afterwards.
func runHost() error {
	h := &host{}
	h.status.Boot = readTrimmed("/proc/sys/kernel/random/boot_id")
	if err := loadModules(bootModules); err != nil {
		return err
	}
	port, err := openPort()
	if err != nil {
		return err
	}
	go h.bringUp()
	return agent.Serve(port, h, func() { time.Sleep(portPoll) })
}

// steps make a toolstack out of a kernel, in this order.
var steps = []struct {
	name string
	do   func() error
}{
	{"folders", folders},
	{"xenstored", func() error {
		return once("/run/xenstored.pid", "xenstored", "--pid-file", "/run/xenstored.pid")
	}},
	{"dom0", func() error { return command("xen-init-dom0") }},
	{"xenconsoled", func() error {
		return once("/run/xenconsoled.pid", "xenconsoled", "--log=none", "--pid-file=/run/xenconsoled.pid")
	}},
	{"network", network},
	{"disks", disks},
	{"xl", func() error { return command("xl", "info") }},
	{"caches", dropCaches},
}

// bringUp does the steps and starts the shell on the console.
func (h *host) bringUp() {
	for _, s := range steps {
		h.set(func(st *agent.Status) { st.Step = s.name })
		if err := s.do(); err != nil {
			h.set(func(st *agent.Status) { st.Failed = err.Error() })
			fmt.Printf("holdfast: %s: %v\n", s.name, err)
			break
		}
	}
	h.set(func(st *agent.Status) { st.Ready = st.Failed == "" })
	fmt.Println("holdfast: host is up")
	shells()
}

func (h *host) set(change func(*agent.Status)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.status)
}

// Status implements agent.Host.
func (h *host) Status() agent.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.status
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) == nil {
		s.UptimeMS = up.Nano() / 1e6
	}
	return s
}

// folders are those that Xen's programs expect in /run, which is empty at every boot, and xenfs.
func folders() error {
	for _, dir := range []string{"/run/lock", "/run/xen", "/run/xenstored", "/run/drbd", "/run/lock/drbd"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if _, err := os.Stat("/proc/xen/capabilities"); err == nil {
		return nil // the process was started again
	}
	return unix.Mount("xenfs", "/proc/xen", "xenfs", 0, "")
}

// disks gives the machine's disks names: /dev/lab/NAME, after the serial numbers that the lab gave them. The disk with
// the services' file systems has a partition for each.
func disks() error {
	if err := os.MkdirAll("/dev/lab", 0o755); err != nil {
		return err
	}
	serials, err := filepath.Glob("/sys/block/vd*/serial")
	for _, file := range serials {
		device, name := filepath.Base(filepath.Dir(file)), readTrimmed(file)
		names := map[string]string{name: device}
		if name == agent.ImagesDisk {
			for i, service := range agent.Images() {
				names[service] = fmt.Sprint(device, i+1)
			}
		}
		for name, device := range names {
			if e := os.Symlink("../"+device, "/dev/lab/"+name); e != nil && !errors.Is(e, os.ErrExist) {
				err = errors.Join(err, e)
			}
		}
	}
	return err
}

// once runs a program that goes on in the background, unless the process in its file of that kind still lives.
func once(pidFile string, args ...string) error {
	if pid := readTrimmed(pidFile); pid != "" {
		if _, err := os.Stat("/proc/" + pid); err == nil {
			return nil
		}
	}
	return command(args...)
}

// dropCaches forgets what was read from disks, so that a saved state of this machine can continue with other content
// on them.
func dropCaches() error { return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0) }

// shells keeps a shell on the console.
func shells() {
	for {
		console, err := os.OpenFile("/dev/console", os.O_RDWR, 0)
		if err == nil {
			cmd := exec.Command("/usr/bin/bash", "--login")
			cmd.Stdin, cmd.Stdout, cmd.Stderr = console, console, console
			cmd.Dir = "/root"
			cmd.Env = append(os.Environ(), "TERM=vt100", `PS1=\h:\w\$ `)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			err = cmd.Run()
			console.Close()
		}
		if err != nil {
			fmt.Println("holdfast: the console's shell:", err)
		}
		time.Sleep(time.Second) // a console that fails must not take the processor
	}
}

func readTrimmed(name string) string {
	text, _ := os.ReadFile(name)
	return strings.TrimSpace(string(text))
}
