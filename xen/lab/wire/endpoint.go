package wire

import (
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"holdfast/xen/lab/wire/frame"
)

// endpoint is the adapter of a TCP/IP stack: what it writes goes to send as frames, and what inbound is given goes to it.
// Both are synchronous. It wraps the library's Ethernet layer.
type endpoint struct {
	stack.LinkEndpoint // the library's Ethernet layer above this
	raw                *rawEndpoint
	mac                frame.MAC
}

func newEndpoint(mac frame.MAC, mtu int, send func(f []byte)) *endpoint {
	raw := &rawEndpoint{mtu: uint32(mtu + header.EthernetMinimumSize), mac: tcpip.LinkAddress(mac[:]), send: send}
	return &endpoint{LinkEndpoint: ethernet.New(raw), raw: raw, mac: mac}
}

// inbound gives a frame to the stack, unless its destination address says that an adapter would not take it.
func (e *endpoint) inbound(f []byte) {
	if len(f) < frame.HeaderBytes {
		return
	}
	if to := frame.Destination(f); to != e.mac && !to.Group() {
		return
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(f)})
	defer pkt.DecRef()
	if d := e.raw.attached(); d != nil {
		d.DeliverNetworkPacket(0, pkt)
	}
}

// rawEndpoint is a stack.LinkEndpoint that moves whole frames.
type rawEndpoint struct {
	mac  tcpip.LinkAddress
	send func(f []byte)

	mu         sync.RWMutex
	mtu        uint32
	dispatcher stack.NetworkDispatcher
}

func (e *rawEndpoint) attached() stack.NetworkDispatcher {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.dispatcher
}

// WritePackets sends each packet as one frame. The network drops what it cannot take, and counts it.
func (e *rawEndpoint) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	for _, pkt := range pkts.AsSlice() {
		v := pkt.ToView()
		f := append(make([]byte, 0, v.Size()), v.AsSlice()...)
		v.Release()
		e.send(f)
	}
	return pkts.Len(), nil
}

// Attach is called by the stack: with nil when it lets go of the adapter.
func (e *rawEndpoint) Attach(d stack.NetworkDispatcher) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dispatcher = d
}

// IsAttached reports whether a stack uses the adapter.
func (e *rawEndpoint) IsAttached() bool { return e.attached() != nil }

// MTU returns the longest frame, with its header; the Ethernet layer above takes the header off.
func (e *rawEndpoint) MTU() uint32 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.mtu
}

// SetMTU changes what MTU returns.
func (e *rawEndpoint) SetMTU(mtu uint32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mtu = mtu
}

// The rest of stack.LinkEndpoint: an adapter without headers, offloads or goroutines of its own.

func (e *rawEndpoint) LinkAddress() tcpip.LinkAddress             { return e.mac }
func (*rawEndpoint) SetLinkAddress(tcpip.LinkAddress)             {}
func (*rawEndpoint) Capabilities() stack.LinkEndpointCapabilities { return 0 }
func (*rawEndpoint) MaxHeaderLength() uint16                      { return 0 }
func (*rawEndpoint) ARPHardwareType() header.ARPHardwareType      { return header.ARPHardwareNone }
func (*rawEndpoint) AddHeader(*stack.PacketBuffer)                {}
func (*rawEndpoint) ParseHeader(*stack.PacketBuffer) bool         { return true }
func (*rawEndpoint) Wait()                                        {}
func (*rawEndpoint) Close()                                       {}
func (*rawEndpoint) SetOnCloseAction(func())                      {}
