package mirror

import (
	"fmt"
	"time"
)

// Config holds the mirror's sizes and time-outs.
type Config struct {
	// Extents is the number of extents of the disk, at least 1. ExtentSectors is
	// the size of each in sectors, at least 1. Small extents make resync precise
	// and write intent dear.
	Extents       int
	ExtentSectors uint32
	// ActiveExtents is the number of marked extents above which the mirror makes
	// both copies durable in order to forget marks. More means fewer extra flushes
	// and a longer resync after a crash. At least 1.
	ActiveExtents int
	// CopyDepth is the number of extents copied at the same time while the guest
	// is idle; while it is busy, one. At least 1.
	CopyDepth int
	// IOTimeout is the time after which a copy that did not complete an operation counts as failed.
	IOTimeout time.Duration
	// Resend is the time after which something unacknowledged is sent again.
	Resend time.Duration
}

// Validate returns an error that names the first field out of range.
func (c *Config) Validate() error {
	switch {
	case c.Extents < 1:
		return fmt.Errorf("mirror: Extents is %d; it must be at least 1", c.Extents)
	case c.ExtentSectors < 1:
		return fmt.Errorf("mirror: ExtentSectors is %d; it must be at least 1", c.ExtentSectors)
	case c.ActiveExtents < 1:
		return fmt.Errorf("mirror: ActiveExtents is %d; it must be at least 1", c.ActiveExtents)
	case c.CopyDepth < 1:
		return fmt.Errorf("mirror: CopyDepth is %d; it must be at least 1", c.CopyDepth)
	case c.IOTimeout <= 0 || c.Resend <= 0:
		return fmt.Errorf("mirror: IOTimeout %v and Resend %v must be positive", c.IOTimeout, c.Resend)
	}
	return nil
}

// CopyState is where a copy stands; see the package comment.
type CopyState uint8

// The states of a copy.
const (
	Absent CopyState = iota
	Opening
	Copying
	Joined
	InSync
)

var copyStateNames = [...]string{"absent", "opening", "copying", "joined", "in-sync"}

func (s CopyState) String() string { return copyStateNames[s] }

// side is one bit for each of the two copies.
type side uint8

const (
	local side = 1 << iota
	remote
)
