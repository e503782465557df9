package link

import (
	"fmt"
	"strings"
	"time"
)

// AllChances is certainty: chances are counted in millionths.
const AllChances = 1_000_000

// Faults is what is wrong with one direction. The zero value is a healthy one.
type Faults struct {
	// Cut lets no frame pass.
	Cut bool `json:"cut,omitempty"`
	// Loss, Corrupt, Duplicate and Reorder are chances of a frame to be hit, in millionths, 0 to AllChances.
	Loss      int `json:"loss,omitempty"`
	Corrupt   int `json:"corrupt,omitempty"`
	Duplicate int `json:"duplicate,omitempty"`
	Reorder   int `json:"reorder,omitempty"`
	// Delay is added to every frame. Jitter is the most that is added to it besides, each frame its own time; the order
	// of frames is kept. 0 to one hour, as in scripts.
	Delay  time.Duration `json:"delay_ns,omitempty"`
	Jitter time.Duration `json:"jitter_ns,omitempty"`
	// Bandwidth is what is left of it, in KiB/s of frames from destination address to payload; 0: as it comes.
	Bandwidth int `json:"bandwidth_kib_s,omitempty"`
}

// MaxDelay is the longest Delay and the longest Jitter.
const MaxDelay = time.Hour

// Validate says which value is out of range.
func (f Faults) Validate() error {
	for _, c := range []struct {
		name  string
		value int
	}{{"loss", f.Loss}, {"corrupt", f.Corrupt}, {"duplicate", f.Duplicate}, {"reorder", f.Reorder}} {
		if c.value < 0 || c.value > AllChances {
			return fmt.Errorf("%s is %d millionths, expected 0 to %d", c.name, c.value, AllChances)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"delay", f.Delay}, {"jitter", f.Jitter}} {
		if d.value < 0 || d.value > MaxDelay {
			return fmt.Errorf("%s is %v, expected 0 to %v", d.name, d.value, MaxDelay)
		}
	}
	if f.Bandwidth < 0 {
		return fmt.Errorf("bandwidth is %d KiB/s, expected 0 (as it comes) or more", f.Bandwidth)
	}
	return nil
}

// String lists the faults in the words of scenario scripts, or says "well".
func (f Faults) String() string {
	var parts []string
	if f.Cut {
		parts = append(parts, "cut")
	}
	for _, c := range []struct {
		name  string
		value int
	}{{"loss", f.Loss}, {"corrupt", f.Corrupt}, {"duplicate", f.Duplicate}, {"reorder", f.Reorder}} {
		if c.value != 0 {
			parts = append(parts, fmt.Sprintf("%s %d ppm", c.name, c.value))
		}
	}
	if f.Delay != 0 {
		parts = append(parts, "delay "+f.Delay.String())
	}
	if f.Jitter != 0 {
		parts = append(parts, "jitter "+f.Jitter.String())
	}
	if f.Bandwidth != 0 {
		parts = append(parts, fmt.Sprintf("slow %dKiB/s", f.Bandwidth))
	}
	if len(parts) == 0 {
		return "well"
	}
	return strings.Join(parts, ", ")
}

// Limits bound what one direction holds, and say how long reordering holds frames back. A zero field is
// its default.
type Limits struct {
	// Frames and Bytes are the most that may be on their way at once, that is, delayed; default 16,384 frames and
	// 16 MiB. More makes long delays of fast traffic possible and costs that memory per direction.
	Frames, Bytes int
	// Backlog is how long a frame may wait for bandwidth before it is dropped instead; default 250 ms. Longer queues
	// lose less and answer later. A queue holds MinBacklog in any case.
	Backlog time.Duration
	// HoldMin and HoldMax are the shortest and longest time for which a frame is held back so that later ones
	// overtake it; default 1 ms and 20 ms: frames of emulated machines are a fraction of a millisecond apart.
	HoldMin, HoldMax time.Duration
}

// MinBacklog is what fits into the queue of any bandwidth, in bytes: some full frames.
const MinBacklog = 16 * 1514

// WithDefaults returns l with defaults in the place of zeros.
func (l Limits) WithDefaults() Limits {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&l.Frames, 16_384)
	set(&l.Bytes, 16<<20)
	if l.Backlog == 0 {
		l.Backlog = 250 * time.Millisecond
	}
	if l.HoldMin == 0 && l.HoldMax == 0 {
		l.HoldMin, l.HoldMax = time.Millisecond, 20*time.Millisecond
	}
	return l
}

// Validate says which value is out of range.
func (l Limits) Validate() error {
	switch {
	case l.Frames < 0 || l.Bytes < 0:
		return fmt.Errorf("limits of %d frames and %d bytes on their way, expected 0 (the default) or more", l.Frames, l.Bytes)
	case l.Backlog < 0:
		return fmt.Errorf("a backlog of %v, expected 0 (the default) or more", l.Backlog)
	case l.HoldMin < 0 || l.HoldMax < l.HoldMin:
		return fmt.Errorf("frames held back for %v to %v, expected a range from 0 on", l.HoldMin, l.HoldMax)
	}
	return nil
}
