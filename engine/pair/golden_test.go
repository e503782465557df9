package pair

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/internal/golden"
	"holdfast/engine/model"
)

const (
	vmID      model.VMID   = 1
	primary   model.NodeID = 1
	secondary model.NodeID = 2
)

var testTiming = Timing{Epoch: 50 * time.Millisecond, EpochMax: 400 * time.Millisecond, DirtyPages: 100, Resend: 100 * time.Millisecond, AckTimeout: time.Second}

func TestTraces(t *testing.T) {
	golden.Run(t, func(t *testing.T) func([]string) []string {
		s := &stage{t: t, gen: 1, s: NewSecondary(vmID)}
		return s.do
	})
}

// stage is a primary and a secondary with the messages between them.
type stage struct {
	t     *testing.T
	now   model.Time
	gen   model.Gen
	held  model.Seq // disk writes that the secondary's replica holds
	p     *Primary
	s     *Secondary
	queue []model.Message
	last  model.Message // the message delivered or lost last
	out   model.Effects
}

func (s *stage) do(command []string) []string {
	s.out.Reset()
	result := s.perform(command[0], command[1:])
	for i := range s.out.List {
		e := &s.out.List[i]
		result = append(result, golden.Effect(e))
		if e.Kind == model.EffectSend {
			m := e.Message
			m.From = primary + secondary - m.To
			s.queue = append(s.queue, m)
		}
	}
	return result
}

func (s *stage) number(args golden.Args, name string) uint64 {
	if args.Value(name) == "" {
		return 0
	}
	n, err := strconv.ParseUint(args.Value(name), 10, 64)
	require.NoError(s.t, err)
	return n
}

func (s *stage) perform(command string, args golden.Args) []string {
	epoch := model.Epoch(s.number(args, "epoch"))
	seq := model.Seq(s.number(args, "seq"))
	switch command {
	case "primary":
		s.p = NewPrimary(vmID, testTiming, !args.Has("barriers"), epoch)
	case "gen":
		s.gen = model.Gen(s.number(args, "to"))
		s.p.Continue(s.gen)
	case "begin":
		s.p.Begin(s.now, s.gen, secondary, s.number(args, "session"), &s.out)
	case "pass":
		s.p.Pass(&s.out)
	case "hand-over":
		s.p.HandOver(s.now)
	case "capture":
		s.p.Capture(s.now, s.gen, seq, args.Has("durable"), args.Has("final"), &s.out)
	case "captured":
		s.p.Captured(s.now, epoch, uint32(s.number(args, "pages")), &s.out)
	case "output":
		s.p.Output(s.now, s.gen, &s.out)
	case "wait":
		d, err := time.ParseDuration(args[0])
		require.NoError(s.t, err)
		s.now = s.now.Add(d)
		s.p.Wake(s.now, s.gen, &s.out)
	case "reset":
		s.s.Reset(s.number(args, "session"), &s.out)
	case "renounce":
		s.s.Renounce(model.Gen(s.number(args, "gen")))
	case "holds":
		s.held = seq
		s.s.Poll(s.held, &s.out)
	case "sealed":
		if applied := s.s.Sealed(epoch, &s.out); applied != 0 {
			return []string{"disk writes up to " + strconv.FormatUint(uint64(applied), 10)}
		}
	case "deliver", "again", "lose":
		return s.network(command)
	case "state":
		return []string{s.state()}
	default:
		s.t.Fatalf("unknown command %q", command)
	}
	return nil
}

// network delivers the oldest message, delivers the last one again, or loses the oldest.
func (s *stage) network(command string) []string {
	if command != "again" {
		require.NotEmpty(s.t, s.queue, "no message is on its way")
		s.last, s.queue = s.queue[0], s.queue[1:]
	}
	m := s.last
	line := []string{golden.Message(&m)}
	switch {
	case command == "lose":
	case m.Kind == model.MsgCheckpoint:
		s.s.Checkpoint(&m, s.held, &s.out)
	case m.Kind == model.MsgBarrier:
		s.s.Barrier(&m, &s.out)
	case m.Kind == model.MsgAck:
		s.p.Ack(s.now, &m, s.gen, &s.out)
	case m.Kind == model.MsgRefuse:
		s.p.Refused(&m)
	}
	return line
}

func (s *stage) state() string {
	states := [...]string{Passing: "passing", Baseline: "baseline", Holding: "holding"}
	text := "primary: " + states[s.p.State()] + " epoch=" + strconv.FormatUint(uint64(s.p.Epoch()), 10) +
		" acked=" + strconv.FormatUint(uint64(s.p.Acked()), 10)
	add := func(is bool, word string) {
		if is {
			text += " " + word
		}
	}
	base, ready := s.p.Base()
	add(ready, "base="+strconv.FormatUint(uint64(base), 10))
	add(s.p.Failed(), "failed")
	add(s.p.Suspended(), "suspended")
	add(s.p.WantsCapture(s.now), "wants-capture")
	add(s.p.NextWake() != model.Never && s.p.NextWake() <= s.now, "overdue")
	text += "; secondary: session=" + strconv.FormatUint(s.s.Session(), 10) +
		" holds=" + strconv.FormatUint(uint64(s.s.Holds()), 10)
	add(s.s.HandedOver(), "handed-over")
	add(s.s.Renounced(s.gen), "renounced")
	return text
}
