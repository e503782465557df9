package dr

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/internal/golden"
	"holdfast/engine/model"
)

func TestTraces(t *testing.T) {
	golden.Run(t, func(t *testing.T) func([]string) []string {
		w := newWorld(t)
		w.openTarget()
		w.run()
		s := &stage{t: t, w: w}
		return s.do
	})
}

// stage is a world that follows the commands of a golden trace. Nothing in it moves by itself.
type stage struct {
	t *testing.T
	w *world
}

func (s *stage) do(command []string) []string {
	s.w.trace = nil
	s.perform(command[0], command[1:])
	return s.w.trace
}

func (s *stage) number(text string) int {
	n, err := strconv.Atoi(text)
	require.NoError(s.t, err)
	return n
}

func (s *stage) perform(command string, args golden.Args) {
	w := s.w
	arg := func(i int) int { return s.number(args[i]) }
	switch command {
	case "mark": // extents that the next source must take for lacking
		for _, x := range strings.Split(args[0], ",") {
			w.marks.Set(uint32(s.number(x)))
		}
		w.run()
	case "ft":
		w.ft = true
	case "open":
		w.open()
	case "request": // the guest asks for a write: request 2+1
		first, count, _ := strings.Cut(args[0], "+")
		require.True(s.t, w.request(s.number(first), s.number(count)))
	case "reach": // the disk has the oldest write, and the guest is not told
		w.reach(0)
	case "anew": // another source of the running VM
		w.run()
	case "complete": // the oldest write, or the given one
		i := 0
		if len(args) > 0 {
			i = arg(0)
		}
		w.complete(i, false)
	case "write": // both
		first, count, _ := strings.Cut(args[0], "+")
		require.True(s.t, w.request(s.number(first), s.number(count)))
		w.complete(len(w.writes)-1, false)
	case "read":
		w.readDone(0, args.Has("fails"))
	case "disk":
		w.diskDone(args.Has("fails"))
	case "deliver":
		for range max(1, len(args)) {
			p := w.bag[0]
			w.bag = w.bag[1:]
			w.deliver(p)
		}
	case "lose":
		w.trace = append(w.trace, golden.Message(&w.bag[0].Message))
		w.bag = w.bag[1:]
	case "protect":
		w.protect()
	case "capture":
		w.capture()
	case "acknowledge":
		w.acknowledge()
	case "forget":
		w.forget()
	case "promote":
		w.promote(func() bool { return false })
		w.bag = nil
	case "override": // an operator goes on with the disk after so many changes: override 3
		w.override(arg(0))
		w.bag = nil
	case "strange": // a source of another generation opens a stream: strange 5
		w.streams++
		m := model.Message{Kind: model.MsgShipOpen, VM: vmID, From: 2, To: 3, Gen: model.Gen(arg(0)), Session: w.streams, Epoch: 2}
		w.deliver(packet{Message: m})
	case "moved": // somebody else's points were sealed: the newest one is
		w.point = model.Epoch(arg(0))
	case "crash": // of the target: what is under way on its disk happened or not
		w.crashTarget(func() bool { return args.Has("happened") })
		w.openTarget()
	case "wait":
		d, err := time.ParseDuration(args[0])
		require.NoError(s.t, err)
		w.wait(d)
	case "settle":
		w.heal()
		w.trace = nil
	case "state":
		history, point := w.tgt.Point()
		w.trace = append(w.trace, fmt.Sprintf("source: %v, %d extents lack, %d entries wait, age %v; copy: history %d, point %d; change record %s, intent %s",
			w.src.State(), w.src.Lacking(), w.src.Waiting(), w.src.Age(w.now), history, point,
			golden.Extents(w.changed.Bytes()), golden.Extents(w.marks.Bytes())))
	default:
		s.t.Fatalf("unknown command %q", command)
	}
}
