package control

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
)

// history returns what a member of a busy pool persisted.
func history(t require.TestingT) []model.Record {
	w := newWorld(t, 3)
	w.cfg.CompactAfter = 3
	w.settled()
	for _, x := range []string{"a", "b", "c", "d"} {
		w.propose(w.members[1], x)
	}
	return w.members[1].history
}

// Each prefix of what is persisted is a store from which a member can go on.
func TestEveryRecordBoundaryIsAStore(t *testing.T) {
	records := history(t)
	require.Greater(t, len(records), 10)
	for n := range len(records) + 1 {
		store, err := Fold(records[:n])
		require.NoError(t, err, "first %d records", n)
		require.Equal(t, n == 0, store.Empty())
		l, err := New(Config{ID: 2, Voters: model.Nodes(1, 2, 3)}, store)
		require.NoError(t, err)
		require.True(t, l.Probation())
		if n > 0 {
			require.Equal(t, store.state.peak, l.Position())
		}
	}
}

func TestFoldErrors(t *testing.T) {
	records := history(t)
	base, rest := records[0], records[1:]
	require.Equal(t, model.RecordBase, base.Kind)
	with := func(r model.Record, change func(*model.Record)) model.Record {
		r.Data = append([]byte{}, r.Data...)
		change(&r)
		return r
	}
	for want, records := range map[string][]model.Record{
		"record 0: nothing precedes it":     rest,
		"record 1: format version is not 1": {base, with(rest[0], func(r *model.Record) { r.Data[0] = 7 })},
		"record 1: it ends early":           {base, with(rest[0], func(r *model.Record) { r.Data = r.Data[:3] })},
		"record 1: 1 bytes follow its end":  {base, with(rest[0], func(r *model.Record) { r.Data = append(r.Data, 0) })},
		"record 1: unknown kind 99":         {base, with(rest[0], func(r *model.Record) { r.Kind = 99 })},
		"record 1: kind 2 with 1 entries":   {base, {Kind: model.RecordState, Data: lastEntries(rest).Data}},
		"record 1: entries start at":        {base, lastEntries(rest)},
	} {
		_, err := Fold(records)
		require.ErrorIs(t, err, ErrStore)
		require.ErrorContains(t, err, want)
	}
}

func lastEntries(records []model.Record) (last model.Record) {
	for _, r := range records {
		if r.Kind == model.RecordEntries {
			last = r
		}
	}
	return last
}

func FuzzFold(f *testing.F) {
	for _, r := range history(f) {
		f.Add(uint8(r.Kind), r.Data)
	}
	base := history(f)[0]
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		store, err := Fold([]model.Record{base, {Kind: model.RecordKind(kind), Data: data}})
		if err != nil {
			require.ErrorIs(t, err, ErrStore)
			return
		}
		l, err := New(Config{ID: 2, Voters: model.Nodes(1, 2, 3)}, store)
		if err != nil {
			require.ErrorIs(t, err, ErrStore)
			return
		}
		l.Wake(1)
		l.Drain(&model.Effects{}, func(uint64, []byte) {})
	})
}

func FuzzReceive(f *testing.F) {
	w := newWorld(f, 3)
	w.startAll()
	w.beat()
	for range 300 {
		w.advance(10 * time.Millisecond)
		for len(w.bag) > 0 {
			f.Add(w.bag[0].data)
			w.deliver(0, false)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMessage(data)
		if err != nil {
			return
		}
		again, err := decodeMessage(encodeMessage(m))
		require.NoError(t, err)
		require.Equal(t, encodeMessage(m), encodeMessage(again))
	})
}

func TestReceiveErrors(t *testing.T) {
	l, err := New(Config{ID: 2, Voters: model.Nodes(1, 2, 3)}, Store{})
	require.NoError(t, err)
	for _, data := range [][]byte{nil, {9}, {1}, {1, 0xff}, {1, 8, 0, 16, 2, 24, 1}} {
		require.ErrorIs(t, l.Receive(1, 1, 1, data), ErrMessage)
	}
	require.ErrorIs(t, l.Propose([]byte("x")), ErrNoLeader)
	require.ErrorIs(t, l.Propose(nil), ErrEmpty)
}

func TestConfigErrors(t *testing.T) {
	good := Config{ID: 1, Voters: model.Nodes(1, 2)}
	require.NoError(t, good.withDefaults().validate())
	for name, change := range map[string]func(*Config){
		"ID":              func(c *Config) { c.ID = 0 },
		"Voters":          func(c *Config) { c.Voters = 0 },
		"Learners":        func(c *Config) { c.Learners = c.Voters },
		"ElectionTimeout": func(c *Config) { c.ElectionTimeout = time.Second },
		"ResendEvery":     func(c *Config) { c.ResendEvery = time.Hour },
	} {
		c := good
		change(&c)
		_, err := New(c, Store{})
		require.True(t, errors.Is(err, ErrConfig), name)
	}
}

// What happens for every heartbeat of every peer must not allocate.
func TestQuietPathsDoNotAllocate(t *testing.T) {
	w := newWorld(t, 3)
	for _, l := range []*Log{w.settled().log, w.member(w.leader().log.Voters().Other(w.leader().id)).log} {
		var out model.Effects
		require.Zero(t, testing.AllocsPerRun(100, func() {
			l.Heard(w.now, 3)
			l.Observe(3, model.Position{Term: 1, Index: 1})
			l.Confirm(w.now, model.Position{Term: 1, Index: 1})
			l.Wake(w.now)
			l.Drain(&out, nil)
		}))
	}
}
