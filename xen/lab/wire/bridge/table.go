package bridge

import (
	"time"

	"holdfast/xen/lab/wire/frame"
)

// entry says where an address was seen last.
type entry struct {
	port PortID
	seen time.Duration
}

// table remembers where addresses are. It is bounded: when it is full of young addresses, nothing new is learned,
// and frames to unknown addresses go everywhere, which is slow and not wrong.
type table struct {
	entries map[frame.MAC]entry
	limit   int
	age     time.Duration
	sweepAt time.Duration // not swept again before: a sweep looks at everything
	aged    uint64
}

type learned uint8

const (
	learnedBefore learned = iota
	learnedNew
	learnedMove
	learnedNothing
)

// learn notes that an address was seen at a port. An address that moved is believed at once: that is how
// guests are found after a failover.
func (t *table) learn(now time.Duration, at PortID, m frame.MAC) learned {
	e, ok := t.entries[m]
	if !ok && len(t.entries) >= t.limit {
		t.sweep(now)
		if len(t.entries) >= t.limit {
			return learnedNothing
		}
	}
	t.entries[m] = entry{at, now}
	switch {
	case !ok:
		return learnedNew
	case e.port != at:
		return learnedMove
	default:
		return learnedBefore
	}
}

// find returns the port at which an address was seen, if that was not too long ago.
func (t *table) find(now time.Duration, m frame.MAC) (PortID, bool) {
	e, ok := t.entries[m]
	if ok && now-e.seen > t.age {
		delete(t.entries, m)
		t.aged++
		ok = false
	}
	return e.port, ok
}

// sweep forgets what is too old, at most once per hundredth of the age.
func (t *table) sweep(now time.Duration) {
	if now < t.sweepAt {
		return
	}
	t.sweepAt = now + t.age/100
	for m, e := range t.entries {
		if now-e.seen > t.age {
			delete(t.entries, m)
			t.aged++
		}
	}
}

func (t *table) forget(at PortID) {
	for m, e := range t.entries {
		if e.port == at {
			delete(t.entries, m)
		}
	}
}
