package wire

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"holdfast/faults"
	"holdfast/xen/lab/wire/link"
)

func TestInjectWithAClock(t *testing.T) {
	clock := clockwork.NewFakeClock()
	n := newNetwork(t, Config{Clock: clock})
	plugAll(t, n)
	inject := func(text string) {
		_, err := n.Inject(parse(t, text), Names)
		require.NoError(t, err, text)
	}
	onLink := func(on Segment, from, to string) link.Faults {
		f, err := n.Faults(on, from, to)
		require.NoError(t, err)
		return f
	}
	inject("cut a1 a -> b for 2s")
	inject("delay all a <-> b 5ms")
	inject("nic-down a for 3s")
	inject("isolate b")
	require.Equal(t, link.Faults{Cut: true, Delay: 5 * time.Millisecond}, onLink(ALink0, "a", "b"))
	require.True(t, n.stat(LAN, "a").State.NICDown)
	require.True(t, n.stat(LAN, "b").State.Cut)

	clock.Advance(2 * time.Second)
	require.Eventually(t, func() bool { return !onLink(ALink0, "a", "b").Cut }, patience, time.Millisecond)
	require.Equal(t, link.Faults{Cut: true, Delay: 5 * time.Millisecond}, onLink(ALink0, "b", "a"), "the isolation stays")
	require.True(t, n.stat(LAN, "a").State.NICDown)
	clock.Advance(time.Second)
	require.Eventually(t, func() bool { return n.stat(LAN, "a").State.Up() }, patience, time.Millisecond)

	inject("heal-all")
	for _, s := range n.Stats().Segments {
		for _, l := range s.Links {
			require.Equal(t, link.Faults{}, l.Faults)
		}
		for _, p := range s.Ports {
			require.True(t, p.State.Up())
		}
	}
	_, err := n.Inject(parse(t, "power-off a"), Names)
	require.ErrorIs(t, err, ErrNotOfNetwork)
	_, err = n.Inject(parse(t, "isolate x"), Names)
	require.ErrorContains(t, err, "no machine x")
}

func TestChangesAreAllOrNone(t *testing.T) {
	n := newNetwork(t, Config{})
	plugAll(t, n)
	err := n.apply([]Change{{On: ALink0, From: "a", To: "b", What: faults.Cut, Value: 1}, {On: ALink0, From: "a", To: "w", What: faults.Cut, Value: 1}})
	require.ErrorContains(t, err, "alink0 a -> w: cut 1: w is not on network alink0")
	f, err := n.Faults(ALink0, "a", "b")
	require.NoError(t, err)
	require.Equal(t, link.Faults{}, f)
}

// TestPartitionIsOneInstant: under traffic no frame passes one half of a partition after another was stopped by the
// other half.
func TestPartitionIsOneInstant(t *testing.T) {
	n := newNetwork(t, Config{})
	plugAll(t, n)
	c := func(on Segment) uint64 { s := n.Stats(); return s.Link(on, "a", "b").Counters.Passed }
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for _, on := range []Segment{ALink0, ALink1, Management} {
		senders.Go(func() {
			s, _ := n.segment(on)
			for i := uint32(0); ; i++ {
				select {
				case <-stop:
					return
				default:
					s.input(0, numbered(mac(2), mac(1), i)) // as port a
				}
			}
		})
	}
	for range 50 {
		_, err := n.Inject(parse(t, "partition a | b"), Names)
		require.NoError(t, err)
		first := []uint64{c(ALink0), c(ALink1), c(Management)}
		require.Equal(t, first, []uint64{c(ALink0), c(ALink1), c(Management)}, "once Inject has returned nothing passes")
		_, err = n.Inject(parse(t, "heal-all"), Names)
		require.NoError(t, err)
	}
	close(stop)
	senders.Wait()
}

func TestCarrier(t *testing.T) {
	var seen []string
	n := newNetwork(t, Config{Carrier: func(host string, s Segment, up bool) { seen = append(seen, fmt.Sprint(host, " ", s, " ", up)) }})
	plugAll(t, n)
	for _, text := range []string{"nic-down a", "nic-down a", "isolate b", "nic-down b", "heal-all", "heal-all", "nic-up a"} {
		_, err := n.Inject(parse(t, text), Names)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"a lan false", "b lan false", "a lan true", "b lan true"}, seen, "each change once; a cut cable is not told")
}

// A machine that starts can be told what those that run were told.
func TestDown(t *testing.T) {
	n, err := New(Config{Dir: t.TempDir()})
	require.NoError(t, err)
	defer n.Close()
	for _, host := range []string{"a", "b"} {
		_, err := n.Plug(host, LAN)
		require.NoError(t, err)
	}
	require.Empty(t, n.Down("a"))
	f, err := faults.Parse("nic-down a")
	require.NoError(t, err)
	_, err = n.Inject(f, Names)
	require.NoError(t, err)
	require.Equal(t, []Segment{LAN}, n.Down("a"))
	require.Empty(t, n.Down("b"))
	require.Empty(t, n.Down("nobody"))
}

func TestCloseEndsWhatWouldEndLater(t *testing.T) {
	clock := clockwork.NewFakeClock()
	n := newNetwork(t, Config{Clock: clock})
	plugAll(t, n)
	_, err := n.Inject(parse(t, "isolate a for 5s"), Names)
	require.NoError(t, err)
	require.NoError(t, n.Close())
	require.NoError(t, n.Close(), "closing twice is closing once")
	clock.Advance(time.Minute)
	f, err := n.Faults(ALink0, "a", "b")
	require.NoError(t, err)
	require.True(t, f.Cut)
	_, err = n.NewStack(StackConfig{Name: "c", On: LAN, Address: mustPrefix("10.0.0.9/24")})
	require.ErrorIs(t, err, ErrClosed)
}
