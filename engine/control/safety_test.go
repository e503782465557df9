package control

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

// oracle knows what was decided, and is told of everything that any member does.
type oracle struct {
	t       require.TestingT
	entries map[uint64]string
	leaders map[uint64]model.NodeID // by term
}

func watch(w *world) *oracle {
	o := &oracle{t: w.t, entries: map[uint64]string{}, leaders: map[uint64]model.NodeID{}}
	w.onApply = func(m *member, e entry) { o.decided(m, e) }
	w.onLeading = func(m *member) {
		term := m.log.Term()
		if was, found := o.leaders[term]; found && was != m.id {
			require.Failf(o.t, "two leaders", "members %d and %d lead in term %d", was, m.id, term)
		}
		o.leaders[term] = m.id
	}
	return o
}

func (o *oracle) decided(m *member, e entry) {
	was, found := o.entries[e.Index]
	if found && was != e.Data {
		require.Failf(o.t, "two decisions", "member %d applied %q at %d, where %q was decided", m.id, e.Data, e.Index, was)
	}
	o.entries[e.Index] = e.Data
}

// complete demands that m has exactly what was decided, in order.
func (o *oracle) complete(m *member) {
	require.Len(o.t, m.applied, len(o.entries), "member %d lacks a decision, or has one too many", m.id)
	last := uint64(0)
	for _, e := range m.applied {
		require.Greater(o.t, e.Index, last)
		last = e.Index
		o.decided(m, e)
	}
}

// Whatever is lost, repeated, overtaken or crashes at whatever effect: one
// leader per term, one decision per place, no decision lost; and when the faults stop, all
// members agree and go on.
func TestSafety(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{3, 3, 3, 2, 5}).Draw(t, "members")
		w := newWorld(t, n)
		w.cfg.CompactAfter = rapid.SampledFrom([]uint64{3, 1000}).Draw(t, "compact")
		if n >= 3 {
			w.cfg.Learners = model.Nodes(w.members[n-1].id)
			for rest := rapid.IntRange(0, n-3).Draw(t, "learners"); rest > 0; rest-- {
				w.cfg.Learners = w.cfg.Learners.With(model.NodeID(rest))
			}
			if rapid.Bool().Draw(t, "all vote") {
				w.cfg.Learners = 0
			}
			w.cfg.Voters &^= w.cfg.Learners
		}
		w.trace = &strings.Builder{}
		defer func() {
			if t.Failed() {
				t.Log(w.trace.String())
			}
		}()
		o := watch(w)
		w.startAll()
		if rapid.Bool().Draw(t, "settled") {
			w.until("a leader", func() bool { return w.leader() != nil })
		}
		c := &chaos{world: w, amnesia: w.cfg.Voters.Len() >= 3 && rapid.Bool().Draw(t, "amnesia")}
		c.changes = n >= 3 && rapid.Bool().Draw(t, "changes")
		for i := range rapid.IntRange(0, 300).Draw(t, "steps") {
			c.step(t, i)
		}
		c.heal()
		for range 2 { // a removal that was under way may be decided only now
			w.until("agreement", func() bool {
				return w.leader() != nil && !w.anyAmnesia() && w.allBelong()
			})
			w.run(2 * time.Second)
		}
		w.propose(w.members[n-1], "last")
		w.run(5 * time.Second)
		for _, m := range w.members {
			o.complete(m)
		}
	})
}

func (w *world) anyAmnesia() bool {
	for _, m := range w.members {
		if m.log.Amnesia() || m.log.Probation() {
			return true
		}
	}
	return false
}

// allBelong has the leader take in whoever is no member, and reports whether everybody is one.
func (w *world) allBelong() bool {
	leader := w.leader()
	for _, m := range w.members {
		if !(leader.log.Voters() | leader.log.Learners()).Has(m.id) {
			leader.log.Change(w.now, Learn, m.id)
			w.drain(leader)
			return false
		}
	}
	return true
}

// chaos draws what goes wrong next.
type chaos struct {
	*world
	changes bool // members learn, vote and are removed
	amnesia bool
	forgot  int
}

func (c *chaos) step(t *rapid.T, i int) {
	m := c.members[rapid.IntRange(0, len(c.members)-1).Draw(t, "member")]
	switch rapid.IntRange(0, 21).Draw(t, "what") {
	case 0:
		if m.log != nil && rapid.Bool().Draw(t, "crash") {
			c.crash(m)
		} else if m.log == nil {
			c.start(m, m.history)
		}
	case 1:
		if m.log == nil {
			c.start(m, m.history)
		}
	case 2:
		c.crashAfter = rapid.IntRange(0, 4).Draw(t, "effects")
	case 3:
		other := c.members[rapid.IntRange(0, len(c.members)-1).Draw(t, "other")]
		if other != m {
			c.setCut(m.id, other.id, rapid.Bool().Draw(t, "cut"))
		}
	case 4, 5, 6:
		c.beat()
	case 7, 8, 9:
		c.advance(time.Duration(rapid.IntRange(1, 1500).Draw(t, "ms")) * time.Millisecond)
	case 10, 11:
		if m.log != nil {
			_ = m.log.Propose(fmt.Appendf(nil, "p%d", i))
			c.drain(m)
		}
	case 12:
		if c.amnesia && c.forgot < 2 {
			c.forget(t, m)
		}
	case 20, 21:
		if leader := c.leader(); c.changes && leader != nil {
			change := Change(rapid.IntRange(int(Learn), int(Remove)).Draw(t, "change"))
			if change == Learn && c.amnesia && leader.log.Voters().Has(m.id) && leader.log.Voters().Len() <= 3 {
				return // of two voters one that forgot something would stop the pool
			}
			leader.log.Change(c.now, change, m.id)
			c.drain(leader)
		}
	default:
		c.some(t)
	}
}

// some delivers, repeats or loses some of the messages, in any order.
func (c *chaos) some(t *rapid.T) {
	for k := rapid.IntRange(1, 8).Draw(t, "messages"); k > 0 && len(c.bag) > 0; k-- {
		i := 0
		if rapid.IntRange(0, 3).Draw(t, "reorder") == 0 {
			i = rapid.IntRange(0, len(c.bag)-1).Draw(t, "which")
		}
		switch rapid.IntRange(0, 9).Draw(t, "fate") {
		case 0:
			c.bag = append(c.bag[:i:i], c.bag[i+1:]...)
		case 1:
			c.deliver(i, true)
		default:
			c.deliver(i, false)
		}
	}
}

// forget restarts m with an older state of its disk, under the conditions that
// the protection needs: whoever answers m first knows what the others know of m, and
// nothing that m promised before is still on its way.
func (c *chaos) forget(t *rapid.T, m *member) {
	for _, other := range c.members {
		if other.log == nil || other.log.Probation() || other.log.Amnesia() {
			return
		}
	}
	c.forgot++
	c.crash(m)
	c.crashAfter = -1
	for _, a := range c.members {
		for _, b := range c.members {
			if a != b && a != m && b != m {
				b.log.Observe(m.id, a.log.Known(m.id))
			}
		}
	}
	c.bag = slices.DeleteFunc(c.bag, func(p packet) bool {
		sent, err := decodeMessage(p.data)
		return err != nil || sent.GetFrom() == uint64(m.id)
	})
	c.start(m, m.history[:rapid.IntRange(0, len(m.history)).Draw(t, "remembered")])
	for _, other := range c.members {
		if other != m {
			c.heartbeat(other, m)
			c.drain(m)
			c.drain(other)
			break
		}
	}
}

// heal ends all faults.
func (c *chaos) heal() {
	c.crashAfter = -1
	clear(c.cut)
	for _, m := range c.members {
		if m.log == nil {
			c.start(m, m.history)
		}
	}
}

// Equal inputs give equal records and messages, byte for byte.
func TestDeterministic(t *testing.T) {
	run := func() (all []string) {
		w := newWorld(t, 3)
		w.settled()
		w.crash(w.leader())
		w.run(5 * time.Second)
		for _, m := range w.members {
			for _, r := range m.history {
				all = append(all, string(r.Data))
			}
		}
		return all
	}
	require.Equal(t, run(), run())
}
