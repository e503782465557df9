package mirror

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

func yes() bool { return true }

// check checks what must hold at every moment.
func (w *world) check() {
	a, b := w.disks[1], w.disks[2]
	for s := range sectors {
		same := true
		values := append(a.possible(s), b.possible(s)...)
		for _, v := range values {
			same = same && v == values[0]
		}
		x := uint32(s / extentSectors)
		if !same && !a.marks.Has(x) && !b.marks.Has(x) {
			require.Fail(w.t, "R7", "sector %d can differ (%v, %v) and is marked on neither copy", s, a.possible(s), b.possible(s))
		}
	}
	require.LessOrEqual(w.t, len(w.p.ops.slots), maxPending+8, "slots leak")
}

// compare checks that a copy which the log takes into the in-sync set has everything
// but what is under way.
func (w *world) compare() {
	for s := range sectors {
		if w.ft || w.guest.writing(s) {
			continue
		}
		require.Equal(w.t, w.disks[w.at].current[s], w.disks[w.peer()].current[s], "R7: sector %d differs when the copy is attached", s)
	}
}

// heal ends all faults and demands that everything completes and both copies are equal.
func (w *world) heal() {
	for range 400 {
		w.settle()
		if w.healthy() {
			break
		}
	}
	require.Empty(w.t, w.guest.pending, "requests without answer")
	require.Equal(w.t, InSync, w.p.Local(), "liveness: the primary's copy")
	require.Equal(w.t, InSync, w.p.Remote(), "liveness: the replica's copy")
	require.False(w.t, w.p.LocalFailed() || w.p.RemoteFailed())
	require.Empty(w.t, w.p.ops.order, "operations that nobody waits for")
	require.Equal(w.t, len(w.p.ops.slots), len(w.p.ops.free), "slots leak")
	require.False(w.t, w.r.Busy(), "the replica has operations that nobody waits for")
	require.Equal(w.t, w.disks[1].current, w.disks[2].current, "the copies differ")
	require.LessOrEqual(w.t, w.p.marked.Len(), testConfig.ActiveExtents, "marks are not forgotten")
}

func (w *world) healthy() bool {
	return len(w.guest.pending) == 0 && w.p.Local() == InSync && w.p.Remote() == InSync &&
		!w.p.LocalFailed() && !w.p.RemoteFailed() && len(w.p.ops.order) == 0 && !w.unlearned && w.proposal.inSync == 0 &&
		len(w.held) == 0 && len(w.bag) == 0 && w.p.marked.Len() <= testConfig.ActiveExtents
}

// settle lets 10 ms pass in which everything works.
func (w *world) settle() {
	for range 6 {
		for node := model.NodeID(1); node <= 2; node++ {
			for len(w.disks[node].ops) > 0 {
				w.finish(node, 0, false)
			}
		}
		for len(w.bag) > 0 {
			p := w.bag[0]
			w.bag = w.bag[1:]
			w.deliver(p, yes)
		}
	}
	w.reconcile(yes)
	w.commit()
	w.learn()
	w.checkpoint()
	w.wait(10 * time.Millisecond)
	w.check()
}

// maxPending bounds the guest's requests under way.
const maxPending = 6

// Actions of which a part of the tests is made, so that what needs many of them in a row is met.
var (
	everything []string
	// marking is writing while the marks of earlier writes are forgotten.
	marking = []string{"write", "write 2", "finish", "finish 2", "finish 3", "deliver", "deliver 2"}
	// reading is reading from copies that fail, in one life after the other, while messages come late.
	reading = []string{"remote read", "remote read 2", "answer", "set aside", "late", "work", "lose host"}
)

func TestMachine(t *testing.T) {
	for _, part := range []struct {
		name    string
		ft      bool
		settled bool
		only    []string
	}{
		{"synchronous", false, false, everything},
		{"epochs", true, false, everything},
		{"marks", false, true, marking},
		{"reads", false, true, reading},
	} {
		t.Run(part.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t)
				w.ft = part.ft
				w.inSync = model.Nodes(1)
				w.run(1)
				if part.settled || rapid.Bool().Draw(t, "settled") {
					w.heal()
				}
				actions := w.actions()
				maps.DeleteFunc(actions, func(name string, _ func(*rapid.T)) bool {
					return part.only != nil && name != "" && !slices.Contains(part.only, name)
				})
				t.Repeat(actions)
				w.heal()
			})
		})
	}
}

func (w *world) actions() map[string]func(*rapid.T) {
	keep := func(t *rapid.T) func() bool { return func() bool { return rapid.Bool().Draw(t, "keep") } }
	index := func(t *rapid.T, n int) int {
		if n == 0 {
			t.Skip("nothing under way")
		}
		return rapid.IntRange(0, min(n, 8)-1).Draw(t, "which")
	}
	node := func(t *rapid.T) model.NodeID { return model.NodeID(rapid.IntRange(1, 2).Draw(t, "node")) }
	take := func(i int) packet {
		p := w.bag[i]
		w.bag = append(w.bag[:i:i], w.bag[i+1:]...)
		return p
	}
	request := func(t *rapid.T, op model.IOOp) {
		if len(w.guest.pending) >= maxPending {
			t.Skip("enough requests under way")
		}
		first := rapid.IntRange(0, sectors-1).Draw(t, "sector")
		count := rapid.IntRange(1, min(3, sectors-first)).Draw(t, "count")
		fua := op == model.OpWrite && rapid.IntRange(0, 7).Draw(t, "fua") == 0
		w.p.Request(w.now, w.guest.request(op, uint64(first), uint32(count), fua), &w.out)
		w.perform(w.at)
	}
	remoteRead := func(t *rapid.T) { // the local copy cannot
		request(t, model.OpRead)
		if n := len(w.disks[w.at].ops); n > 0 {
			w.finish(w.at, n-1, true)
		}
	}
	finish := func(t *rapid.T, failed bool) {
		n := node(t)
		w.finish(n, index(t, len(w.disks[n].ops)), failed)
	}
	return map[string]func(*rapid.T){
		"write":     func(t *rapid.T) { request(t, model.OpWrite) },
		"write 2":   func(t *rapid.T) { request(t, model.OpWrite) },
		"read":      func(t *rapid.T) { request(t, model.OpRead) },
		"flush":     func(t *rapid.T) { request(t, model.OpFlush) },
		"finish":    func(t *rapid.T) { finish(t, false) },
		"finish 2":  func(t *rapid.T) { finish(t, false) },
		"finish 3":  func(t *rapid.T) { finish(t, false) },
		"deliver":   func(t *rapid.T) { w.deliver(take(index(t, len(w.bag))), keep(t)) },
		"deliver 2": func(t *rapid.T) { w.deliver(take(0+index(t, len(w.bag))), keep(t)) },
		"fail":      func(t *rapid.T) { finish(t, true) },
		"repeat":    func(t *rapid.T) { w.deliver(w.bag[index(t, len(w.bag))], keep(t)) },
		"lose":      func(t *rapid.T) { take(index(t, len(w.bag))) },
		"reconcile": func(t *rapid.T) { w.reconcile(keep(t)) },
		"log":       func(*rapid.T) { w.commit() },
		"learn":     func(*rapid.T) { w.learn() },
		"epoch":     func(*rapid.T) { w.checkpoint() },
		"wait":      func(t *rapid.T) { w.wait(time.Duration(rapid.IntRange(1, 300).Draw(t, "ms")) * time.Millisecond) },
		"work":      func(*rapid.T) { w.settle() },
		"set aside": func(t *rapid.T) {
			i := slices.IndexFunc(w.bag, func(p packet) bool { return p.Kind == model.MsgReadDone })
			if i < 0 {
				t.Skip("no answer to a read is on its way")
			}
			w.late = append(w.late, take(i))
		},
		"late": func(t *rapid.T) { w.deliver(w.late[index(t, len(w.late))], keep(t)) },
		"answer": func(*rapid.T) { // what the replica was asked for
			for i := len(w.bag) - 1; i >= 0; i-- {
				if w.bag[i].Kind == model.MsgRead {
					w.deliver(take(i), yes)
				}
			}
			for n := w.peer(); len(w.disks[n].ops) > 0; {
				w.finish(n, 0, false)
			}
		},
		"remote read":   remoteRead,
		"remote read 2": remoteRead,
		"lose host": func(t *rapid.T) {
			n := node(t)
			if !w.inSync.Has(n) {
				t.Skip("not in sync")
			}
			if w.ft && w.inSync.Len() == 2 {
				n = w.peer()
			}
			w.loseHost(n, keep(t))
		},
		"lose replica": func(t *rapid.T) {
			power := rapid.Bool().Draw(t, "power")
			if only := model.Nodes(w.peer()); w.inSync == only || w.proposal.inSync == only || w.p.LocalFailed() {
				power = false // that would be a crash of the guest's only disk while it runs
			}
			w.loseReplica(power, keep(t))
		},
		"": func(*rapid.T) { w.check() },
	}
}
