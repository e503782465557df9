package disk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/faults"
)

// ErrFault is returned for a fault that cannot be done to a disk, with the reason.
var ErrFault = errors.New("this fault cannot be done to a disk of the lab")

// forever is a number of operations that is never used up.
const forever = -1

// state is the faults in effect.
type state struct {
	failReads, failWrites int // operations that fail; forever for all
	hang, full, lying     bool
	slow                  time.Duration
}

// list returns the faults as in a script.
func (s *state) list() (out []string) {
	count := func(word string, n int) {
		if n == forever {
			out = append(out, word)
		} else if n > 0 {
			out = append(out, fmt.Sprintf("%s count %d", word, n))
		}
	}
	count("disk-error read", s.failReads)
	count("disk-error write", s.failWrites)
	if s.hang {
		out = append(out, "disk-hang")
	}
	if s.slow > 0 {
		out = append(out, "disk-slow by "+s.slow.String())
	}
	if s.full {
		out = append(out, "disk-full")
	}
	if s.lying {
		out = append(out, "disk-lying-flush")
	}
	return out
}

// Possible returns nil for a fault that Inject does, and an error that wraps ErrFault and says why for any other. It looks
// at no disk, so that a script can be refused before it runs.
func Possible(f faults.Fault) error {
	switch f.Kind {
	case faults.DiskError, faults.DiskHang, faults.DiskSlow, faults.DiskFull, faults.DiskCorrupt, faults.DiskLyingFlush, faults.DiskHeal, faults.HealAll:
		return nil
	case faults.IODelay:
		return fmt.Errorf("%w: %s: the lab does not know the I/O time-out T of what runs on its hosts; disk-slow takes a duration", ErrFault, f.Kind)
	case faults.StorageCut:
		return fmt.Errorf("%w: %s: the lab's hosts have no shared storage", ErrFault, f.Kind)
	}
	return fmt.Errorf("%w: %s: it is no fault of a disk", ErrFault, f.Kind)
}

// Inject does a fault to the disk. A second fault of the same kind replaces the first; different kinds add up. With a
// duration it ends by itself, and that ends this kind of fault, whoever set it.
func (d *Disk) Inject(f faults.Fault) error {
	if err := Possible(f); err != nil {
		return err
	}
	if f.Kind == faults.DiskCorrupt {
		return d.corrupt()
	}
	d.change(func(s *state) { s.begin(f) })
	if f.For > 0 {
		time.AfterFunc(f.For, func() { d.change(func(s *state) { s.finish(f) }) })
	}
	return nil
}

// change changes the faults and wakes the operations that wait for that.
func (d *Disk) change(do func(*state)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do(&d.faults)
	close(d.changed)
	d.changed = make(chan struct{})
}

func (s *state) begin(f faults.Fault) {
	switch f.Kind {
	case faults.DiskError:
		n := f.Count
		if n == 0 {
			n = forever
		}
		*s.errors(f.IO) = n
	case faults.DiskHang:
		s.hang = true
	case faults.DiskSlow:
		s.slow = f.Amount
	case faults.DiskFull:
		s.full = true
	case faults.DiskLyingFlush:
		s.lying = true
	case faults.DiskHeal, faults.HealAll:
		*s = state{}
	}
}

func (s *state) finish(f faults.Fault) {
	switch f.Kind {
	case faults.DiskError:
		*s.errors(f.IO) = 0
	case faults.DiskHang:
		s.hang = false
	case faults.DiskSlow:
		s.slow = 0
	case faults.DiskFull:
		s.full = false
	case faults.DiskLyingFlush:
		s.lying = false
	}
}

// errors returns the counter of a direction.
func (s *state) errors(io faults.IO) *int {
	if io == faults.IORead {
		return &s.failReads
	}
	return &s.failWrites
}

// waits reports whether an operation has to wait now.
func (d *Disk) waits() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults.hang || d.faults.slow > 0
}

// wait returns when an operation may go on: after the delay of a slow disk, and not while the disk hangs. It fails when
// ctx ends: whoever asked is gone, and the operation does not happen.
func (d *Disk) wait(ctx context.Context) error {
	d.mu.Lock()
	slow := d.faults.slow
	d.stats.Delayed++
	d.mu.Unlock()
	if slow > 0 {
		timer := time.NewTimer(slow)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		d.mu.Lock()
		hang, changed := d.faults.hang, d.changed
		d.mu.Unlock()
		if !hang {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// verdict returns the error with which a fault has an operation of a direction fail; nil for none.
func (d *Disk) verdict(io faults.IO) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := d.faults.errors(io)
	switch {
	case *left != 0:
		if *left > 0 {
			*left--
		}
		d.stats.Failed++
		return unix.EIO
	case d.faults.full && io == faults.IOWrite:
		d.stats.Failed++
		return unix.ENOSPC
	}
	return nil
}
