package lease

import (
	"time"

	"holdfast/engine/model"
)

// Claim is a successor's wait. The zero Claim waits for nothing.
type Claim struct {
	gen   model.Gen
	since model.Time
}

// Learn takes that the log has given the VM to this host in generation gen, so that no renewal of the old holder's
// lease can be granted any more. It counts from the first time that this life of the daemon learns of it,
// which is never before it happened.
func (c *Claim) Learn(gen model.Gen, now model.Time) {
	if c.gen != gen {
		c.gen, c.since = gen, now
	}
}

// Over returns when the old instance has certainly stopped, and whether that is past.
func (c *Claim) Over(now model.Time, wait time.Duration) (model.Time, bool) {
	end := c.since.Add(wait)
	return end, now >= end
}
