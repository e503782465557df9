package disk

import "time"

// Health is what a fault plan did to a disk beyond its content. The world asks it before it
// performs a request; the disk itself does not. The zero value is a healthy disk.
type Health struct {
	FailReads      int           // so many reads fail from now on; negative: all
	FailWrites     int           // so many writes and flushes fail from now on; negative: all
	Hang           bool          // nothing completes until it is false again
	Full           bool          // writes fail
	IgnoreFlush    bool          // flushes and FUA are reported done without being done
	Slow           time.Duration // added to the latency of every request
	NextWriteDelay time.Duration // added to the latency of the next write only
	NextReadDelay  time.Duration // added to the latency of the next read or flush only
}

// Read reports whether a read that starts now succeeds, and counts it.
func (h *Health) Read() bool { return take(&h.FailReads) }

// Write reports whether a write that starts now succeeds, and counts it.
func (h *Health) Write() bool { return take(&h.FailWrites) && !h.Full }

// Flush reports whether a flush that starts now succeeds, and counts it as a write.
func (h *Health) Flush() bool { return take(&h.FailWrites) }

// WriteDelay returns the latency to be added to a write that starts now.
func (h *Health) WriteDelay() time.Duration {
	d := h.Slow + h.NextWriteDelay
	h.NextWriteDelay = 0
	return d
}

// ReadDelay returns the latency to be added to a read or flush that starts now.
func (h *Health) ReadDelay() time.Duration {
	d := h.Slow + h.NextReadDelay
	h.NextReadDelay = 0
	return d
}

func take(fail *int) bool {
	if *fail == 0 {
		return true
	}
	if *fail > 0 {
		*fail--
	}
	return false
}
