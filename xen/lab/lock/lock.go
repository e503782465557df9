// Package lock keeps a folder to one process at a time.
//
// The lock is the kernel's (flock): it ends with the process that holds it, however that ends, so it is never stale.
// The file tells who holds it, for the message to whoever comes second.
package lock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrHeld is returned while another process holds the lock.
var ErrHeld = errors.New("in use")

// Lock is a lock that this process holds.
type Lock struct{ f *os.File }

// Take takes the lock in the file name, which is made when missing. It does not wait: it fails with ErrHeld and
// names the holder. what says in that message what is locked, such as "the lab's cache".
func Take(name, what string) (*Lock, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("locking %s: %w", what, err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			defer f.Close()
			if !errors.Is(err, unix.EWOULDBLOCK) {
				return nil, fmt.Errorf("locking %s: %s: %w", what, name, err)
			}
			return nil, fmt.Errorf("%w: %s is held by %s (lock %s)", ErrHeld, what, holder(f), name)
		}
		if !isStill(f, name) { // its last holder removed it after it was opened here
			f.Close()
			continue
		}
		if err := sign(f); err != nil {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", what, err)
		}
		return &Lock{f}, nil
	}
}

// isStill reports whether f is the file that goes by the name.
func isStill(f *os.File, name string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(mine, there)
}

// sign writes into the file who holds it.
func sign(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), startTime("self")), 0)
	return err
}

// holder describes the process that holds the lock.
func holder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 64))
	pid, _, ok := strings.Cut(strings.TrimSpace(string(text)), " ")
	if err != nil || !ok {
		return "another process"
	}
	return "process " + pid
}

// startTime returns when a process was started, in clock ticks since the machine's start: together with its number it
// names a process for good. See proc(5), /proc/pid/stat, field 22.
func startTime(pid string) string {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return "?"
	}
	// The second field is the program's name in brackets, which may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return "?"
	}
	return fields[19]
}

// Release gives the lock back and leaves the file.
func (l *Lock) Release() error { return l.f.Close() }

// Remove gives the lock back and removes the file.
func (l *Lock) Remove() error { return errors.Join(os.Remove(l.f.Name()), l.f.Close()) }
