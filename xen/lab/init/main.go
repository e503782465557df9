// Command init is the first process of the lab's machines: of dom0 on its hosts and of its guests. It is built
// without cgo, static, and is the only program of a guest.
//
//	kernel ─► /init ─► mounts, then reaps whatever ends
//	             └──► /init host:   modules, Xen's daemons, network, then the agent of package agent
//	             └──► /init guest:  modules, network, then the service of package service
//
// Run by hand in dom0, "init client ADDRESS N" is a client of the service, "init stream" joins programs on two hosts,
// "init packets" shows what a network does to packets, and "init pauses DOMAIN" tells when a domain stands still. By the
// names vif-lab and block-lab it is the toolstack's script for network cards and for disks.
//
// The first process does nothing that can fail later; the second one is started again when it ends. Which of the two
// a machine is stands on the kernel's command line, as holdfast.role.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() == 1 {
		first()
	}
	var err error
	switch args := os.Args[1:]; {
	case filepath.Base(os.Args[0]) == vifScript && len(args) > 0:
		err = runVif(args[0])
	case filepath.Base(os.Args[0]) == blockScript && len(args) > 0:
		err = runBlock(args[0])
	case len(args) == 1 && args[0] == "host":
		err = runHost()
	case len(args) == 1 && args[0] == "guest":
		err = runGuest()
	case len(args) == 3 && args[0] == "client":
		err = runClient(args[1], args[2])
	case len(args) > 0 && args[0] == "stream":
		err = runStream(args[1:])
	case len(args) > 0 && args[0] == "packets":
		err = runPackets(args[1:])
	case len(args) == 2 && args[0] == "pauses":
		err = runPauses(args[1])
	default:
		err = errors.New("usage: init host | guest | client ADDRESS N | stream … | packets … | pauses DOMAIN")
	}
	if err != nil {
		fmt.Println("holdfast:", err) // where the machine's console shows it
		os.Exit(1)
	}
}

// first is the first process. It never returns.
func first() {
	for _, m := range mounts {
		if err := m.do(); err != nil {
			fmt.Printf("holdfast: mounting %s: %v\n", m.target, err)
		}
	}
	for _, l := range devLinks {
		if err := os.Symlink(l[0], l[1]); err != nil {
			fmt.Printf("holdfast: %v\n", err)
		}
	}
	os.Setenv("PATH", "/usr/sbin:/usr/bin:/usr/lib/xen-4.17/bin")
	os.Setenv("HOME", "/root")
	role := option("holdfast.role", "host")
	child := 0
	for {
		if child == 0 {
			child = start(role)
		}
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if err != nil && err != unix.EINTR {
			time.Sleep(time.Second) // without any child; the next start may work
			child = 0
		} else if pid == child {
			fmt.Printf("holdfast: the %s process ended (%#x) and is started again\n", role, uint32(status))
			child = 0
		}
	}
}

// start starts the second process and returns its number, 0 if it could not be started.
func start(role string) int {
	cmd := exec.Command("/init", role)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fmt.Printf("holdfast: starting the %s process: %v\n", role, err)
		return 0
	}
	pid := cmd.Process.Pid
	_ = cmd.Process.Release() // waited for in first, with all others
	return pid
}

// option returns the value of a parameter of the kernel's command line.
func option(name, otherwise string) string {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return otherwise
	}
	for _, word := range strings.Fields(string(text)) {
		if value, ok := strings.CutPrefix(word, name+"="); ok {
			return value
		}
	}
	return otherwise
}
