package certify

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/scenarios/script"
	"holdfast/xen/lab/wire"
)

// Two sides are alive when both answer and both run at the same time, not each at some time.
func TestSides(t *testing.T) {
	zero := time.Now()
	span := func(from, to int) period {
		return period{zero.Add(time.Duration(from) * time.Second), zero.Add(time.Duration(to) * time.Second)}
	}
	for _, c := range []struct {
		name               string
		answering, running []period
		answers, alive     time.Duration
		times              int
		since              time.Time
	}{
		{"nothing", nil, nil, 0, 0, 0, time.Time{}},
		{"both answer, one runs", []period{span(1, 3)}, nil, 2, 0, 0, time.Time{}},
		{"both run, one answers", nil, []period{span(1, 3)}, 0, 0, 0, time.Time{}},
		{"first the one, then the other", []period{span(1, 3)}, []period{span(4, 5)}, 2, 0, 0, time.Time{}},
		{"nobody knows whether at the same time", []period{span(1, 3)}, []period{span(2, 5)}, 2, 0, 0, time.Time{}},
		{"at the same time", []period{span(1, 3), span(10, 14)}, []period{span(6, 7), span(10, 11), span(12, 13)}, 6, 4, 2, zero.Add(10 * time.Second)},
	} {
		s := sidesOf(c.answering, c.running)
		require.Equal(t, Sides{c.answers * time.Second, c.times, c.alive * time.Second, c.since}, s, c.name)
		require.Equal(t, c.times > 0, s.Both(), c.name)
	}
}

// How long both ports sent is the time between looks, however often somebody looked.
func TestAnsweringIsMeasured(t *testing.T) {
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost a\nhost b\nvm db level ft service registers on a\nclients db\nrun 1s\n")
	require.NoError(t, err)
	r := newRun(s, fakeDriver{}, newFakeLab(t), Options{})
	o := newObserver(r.pool, r.reachable)
	zero := time.Now()
	look := func(at time.Duration, a, b uint64) {
		o.compare([]wire.Sighting{{Address: r.pool.Guest.MAC(), Port: "a", Frames: a}, {Address: r.pool.Guest.MAC(), Port: "b", Frames: b}}, zero.Add(at))
	}
	const second = time.Second
	look(0, 5, 5) // long ago
	look(1*second, 6, 6)
	require.Empty(t, o.answering, "a guest that moves is seen at both, once")
	look(4*second, 7, 7)
	look(9*second, 8, 8)
	look(10*second, 8, 9)
	look(11*second, 9, 10)
	look(13*second, 10, 11)
	require.Equal(t, []period{{zero.Add(second), zero.Add(9 * second)}, {zero.Add(11 * second), zero.Add(13 * second)}}, o.answering)
	sides, _, _ := o.result()
	require.Equal(t, 10*second, sides.Answering)
	require.False(t, sides.Both())
}
