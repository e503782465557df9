package frame

import "encoding/binary"

// Numbers of the protocols whose checksums are known here (IEEE 802 numbers, IANA protocol numbers).
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58

	ipv6HeaderBytes = 40
	tcpHeaderBytes  = 20
	udpHeaderBytes  = 8
	icmpHeaderBytes = 4
)

// Protected is the part of a frame in which a changed bit is certain to be found by a checksum of the receiver:
// two ranges of bytes [From, To), both possibly empty.
type Protected [2]struct{ From, To int }

// Bits returns how many bits are protected.
func (p Protected) Bits() int { return 8 * (p[0].To - p[0].From + p[1].To - p[1].From) }

// Flip inverts the nth protected bit of f; 0 ≤ n < p.Bits().
func (p Protected) Flip(f []byte, n int) {
	at := p[0].From + n/8
	if at >= p[0].To {
		at += p[1].From - p[0].To
	}
	f[at] ^= 0x80 >> (n % 8)
}

// ProtectedPart returns which bytes of f are covered by the header checksum of IPv4 or the checksum of TCP, UDP
// or ICMP. A single changed bit changes a sum modulo 65535, so it is always found. Left out are, although they are summed:
//   - the checksum of UDP, because 0 there means that there is none,
//   - the length of UDP, because it says what is summed,
//   - what follows the header in fragments, because their checksum is in another frame.
//
// Nothing is protected in other frames, such as ARP: there the frame check sequence of Ethernet is all there is.
func ProtectedPart(f []byte) Protected {
	if len(f) < HeaderBytes {
		return Protected{}
	}
	switch packet := f[HeaderBytes:]; binary.BigEndian.Uint16(f[12:]) {
	case etherIPv4:
		return protectedIPv4(packet)
	case etherIPv6:
		if len(packet) < ipv6HeaderBytes || packet[0]>>4 != 6 {
			return Protected{}
		}
		end := ipv6HeaderBytes + int(binary.BigEndian.Uint16(packet[4:]))
		if end > len(packet) {
			return Protected{}
		}
		return protectedTransport(packet[:end], packet[6], ipv6HeaderBytes, ipv6HeaderBytes)
	default:
		return Protected{}
	}
}

func protectedIPv4(packet []byte) Protected {
	if len(packet) < 20 || packet[0]>>4 != 4 {
		return Protected{}
	}
	header, end := int(packet[0]&15)*4, int(binary.BigEndian.Uint16(packet[2:]))
	if header < 20 || header > end || end > len(packet) {
		return Protected{}
	}
	if binary.BigEndian.Uint16(packet[6:])&0x3fff != 0 { // an offset, or more fragments
		return within(0, header, 0, 0)
	}
	return protectedTransport(packet[:end], packet[9], 0, header)
}

// protectedTransport returns what is protected in a packet that ends with its payload, from the offset from on;
// its transport header starts at the offset header.
func protectedTransport(packet []byte, protocol byte, from, header int) Protected {
	end := len(packet)
	switch size := end - header; {
	case protocol == protoTCP && size >= tcpHeaderBytes,
		protocol == protoICMP && size >= icmpHeaderBytes && from == 0,
		protocol == protoICMPv6 && size >= icmpHeaderBytes && from != 0:
		return within(from, end, 0, 0)
	case protocol == protoUDP && size >= udpHeaderBytes && binary.BigEndian.Uint16(packet[header+6:]) != 0:
		length := int(binary.BigEndian.Uint16(packet[header+4:]))
		if length < udpHeaderBytes || length > size {
			break
		}
		return within(from, header+4, header+udpHeaderBytes, header+length)
	}
	if from == 0 {
		return within(0, header, 0, 0) // the header of IPv4 has a checksum of its own
	}
	return Protected{}
}

// within returns ranges of a packet as ranges of its frame.
func within(from0, to0, from1, to1 int) Protected {
	var p Protected
	p[0].From, p[0].To = HeaderBytes+from0, HeaderBytes+to0
	p[1].From, p[1].To = HeaderBytes+from1, HeaderBytes+to1
	return p
}
