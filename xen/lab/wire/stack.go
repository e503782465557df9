package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"holdfast/xen/lab/wire/frame"
)

// nicID is the only adapter of each stack.
const nicID = 1

// StackConfig is what a Stack is made of.
type StackConfig struct {
	// Name of the port, unique on the segment, such as "client".
	Name string
	// On is the network that it is on, usually LAN.
	On Segment
	// MAC is its Ethernet address; the zero value makes one of the IP address, locally administered, 02:48:46 and the last
	// three bytes of the address ("HF").
	MAC frame.MAC
	// Address is its IPv4 address with the network that it reaches, such as 10.0.0.100/24.
	Address netip.Prefix
	// Gateway is the router to other networks; the zero value: there is none.
	Gateway netip.Addr
	// MTU is the longest IP packet, 576 to 65,535 bytes; default 1500.
	MTU int
}

func (c *StackConfig) validate() error {
	switch {
	case !c.Address.IsValid() || !c.Address.Addr().Is4():
		return fmt.Errorf("stack %s: the address is %v, expected an IPv4 address with its network, such as 10.0.0.100/24", c.Name, c.Address)
	case c.Gateway.IsValid() && !c.Address.Contains(c.Gateway):
		return fmt.Errorf("stack %s: the gateway %v is not on the network %v", c.Name, c.Gateway, c.Address.Masked())
	case c.MTU != 0 && (c.MTU < 576 || c.MTU > 65535):
		return fmt.Errorf("stack %s: the MTU is %d, expected 576 to 65535 or 0 (1500)", c.Name, c.MTU)
	case c.MAC.Group():
		return fmt.Errorf("stack %s: %v is the address of a group, not of a station", c.Name, c.MAC)
	}
	return nil
}

// withDefaults returns c with defaults in the place of zeros.
func (c StackConfig) withDefaults() StackConfig {
	if c.MTU == 0 {
		c.MTU = 1500
	}
	if c.MAC == (frame.MAC{}) {
		a := c.Address.Addr().As4()
		c.MAC = frame.MAC{0x02, 'H', 'F', a[1], a[2], a[3]}
	}
	return c
}

// Stack is a host on a network without a machine: a TCP/IP stack in this process, from which clients reach guests. It
// speaks IPv4, ARP, TCP, UDP and answers pings. Its methods may be called from any goroutine.
type Stack struct {
	cfg     StackConfig
	port    *Port
	link    *endpoint
	ip      *stack.Stack
	stop    context.CancelFunc
	ended   chan struct{}
	once    sync.Once // of Close
	network *Network
}

// NewStack plugs a stack into a network. It announces its address, so that everybody knows where it is. Close it, or
// the network.
func (n *Network) NewStack(cfg StackConfig) (*Stack, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	port, err := n.attach(cfg.Name, cfg.On)
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", cfg.Name, err)
	}
	link := newEndpoint(cfg.MAC, cfg.MTU, port.Send)
	ip, err := newIP(&cfg, link, nil)
	if err != nil {
		port.Close()
		return nil, fmt.Errorf("stack %s: %w", cfg.Name, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Stack{cfg: cfg, port: port, link: link, ip: ip, stop: stop, ended: make(chan struct{}), network: n}
	port.plug(true)
	go s.receive(ctx)
	if err := n.opened(s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Announce()
	return s, nil
}

// newIP makes the library's stack above an adapter; clock nil is the real one.
func newIP(cfg *StackConfig, link *endpoint, clock tcpip.Clock) (*stack.Stack, error) {
	ip := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
		Clock:              clock,
	})
	// Selective acknowledgements: without them a lost packet costs a round trip each, and clients would measure that.
	sack := tcpip.TCPSACKEnabled(true)
	if err := ip.SetTransportProtocolOption(tcp.ProtocolNumber, &sack); err != nil {
		return nil, errors.New(err.String())
	}
	if err := ip.CreateNIC(nicID, link); err != nil {
		return nil, errors.New(err.String())
	}
	address := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddressWithPrefix{
		Address: tcpip.AddrFrom4(cfg.Address.Addr().As4()), PrefixLen: cfg.Address.Bits()}}
	if err := ip.AddProtocolAddress(nicID, address, stack.AddressProperties{}); err != nil {
		return nil, errors.New(err.String())
	}
	routes := []tcpip.Route{{Destination: address.AddressWithPrefix.Subnet(), NIC: nicID}}
	if cfg.Gateway.IsValid() {
		routes = append(routes, tcpip.Route{Destination: header.IPv4EmptySubnet, Gateway: tcpip.AddrFrom4(cfg.Gateway.As4()), NIC: nicID})
	}
	ip.SetRouteTable(routes)
	return ip, nil
}

// receive gives what arrives at the port to the stack.
func (s *Stack) receive(ctx context.Context) {
	defer close(s.ended)
	for {
		f, err := s.port.Receive(ctx)
		if err != nil {
			return
		}
		s.believe(f)
		s.link.inbound(f)
	}
}

// believe forgets the neighbour whose address a gratuitous ARP message announces at another Ethernet address, so that
// the next packet asks anew. The library would use the old one for several seconds more, which a client would count
// as downtime that a real one does not have: Linux takes such a message at once.
func (s *Stack) believe(f []byte) {
	who, at, ok := announced(f)
	if !ok {
		return
	}
	neighbours, err := s.ip.Neighbors(nicID, ipv4.ProtocolNumber)
	if err != nil {
		return
	}
	for _, n := range neighbours {
		// One without an address is just being asked; packets wait for its answer.
		if n.Addr == tcpip.AddrFrom4(who) && n.LinkAddr != "" && n.LinkAddr != tcpip.LinkAddress(at[:]) {
			s.ip.RemoveNeighbor(nicID, ipv4.ProtocolNumber, n.Addr)
		}
	}
}

// announced returns what a gratuitous ARP message says: a request or reply about its sender's own address.
func announced(f []byte) (who [4]byte, at frame.MAC, ok bool) {
	if len(f) < frame.HeaderBytes+header.ARPSize || binary.BigEndian.Uint16(f[12:]) != uint16(arp.ProtocolNumber) {
		return who, at, false
	}
	h := header.ARP(f[frame.HeaderBytes:])
	if !h.IsValid() || string(h.ProtocolAddressSender()) != string(h.ProtocolAddressTarget()) {
		return who, at, false
	}
	return [4]byte(h.ProtocolAddressSender()), frame.MAC(h.HardwareAddressSender()), true
}

// Announce sends a gratuitous ARP message, which tells switches and neighbours where the stack's address is.
func (s *Stack) Announce() { s.port.Send(Announcement(s.cfg.MAC, s.cfg.Address.Addr())) }

// Announcement returns the frame of a gratuitous ARP request (RFC 5227, section 3): ip, an IPv4 address, is at mac.
func Announcement(mac frame.MAC, ip netip.Addr) []byte {
	f := make([]byte, frame.HeaderBytes+header.ARPSize)
	copy(f[0:], frame.Broadcast[:])
	copy(f[6:], mac[:])
	binary.BigEndian.PutUint16(f[12:], uint16(arp.ProtocolNumber))
	h := header.ARP(f[frame.HeaderBytes:])
	h.SetIPv4OverEthernet()
	h.SetOp(header.ARPRequest)
	a := ip.As4()
	copy(h.HardwareAddressSender(), mac[:])
	copy(h.ProtocolAddressSender(), a[:])
	copy(h.ProtocolAddressTarget(), a[:])
	return f
}

// AskerMAC is the address from which Question asks. It is of the kind that is given out locally.
var AskerMAC = frame.MAC{0x02, 0x00, 0x00, 0x77, 0x00, 0x01}

// Question is an ARP message that asks everybody who has an address, on behalf of nobody (RFC 5227): all who have it
// answer, and nobody learns anything from it. Nor do the networks from the answers: a switch that did would send clients to whoever
// answered last.
func Question(ip netip.Addr) []byte {
	f := Announcement(AskerMAC, ip)
	const sender = frame.HeaderBytes + 14 // offset of the sender's IP address
	clear(f[sender : sender+4])
	return f
}

// Address returns the stack's IP address.
func (s *Stack) Address() netip.Addr { return s.cfg.Address.Addr() }

// MAC returns the stack's Ethernet address.
func (s *Stack) MAC() frame.MAC { return s.cfg.MAC }

// Close ends all connections at once, without a word to their other ends, and unplugs the stack. A second call does nothing.
func (s *Stack) Close() error {
	s.network.done(s)
	s.stop()
	<-s.ended
	s.once.Do(func() {
		s.ip.Destroy()
		s.port.Close()
	})
	return nil
}

// full reads host:port, where host is an IPv4 address; if empty is allowed, none means any.
func full(address string, empty bool) (tcpip.FullAddress, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return tcpip.FullAddress{}, err
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return tcpip.FullAddress{}, err
	}
	a := tcpip.FullAddress{NIC: nicID, Port: uint16(number)}
	if host == "" && empty {
		return a, nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.Is4() {
		return a, fmt.Errorf("found %q, expected an IPv4 address: the stack has no names", host)
	}
	a.Addr = tcpip.AddrFrom4(ip.As4())
	return a, nil
}

// DialContext connects to a guest, with network "tcp" (or "tcp4") or "udp" ("udp4") and an address such as
// 10.0.0.5:80, like net.Dialer.
func (s *Stack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	a, err := full(address, false)
	if err != nil {
		return nil, fmt.Errorf("dial %s %s: %w", network, address, err)
	}
	switch network {
	case "tcp", "tcp4":
		c, err := gonet.DialContextTCP(ctx, s.ip, a, ipv4.ProtocolNumber)
		if err != nil {
			return nil, err
		}
		return c, nil
	case "udp", "udp4":
		c, err := gonet.DialUDP(s.ip, nil, &a, ipv4.ProtocolNumber)
		if err != nil {
			return nil, err
		}
		return c, nil
	default:
		return nil, fmt.Errorf("dial %s: %w", network, net.UnknownNetworkError(network))
	}
}

// Listen waits for TCP connections at an address of the stack, such as :80.
func (s *Stack) Listen(address string) (net.Listener, error) {
	a, err := full(address, true)
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	l, err := gonet.ListenTCP(s.ip, a, ipv4.ProtocolNumber)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// ListenPacket takes UDP packets at an address of the stack, such as :53.
func (s *Stack) ListenPacket(address string) (net.PacketConn, error) {
	a, err := full(address, true)
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	c, err := gonet.DialUDP(s.ip, &a, nil, ipv4.ProtocolNumber)
	if err != nil {
		return nil, err
	}
	return c, nil
}
