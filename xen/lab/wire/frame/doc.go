// Package frame knows Ethernet frames as the lab's wire sees them: how QEMU packs them into a stream of
// bytes, who sent a frame and who is to get it, and which of its bytes a checksum protects.
//
//	QEMU ══ unix socket ══► Reader ──► frame ([]byte, never changed again) ──► Append ══ unix socket ══► QEMU
//
// The stream format is that of QEMU's -netdev stream (net/stream.c and net_fill_rstate in net/net.c): a length
// of 4 bytes, big-endian, then a frame of that many bytes, from the destination address to the end of the
// payload, without preamble and without frame check sequence.
//
// A frame is a slice that nobody writes to after it was read: a switch may hand the same slice to many ports.
// The package has no state but a Reader's buffer, starts no goroutine and asks for no time.
package frame
