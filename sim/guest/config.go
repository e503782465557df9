package guest

import (
	"errors"
	"fmt"

	"holdfast/engine/model"
)

// Service is what a machine offers its clients.
type Service uint8

// The services.
const (
	// Registers keeps values in memory only: a boot sets them to zero.
	Registers Service = iota + 1
	// Log keeps values in memory and in a write-ahead log on disk.
	Log
	// Bank keeps balances in the same way, one atomic record per transfer.
	Bank
)

var serviceNames = [...]string{Registers: "registers", Log: "log", Bank: "bank"}

// String returns the word for the service.
func (s Service) String() string { return word(serviceNames[:], int(s)) }

// ParseService is the inverse of Service.String; ok is false for an unknown word.
func ParseService(s string) (service Service, ok bool) {
	for i, n := range serviceNames {
		if n == s && n != "" {
			return Service(i), true
		}
	}
	return 0, false
}

// Limits of a Config.
const (
	MaxClients = 64
	MaxKeys    = 1024
	MaxPages   = 1024
)

// Config is the shape of a machine. All machines that continue each other's work must have the same.
type Config struct {
	VM      model.VMID
	Service Service
	// Clients is the number of clients, which are numbered from 0. 1 to MaxClients.
	Clients int
	// Keys is the number of keys, or of accounts of a Bank. 1 to MaxKeys; a Bank has 2 to MaxValues.
	Keys int
	// Balance is what each account of a Bank holds at first. Not negative.
	Balance int64
	// Sectors is the size of the disk. Log and Bank need at least MinSectors(Keys); the
	// smaller the disk, the more often the log is compacted.
	Sectors uint64
	// Pages is the size of memory; what the service does not need is scratch. At
	// most MaxPages; less than what the service needs means exactly that.
	Pages int
	// Churn is the number of scratch pages that each executed request changes: how
	// many dirty pages a checkpoint finds beyond the service's own.
	Churn int
}

// ErrConfig is returned for a Config outside its limits.
var ErrConfig = errors.New("guest configuration")

func (c *Config) validate() error {
	keys, least := MaxKeys, 1
	if c.Service == Bank {
		keys, least = MaxValues, 2
	}
	switch {
	case c.Service < Registers || c.Service > Bank:
		return fmt.Errorf("%w: no service is numbered %d; choose Registers, Log or Bank", ErrConfig, c.Service)
	case c.Clients < 1 || c.Clients > MaxClients:
		return fmt.Errorf("%w: %d clients; choose 1 to %d", ErrConfig, c.Clients, MaxClients)
	case c.Keys < least || c.Keys > keys:
		return fmt.Errorf("%w: %d keys; the service %v takes %d to %d", ErrConfig, c.Keys, c.Service, least, keys)
	case c.Balance < 0:
		return fmt.Errorf("%w: an account cannot start with %d", ErrConfig, c.Balance)
	case c.Pages > MaxPages || c.Churn < 0:
		return fmt.Errorf("%w: %d pages, churn %d; at most %d pages and no negative churn", ErrConfig, c.Pages, c.Churn, MaxPages)
	case c.Service != Registers && c.Sectors < MinSectors(c.Keys):
		return fmt.Errorf("%w: a disk of %d sectors; %d keys need at least %d", ErrConfig, c.Sectors, c.Keys, MinSectors(c.Keys))
	}
	return nil
}

// OnDisk reports whether the service keeps its state on the disk, so that it survives a boot.
func (s Service) OnDisk() bool { return s != Registers }
