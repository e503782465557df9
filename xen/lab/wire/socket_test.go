package wire

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/wire/frame"
	"holdfast/xen/lab/wire/link"
)

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
