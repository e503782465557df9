package check

import (
	"errors"
	"fmt"
	"time"
)

// ErrLimits is wrapped by the error for limits outside their range.
var ErrLimits = errors.New("check limits out of range")

// Limits bounds the work of one check. The zero value of a field means its default.
type Limits struct {
	// Time bounds the search in each partition, and separately the search for the
	// operation to blame in an illegal one. Default 10 s; range 1 ms to 1 h. More
	// time decides harder partitions; the usual cause of hardness is more than
	// eight clients on one key.
	Time time.Duration
	// Memory bounds, in bytes, what all concurrent searches remember, by an
	// estimate from above. A partition of n operations needs at least n²/8 bytes.
	// Default 1 GiB; range 1 MiB to 1 TiB.
	Memory int64
	// Workers is the number of partitions searched at a time; they share Memory
	// equally. Default 1, because campaigns run many checks side by side; range 1
	// to 1024.
	Workers int
}

const (
	defaultTime    = 10 * time.Second
	defaultMemory  = 1 << 30
	defaultWorkers = 1

	minTime, maxTime     = time.Millisecond, time.Hour
	minMemory, maxMemory = 1 << 20, 1 << 40
	maxWorkers           = 1024
)

// withDefaults fills in defaults and checks the ranges.
func (l Limits) withDefaults() (Limits, error) {
	if l.Time == 0 {
		l.Time = defaultTime
	}
	if l.Memory == 0 {
		l.Memory = defaultMemory
	}
	if l.Workers == 0 {
		l.Workers = defaultWorkers
	}
	switch {
	case l.Time < minTime || l.Time > maxTime:
		return l, fmt.Errorf("%w: time %v; expected %v to %v", ErrLimits, l.Time, minTime, maxTime)
	case l.Memory < minMemory || l.Memory > maxMemory:
		return l, fmt.Errorf("%w: memory %d bytes; expected %d to %d", ErrLimits, l.Memory, minMemory, maxMemory)
	case l.Workers < 1 || l.Workers > maxWorkers:
		return l, fmt.Errorf("%w: %d workers; expected 1 to %d", ErrLimits, l.Workers, maxWorkers)
	}
	return l, nil
}
