package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/faketime"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"holdfast/xen/lab/wire/bridge"
	"holdfast/xen/lab/wire/link"
)

// virtual is two hosts with real TCP/IP stacks on one bridge, all in one thread and in time that is only counted, so that what
// they see of a fault is exact and the same in every run, on any machine.
type virtual struct {
	t      *testing.T
	clock  *faketime.ManualClock
	now    time.Duration
	bridge *bridge.Bridge
	hosts  [2]virtualHost

	mu     sync.Mutex // timers of the stacks send from goroutines of their own while the clock moves
	sent   []delivery
	gotten []delivery
}

type delivery struct {
	port  bridge.PortID
	frame []byte
}

// virtualHost is a stack with a UDP socket that notes what arrives, and a socket for pings.
type virtualHost struct {
	link *endpoint
	ip   *stack.Stack
	udp  tcpip.Endpoint
	icmp tcpip.Endpoint
	addr tcpip.FullAddress
	got  []datagram
	pong []time.Duration
}

// datagram is what arrived: its number, its length, when, and whether its payload was what was sent.
type datagram struct {
	number uint32
	bytes  int
	at     time.Duration
	intact bool
}

func newVirtual(t *testing.T, limits link.Limits) *virtual {
	v := &virtual{t: t, clock: faketime.NewManualClock()}
	v.bridge = bridge.New(bridge.Config{Name: "lan", Seed: 1, Limits: limits,
		Deliver: func(to bridge.PortID, f []byte) { v.gotten = append(v.gotten, delivery{to, f}) }})
	for i, name := range []string{"a", "b"} {
		id, err := v.bridge.AddPort(name)
		require.NoError(t, err)
		h := &v.hosts[i]
		cfg := (&StackConfig{Name: name, Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24)}).withDefaults()
		h.link = newEndpoint(cfg.MAC, cfg.MTU, func(f []byte) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.sent = append(v.sent, delivery{id, f})
		})
		h.ip, err = newIP(&cfg, h.link, v.clock)
		require.NoError(t, err)
		t.Cleanup(h.ip.Destroy)
		h.addr = tcpip.FullAddress{NIC: nicID, Addr: tcpip.AddrFrom4(cfg.Address.Addr().As4()), Port: 7}
		var wq waiter.Queue
		var terr tcpip.Error
		h.udp, terr = h.ip.NewEndpoint(udp.ProtocolNumber, ipv4.ProtocolNumber, &wq)
		require.Nil(t, terr)
		require.Nil(t, h.udp.Bind(h.addr))
		h.icmp, terr = h.ip.NewEndpoint(icmp.ProtocolNumber4, ipv4.ProtocolNumber, &wq)
		require.Nil(t, terr)
	}
	v.meet()
	return v
}

// meet gives both hosts the other's Ethernet address for ever, so that nothing but what a test sends is on the link: the stacks' own
// probes of their neighbours come at random times. Then the bridge learns where they are.
func (v *virtual) meet() {
	for i := range v.hosts {
		other := &v.hosts[1-i]
		require.Nil(v.t, v.hosts[i].ip.AddStaticNeighbor(nicID, ipv4.ProtocolNumber, other.addr.Addr, tcpip.LinkAddress(other.link.mac[:])))
	}
	v.udp(0, 1, 0, 10)
	v.udp(1, 0, 0, 10)
	for i := range v.hosts {
		require.Len(v.t, v.hosts[i].got, 1)
		v.hosts[i].got = nil
		v.link(i).Counters = link.Counters{}
	}
}

// link returns the direction from one host to the other.
func (v *virtual) link(from int) *link.Direction {
	return v.bridge.Direction(bridge.PortID(from), bridge.PortID(1-from))
}

func payload(number uint32, size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(uint32(i) * (number | 1))
	}
	binary.BigEndian.PutUint32(p, number)
	return p
}

// udp sends a numbered datagram with that much payload.
func (v *virtual) udp(from, to int, number uint32, size int) {
	_, err := v.hosts[from].udp.Write(bytes.NewReader(payload(number, size)), tcpip.WriteOptions{To: &v.hosts[to].addr})
	require.Nil(v.t, err)
	v.settle()
}

// ping sends an echo request.
func (v *virtual) ping(from int) {
	h := header.ICMPv4(make([]byte, header.ICMPv4MinimumSize))
	h.SetType(header.ICMPv4Echo)
	_, err := v.hosts[from].icmp.Write(bytes.NewReader(h), tcpip.WriteOptions{To: &v.hosts[1-from].addr})
	require.Nil(v.t, err)
	v.settle()
}

// settle moves frames between stacks and bridge until nothing is left that is due.
func (v *virtual) settle() {
	for {
		v.mu.Lock()
		sent := v.sent
		v.sent = nil
		v.mu.Unlock()
		for _, s := range sent {
			v.bridge.Input(v.now, s.port, s.frame)
		}
		gotten := v.gotten
		v.gotten = nil
		for _, g := range gotten {
			v.hosts[g.port].link.inbound(g.frame)
		}
		for i := range v.hosts {
			v.collect(&v.hosts[i])
		}
		if len(sent)+len(gotten) == 0 {
			return
		}
	}
}

// collect takes what sockets have.
func (v *virtual) collect(h *virtualHost) {
	for {
		var b bytes.Buffer
		if _, err := h.udp.Read(&b, tcpip.ReadOptions{}); err != nil {
			break
		}
		number := binary.BigEndian.Uint32(b.Bytes())
		h.got = append(h.got, datagram{number, b.Len(), v.now, bytes.Equal(b.Bytes(), payload(number, b.Len()))})
	}
	for {
		var b bytes.Buffer
		if _, err := h.icmp.Read(&b, tcpip.ReadOptions{}); err != nil {
			return
		}
		h.pong = append(h.pong, v.now)
	}
}

// run lets time pass, exactly from one frame that is due to the next, and at most a millisecond at a time for the
// stacks' own timers.
func (v *virtual) run(d time.Duration) {
	for end := v.now + d; v.now < end; {
		step := min(end, v.now+time.Millisecond)
		if next, ok := v.bridge.Next(); ok {
			step = min(step, max(next, v.now))
		}
		v.clock.Advance(step - v.now)
		v.now = step
		v.bridge.Advance(v.now)
		v.settle()
	}
}

// stream sends n datagrams of so many bytes at a pace and lets the last of them arrive.
func (v *virtual) stream(n int, pace time.Duration, size int) {
	for i := range n {
		v.udp(0, 1, uint32(i+1), size)
		v.run(pace)
	}
	v.run(2 * time.Second)
}

// checksumErrors returns how many packets a host dropped because a checksum was wrong.
func (h *virtualHost) checksumErrors() uint64 {
	s := h.ip.Stats()
	return s.IP.MalformedPacketsReceived.Value() + s.UDP.ChecksumErrors.Value() + s.TCP.ChecksumErrors.Value()
}
