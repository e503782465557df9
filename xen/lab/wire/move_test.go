package wire

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"

	"holdfast/xen/lab/wire/link"
)

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
