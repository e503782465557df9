package wire

import (
	"bytes"
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
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"

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

// moving is a guest that can be at either of two ports, as a VM is on either of two hosts.
type moving struct {
	mu    sync.Mutex
	ports []*Port
	at    int
	link  *endpoint
}

func newMoving(t *testing.T, n *Network, address string, ports ...string) (*moving, net.Listener) {
	m := &moving{}
	cfg := (&StackConfig{Address: mustPrefix(address)}).withDefaults()
	m.link = newEndpoint(cfg.MAC, cfg.MTU, func(f []byte) { m.port().Send(f) })
	ip, err := newIP(&cfg, m.link, nil)
	require.NoError(t, err)
	t.Cleanup(ip.Destroy)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	for i, name := range ports {
		p := attach(t, n, name, LAN)
		m.ports = append(m.ports, p)
		go func() {
			for {
				f, err := p.Receive(ctx)
				if err != nil {
					return
				}
				m.mu.Lock()
				here := m.at == i
				m.mu.Unlock()
				if here {
					m.link.inbound(f)
				}
			}
		}()
	}
	a, err := full(cfg.Address.Addr().String()+":7", false)
	require.NoError(t, err)
	l, err := gonet.ListenTCP(ip, a, ipv4.ProtocolNumber)
	require.NoError(t, err)
	return m, l
}

func (m *moving) port() *Port {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ports[m.at]
}

// TestGuestMovesUnderAConnection: after a failover the guest's Ethernet address appears at another port, and a client goes on
// over the connection it has.
func TestGuestMovesUnderAConnection(t *testing.T) {
	n := newNetwork(t, Config{})
	guest, l := newMoving(t, n, "10.0.0.5/24", "h1", "h2")
	defer l.Close()
	go echo(l)
	client := newStack(t, n, "client", "10.0.0.100/24")
	c, err := client.DialContext(within(t), "tcp", "10.0.0.5:7")
	require.NoError(t, err)
	defer c.Close()
	roundTrip(t, c, []byte("on the first host"))
	for i := range 10 {
		guest.mu.Lock()
		guest.at = 1 - guest.at
		guest.mu.Unlock()
		before := n.Stats().Segments[3].Counters.Moved
		guest.port().Send(Announcement(guest.link.mac, netip.MustParseAddr("10.0.0.5")))
		require.Equal(t, before+1, n.Stats().Segments[3].Counters.Moved, "the network knows at once")
		roundTrip(t, c, bytes.Repeat([]byte{byte(i)}, 20_000))
	}
}

// TestAddressMovesToAnotherMAC: an IP address that another machine announces is reached there.
func TestAddressMovesToAnotherMAC(t *testing.T) {
	n := newNetwork(t, Config{})
	client, old := newStack(t, n, "client", "10.0.0.100/24"), newStack(t, n, "h1", "10.0.0.5/24")
	_, err := client.Ping(within(t), old.Address())
	require.NoError(t, err)
	require.NoError(t, old.Close())
	_, err = n.NewStack(StackConfig{Name: "h2", On: LAN, Address: mustPrefix("10.0.0.5/24"), MAC: mac(77)}) // announces itself
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		_, err := client.Ping(ctx, old.Address())
		return err == nil
	}, patience, time.Millisecond)
}

// TestAnnouncementIsBelievedAtOnce: not seconds later, when the neighbour's entry would have become stale.
func TestAnnouncementIsBelievedAtOnce(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	s := &Stack{ip: v.hosts[0].ip}
	known := func(last byte) (tcpip.LinkAddress, bool) {
		all, err := s.ip.Neighbors(nicID, ipv4.ProtocolNumber)
		require.Nil(t, err)
		for _, n := range all {
			if n.Addr == tcpip.AddrFrom4([4]byte{10, 0, 0, last}) {
				return n.LinkAddr, true
			}
		}
		return "", false
	}
	b := netip.MustParseAddr("10.0.0.2")
	s.believe(Announcement(v.hosts[1].link.mac, b))
	at, ok := known(2)
	require.True(t, ok, "it says what is known")
	require.Equal(t, tcpip.LinkAddress(v.hosts[1].link.mac[:]), at)

	question := Announcement(mac(9), b)
	question[len(question)-1] = 1 // for another's address: no announcement
	s.believe(question)
	s.believe(question[:30])
	s.believe(Announcement(mac(9), netip.MustParseAddr("10.0.0.3")))
	_, ok = known(2)
	require.True(t, ok, "nobody announced this address")

	s.believe(Announcement(mac(9), b))
	_, ok = known(2)
	require.False(t, ok, "it is at another place, so it is asked for anew")

	_, terr := v.hosts[0].udp.Write(bytes.NewReader([]byte("hello")), tcpip.WriteOptions{To: &tcpip.FullAddress{
		NIC: nicID, Addr: tcpip.AddrFrom4([4]byte{10, 0, 0, 77}), Port: 1}})
	require.Nil(t, terr)
	s.believe(Announcement(mac(9), netip.MustParseAddr("10.0.0.77")))
	at, ok = known(77)
	require.True(t, ok, "it is being asked for, and a packet waits for the answer")
	require.Empty(t, at)
}

func TestForward(t *testing.T) {
	n := newNetwork(t, Config{})
	client, guest := newStack(t, n, "client", "10.0.0.100/24"), newStack(t, n, "guest", "10.0.0.5/24")
	listenEcho(t, guest, ":7")
	f, err := client.Forward("127.0.0.1:0", "10.0.0.5:7")
	require.NoError(t, err)
	data := bytes.Repeat([]byte("forwarded "), 20_000)
	var people sync.WaitGroup
	for range 5 {
		people.Go(func() {
			c, err := net.Dial("tcp", f.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			go func() {
				c.Write(data)
				c.(*net.TCPConn).CloseWrite() // the guest is told, answers the rest, and ends too
			}()
			back, err := io.ReadAll(c)
			if err != nil || !bytes.Equal(data, back) {
				t.Errorf("%d bytes came back, %v", len(back), err)
			}
		})
	}
	people.Wait()

	c, err := net.Dial("tcp", f.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	roundTrip(t, c, []byte("open"))
	require.NoError(t, f.Close())
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err, "closing the forward ends its connections")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	_, err = net.Dial("tcp", f.Addr().String())
	require.Error(t, err)

	for _, bad := range [][2]string{{"0.0.0.0:0", "10.0.0.5:7"}, {"8.8.8.8:80", "10.0.0.5:7"}, {"localhost:0", "10.0.0.5:7"}, {"127.0.0.1:0", "guest:7"}} {
		_, err := client.Forward(bad[0], bad[1])
		require.Error(t, err, bad)
	}
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
