package dr

import (
	"fmt"
	"time"
)

// Config holds sizes and times of source and target; both have the same.
type Config struct {
	// Extents is the number of extents of the disk and ExtentSectors the size of each, as in mirror.Config.
	Extents       int
	ExtentSectors uint32
	// Journal is the number of entries that a source keeps for a target which does not take them, at least
	// twice Window. More means more memory, and longer cuts of the link without copying of extents.
	Journal int
	// Window is the number of entries on their way, 1 to MaxWindow. It should cover the bandwidth
	// times the delay of the link.
	Window int
	// CopyDepth is the number of extents read at the same time, at least 1: the throttle of copying.
	CopyDepth int
	// PointEvery is the least time between two points. Short: a newer recovery point, more flushes there.
	PointEvery time.Duration
	// Resend is the least time after which something unanswered is sent again; the measured round trip raises it.
	Resend time.Duration
}

// MaxWindow is the largest window.
const MaxWindow = 512

// Validate returns an error that names the first field out of range.
func (c *Config) Validate() error {
	switch {
	case c.Extents < 1 || c.ExtentSectors < 1:
		return fmt.Errorf("dr: Extents %d and ExtentSectors %d must be at least 1", c.Extents, c.ExtentSectors)
	case c.Window < 1 || c.Window > MaxWindow:
		return fmt.Errorf("dr: Window is %d; it must be 1 to %d", c.Window, MaxWindow)
	case c.Journal < 2*c.Window:
		return fmt.Errorf("dr: Journal is %d; it must be at least twice Window (%d)", c.Journal, c.Window)
	case c.CopyDepth < 1 || c.CopyDepth > c.Window:
		return fmt.Errorf("dr: CopyDepth is %d; it must be 1 to Window (%d)", c.CopyDepth, c.Window)
	case c.PointEvery < 0 || c.Resend <= 0:
		return fmt.Errorf("dr: PointEvery %v must not be negative and Resend %v must be positive", c.PointEvery, c.Resend)
	}
	return nil
}

// State is where a source stands; see the package comment.
type State uint8

// The states of a source.
const (
	Closed State = iota
	Opening
	Copying
	Shipping
)

var stateNames = [...]string{"closed", "opening", "copying", "shipping"}

func (s State) String() string { return stateNames[s] }
