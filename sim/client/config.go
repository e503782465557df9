package client

import (
	"errors"
	"fmt"
	"time"

	"holdfast/engine/model"
	"holdfast/sim/guest"
)

// MaxSharers is the largest number of clients that may touch one key: with
// more, linearizability of a long history cannot be decided in useful time.
const MaxSharers = 8

// Config is the character of one client.
type Config struct {
	VM      model.VMID
	ID      uint32 // 0 to guest.MaxClients-1, different for each client of a VM
	Service guest.Service
	// FirstKey and Keys are the keys that the client touches, as Share gives them out.
	// For a Bank Keys is the number of accounts, all of which it touches.
	FirstKey, Keys uint32
	// Period is the mean time from the beginning of one operation to that of the
	// next; each is drawn between half and one and a half of it. A slow answer delays the next operation.
	Period time.Duration
	// RetransmitEvery is the time after which an unanswered packet is sent again; it doubles
	// up to RetransmitCap. The shorter, the faster a client notices a failover. Default 200 ms, 1 s.
	RetransmitEvery, RetransmitCap time.Duration
	// Timeout is the time after which a request is given up. Default 5 s.
	Timeout time.Duration
	// Amount is the largest amount of a transfer. Default 20.
	Amount int64
}

// ErrConfig is returned for a configuration that cannot work.
var ErrConfig = errors.New("client configuration")

func (c *Config) setDefaults() {
	setDefault(&c.RetransmitEvery, 200*time.Millisecond)
	setDefault(&c.RetransmitCap, time.Second)
	setDefault(&c.Timeout, 5*time.Second)
	if c.Amount == 0 {
		c.Amount = 20
	}
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

func (c *Config) validate() error {
	switch {
	case c.ID >= guest.MaxClients:
		return fmt.Errorf("%w: number %d; choose 0 to %d", ErrConfig, c.ID, guest.MaxClients-1)
	case c.Keys == 0 || c.Service == guest.Bank && (c.Keys < 2 || c.FirstKey != 0):
		return fmt.Errorf("%w: client %d has %d keys from %d; give it one at least, or all accounts of a bank", ErrConfig, c.ID, c.Keys, c.FirstKey)
	case c.Period < 2 || c.RetransmitEvery <= 0 || c.RetransmitCap <= 0 || c.Timeout <= 0 || c.Amount < 0:
		return fmt.Errorf("%w: client %d: durations must be positive, the amount not negative", ErrConfig, c.ID)
	}
	return nil
}

// Share gives client number id its part of the keys, so that no key is touched by more than MaxSharers clients.
// It fails with ErrConfig if there are too few keys for that; all clients of a Bank touch everything.
func Share(service guest.Service, clients, keys, id int) (first, count uint32, err error) {
	groups := (clients + MaxSharers - 1) / MaxSharers
	if service == guest.Bank {
		if groups > 1 {
			return 0, 0, fmt.Errorf("%w: %d clients at one bank; at most %d", ErrConfig, clients, MaxSharers)
		}
		return 0, uint32(keys), nil
	}
	if id < 0 || id >= clients || keys < groups {
		return 0, 0, fmt.Errorf("%w: client %d of %d with %d keys; %d keys are needed so that at most %d clients touch one",
			ErrConfig, id, clients, keys, groups, MaxSharers)
	}
	g := id * groups / clients
	lo, hi := g*keys/groups, (g+1)*keys/groups
	return uint32(lo), uint32(hi - lo), nil
}
