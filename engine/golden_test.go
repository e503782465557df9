package engine_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine"
	"holdfast/engine/internal/golden"
	"holdfast/engine/model"
)

func TestTraces(t *testing.T) {
	golden.Run(t, func(t *testing.T) func([]string) []string {
		s := &scene{t: t}
		return s.do
	})
}

// scene is a pool that follows the commands of a golden trace.
type scene struct {
	t *testing.T
	r *runner
	n uint64 // number of the last guest request
}

func (s *scene) do(command []string) []string {
	args := golden.Args(command[1:])
	if command[0] == "pool" {
		s.pool(args)
		return nil
	}
	s.r.trace = nil
	s.perform(command[0], args)
	return s.r.trace
}

// pool starts a pool: two hosts and perhaps a witness, or as many hosts as is said and as many that may join.
func (s *scene) pool(args golden.Args) {
	if args.Value("hosts") == "" {
		s.r = newRunner(s.t, int(s.number(args.Value("members"))), nil)
		return
	}
	hosts := s.number(args.Value("hosts"))
	s.r = newPool(s.t, int(hosts+s.number(args.Value("spare"))), 1<<(hosts+1)-2, 0, func(c *engine.Config) {
		c.Voters = 3
		c.Timing.RehomeAfter, c.Timing.VoterLostAfter = 2*time.Second, 3*time.Second
	})
}

func (s *scene) number(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(s.t, err)
	return n
}

func (s *scene) node(text string) model.NodeID { return model.NodeID(s.number(text)) }

func (s *scene) perform(command string, args golden.Args) {
	r := s.r
	switch command {
	case "create":
		level, ok := model.ParseLevel(args.Value("level"))
		require.True(s.t, ok)
		r.create(level, s.node(args.Value("node")), args.Has("shared"))
	case "run", "watch":
		d, err := time.ParseDuration(args[0])
		require.NoError(s.t, err)
		r.all = command == "watch"
		r.run(d)
		r.all = false
	case "power-off", "kill":
		r.kill(s.node(args[0]), command == "power-off")
	case "power-on", "restart":
		r.start(s.node(args[0]))
	case "cut", "mend":
		a, b := s.node(args[0]), s.node(args[1])
		r.members[a].cut[b] = command == "cut"
		if !args.Has("one-way") {
			r.members[b].cut[a] = command == "cut"
		}
	case "break-disk", "mend-disk":
		r.members[s.node(args[0])].broken[1] = command == "break-disk"
	case "hang":
		r.step(s.node(args[0]), &model.Event{Kind: model.EventResponding, VM: 1, Gen: r.members[s.node(args[0])].instances[1]})
	case "level": // the owner orders another level: level 2 ha
		level, ok := model.ParseLevel(args[1])
		require.True(s.t, ok)
		r.step(s.node(args[0]), &model.Event{Kind: model.EventOperator, Order: model.Order{Kind: model.OrderLevel, VM: 1, Level: level}})
	case "declare-dead": // an operator tells a member to go on without another one: declare-dead 1 at=2
		r.step(s.node(args.Value("at")), &model.Event{Kind: model.EventOperator, Order: model.Order{Kind: model.OrderDeclareDead, Node: s.node(args[0])}})
	case "hand-over":
		r.step(s.node(args[0]), &model.Event{Kind: model.EventOperator, Order: model.Order{Kind: model.OrderHandOver, VM: 1}})
	case "fail-start":
		r.members[s.node(args[0])].failStarts++
	case "lose-disk":
		r.members[s.node(args[0])].lost[1] = true
	case "write":
		s.n++
		r.all = true
		r.step(s.node(args.Value("node")), &model.Event{Kind: model.EventRequest, VM: 1, IO: model.IO{
			ID: s.n, Op: model.OpWrite, Sector: s.number(args.Value("sector")), Count: 1,
		}})
		r.all = false
	case "join", "leave", "replace-home":
		o := model.Order{Kind: model.OrderJoin, Node: s.node(args[0])}
		switch command {
		case "leave":
			o.Kind = model.OrderLeave
		case "replace-home":
			o.Kind, o.VM, o.Homes = model.OrderReplaceHome, 1, model.Nodes(s.node(args.Value("to")))
		}
		r.step(s.node(args.Value("at")), &model.Event{Kind: model.EventOperator, Order: o})
	case "members":
		s.r.trace = append(s.r.trace, "hosts="+r.members[s.node(args[0])].node.Pool().Members().Hosts.String())
	case "state":
		s.state()
	default:
		s.t.Fatalf("unknown command %q", command)
	}
}

// state writes down what each running member takes for the VM's configuration.
func (s *scene) state() {
	for id, m := range s.r.members[1:] {
		if m.node == nil {
			continue
		}
		c := m.node.Pool().VM(1)
		if len(s.r.members) > 4 && c.Gen != 0 && !c.Homes.Has(model.NodeID(id+1)) {
			continue
		}
		line := []string{
			strconv.Itoa(id+1) + ":", "gen=" + strconv.FormatUint(uint64(c.Gen), 10),
			"primary=" + strconv.Itoa(int(c.Primary)), "secondary=" + strconv.Itoa(int(c.Secondary)), "in-sync=" + c.InSync.String(),
		}
		if gen, runs := m.instances[1]; runs {
			line = append(line, "instance="+strconv.FormatUint(uint64(gen), 10))
		}
		s.r.trace = append(s.r.trace, strings.Join(line, " "))
	}
}
