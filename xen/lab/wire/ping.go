package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Ping sends one ICMP echo request to an IPv4 address and returns how long the answer took. It waits until the context ends.
func (s *Stack) Ping(ctx context.Context, to netip.Addr) (time.Duration, error) {
	if !to.Is4() {
		return 0, fmt.Errorf("ping %v: expected an IPv4 address", to)
	}
	var wq waiter.Queue
	ep, terr := s.ip.NewEndpoint(icmp.ProtocolNumber4, ipv4.ProtocolNumber, &wq)
	if terr != nil {
		return 0, fmt.Errorf("ping %v: %s", to, terr)
	}
	defer ep.Close()
	entry, readable := waiter.NewChannelEntry(waiter.ReadableEvents)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)

	request := header.ICMPv4(make([]byte, header.ICMPv4MinimumSize))
	request.SetType(header.ICMPv4Echo)
	request.SetSequence(1) // the endpoint fills in identifier and checksum
	begin := time.Now()
	if err := send(ep, request, tcpip.FullAddress{NIC: nicID, Addr: tcpip.AddrFrom4(to.As4())}); err != nil {
		return 0, fmt.Errorf("ping %v: %w", to, err)
	}
	for {
		var answer bytes.Buffer
		_, terr := ep.Read(&answer, tcpip.ReadOptions{})
		took := time.Since(begin)
		if _, wait := terr.(*tcpip.ErrWouldBlock); wait {
			select {
			case <-readable:
				continue
			case <-ctx.Done():
				return 0, fmt.Errorf("ping %v: no answer: %w", to, ctx.Err())
			}
		}
		if terr != nil {
			return 0, fmt.Errorf("ping %v: %s", to, terr)
		}
		if h := header.ICMPv4(answer.Bytes()); len(h) >= header.ICMPv4MinimumSize && h.Type() == header.ICMPv4EchoReply {
			return took, nil
		}
	}
}

func send(ep tcpip.Endpoint, message []byte, to tcpip.FullAddress) error {
	if _, err := ep.Write(bytes.NewReader(message), tcpip.WriteOptions{To: &to}); err != nil {
		return errors.New(err.String())
	}
	return nil
}
