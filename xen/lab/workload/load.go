package workload

import (
	"errors"
	"fmt"
	"time"

	"holdfast/reports/history"
)

// MaxClients is the largest number of clients of one guest: all of them touch every key, and more would make the
// check of a key hopeless.
const MaxClients = 8

// MaxKeys is the largest number of keys. Each is written once before a run begins.
const MaxKeys = 4096

// Load is what the clients of one guest do.
type Load struct {
	// Object names the guest in the history.
	Object string
	// Clients is their number, 1 to MaxClients; Keys that of the keys they all use, 1 to MaxKeys.
	Clients, Keys int
	// Rate is how many operations per second they begin together, above 0. A client makes one operation at a time, so slow
	// answers make it less.
	Rate float64
	// Timeout is how long an operation may take before its client gives it up, and Connect how long a new
	// connection may take until its service answers.
	Timeout, Connect time.Duration
	// First is how long the first writes may take together; 0: until the context ends.
	First time.Duration
	// Seed chooses operations and keys, and when each begins.
	Seed uint64
}

// ErrLoad is returned for a Load that cannot be.
var ErrLoad = errors.New("workload: bad load")

func (l *Load) validate() error {
	switch {
	case l.Clients < 1 || l.Clients > MaxClients:
		return fmt.Errorf("%w: %d clients; 1 to %d", ErrLoad, l.Clients, MaxClients)
	case l.Keys < 1 || l.Keys > MaxKeys:
		return fmt.Errorf("%w: %d keys; 1 to %d", ErrLoad, l.Keys, MaxKeys)
	case l.Rate <= 0 || l.Timeout <= 0 || l.Connect <= 0:
		return fmt.Errorf("%w: rate %v/s, time-out %v, time to connect %v; all three above 0", ErrLoad, l.Rate, l.Timeout, l.Connect)
	}
	return nil
}

// period is the mean time from the beginning of an operation of one client to that of its next.
func (l *Load) period() time.Duration {
	return max(time.Duration(float64(l.Clients)/l.Rate*float64(time.Second)), 2)
}

// Stats counts what the clients met.
type Stats struct {
	// Resets are sessions that ended with an error of the network or the service; Timeouts those in which an
	// operation took too long.
	Resets, Timeouts int64
	// Boots names the starts of the guest that sessions met, in the order in which they were met first, where the
	// service tells.
	Boots []string
}

// header is the beginning of the history: nothing is known of any key before its first write.
func (l *Load) header() history.History {
	return history.History{Model: history.CASRegister, Object: l.Object, Initial: history.Nil}
}
