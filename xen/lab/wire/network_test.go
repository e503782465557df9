package wire

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"holdfast/faults"
	"holdfast/xen/lab/wire/frame"
	"holdfast/xen/lab/wire/link"
)

// patience is how long a test waits for what must happen; it is never reached when all is well.
const patience = 30 * time.Second

func newNetwork(t testing.TB, cfg Config) *Network {
	if cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "w") // short: t.TempDir may be too long for a socket
		require.NoError(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		cfg.Dir = dir
	}
	n, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

// machine is the other end of a socket, as QEMU is.
type machine struct {
	net.Conn
	in *frame.Reader
}

func connect(t testing.TB, s *Socket) *machine {
	before, _, _ := s.egress()
	c, err := net.Dial("unix", s.Path())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.Eventually(t, func() bool {
		now, plugged, _ := s.egress()
		return plugged && now.Plugged > before.Plugged
	}, patience, time.Millisecond)
	return &machine{c, frame.NewReader(c)}
}

func (m *machine) send(t testing.TB, f []byte) {
	_, err := m.Write(frame.Append(nil, f))
	require.NoError(t, err)
}

// next returns the number of the next frame.
func (m *machine) next(t testing.TB) uint32 {
	require.NoError(t, m.SetReadDeadline(time.Now().Add(patience)))
	f, err := m.in.Next()
	require.NoError(t, err)
	return binary.BigEndian.Uint32(f[14:])
}

func mac(n byte) frame.MAC { return frame.MAC{2, 0, 0, 0, 0, n} }

// numbered is a frame with a number in it.
func numbered(to, from frame.MAC, id uint32) []byte {
	f := make([]byte, 60)
	copy(f[0:], to[:])
	copy(f[6:], from[:])
	binary.BigEndian.PutUint16(f[12:], 0x88b5) // for experiments (IEEE 802)
	binary.BigEndian.PutUint32(f[14:], id)
	return f
}

// plugAll plugs two hosts and a witness into their networks.
func plugAll(t testing.TB, n *Network) map[string]*Socket {
	sockets := map[string]*Socket{}
	for _, m := range pool {
		for _, on := range m.On {
			s, err := n.Plug(m.Name, on)
			require.NoError(t, err)
			sockets[m.Name+" "+string(on)] = s
		}
	}
	return sockets
}

// receive returns the number of the next frame at a port.
func receive(t testing.TB, p *Port) uint32 {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f, err := p.Receive(ctx)
	require.NoError(t, err)
	return binary.BigEndian.Uint32(f[14:])
}

func attach(t testing.TB, n *Network, name string, on Segment) *Port {
	p, err := n.Attach(name, on)
	require.NoError(t, err)
	return p
}

func TestMachinesTalk(t *testing.T) {
	n := newNetwork(t, Config{})
	s := plugAll(t, n)
	a, b, w := connect(t, s["a mgmt"]), connect(t, s["b mgmt"]), connect(t, s["w mgmt"])
	other := connect(t, s["b alink0"])
	a.send(t, numbered(frame.Broadcast, mac(1), 1))
	require.EqualValues(t, 1, b.next(t))
	require.EqualValues(t, 1, w.next(t))
	b.send(t, numbered(mac(1), mac(2), 2))
	require.EqualValues(t, 2, a.next(t))
	a.send(t, numbered(mac(2), mac(1), 3))
	require.EqualValues(t, 3, b.next(t))

	stats := n.Stats()
	require.EqualValues(t, 1, stats.Link(Management, "a", "w").Counters.Passed, "the unicast did not go to the witness")
	require.EqualValues(t, 2, stats.Link(Management, "a", "b").Counters.Passed)
	require.EqualValues(t, 2, stats.Port(Management, "a").Ingress.Sent)
	require.Zero(t, stats.Port(ALink0, "b").Egress.Received, "networks are separate")
	require.Equal(t, pool, n.Topology())
	require.NoError(t, other.SetReadDeadline(time.Now()))
	_, err := other.in.Next()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = json.Marshal(stats)
	require.NoError(t, err)
}

// TestMachineIsReset: a machine that is killed and started again finds its network, and nothing of what was for its predecessor.
func TestMachineIsReset(t *testing.T) {
	n := newNetwork(t, Config{})
	s := plugAll(t, n)
	a, b := connect(t, s["a lan"]), connect(t, s["b lan"])
	b.send(t, numbered(frame.Broadcast, mac(2), 1))
	require.EqualValues(t, 1, a.next(t))
	b.Close()
	require.Eventually(t, func() bool { return !n.stat(LAN, "b").Plugged }, patience, time.Millisecond)
	require.Eventually(t, func() bool { return n.Stats().Segments[3].Addresses == 0 }, patience, time.Millisecond, "its address is forgotten")
	a.send(t, numbered(mac(2), mac(1), 2))
	require.Eventually(t, func() bool { return n.stat(LAN, "b").Egress.Unplugged == 1 }, patience, time.Millisecond)

	b = connect(t, s["b lan"])
	a.send(t, numbered(mac(2), mac(1), 3))
	require.EqualValues(t, 3, b.next(t))

	// The next machine connects before the end of the last connection was noticed.
	again := connect(t, s["b lan"])
	a.send(t, numbered(mac(2), mac(1), 4))
	require.EqualValues(t, 4, again.next(t))
	require.NoError(t, b.SetReadDeadline(time.Now().Add(patience)))
	_, err := b.in.Next()
	require.ErrorIs(t, err, io.EOF, "the old connection was closed")
	require.EqualValues(t, 3, n.stat(LAN, "b").Egress.Plugged)
}

func (n *Network) stat(on Segment, port string) *PortStats {
	s := n.Stats()
	return s.Port(on, port)
}

func TestBadStreams(t *testing.T) {
	n := newNetwork(t, Config{})
	s, err := n.Plug("a", LAN)
	require.NoError(t, err)
	m := connect(t, s)
	_, err = m.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	require.NoError(t, err)
	require.NoError(t, m.SetReadDeadline(time.Now().Add(patience)))
	_, err = m.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "whoever does not speak the format is unplugged")
	require.EqualValues(t, 1, n.stat(LAN, "a").Egress.BadStream)

	m = connect(t, s)
	_, err = m.Write(frame.Append(nil, make([]byte, 60))[:30])
	require.NoError(t, err)
	m.Close()
	require.Eventually(t, func() bool { return n.stat(LAN, "a").Egress.Torn == 1 }, patience, time.Millisecond)

	m = connect(t, s)
	m.send(t, nil)
	m.send(t, make([]byte, 13))
	require.Eventually(t, func() bool { return n.stat(LAN, "a").Ingress.Runt == 2 }, patience, time.Millisecond)
}

// TestMachineStandsStill: what its queue cannot hold is dropped from the tail, counted, and holds nobody else up.
func TestMachineStandsStill(t *testing.T) {
	n := newNetwork(t, Config{QueueFrames: 16})
	s, err := n.Plug("still", LAN)
	require.NoError(t, err)
	still := connect(t, s)
	a, c := attach(t, n, "a", LAN), attach(t, n, "c", LAN)
	const frames = 2000
	f := numbered(frame.Broadcast, mac(1), 0)
	f = append(f, make([]byte, 4000)...) // more than the kernel's buffer for a socket
	for i := range uint32(frames) {
		g := append([]byte(nil), f...)
		binary.BigEndian.PutUint32(g[14:], i)
		a.Send(g)
		require.Equal(t, i, receive(t, c), "others get every frame")
	}
	full := n.stat(LAN, "still").Egress.Full
	require.Greater(t, full, uint64(frames/2))
	previous := -1
	for range frames - int(full) { // it goes on, with everything that was not dropped, in order
		id := int(still.next(t))
		require.Greater(t, id, previous)
		previous = id
	}
	accounted := n.stat(LAN, "still").Egress
	require.Zero(t, accounted.Flushed+accounted.Unplugged)

	sent, stuck := frames, 0
	require.Eventually(t, func() bool { // it stands still again until nothing moves, and is killed
		a.Send(f)
		sent++
		if stuck++; n.stat(LAN, "still").Waiting < 16 {
			stuck = 0
		}
		return stuck == 100
	}, patience, time.Millisecond)
	still.Close()
	require.Eventually(t, func() bool {
		p := n.stat(LAN, "still")
		e := p.Egress
		return !p.Plugged && p.Waiting == 0 && e.Flushed >= 16 && e.Received+e.Full+e.Unplugged+e.Flushed == uint64(sent)
	}, patience, time.Millisecond, "every frame is accounted for")
	still = connect(t, s)
	a.Send(numbered(frame.Broadcast, mac(1), frames+1))
	require.EqualValues(t, frames+1, still.next(t), "the next machine gets nothing that was for its predecessor")
}

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

func TestDelayedFramesWithAClock(t *testing.T) {
	clock := clockwork.NewFakeClock()
	n := newNetwork(t, Config{Clock: clock})
	a, b := attach(t, n, "a", LAN), attach(t, n, "b", LAN)
	require.NoError(t, n.Set(LAN, "a", "b", link.Faults{Delay: time.Second}))
	a.Send(numbered(mac(2), mac(1), 1))
	clock.Advance(400 * time.Millisecond)
	a.Send(numbered(mac(2), mac(1), 2))
	clock.Advance(599 * time.Millisecond)
	stats := n.Stats()
	require.Equal(t, 2, stats.Link(LAN, "a", "b").OnWay)
	require.Zero(t, stats.Port(LAN, "b").Waiting)
	clock.Advance(time.Millisecond)
	require.EqualValues(t, 1, receive(t, b))
	require.Zero(t, n.stat(LAN, "b").Waiting, "not earlier than its time")
	clock.Advance(400 * time.Millisecond)
	require.EqualValues(t, 2, receive(t, b))
}

func TestSetRefuses(t *testing.T) {
	n := newNetwork(t, Config{})
	attach(t, n, "a", LAN)
	attach(t, n, "b", LAN)
	require.ErrorContains(t, n.Set(LAN, "a", "b", link.Faults{Loss: -1}), "loss is -1")
	require.ErrorContains(t, n.Set(LAN, "a", "x", link.Faults{}), "x is not on network lan")
	require.ErrorContains(t, n.Set(LAN, "x", "a", link.Faults{}), "x is not on network lan")
	require.ErrorContains(t, n.Set(LAN, "a", "a", link.Faults{}), "no link from a to itself")
	require.ErrorContains(t, n.Set("x", "a", "b", link.Faults{}), `no network "x"`)
	_, err := n.Attach("a", LAN)
	require.ErrorContains(t, err, "has a port of that name")
	_, err = New(Config{QueueFrames: -1})
	require.ErrorContains(t, err, "-1 frames")
	_, err = New(Config{Limits: link.Limits{Frames: -1}})
	require.ErrorContains(t, err, "limits")
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

func TestSocketPlaces(t *testing.T) {
	n := newNetwork(t, Config{})
	require.Equal(t, filepath.Join("/run/x", "h1-alink0.sock"), SocketPath("/run/x", "h1", ALink0))
	s, err := n.Plug("a", LAN)
	require.NoError(t, err)
	require.Equal(t, "stream,id=n0,server=off,addr.type=unix,addr.path="+s.Path(), s.Netdev("n0"))
	info, err := os.Stat(s.Path())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "only the lab's owner")

	second := newNetwork(t, Config{Dir: n.cfg.Dir})
	_, err = second.Plug("a", LAN)
	require.ErrorContains(t, err, "another process listens")
	require.NoError(t, n.Close())
	_, err = os.Stat(s.Path())
	require.ErrorIs(t, err, os.ErrNotExist, "the socket is taken away")
	require.NoError(t, os.WriteFile(s.Path(), nil, 0o600))
	_, err = second.Plug("a", LAN)
	require.ErrorContains(t, err, "is no socket")
	require.NoError(t, os.Remove(s.Path()))

	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.Path()})
	require.NoError(t, err)
	stale.SetUnlinkOnClose(false)
	require.NoError(t, stale.Close()) // as after a lab that was killed
	_, err = second.Plug("a", LAN)
	require.NoError(t, err)

	long := newNetwork(t, Config{Dir: "/" + string(make([]byte, 100))})
	_, err = long.Plug("a", LAN)
	require.ErrorContains(t, err, "at most 107 are possible")
	_, err = n.Plug("b", LAN)
	require.ErrorIs(t, err, ErrClosed)
	_, err = n.Attach("b", LAN)
	require.ErrorIs(t, err, ErrClosed)
}

func TestPlugAgain(t *testing.T) {
	n := newNetwork(t, Config{})
	attach(t, n, "c", LAN)
	for range 100 { // more often than there are ports
		s, err := n.Plug("a", LAN)
		require.NoError(t, err)
		require.NoError(t, n.Set(LAN, "a", "c", link.Faults{Loss: 5}))
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
	}
	f, err := n.Faults(LAN, "a", "c")
	require.NoError(t, err)
	require.Equal(t, link.Faults{Loss: 5}, f, "the cable stays what it was")
	require.Len(t, n.open, 0)
}

// TestManyAtOnce has everything happen at once, for the race detector and for the balance of the counters.
func TestManyAtOnce(t *testing.T) {
	n := newNetwork(t, Config{QueueFrames: 64, Limits: link.Limits{HoldMin: time.Microsecond, HoldMax: time.Millisecond}})
	sockets := plugAll(t, n)
	var all sync.WaitGroup
	for i, name := range []string{"a", "b"} {
		all.Go(func() { // a machine that sends and is reset from time to time
			for range 5 {
				m := connect(t, sockets[name+" lan"])
				var both sync.WaitGroup
				both.Go(func() {
					for id := range uint32(500) {
						m.Write(frame.Append(nil, numbered(mac(byte(2-i)), mac(byte(1+i)), id)))
					}
					m.Close()
				})
				io.Copy(io.Discard, m)
				both.Wait()
			}
		})
	}
	all.Go(func() {
		texts := []string{"nic-down a for 1ms", "isolate b for 1ms", "partition a | b w for 1ms", "heal-all", "delay all a <-> b 1ms for 1ms"}
		for i := range 200 {
			if _, err := n.Inject(parse(t, texts[i%len(texts)]), Names); err != nil {
				t.Error(err)
			}
			f := link.Faults{Duplicate: rand.IntN(1e6), Reorder: rand.IntN(1e6), Loss: rand.IntN(1e5), Jitter: time.Duration(rand.IntN(1e6))}
			if err := n.Set(LAN, "a", "b", f); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	require.NoError(t, n.Set(LAN, "a", "b", link.Faults{}))
	require.Eventually(t, func() bool { return accounted(n.Stats()) }, patience, 10*time.Millisecond)
}

// accounted reports whether nothing is on its way and every frame is counted somewhere.
func accounted(stats Stats) bool {
	for _, s := range stats.Segments {
		arrived := map[string]uint64{}
		for _, l := range s.Links {
			c := l.Counters
			if l.OnWay != 0 || c.Offered+c.Duplicated != c.Passed+c.Cut+c.Lost+c.Discarded+c.Backlog+c.Overflow {
				return false
			}
			arrived[l.To] += c.Passed
		}
		for _, p := range s.Ports {
			e := p.Egress
			if e.Received+e.Unplugged+e.Full+e.Flushed+p.Ingress.DownOut+uint64(p.Waiting) != arrived[p.Name] {
				return false
			}
		}
	}
	return true
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
