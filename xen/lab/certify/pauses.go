package certify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"holdfast/reports"
	"holdfast/xen/lab/agent"
)

// pauses measures for how long the guest stands still in each checkpoint, as its hypervisor sees it ("init pauses").
type pauses struct {
	mu   sync.Mutex
	list []int64 // nanoseconds of real time
	rest []byte  // of a line
	done bool
}

// startPauses begins on the host where the guest was created, and ends with ctx or with that host.
func startPauses(ctx context.Context, p *Pool, wait *sync.WaitGroup) *pauses {
	s := &pauses{}
	wait.Go(func() {
		// That it ends with an error is its usual end: the host loses its power, or the run is over.
		_, _ = p.Lab.Host(ctx, p.Home).Exec(ctx, agent.Command{
			Args: []string{"sh", "-c", "exec /init pauses $(xl domid " + guestName + ")"}, Out: s, Err: io.Discard,
		})
	})
	return s
}

// Write implements io.Writer: it takes lines of when and for how long, in microseconds.
func (s *pauses) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, text...)
	for {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok {
			return len(text), nil
		}
		s.rest = rest
		var at, length int64
		if n, _ := fmt.Sscan(strings.TrimSpace(string(line)), &at, &length); n == 2 && !s.done {
			s.list = append(s.list, length*int64(time.Microsecond))
		}
	}
}

// stop ends the measuring: what follows are no checkpoints of a healthy pair.
func (s *pauses) stop() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
}

// measured returns the distribution and all samples, in nanoseconds of real time.
func (s *pauses) measured() (reports.Delay, []int64) {
	if s == nil {
		return reports.Delay{}, []int64{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return reports.DelayOf(s.list), append([]int64{}, s.list...)
}
