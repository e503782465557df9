package lease

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/internal/golden"
	"holdfast/engine/model"
)

func TestTraces(t *testing.T) {
	golden.Run(t, func(t *testing.T) func([]string) []string {
		s := &scene{t: t, now: 1, h: NewHolder(Default())}
		return s.do
	})
}

// scene is one host's lease, with the timers that a runner drives.
type scene struct {
	t          *testing.T
	now        model.Time
	h          *Holder
	timers     Timers
	want, risk bool
	out        model.Effects
}

func (s *scene) do(command []string) (lines []string) {
	args := golden.Args(command[1:])
	switch command[0] {
	case "wait":
		d, err := time.ParseDuration(args[0])
		require.NoError(s.t, err)
		for end := s.now.Add(d); s.now < end; {
			s.now = min(end, max(s.h.NextWake(), s.now+1))
			lines = append(lines, s.tick()...)
		}
		return lines
	case "needs":
		s.want, s.risk = args.Has("want"), args.Has("risk")
	case "granted":
		round, err := strconv.ParseUint(args.Value("round"), 10, 64)
		require.NoError(s.t, err)
		if !s.h.Granted(round, &s.out) {
			lines = append(lines, "not renewed")
		}
	case "new-life":
		s.h = NewHolder(Default())
	default:
		s.t.Fatalf("unknown command %q", command[0])
	}
	return append(lines, s.tick()...)
}

func (s *scene) tick() (lines []string) {
	s.h.Tick(s.now, s.want, s.risk, &s.out)
	for i := range s.out.List {
		e := &s.out.List[i]
		line := golden.Effect(e)
		switch e.Kind {
		case model.EffectWatchdogNext:
			line += fmt.Sprintf(": start timer %d with %d ms", s.timers.Start(), e.Count)
		case model.EffectWatchdogKeep:
			line += fmt.Sprintf(": stop timer %d", s.timers.Keep())
		case model.EffectWatchdogOff:
			s.timers.Off()
		}
		lines = append(lines, line)
	}
	s.out.Reset()
	return lines
}
