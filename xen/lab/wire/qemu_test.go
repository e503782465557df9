package wire

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/wire/frame"
	"holdfast/xen/lab/wire/link"
)

// qemu starts a machine without a disk, whose firmware asks the network what to boot (iPXE). It is the smallest thing that
// speaks to the wire through QEMU itself.
func qemu(t *testing.T, s *Socket, mac string) (machine *exec.Cmd, monitor io.Writer) {
	path, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Skip("QEMU is not installed here")
	}
	const firmware = "/usr/lib/ipxe/qemu/pxe-e1000.rom" // package ipxe-qemu
	if _, err := os.Stat(firmware); err != nil {
		t.Skip(firmware, "is not installed here")
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, "-nodefaults", "-display", "none", "-machine", "pc,accel=tcg", "-m", "64", "-boot", "n", "-qmp", "stdio",
		"-netdev", s.Netdev("n0"), "-device", "e1000,netdev=n0,romfile="+firmware+",mac="+mac)
	var said strings.Builder
	cmd.Stderr = &said
	monitor, err = cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	return cmd, monitor
}

// asked waits until the machine asks for an address, and returns the question.
func asked(t *testing.T, p *Port, mac frame.MAC) *layers.DHCPv4 {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		f, err := p.Receive(ctx)
		require.NoError(t, err)
		packet := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.Default)
		if d, ok := packet.Layer(layers.LayerTypeDHCPv4).(*layers.DHCPv4); ok && frame.Source(f) == mac && d.Operation == layers.DHCPOpRequest {
			return d
		}
	}
}

// serve answers questions for an address until the machine has one, and a file to load, which nobody has: it goes on asking for it.
func serve(t *testing.T, p *Port, mac frame.MAC, yours netip.Addr) {
	for {
		q := asked(t, p, mac)
		answer := layers.DHCPMsgTypeOffer
		for _, o := range q.Options {
			if o.Type == layers.DHCPOptMessageType && layers.DHCPMsgType(o.Data[0]) == layers.DHCPMsgTypeRequest {
				answer = layers.DHCPMsgTypeAck
			}
		}
		server := net.IP{10, 0, 0, 2}
		dhcp := &layers.DHCPv4{Operation: layers.DHCPOpReply, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: q.Xid,
			YourClientIP: yours.AsSlice(), NextServerIP: server, ClientHWAddr: mac[:], File: append([]byte("none"), make([]byte, 124)...),
			Options: layers.DHCPOptions{
				layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(answer)}),
				layers.NewDHCPOption(layers.DHCPOptServerID, server),
				layers.NewDHCPOption(layers.DHCPOptLeaseTime, []byte{0, 0, 0xe, 0x10}),
				layers.NewDHCPOption(layers.DHCPOptSubnetMask, []byte{255, 255, 255, 0}),
				layers.NewDHCPOption(175, []byte{176, 1, 1}), // iPXE's own: do not wait for a second server
			}}
		udp := &layers.UDP{SrcPort: 67, DstPort: 68}
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: server, DstIP: yours.AsSlice()}
		require.NoError(t, udp.SetNetworkLayerForChecksum(ip))
		buf := gopacket.NewSerializeBuffer()
		require.NoError(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
			&layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 9}, DstMAC: mac[:], EthernetType: layers.EthernetTypeIPv4}, ip, udp, dhcp))
		p.Send(buf.Bytes())
		if answer == layers.DHCPMsgTypeAck {
			return
		}
	}
}

// TestQEMU has a real machine get an address and answer the pings of a client's stack, through a fault; then it is reset, and
// at last killed and started again.
func TestQEMU(t *testing.T) {
	n := newNetwork(t, Config{})
	s, err := n.Plug("h1", LAN)
	require.NoError(t, err)
	server := attach(t, n, "server", LAN)
	client := newStack(t, n, "client", "10.0.0.100/24")
	mac, yours := frame.MAC{0x52, 0x54, 0, 0, 0, 1}, netip.MustParseAddr("10.0.0.50")

	machine, monitor := qemu(t, s, mac.String())
	serve(t, server, mac, yours)
	require.Eventually(t, func() bool { // it needs a moment to use what it was given
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err := client.Ping(ctx, yours)
		return err == nil
	}, patience, time.Millisecond)
	require.NoError(t, n.Set(LAN, "client", "h1", link.Faults{Delay: 150 * time.Millisecond}))
	rtt, err := client.Ping(within(t), yours)
	require.NoError(t, err)
	require.GreaterOrEqual(t, rtt, 150*time.Millisecond)

	_, err = io.WriteString(monitor, `{"execute":"qmp_capabilities"}{"execute":"system_reset"}`+"\n")
	require.NoError(t, err)
	asked(t, server, mac)

	stats := n.Stats()
	require.EqualValues(t, 1, stats.Port(LAN, "h1").Egress.Plugged, "a reset does not end the connection")
	require.NotZero(t, stats.Port(LAN, "h1").Egress.Received)
	require.Zero(t, stats.Port(LAN, "h1").Egress.BadStream+stats.Port(LAN, "h1").Ingress.Runt)
	require.NoError(t, machine.Process.Kill())
	require.Eventually(t, func() bool { return !n.stat(LAN, "h1").Plugged }, patience, time.Millisecond)
	qemu(t, s, mac.String())
	asked(t, server, mac)
	require.EqualValues(t, 2, n.stat(LAN, "h1").Egress.Plugged)
}
