package frame

import (
	"bytes"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"pgregory.net/rapid"
)

// build makes a frame of layers, with lengths and checksums.
func build(t require.TestingT, parts ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...)
	require.NoError(t, err)
	return bytes.Clone(buf.Bytes())
}

func ethernet(of layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: of}
}

func v4(of layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: of, SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{10, 0, 0, 2}}
}

func v6(of layers.IPProtocol) *layers.IPv6 {
	src, dst := make([]byte, 16), make([]byte, 16)
	src[15], dst[15] = 1, 2
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: of, SrcIP: src, DstIP: dst}
}

// sums reports whether all checksums of a frame are right: what a receiver looks at, by another implementation.
func sums(f []byte) bool {
	packet := f[HeaderBytes:]
	var transport []byte
	var proto uint8
	var pseudo uint16
	if f[12] == 0x08 {
		ip := header.IPv4(packet)
		if !ip.IsValid(len(packet)) || !ip.IsChecksumValid() {
			return false
		}
		if ip.FragmentOffset() != 0 || ip.More() {
			return true
		}
		transport, proto = packet[ip.HeaderLength():ip.TotalLength()], ip.Protocol()
		pseudo = header.PseudoHeaderChecksum(ip.TransportProtocol(), ip.SourceAddress(), ip.DestinationAddress(), uint16(len(transport)))
	} else {
		ip := header.IPv6(packet)
		if !ip.IsValid(len(packet)) {
			return false
		}
		transport, proto = packet[header.IPv6MinimumSize:header.IPv6MinimumSize+int(ip.PayloadLength())], ip.NextHeader()
		pseudo = header.PseudoHeaderChecksum(ip.TransportProtocol(), ip.SourceAddress(), ip.DestinationAddress(), uint16(len(transport)))
	}
	switch proto {
	case protoICMP:
		pseudo = 0
	case protoUDP:
		if header.UDP(transport).Checksum() == 0 {
			return true
		}
	}
	return checksum.Checksum(transport, pseudo) == 0xffff
}

func samples(t require.TestingT, payload []byte) map[string][]byte {
	tcp := &layers.TCP{SrcPort: 1234, DstPort: 80, Seq: 7, ACK: true, Window: 1000}
	tcp6 := *tcp
	udp, udp6 := &layers.UDP{SrcPort: 53, DstPort: 99}, &layers.UDP{SrcPort: 53, DstPort: 99}
	ip, ip6 := v4(layers.IPProtocolTCP), v6(layers.IPProtocolTCP)
	ipu, ipu6 := v4(layers.IPProtocolUDP), v6(layers.IPProtocolUDP)
	icmp6ip := v6(layers.IPProtocolICMPv6)
	icmp6 := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(128, 0)}
	for _, err := range []error{tcp.SetNetworkLayerForChecksum(ip), tcp6.SetNetworkLayerForChecksum(ip6), udp.SetNetworkLayerForChecksum(ipu),
		udp6.SetNetworkLayerForChecksum(ipu6), icmp6.SetNetworkLayerForChecksum(icmp6ip)} {
		require.NoError(t, err)
	}
	data := gopacket.Payload(payload)
	fragment := v4(layers.IPProtocolTCP)
	fragment.Flags, fragment.FragOffset = layers.IPv4MoreFragments, 10
	four, six := layers.EthernetTypeIPv4, layers.EthernetTypeIPv6
	return map[string][]byte{
		"tcp": build(t, ethernet(four), ip, tcp, data), "tcp6": build(t, ethernet(six), ip6, &tcp6, data),
		"udp": build(t, ethernet(four), ipu, udp, data), "udp6": build(t, ethernet(six), ipu6, udp6, data),
		"icmp":     build(t, ethernet(four), v4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, data),
		"icmp6":    build(t, ethernet(six), icmp6ip, icmp6, data),
		"fragment": build(t, ethernet(four), fragment, data),
		"padded":   append(build(t, ethernet(four), ip, tcp, data), make([]byte, 6)...),
	}
}

// TestEveryFlippedBitIsFound inverts every protected bit of every kind of frame, one at a time.
func TestEveryFlippedBitIsFound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		payload := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "payload")
		for name, f := range samples(rt, payload) {
			if !sums(f) {
				rt.Fatalf("%s: the sample's own checksums are wrong", name)
			}
			part := ProtectedPart(f)
			if part.Bits() == 0 {
				rt.Fatalf("%s: nothing is protected", name)
			}
			for bit := range part.Bits() {
				bad := bytes.Clone(f)
				part.Flip(bad, bit)
				if bytes.Equal(bad, f) {
					rt.Fatalf("%s: flipping bit %d changes nothing", name, bit)
				}
				if sums(bad) {
					rt.Fatalf("%s: nobody would find bit %d", name, bit)
				}
				if part.Flip(bad, bit); !bytes.Equal(bad, f) {
					rt.Fatalf("%s: flipping bit %d twice changes more than that bit", name, bit)
				}
			}
		}
	})
}

func TestProtectedPart(t *testing.T) {
	s := samples(t, []byte("payload"))
	noSum := bytes.Clone(s["udp"])
	noSum[HeaderBytes+20+6], noSum[HeaderBytes+20+7] = 0, 0
	tagged := append(append(bytes.Clone(s["tcp"][:12]), 0x81, 0, 0, 1), s["tcp"][12:]...)
	for _, c := range []struct {
		name  string
		frame []byte
		bytes int
	}{
		{"tcp", s["tcp"], 20 + 20 + 7},
		{"padding is not protected", s["padded"], 20 + 20 + 7},
		{"udp without its length and checksum", s["udp"], 20 + 4 + 7},
		{"udp without a checksum: the header of IP", noSum, 20},
		{"udp6", s["udp6"], 4 + 7},
		{"tcp6: its header has no checksum", s["tcp6"], 20 + 7},
		{"icmp", s["icmp"], 20 + 8 + 7},
		{"icmp6", s["icmp6"], 4 + 7},
		{"fragment: the header of IP", s["fragment"], 20},
		{"arp", append(bytes.Clone(s["tcp"][:12]), make([]byte, 30)...), 0},
		{"vlan", tagged, 0},
		{"runt", s["tcp"][:13], 0},
		{"cut short", s["tcp"][:40], 0},
		{"cut short within the header", s["tcp"][:20], 0},
		{"cut short, version 6", s["tcp6"][:60], 0},
		{"empty", nil, 0},
	} {
		require.Equal(t, 8*c.bytes, ProtectedPart(c.frame).Bits(), c.name)
	}
}

func FuzzProtectedPart(f *testing.F) {
	for _, sample := range samples(f, []byte("payload")) {
		f.Add(sample)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		part := ProtectedPart(frame)
		for bit := range part.Bits() {
			part.Flip(frame, bit) // must stay within the frame
		}
	})
}
