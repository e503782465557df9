package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

// Whatever the members know, overrides that do not know of each other have different eras, of which neither elections nor
// earlier versions get into the other, and whoever wins by its term has the higher era.
func TestEras(t *testing.T) {
	earlier := func(term uint64, id model.NodeID) uint64 { return term + 1<<20 + uint64(id) } // term and era
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Custom(func(t *rapid.T) model.NodeID {
			return model.NodeID(rapid.IntRange(1, int(model.MaxNode)).Draw(t, "id"))
		})
		known := rapid.Custom(func(t *rapid.T) uint64 {
			term := rapid.Uint64Range(1, 100_000).Draw(t, "term")
			for n := rapid.IntRange(0, 3).Draw(t, "overrides of earlier versions"); n > 0; n-- {
				term = earlier(term, id.Draw(t, "by")) + rapid.Uint64Range(0, 1000).Draw(t, "elections")
			}
			for n := rapid.IntRange(0, 3).Draw(t, "overrides"); n > 0; n-- {
				era := eraAfter(term, id.Draw(t, "by"))
				require.Greater(t, era, term>>eraShift)
				term = era<<eraShift + rapid.Uint64Range(0, 1<<eraShift-1).Draw(t, "elections")
			}
			return term
		})
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		knownToA, knownToB := known.Draw(t, "known to a"), known.Draw(t, "known to b")
		one, other := eraAfter(knownToA, a), eraAfter(knownToB, b)
		require.LessOrEqual(t, one, uint64(model.MaxEra))
		require.True(t, overridden(knownToA, one<<eraShift), "those who know as much as a does not must notice")
		if knownToA < 1<<eraShift {
			require.Greater(t, one, earlier(knownToB&(1<<24-1), b), "an override of an earlier version has a higher era and a lower term")
		}
		if a == b {
			return
		}
		require.NotEqual(t, one, other)
		low, high := min(one, other), max(one, other)
		elections := rapid.Uint64Range(0, 1<<eraShift-1).Draw(t, "elections since")
		require.Less(t, low<<eraShift+elections, high<<eraShift)
		require.True(t, overridden(low<<eraShift+elections, high<<eraShift))
		require.False(t, overridden(high<<eraShift, low<<eraShift+elections))
	})
}

// place is an entry of a log as raft tells entries from each other.
type place struct{ term, index uint64 }

// rivals watches a pool in which operators give several members the override, without knowing of each other.
type rivals struct {
	*world
	read    map[*member]int             // records of its history that were looked at
	before  map[place]place             // what precedes an entry, in every log that has it
	content map[place]string            // what it says
	state   map[place][]byte            // snapshots
	leaders map[uint64]model.NodeID     // by term
	decided map[uint64]map[uint64]entry // by era and index
}

func watchRivals(w *world) *rivals {
	r := &rivals{
		world: w, read: map[*member]int{}, before: map[place]place{}, content: map[place]string{}, state: map[place][]byte{},
		leaders: map[uint64]model.NodeID{}, decided: map[uint64]map[uint64]entry{},
	}
	w.onApply = func(m *member, e entry) {
		era := m.log.lastTerm() >> eraShift
		if r.decided[era] == nil {
			r.decided[era] = map[uint64]entry{}
		}
		if was, found := r.decided[era][e.Index]; found {
			require.Equal(w.t, was, e, "two decisions at %d of era %d, the second at member %d", e.Index, era, m.id)
		}
		r.decided[era][e.Index] = e
	}
	w.onLeading = func(m *member) {
		term := m.log.Term()
		if was, found := r.leaders[term]; found {
			require.Equal(w.t, was, m.id, "two leaders in term %d", term)
		}
		require.Equal(w.t, m.log.lastTerm()>>eraShift, term>>eraShift, "member %d leads in an era that its log is not of", m.id)
		r.leaders[term] = m.id
	}
	return r
}

// logsMatch demands that entries of one index and term are equal wherever they were ever persisted, with all before them.
func (r *rivals) logsMatch() {
	for _, m := range r.members {
		for ; r.read[m] < len(m.history); r.read[m]++ {
			store, err := Fold(m.history[:r.read[m]+1])
			require.NoError(r.t, err)
			meta := store.snapshot.GetMetadata()
			last := place{meta.GetTerm(), meta.GetIndex()}
			if data := store.snapshot.GetData(); data != nil {
				was, found := r.state[last]
				require.True(r.t, !found || bytes.Equal(was, data), "two states at %v", last)
				r.state[last] = data
			}
			for _, e := range store.entries {
				at, says := place{e.GetTerm(), e.GetIndex()}, fmt.Sprint(e.GetType(), e.GetData())
				if was, found := r.before[at]; found {
					require.Equal(r.t, was, last, "what precedes %v at member %d", at, m.id)
					require.Equal(r.t, r.content[at], says, "what %v says at member %d", at, m.id)
				}
				r.before[at], r.content[at], last = last, says, at
			}
		}
	}
}

// override has a member go on alone at an operator's word.
func (r *rivals) override(m *member) {
	if m.log == nil || m.log.Amnesia() {
		return // the operator asks one that knows the pool's state
	}
	m.log.ForceAlone(r.now, func(era uint64) []byte { return fmt.Appendf(nil, "override %d", era) })
	r.drain(m)
}

// readmitAll has every leader take in everybody, as nodes do.
func (r *rivals) readmitAll() {
	for _, m := range r.members {
		for _, node := range r.members {
			if m.log != nil && m.log.Leading() && node != m {
				r.readmit(m, node)
			}
		}
	}
}

// Of overrides whose members hear of each other the one of the highest era wins, whole and on every member, however often
// anybody restarts and whatever is lost, repeated or overtaken meanwhile; and logs match at every moment.
func TestRivalOverrides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{2, 3, 3, 4}).Draw(t, "members")
		w := newWorld(t, n)
		w.cfg.CompactAfter = rapid.SampledFrom([]uint64{3, 1000}).Draw(t, "compact")
		if n == 4 {
			w.cfg.Learners, w.cfg.Voters = model.Nodes(4), model.Nodes(1, 2, 3)
		}
		w.trace = &strings.Builder{}
		defer func() {
			if t.Failed() {
				t.Log(w.trace.String())
			}
		}()
		r := watchRivals(w)
		w.settled()
		c := &chaos{world: w}
		overrides := 0
		for i := range rapid.IntRange(20, 150).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				if m := w.members[rapid.IntRange(0, n-1).Draw(t, "alone")]; overrides < 4 {
					overrides++
					r.override(m)
				}
			case 1:
				r.readmitAll()
			case 2: // a host that restarts again and again raises its term each time
				if m := w.members[rapid.IntRange(0, n-1).Draw(t, "restarts")]; m.log != nil {
					w.crash(m)
					w.start(m, m.history)
				}
			default:
				c.step(t, i)
			}
			r.logsMatch()
		}
		r.override(w.members[0])
		c.heal()
		highest := uint64(0)
		for _, m := range w.members {
			highest = max(highest, m.log.Position().Term>>eraShift)
		}
		w.until("one log, and everybody votes or learns as before", func() bool {
			r.readmitAll()
			r.logsMatch()
			for _, m := range w.members {
				if m.log.Amnesia() || m.log.Probation() || m.log.lastTerm()>>eraShift != highest || m.log.Voters().Len() != n {
					return false
				}
			}
			return w.leader() != nil
		})
		w.propose(w.members[n-1], "last")
		w.run(5 * time.Second)
		r.logsMatch()
		first, err := json.Marshal(w.members[0].applied)
		require.NoError(t, err)
		for _, m := range w.members {
			all, err := json.Marshal(m.applied)
			require.NoError(t, err)
			require.Equal(t, string(first), string(all), "member %d", m.id)
		}
		found := map[uint64]entry{}
		for _, e := range w.members[0].applied {
			found[e.Index] = e
		}
		for index, e := range r.decided[highest] {
			require.Equal(t, e, found[index], "what was decided in the era that won")
		}
	})
}

// Overrides of earlier versions, which raised the term by 2²⁰, are noticed as those of this one.
func TestOverridden(t *testing.T) {
	const old, first = 1<<20 + 2 + 5, (model.FirstEra + 2) << eraShift
	for name, c := range map[string]struct {
		own, term uint64
		want      bool
	}{
		"elections":                              {5, 5000, false},
		"an override of an earlier version":      {5, old, true},
		"elections after it":                     {old, old + 5000, false},
		"the second one of that version":         {old, old + 1<<20 + 1, true},
		"an override":                            {5, first, true},
		"an override over one of that version":   {old, first, true},
		"elections after an override":            {first, first + 5000, false},
		"the override of the next member":        {first + 5000, first + 1<<eraShift, true},
		"that of the member before":              {first, first - 1<<eraShift, false},
		"what was before":                        {first, old, false},
		"an override of that version after this": {first, first + 1<<20 + 1, true},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, overridden(c.own, c.term)) })
	}
}
