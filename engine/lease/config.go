package lease

import (
	"fmt"
	"time"
)

// Config holds the times of a lease. Every host of a pool must be given the same.
type Config struct {
	// Timeout is W, after which the watchdog resets a host that could not renew its lease. At least 1 s;
	// Xen's domain watchdog counts whole seconds. Default 5 s. Short: a failover is fast, and a
	// pool that is without a leader for a moment costs hosts that are well.
	Timeout time.Duration
	// Every is the time between two renewals, at most a quarter of Timeout, so that one which fails leaves
	// time for another. Each of them is one entry of the control log for each host that runs VMs on shared
	// storage. Default Timeout/4.
	Every time.Duration
	// Drift is ρ: a clock shows between 1−ρ and 1+ρ seconds for each true second, in parts per million, below
	// 500,000. It holds for the watchdog's clock and for the clock of the host that waits. Default 10,000
	// (1 %): a hundred times what quartz needs, for 2 % of Timeout.
	Drift int
	// Margin is the true time that may pass between the end of the watchdog's timer and the instant at which
	// nothing of the old instance can reach the storage any more: the reset itself, and writes
	// that are on their way. It also covers one jump forwards of the waiting host's clock that is too short to
	// be noticed (two heartbeats). Default 500 ms.
	Margin time.Duration
}

// Default returns the documented defaults.
func Default() Config {
	const timeout = 5 * time.Second
	return Config{Timeout: timeout, Every: timeout / 4, Drift: 10_000, Margin: 500 * time.Millisecond}
}

// Bounds of a Config.
const (
	minTimeout = time.Second
	maxTimeout = 10 * time.Minute
	million    = 1_000_000
)

// Validate returns an error that names the first field out of range.
func (c *Config) Validate() error {
	switch {
	case c.Timeout < minTimeout || c.Timeout > maxTimeout || c.Timeout%time.Millisecond != 0:
		return fmt.Errorf("lease: Timeout is %v, want %v to %v in whole milliseconds", c.Timeout, minTimeout, maxTimeout)
	case c.Every <= 0 || c.Every > c.Timeout/4:
		return fmt.Errorf("lease: Every is %v, want more than 0 and at most a quarter of Timeout (%v)", c.Every, c.Timeout)
	case c.Drift < 0 || c.Drift >= million/2:
		return fmt.Errorf("lease: Drift is %d millionths, want 0 to %d", c.Drift, million/2-1)
	case c.Margin < 0 || c.Margin > maxTimeout:
		return fmt.Errorf("lease: Margin is %v, want 0 to %v", c.Margin, maxTimeout)
	}
	return nil
}

// Wait returns how long, on its own clock, a successor waits after it has learnt that the log has given it the VM:
// (Timeout + Margin)·(1+ρ)/(1−ρ), rounded up.
func (c *Config) Wait() time.Duration {
	fast, slow := int64(million+c.Drift), int64(million-c.Drift)
	d := int64(c.Timeout + c.Margin)
	whole, rest := d/slow, d%slow
	return time.Duration(whole*fast + (rest*fast+slow-1)/slow)
}

// patience is how long a round may take before it is begun anew.
func (c *Config) patience() time.Duration { return c.Timeout / 2 }
