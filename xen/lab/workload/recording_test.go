package workload

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports/check"
	"holdfast/reports/history"
	"holdfast/xen/lab/service"
)

// store is a service in memory that can be broken.
type store struct {
	mu     sync.Mutex
	values map[string]string
	boot   string
	// failing decides about each write before (ErrNotDone, nothing is done) or after it was done; nil: none fails.
	before, after func(key string) error
	opened        int
}

func newStore() *store { return &store{values: map[string]string{}, boot: "first"} }

func (s *store) Name() string { return "store" }

func (s *store) Open(context.Context, Dial) (Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return &storeSession{store: s, boot: s.boot}, nil
}

type storeSession struct {
	*store
	boot   string
	closed bool
}

func (s *storeSession) Boot() string { return s.boot }

var errGone = errors.New("the connection is gone")

func (s *storeSession) usable() error {
	if s.closed || s.boot != s.store.boot {
		return errGone
	}
	return nil
}

func (s *storeSession) Read(_ context.Context, key string) (string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	return v, ok, s.usable()
}

func (s *storeSession) Write(_ context.Context, key, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if s.before != nil {
		if err := s.before(key); err != nil {
			return err
		}
	}
	s.values[key] = value
	if s.after != nil {
		return s.after(key)
	}
	return nil
}

func (s *storeSession) Cas(_ context.Context, key, old, new string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values[key] != old {
		return false, s.usable()
	}
	s.values[key] = new
	return true, s.usable()
}

func (s *storeSession) Close() error { s.closed = true; return nil }

func someLoad() Load {
	return Load{Object: "db", Clients: 4, Keys: 4, Rate: 5000, Timeout: time.Second, Connect: time.Second, Seed: 1}
}

func start(t *testing.T, s Service, dial Dial, l Load) *Recording {
	r, err := Start(t.Context(), s, dial, l)
	require.NoError(t, err)
	return r
}

// waitFor waits until so many operations have begun.
func waitFor(t *testing.T, r *Recording, operations int) {
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.rec.Len() >= operations
	}, 30*time.Second, time.Millisecond)
}

func finish(t *testing.T, r *Recording) *history.History {
	r.Stop()
	require.NoError(t, r.LastReads(t.Context()))
	h := r.Finish(r.start)
	require.NoError(t, h.Validate())
	return h
}

func verdict(t *testing.T, h *history.History) check.Verdict {
	v, err := check.Check(h, check.Limits{})
	require.NoError(t, err)
	return v
}

func TestARightServiceIsProven(t *testing.T) {
	s := newStore()
	s.values["0"] = "77777" // what was there before does not matter
	r := start(t, s, nil, someLoad())
	waitFor(t, r, 500)
	h := finish(t, r)
	v := verdict(t, h)
	require.Equal(t, check.Linearizable, v.Result, v.Message)
	require.Len(t, v.Partitions, 4)
	kinds := map[history.Func]int{}
	for _, o := range h.Operations {
		kinds[o.Func]++
	}
	require.Greater(t, kinds[history.CAS], 10)
	require.Greater(t, kinds[history.Read], kinds[history.Write]/2)
	require.Equal(t, []string{"first"}, r.Stats().Boots)
}

func TestAServiceThatForgetsIsFound(t *testing.T) {
	s := newStore()
	r := start(t, s, nil, someLoad())
	waitFor(t, r, 200)
	s.mu.Lock()
	s.values, s.boot = map[string]string{}, "second"
	s.mu.Unlock()
	waitFor(t, r, 300)
	h := finish(t, r)
	require.Equal(t, check.Illegal, verdict(t, h).Result)
	require.Equal(t, []string{"first", "second"}, r.Stats().Boots)
	require.Positive(t, r.Stats().Resets)
}

func TestALostLastWriteIsFound(t *testing.T) {
	s := newStore()
	r := start(t, s, nil, someLoad())
	waitFor(t, r, 100)
	r.Stop()
	s.mu.Lock()
	s.values["2"] = "1000000" // nobody wrote that
	s.mu.Unlock()
	require.NoError(t, r.LastReads(t.Context()))
	v := verdict(t, r.Finish(r.start))
	require.Equal(t, check.Illegal, v.Result)
	require.Contains(t, v.Message, "key 2")
}

func TestWhatIsNotKnownStaysOpen(t *testing.T) {
	s := newStore()
	n := 0
	s.after = func(string) error {
		if n++; n > 4 && n%10 == 0 {
			return errGone // it was done, and nobody is told
		}
		return nil
	}
	r := start(t, s, nil, someLoad())
	waitFor(t, r, 400)
	h := finish(t, r)
	require.Equal(t, check.Linearizable, verdict(t, h).Result)
	unknown := 0
	for i, o := range h.Operations {
		if o.Status != history.Unknown {
			continue
		}
		unknown++
		require.Equal(t, history.Never, o.Return)
		for _, later := range h.Operations[i+1:] {
			require.NotEqual(t, o.Process, later.Process, "a client whose operation has no outcome goes on under a new number")
		}
	}
	require.Greater(t, unknown, 5)
	require.Equal(t, int64(unknown), r.Stats().Resets)
	requireReadAfterDoubt(t, h)
}

// requireReadAfterDoubt checks that a process that follows one with an unknown outcome begins with a read of that key. Such a
// process gets the next free number at the moment at which the other one ends.
func requireReadAfterDoubt(t *testing.T, h *history.History) {
	first := map[int64]history.Operation{}
	for _, o := range h.Operations {
		if _, ok := first[o.Process]; !ok {
			first[o.Process] = o
		}
	}
	for process, o := range first {
		if process >= 4 && process < int64(len(first))-1 { // the last one does the last reads
			require.Equal(t, history.Read, o.Func, "process %d", process)
		}
	}
}

func TestWhatWasCertainlyNotDone(t *testing.T) {
	s := newStore()
	n := 0
	s.before = func(string) error {
		if n++; n%3 == 0 {
			return errors.Join(ErrNotDone, errors.New("read only"))
		}
		return nil
	}
	r := start(t, s, nil, someLoad())
	waitFor(t, r, 300)
	h := finish(t, r)
	require.Equal(t, check.Linearizable, verdict(t, h).Result)
	failed := 0
	for _, o := range h.Operations {
		if o.Status == history.Fail {
			failed++
		}
	}
	require.Greater(t, failed, 10)
	require.Equal(t, 4+1, s.opened, "an operation that was refused does not end the session")
}

func TestValuesAreUnique(t *testing.T) {
	r := start(t, newStore(), nil, someLoad())
	waitFor(t, r, 300)
	seen := map[int64]bool{}
	for _, o := range finish(t, r).Operations {
		value := map[history.Func]int64{history.Write: o.Arg, history.CAS: o.Arg2}[o.Func]
		require.False(t, value != 0 && seen[value], "value %d is written twice", value)
		seen[value] = true
	}
}

func TestBadLoads(t *testing.T) {
	for text, change := range map[string]func(*Load){
		"9 clients; 1 to 8": func(l *Load) { l.Clients = MaxClients + 1 },
		"0 keys; 1 to 4096": func(l *Load) { l.Keys = 0 },
		"rate 0/s":          func(l *Load) { l.Rate = 0 },
		"time-out 0s, time to connect 1s; all three above 0": func(l *Load) { l.Timeout = 0 },
	} {
		l := someLoad()
		change(&l)
		_, err := Start(t.Context(), newStore(), nil, l)
		require.ErrorIs(t, err, ErrLoad)
		require.ErrorContains(t, err, text)
	}
}

func TestNobodyServes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	dial := func(context.Context) (net.Conn, error) { return nil, errGone }
	_, err := Start(ctx, Registers{}, dial, someLoad())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestRegisters(t *testing.T) {
	server, err := service.New(service.Config{Boot: "b1"})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go server.Serve(listener)
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", listener.Addr().String())
	}
	s, err := Registers{}.Open(t.Context(), dial)
	require.NoError(t, err)
	defer s.Close()
	_, found, err := s.Read(t.Context(), "3")
	require.NoError(t, err)
	require.False(t, found)
	require.NoError(t, s.Write(t.Context(), "3", "5"))
	swapped, err := s.Cas(t.Context(), "3", "4", "6")
	require.NoError(t, err)
	require.False(t, swapped)
	swapped, err = s.Cas(t.Context(), "3", "5", "6")
	require.NoError(t, err)
	require.True(t, swapped)
	value, found, err := s.Read(t.Context(), "3")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "6", value)
	require.ErrorIs(t, s.Write(t.Context(), "x", "5"), ErrNotDone)
	require.ErrorIs(t, s.Write(t.Context(), strconv.Itoa(service.Keys), "5"), ErrNotDone)

	r := start(t, Registers{}, dial, someLoad())
	waitFor(t, r, 200)
	v := verdict(t, finish(t, r))
	require.Equal(t, check.Linearizable, v.Result, v.Message)
	require.Equal(t, []string{"b1"}, r.Stats().Boots)
}
