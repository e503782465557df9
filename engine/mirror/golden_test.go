package mirror

import (
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
		s := &stage{t: t, w: newWorld(t)}
		return s.do
	})
}

// stage is a world that follows the commands of a golden trace. Nothing in it moves by itself.
type stage struct {
	t *testing.T
	w *world
	p packet // delivered or lost last
	k packet // kept
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

// nodes parses a set of members, for example 1,2.
func (s *stage) nodes(text string) (set model.NodeSet) {
	for _, n := range strings.Split(text, ",") {
		set = set.With(model.NodeID(s.number(n)))
	}
	return set
}

// mark marks extents on the disk of a member: mark 2 0,3.
func (s *stage) mark(args golden.Args) {
	for _, x := range strings.Split(args[1], ",") {
		s.w.disks[s.number(args[0])].marks.Set(uint32(s.number(x)))
	}
}

func (s *stage) perform(command string, args golden.Args) {
	w := s.w
	switch command {
	case "mark":
		s.mark(args)
	case "primary":
		w.inSync = s.nodes(args.Value("in-sync"))
		w.run(1)
	case "ft":
		w.ft = true
	case "hold":
		w.p.Hold(w.epoch)
	case "write", "read", "flush":
		s.request(command, args)
	case "done", "fail":
		// the oldest operation under way on a copy, or the given one
		i := 0
		if len(args) > 1 {
			i = s.number(args[1])
		}
		node := model.NodeID(s.number(args[0]))
		if i >= len(w.disks[node].ops) {
			w.trace = append(w.trace, "nothing is under way")
			return
		}
		w.finish(node, i, command == "fail")
	case "deliver", "again", "lose":
		s.network(command)
	case "keep": // a copy of the oldest message, to be delivered late
		s.k = w.bag[0]
	case "late":
		w.trace = append(w.trace, golden.Message(&s.k.Message))
		w.deliver(s.k, yes)
	case "open":
		w.sessions++
		w.p.Open(w.now, w.sessions, 0, &w.out)
		w.perform(w.at)
	case "disconnect":
		w.p.Disconnect(w.now, &w.out)
		w.perform(w.at)
	case "reopen-local":
		w.end(w.at, yes)
		w.p.LocalOpened(w.now, w.disks[w.at].marks.Clone(), &w.out)
		w.perform(w.at)
	case "log":
		w.proposal.inSync = s.nodes(args.Value("in-sync"))
		w.commit()
		w.learn()
	case "epoch":
		w.checkpoint()
	case "wait":
		d, err := time.ParseDuration(args[0])
		require.NoError(s.t, err)
		w.wait(d)
	case "settle":
		for range s.number(args[0]) {
			w.settle()
		}
		w.trace = nil
	case "state":
		s.state()
	default:
		s.t.Fatalf("unknown command %q", command)
	}
}

func (s *stage) request(command string, args golden.Args) {
	w := s.w
	op := map[string]model.IOOp{"write": model.OpWrite, "read": model.OpRead, "flush": model.OpFlush}[command]
	sector, count := 0, 1
	if op != model.OpFlush {
		first, length, _ := strings.Cut(args[0], "+")
		sector, count = s.number(first), s.number(length)
	}
	w.p.Request(w.now, w.guest.request(op, uint64(sector), uint32(count), args.Has("fua")), &w.out)
	w.perform(w.at)
}

// network delivers the oldest message, delivers the last one again, or loses the oldest.
func (s *stage) network(command string) {
	w := s.w
	if command != "again" {
		if len(w.bag) == 0 {
			w.trace = append(w.trace, "no message is on its way")
			return
		}
		s.p, w.bag = w.bag[0], w.bag[1:]
	}
	if command == "again" || command == "lose" {
		w.trace = append(w.trace, golden.Message(&s.p.Message))
	}
	if command != "lose" {
		w.deliver(s.p, yes)
	}
}

func (s *stage) state() {
	w := s.w
	text := "primary: local " + w.p.Local().String() + ", remote " + w.p.Remote().String()
	add := func(is bool, word string) {
		if is {
			text += ", " + word
		}
	}
	add(w.p.LocalFailed(), "local failed")
	add(w.p.RemoteFailed(), "remote failed")
	_, synced := w.p.Synced()
	add(synced, "synced")
	if total, left := w.p.Progress(); total > 0 {
		text += ", " + strconv.Itoa(left) + " of " + strconv.Itoa(total) + " extents to copy"
	}
	text += "; marks: 1 " + golden.Extents(w.disks[1].marks.Bytes()) + ", 2 " + golden.Extents(w.disks[2].marks.Bytes())
	w.trace = append(w.trace, text)
}
