package frame

import (
	"encoding/binary"
	"fmt"
	"net"
)

const (
	// HeaderBytes is the length of an Ethernet header; a shorter frame is a runt and belongs to nobody.
	HeaderBytes = 14
	// MaxBytes is the longest frame that QEMU takes from a stream (NET_BUFSIZE in its include/net/net.h); a
	// longer one makes it close the connection.
	MaxBytes = 4096 + 65536
	// lengthBytes is the length of what precedes each frame in a stream.
	lengthBytes = 4
)

// MAC is an Ethernet address. MACs are comparable with ==.
type MAC [6]byte

// Broadcast is the address of everybody.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// ParseMAC reads an address of six bytes, such as 52:54:00:00:00:01.
func ParseMAC(text string) (MAC, error) {
	hw, err := net.ParseMAC(text)
	if err != nil || len(hw) != len(MAC{}) {
		return MAC{}, fmt.Errorf("found %q, expected an Ethernet address such as 52:54:00:00:00:01", text)
	}
	return MAC(hw), nil
}

// String returns the address in the usual form, six hexadecimal bytes.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// Group reports whether m means several stations: a multicast address, or Broadcast.
func (m MAC) Group() bool { return m[0]&1 != 0 }

// Destination returns to whom a frame of at least HeaderBytes goes.
func Destination(f []byte) MAC { return MAC(f[0:6]) }

// Source returns from whom a frame of at least HeaderBytes comes.
func Source(f []byte) MAC { return MAC(f[6:12]) }

// Append adds a frame to a stream and returns the longer stream. The frame is at most MaxBytes long.
func Append(stream, f []byte) []byte {
	stream = binary.BigEndian.AppendUint32(stream, uint32(len(f)))
	return append(stream, f...)
}
