package control

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
)

var update = flag.Bool("update", false, "rewrite the golden traces in testdata")

// scene runs script in a pool of n members and compares every message, record
// and notice with testdata/<name>.trace.
func scene(t *testing.T, name string, n int, script func(w *world)) {
	t.Run(name, func(t *testing.T) {
		w := newWorld(t, n)
		w.trace = &strings.Builder{}
		script(w)
		path := filepath.Join("testdata", name+".trace")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(path, []byte(w.trace.String()), 0o644))
			return
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err, "create it with: go test -run TestTraces -update")
		require.Equal(t, string(want), w.trace.String())
	})
}

// settled is a pool with a leader and one entry, whose trace begins here.
func (w *world) settled() *member {
	trace := w.trace
	w.trace = nil
	w.startAll()
	w.until("a leader", func() bool { return w.leader() != nil })
	w.propose(w.leader(), "first")
	w.run(time.Second)
	w.trace = trace
	return w.leader()
}

func TestTraces(t *testing.T) {
	scene(t, "election", 3, func(w *world) {
		w.startAll()
		w.beat()
		w.until("a leader", func() bool { return w.leader() != nil })
		require.Equal(t, w.leader().id, w.members[2].log.Leader())
	})
	scene(t, "commit", 3, func(w *world) {
		w.settled()
		follower := w.member(w.leader().log.Voters().Other(w.leader().id))
		require.NoError(t, follower.log.Propose([]byte("x")))
		w.drain(follower)
		w.flush()
	})
	scene(t, "leader-lost", 3, func(w *world) {
		old := w.settled()
		w.logf("-- the leader dies; detection comes to one member after the other")
		w.crash(old)
		began := w.now
		w.beat()
		w.flush()
		require.NotNil(t, w.leader())
		require.Equal(t, began, w.now, "detection plus round trips, no time-out")
		w.propose(w.leader(), "x")
		w.start(old, old.history)
		w.until("the old leader follows", func() bool { return old.log.has(old, "x") })
	})
	scene(t, "lost-messages", 3, func(w *world) {
		leader := w.settled()
		require.NoError(t, leader.log.Propose([]byte("x")))
		w.drain(leader)
		for _, p := range w.bag {
			w.logf("%s is lost", describePacket(p))
		}
		w.bag = nil
		w.run(300 * time.Millisecond)
		for _, m := range w.members {
			require.True(t, m.log.has(m, "x"))
		}
	})
	scene(t, "links-cut", 3, func(w *world) {
		leader := w.settled()
		other := w.member(w.cfg.Voters.Other(leader.id))
		w.logf("-- the hosts do not hear each other; both hear the witness")
		w.setCut(leader.id, other.id, true)
		w.beat()
		w.flush()
		w.propose(other, "x")
		require.Equal(t, leader, w.leader(), "nobody is deposed for a cut link")
	})
	scene(t, "snapshot", 3, func(w *world) {
		w.cfg.CompactAfter = 4
		leader := w.settled()
		away := w.member(3)
		w.crash(away)
		for _, x := range []string{"a", "b", "c", "d", "e", "f"} {
			w.propose(leader, x)
		}
		w.start(away, away.history)
		w.beat()
		w.logf("-- the first snapshot is lost")
		w.dropSnapshot()
		w.until("caught up", func() bool { return away.log.has(away, "f") })
	})
}

func TestTraceMembers(t *testing.T) {
	scene(t, "members", 4, func(w *world) {
		w.cfg.Voters, w.cfg.Learners = model.Nodes(1, 2, 3), model.Nodes(4)
		leader := w.settled()
		learner, lost := w.member(4), w.member(w.cfg.Voters.Other(leader.id))
		w.logf("-- a learner proposes")
		w.propose(learner, "x")
		w.logf("-- a voter is lost; the learner votes in its place, and only then the lost one learns")
		w.crash(lost)
		require.True(t, leader.log.Change(w.now, Vote, learner.id))
		require.False(t, leader.log.Change(w.now, Learn, lost.id), "one change at a time")
		w.drain(leader)
		w.until("four voters", func() bool { return leader.log.Voters().Len() == 4 })
		require.True(t, leader.log.Change(w.now, Learn, lost.id))
		w.drain(leader)
		w.until("three voters", func() bool { return leader.log.Voters().Len() == 3 })
		w.logf("-- another voter is lost: the pool still decides")
		w.crash(w.member((w.cfg.Voters.Without(leader.id).Without(lost.id)).First()))
		w.propose(leader, "y")
		w.logf("-- the lost one returns and learns that it does not vote")
		w.start(lost, lost.history)
		w.until("it knows", func() bool { return lost.log.has(lost, "y") && lost.log.Learners().Has(lost.id) })
	})
}

// dropSnapshot runs until a snapshot is on its way, and loses it.
func (w *world) dropSnapshot() {
	for range 1000 {
		w.advance(10 * time.Millisecond)
		for len(w.bag) > 0 {
			if strings.Contains(describePacket(w.bag[0]), "Snap") {
				w.logf("%s is lost", describePacket(w.bag[0]))
				w.bag = w.bag[1:]
				return
			}
			w.deliver(0, false)
		}
	}
	require.Fail(w.t, "no snapshot was sent")
}

func TestTraceAmnesia(t *testing.T) {
	scene(t, "amnesia", 3, func(w *world) {
		w.settled()
		a, b, witness := w.member(1), w.member(2), w.member(3)
		if w.leader() != a {
			a, b = b, a
		}
		before := len(witness.history)
		w.logf("-- A and the witness commit x while B is cut off")
		w.setCut(a.id, b.id, true)
		w.setCut(b.id, witness.id, true)
		w.propose(a, "x")
		w.logf("-- the witness returns with an old disk; A tells B what it knows of it, then dies")
		w.crash(witness)
		w.setCut(a.id, b.id, false)
		b.log.Observe(witness.id, a.log.Known(witness.id))
		w.crash(a)
		w.start(witness, witness.history[:before])
		w.setCut(b.id, witness.id, false)
		w.run(10 * time.Second)
		require.Nil(t, w.leader(), "B and the witness must not decide without x")
		require.True(t, witness.log.Amnesia())
		w.logf("-- A returns")
		w.start(a, a.history)
		w.until("the witness may vote again", func() bool { return !witness.log.Amnesia() && w.leader() != nil })
		w.crash(a)
		w.until("B leads with the witness", func() bool { return w.leader() == b })
		w.run(time.Second)
		require.True(t, b.log.has(b, "x"))
		require.True(t, witness.log.has(witness, "x"))
	})
}

func TestTraceAlone(t *testing.T) {
	scene(t, "alone", 2, func(w *world) {
		w.settled()
		a, b := w.members[0], w.members[1]
		w.logf("-- B dies with a proposal that A never saw")
		_ = b.log.Propose([]byte("lost"))
		w.drain(b)
		w.bag = nil
		w.crash(b)
		w.run(3 * time.Second)
		require.Nil(t, w.leader())
		w.logf("-- the operator lets A decide alone")
		a.log.ForceAlone(w.now, func(era uint64) []byte { return fmt.Appendf(nil, "override %d", era) })
		w.drain(a)
		require.True(t, a.log.Leading())
		w.propose(a, "alone")
		w.logf("-- A restarts, then B returns")
		w.crash(a)
		w.start(a, a.history)
		w.propose(a, "again")
		w.start(b, b.history)
		w.until("B votes again", func() bool {
			w.readmit(a, b)
			return b.log.Voters() == model.Nodes(1, 2) && a.log.Voters() == model.Nodes(1, 2)
		})
		w.propose(b, "both")
		require.True(t, b.log.has(b, "alone"))
		require.False(t, b.log.has(b, "lost"))
		require.Equal(t, a.applied, b.applied)
	})
}

func (w *world) readmit(leader, node *member) {
	if change := Learn; !leader.log.Voters().Has(node.id) {
		if leader.log.Learners().Has(node.id) {
			change = Vote
		}
		leader.log.Change(w.now, change, node.id)
	}
	w.drain(leader)
	w.flush()
}

// The two others of a pool of three went on without A, whom an operator then let decide
// alone by mistake. What they committed is void, and all agree in the end.
func TestWrongOverrideConverges(t *testing.T) {
	for _, compact := range []uint64{3, 1000} {
		w := newWorld(t, 3)
		w.cfg.CompactAfter = compact
		w.settled()
		a, b, c := w.members[0], w.members[1], w.members[2]
		w.setCut(1, 2, true)
		w.setCut(1, 3, true)
		for _, x := range []string{"p", "q", "r", "s", "t"} {
			w.propose(b, x)
		}
		a.log.ForceAlone(w.now, func(era uint64) []byte { return fmt.Appendf(nil, "override %d", era) })
		w.drain(a)
		w.propose(a, "alone")
		w.setCut(1, 2, false)
		w.setCut(1, 3, false)
		w.until("all vote again", func() bool {
			w.readmit(a, b)
			w.readmit(a, c)
			return a.log.Voters().Len() == 3 && b.log.Voters().Len() == 3 && c.log.Voters().Len() == 3
		})
		w.propose(c, "all")
		w.run(time.Second)
		require.True(t, a.log.has(a, "alone"))
		require.Equal(t, a.applied, b.applied)
		require.Equal(t, a.applied, c.applied)
	}
}

// Those who were declared dead return, a majority of the old voters, and hear the one that decided alone. Nobody has made
// them members of the new log yet, and nobody leads whom they know: they must not decide among themselves.
func TestDeclaredDeadDoNotDecide(t *testing.T) {
	w := newWorld(t, 3)
	w.settled()
	a, b, c := w.members[0], w.members[1], w.members[2]
	w.crash(b)
	w.crash(c)
	a.log.ForceAlone(w.now, func(era uint64) []byte { return fmt.Appendf(nil, "override %d", era) })
	w.drain(a)
	w.propose(a, "alone")
	w.start(b, b.history)
	w.start(c, c.history)
	for range 100 {
		w.run(100 * time.Millisecond)
		_ = b.log.Propose([]byte("void"))
		w.drain(b)
		require.False(t, b.log.Leading() || c.log.Leading(), "those who were declared dead have a leader of their own")
	}
	w.crash(c)
	w.start(c, c.history)
	w.run(10 * time.Second)
	require.False(t, b.log.Leading() || c.log.Leading(), "another life forgets what was heard")
	w.until("all vote again", func() bool {
		w.readmit(a, b)
		w.readmit(a, c)
		return a.log.Voters().Len() == 3 && b.log.Voters().Len() == 3 && c.log.Voters().Len() == 3
	})
	w.propose(c, "all")
	w.run(time.Second)
	require.False(t, b.log.has(b, "void"))
	require.True(t, b.log.has(b, "alone"))
	require.Equal(t, a.applied, b.applied)
	require.Equal(t, a.applied, c.applied)
}

func TestDiskReplacedByEmptyOne(t *testing.T) {
	w := newWorld(t, 3)
	w.settled()
	for _, m := range []*member{w.members[2], w.members[0], w.members[1]} {
		w.crash(m)
		w.start(m, nil)
		require.True(t, m.log.Probation())
		w.until("caught up", func() bool {
			return !m.log.Probation() && !m.log.Amnesia() && m.log.has(m, "first") && w.leader() != nil
		})
		w.run(time.Second)
	}
}

func TestAllRestartAtOnce(t *testing.T) {
	w := newWorld(t, 3)
	w.settled()
	for range 3 {
		for _, m := range w.members {
			w.crash(m)
		}
		for _, m := range w.members {
			w.start(m, m.history)
		}
		w.until("a leader", func() bool { return w.leader() != nil })
		for _, m := range w.members {
			require.False(t, m.log.Amnesia())
		}
	}
}
