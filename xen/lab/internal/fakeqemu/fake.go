// Package fakeqemu is an emulator that emulates nothing: it has QEMU's monitor and the agent of a host, so that tests
// can start, save, reset and kill machines within milliseconds. Only tests import it.
//
// A test program calls Main first in its TestMain, and Install puts it into the path under QEMU's name.
package fakeqemu

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/xen/lab/agent"
)

// State is what a saved machine consists of.
const State = "the state of a fake machine"

// Environment of the fake.
const (
	enable = "HOLDFAST_FAKE_QEMU"
	// Broken makes hosts fail, with its value as the reason.
	Broken = "HOLDFAST_FAKE_BROKEN"
	// Slow makes hosts boot for ever.
	Slow = "HOLDFAST_FAKE_SLOW"
)

// Main is the emulator, if this process is one; it does not return then.
func Main() {
	if os.Getenv(enable) == "" || filepath.Base(os.Args[0]) != "qemu-system-x86_64" {
		return
	}
	f := &fake{}
	if err := f.run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Install returns a folder in which this test program goes by the name of the emulator.
func Install(dir string) (path string, environment [2]string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", environment, err
	}
	path = filepath.Join(dir, "qemu-system-x86_64")
	return path, [2]string{enable, "1"}, os.Symlink(self, path)
}

type fake struct {
	mu     sync.Mutex
	name   string // that the host was given
	given  *os.File
	booted bool
}

func (f *fake) run(args []string) error {
	if len(args) == 1 && args[0] == "--version" {
		fmt.Println("QEMU emulator version 0 (fake)")
		return nil
	}
	for i, arg := range args {
		path := between(arg, "path=", ",")
		switch {
		case i > 0 && args[i-1] == "-qmp":
			if err := listen(between(arg, "unix:", ","), f.monitor); err != nil {
				return err
			}
		case strings.HasPrefix(arg, "socket,id=agent"):
			if err := listen(path, func(conn net.Conn) { _ = agent.Serve(conn, f, func() { conn.Close() }) }); err != nil {
				return err
			}
		case arg == "-incoming":
			text, err := io.ReadAll(os.NewFile(3, "state"))
			if err != nil || string(text) != State {
				return fmt.Errorf("no state but %q: %v", text, err)
			}
		}
	}
	select {} // until it is killed
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

func listen(path string, serve func(net.Conn)) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	return nil
}

// Status implements agent.Host.
func (f *fake) Status() agent.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	ready := f.booted && os.Getenv(Slow) == ""
	f.booted = true // at the second look
	return agent.Status{Ready: ready && os.Getenv(Broken) == "", Step: "fake", Failed: os.Getenv(Broken), Name: f.name}
}

// Identify implements agent.Host.
func (f *fake) Identify(id agent.Identity) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name = id.Name
	return nil
}

// monitor serves one connection with the monitor.
func (f *fake) monitor(conn net.Conn) {
	defer conn.Close()
	fmt.Fprintln(conn, `{"QMP": {"version": {}, "capabilities": []}}`)
	r := bufio.NewScanner(&withFiles{conn.(*net.UnixConn), f})
	for r.Scan() {
		var c struct {
			Execute   string          `json:"execute"`
			Arguments json.RawMessage `json:"arguments"`
			ID        uint64          `json:"id"`
		}
		if json.Unmarshal(r.Bytes(), &c) != nil {
			return
		}
		result := f.command(conn, c.Execute, c.Arguments)
		fmt.Fprintf(conn, `{"return": %s, "id": %d}`+"\n", result, c.ID)
	}
}

// command does what a command says and returns its result.
func (f *fake) command(conn net.Conn, name string, arguments json.RawMessage) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	event := func(name string) {
		fmt.Fprintf(conn, `{"event": %q, "timestamp": {"seconds": %d, "microseconds": 0}}`+"\n", name, time.Now().Unix())
	}
	switch name {
	case "set_link":
		fmt.Println("set_link", string(arguments)) // into the log
	case "stop":
		event("STOP")
	case "cont":
		event("RESUME")
	case "system_reset":
		f.booted, f.name = false, ""
		event("RESET")
	case "migrate":
		_, _ = io.WriteString(f.given, State)
		f.given.Close()
	case "query-migrate":
		return `{"status": "completed"}`
	}
	return "{}"
}

// withFiles reads from a connection and keeps the open file that comes with what it reads.
type withFiles struct {
	conn *net.UnixConn
	f    *fake
}

func (w *withFiles) Read(p []byte) (int, error) {
	rights := make([]byte, 64)
	n, r, _, _, err := w.conn.ReadMsgUnix(p, rights)
	if messages, e := unix.ParseSocketControlMessage(rights[:r]); e == nil && len(messages) == 1 {
		if files, e := unix.ParseUnixRights(&messages[0]); e == nil {
			w.f.mu.Lock()
			w.f.given = os.NewFile(uintptr(files[0]), "given")
			w.f.mu.Unlock()
		}
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}
