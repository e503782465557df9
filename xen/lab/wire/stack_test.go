package wire

import (
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/wire/frame"
	"holdfast/xen/lab/wire/link"
)

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func newStack(t testing.TB, n *Network, name, address string) *Stack {
	s, err := n.NewStack(StackConfig{Name: name, On: LAN, Address: mustPrefix(address)})
	require.NoError(t, err)
	return s
}

// within is a context that ends when a test has waited too long.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// echo has a listener return what it gets.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			io.Copy(c, c)
			c.(interface{ CloseWrite() error }).CloseWrite()
		}()
	}
}

func listenEcho(t testing.TB, s *Stack, address string) {
	l, err := s.Listen(address)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go echo(l)
}

// roundTrip sends data and reads as much back.
func roundTrip(t testing.TB, c net.Conn, data []byte) {
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	var sender sync.WaitGroup
	sender.Go(func() { c.Write(data) })
	back := make([]byte, len(data))
	_, err := io.ReadFull(c, back)
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(data), sha256.Sum256(back))
	sender.Wait()
}

func TestStackTCP(t *testing.T) {
	n := newNetwork(t, Config{})
	client, guest := newStack(t, n, "client", "10.0.0.100/24"), newStack(t, n, "guest", "10.0.0.5/24")
	require.Equal(t, netip.MustParseAddr("10.0.0.5"), guest.Address())
	require.Equal(t, frame.MAC{2, 'H', 'F', 0, 0, 5}, guest.MAC())
	listenEcho(t, guest, ":7")
	c, err := client.DialContext(within(t), "tcp", "10.0.0.5:7")
	require.NoError(t, err)
	defer c.Close()
	roundTrip(t, c, []byte("hello"))
	require.Equal(t, "10.0.0.5:7", c.RemoteAddr().String())

	_, err = client.DialContext(within(t), "tcp", "10.0.0.5:8")
	require.ErrorContains(t, err, "refused")
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = client.DialContext(short, "tcp", "10.0.0.77:7")
	require.Error(t, err, "nobody is there")
}

// TestStackTCPThroughFaults: whatever the link does short of a cut, TCP delivers every byte as it was sent.
func TestStackTCPThroughFaults(t *testing.T) {
	n := newNetwork(t, Config{Seed: 3})
	client, guest := newStack(t, n, "client", "10.0.0.100/24"), newStack(t, n, "guest", "10.0.0.5/24")
	listenEcho(t, guest, ":7")
	f := link.Faults{Loss: 5_000, Corrupt: 5_000, Duplicate: 20_000, Reorder: 20_000, Delay: time.Millisecond, Jitter: time.Millisecond}
	require.NoError(t, n.Set(LAN, "client", "guest", f))
	require.NoError(t, n.Set(LAN, "guest", "client", f))
	c, err := client.DialContext(within(t), "tcp", "10.0.0.5:7")
	require.NoError(t, err)
	defer c.Close()
	data := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	roundTrip(t, c, data)
	stats := n.Stats()
	counters := stats.Link(LAN, "client", "guest").Counters
	for what, count := range map[string]uint64{"lost": counters.Lost, "damaged": counters.Damaged, "duplicated": counters.Duplicated, "reordered": counters.Reordered} {
		require.NotZero(t, count, what)
	}
	sums := guest.ip.Stats()
	require.NotZero(t, sums.TCP.ChecksumErrors.Value()+sums.IP.MalformedPacketsReceived.Value(), "the guest's checksums found damage")
}

func TestStackUDP(t *testing.T) {
	n := newNetwork(t, Config{})
	client, guest := newStack(t, n, "client", "10.0.0.100/24"), newStack(t, n, "guest", "10.0.0.5/24")
	server, err := guest.ListenPacket(":53")
	require.NoError(t, err)
	defer server.Close()
	c, err := client.DialContext(within(t), "udp", "10.0.0.5:53")
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	require.NoError(t, server.SetDeadline(time.Now().Add(patience)))
	_, err = c.Write([]byte("question"))
	require.NoError(t, err)
	buf := make([]byte, 100)
	k, from, err := server.ReadFrom(buf)
	require.NoError(t, err)
	require.Equal(t, "question", string(buf[:k]))
	_, err = server.WriteTo([]byte("answer"), from)
	require.NoError(t, err)
	k, err = c.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "answer", string(buf[:k]))
}

// Real time can only be longer than what the faults demand, so these tests demand no more than that.

func TestStackPing(t *testing.T) {
	n := newNetwork(t, Config{})
	client, guest := newStack(t, n, "client", "10.0.0.100/24"), newStack(t, n, "guest", "10.0.0.5/24")
	_, err := client.Ping(within(t), guest.Address())
	require.NoError(t, err)
	require.NoError(t, n.Set(LAN, "client", "guest", link.Faults{Delay: 20 * time.Millisecond}))
	require.NoError(t, n.Set(LAN, "guest", "client", link.Faults{Delay: 30 * time.Millisecond}))
	rtt, err := client.Ping(within(t), guest.Address())
	require.NoError(t, err)
	require.GreaterOrEqual(t, rtt, 50*time.Millisecond)
	require.NoError(t, n.Set(LAN, "guest", "client", link.Faults{Cut: true}))
	short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = client.Ping(short, guest.Address())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = client.Ping(within(t), netip.MustParseAddr("::1"))
	require.ErrorContains(t, err, "expected an IPv4 address")
}

func TestStackBandwidth(t *testing.T) {
	n := newNetwork(t, Config{})
	client, guest := newStack(t, n, "client", "10.0.0.100/24"), newStack(t, n, "guest", "10.0.0.5/24")
	listenEcho(t, guest, ":7")
	c, err := client.DialContext(within(t), "tcp", "10.0.0.5:7")
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, n.Set(LAN, "client", "guest", link.Faults{Bandwidth: 1000}))
	begin := time.Now()
	roundTrip(t, c, make([]byte, 500<<10))
	require.GreaterOrEqual(t, time.Since(begin), 490*time.Millisecond, "500 KiB at 1000 KiB/s; the last frame may be short")
}

func TestStackRefuses(t *testing.T) {
	n := newNetwork(t, Config{})
	for want, cfg := range map[string]StackConfig{
		"expected an IPv4 address with its network": {Name: "x", On: LAN},
		"fe80::1/64":                          {Name: "x", On: LAN, Address: mustPrefix("fe80::1/64")},
		"gateway 10.1.0.1":                    {Name: "x", On: LAN, Address: mustPrefix("10.0.0.1/24"), Gateway: netip.MustParseAddr("10.1.0.1")},
		"MTU is 100":                          {Name: "x", On: LAN, Address: mustPrefix("10.0.0.1/24"), MTU: 100},
		"address of a group":                  {Name: "x", On: LAN, Address: mustPrefix("10.0.0.1/24"), MAC: frame.Broadcast},
		`there is no network "wan"`:           {Name: "x", On: "wan", Address: mustPrefix("10.0.0.1/24")},
		"the network has a port of that name": {Name: "taken", On: LAN, Address: mustPrefix("10.0.0.1/24")},
	} {
		if cfg.Name == "taken" {
			attach(t, n, "taken", LAN)
		}
		_, err := n.NewStack(cfg)
		require.ErrorContains(t, err, want)
	}
	s := newStack(t, n, "client", "10.0.0.100/24")
	_, err := s.DialContext(within(t), "tcp", "guest:80")
	require.ErrorContains(t, err, "has no names")
	_, err = s.DialContext(within(t), "unix", "10.0.0.5:80")
	require.ErrorContains(t, err, "unknown network unix")
	for range 100 { // more often than there are ports
		require.NoError(t, s.Close())
		s = newStack(t, n, "client", "10.0.0.100/24")
	}
}
