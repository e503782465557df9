package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/wire/frame"
	"holdfast/xen/lab/wire/link"
)

// captured returns, for each interface of a capture, the numbers of its frames.
func captured(t *testing.T, in io.Reader) map[string][]uint32 {
	r, err := pcapgo.NewNgReader(in, pcapgo.NgReaderOptions{})
	require.NoError(t, err)
	found := map[string][]uint32{}
	for {
		f, info, err := r.ReadPacketData()
		if err == io.EOF {
			return found
		}
		require.NoError(t, err)
		intf, err := r.Interface(info.InterfaceIndex)
		require.NoError(t, err)
		require.Equal(t, layers.LinkTypeEthernet, intf.LinkType)
		found[intf.Name] = append(found[intf.Name], binary.BigEndian.Uint32(f[14:]))
	}
}

func TestCaptureShowsWhatFaultsDid(t *testing.T) {
	n := newNetwork(t, Config{Clock: clockwork.NewFakeClock()})
	a, b, c := attach(t, n, "a", LAN), attach(t, n, "b", LAN), attach(t, n, "c", LAN)
	path := filepath.Join(t.TempDir(), "lan.pcapng")
	capture, err := n.CaptureFile(LAN, path, 0)
	require.NoError(t, err)
	_, err = n.CaptureFile(LAN, path, 0)
	require.ErrorIs(t, err, os.ErrExist, "nothing is written over")
	_, err = n.CaptureFile(LAN, path+"2", 0)
	require.ErrorContains(t, err, "being captured already")
	_, err = os.Stat(path + "2")
	require.ErrorIs(t, err, os.ErrNotExist)

	a.Send(numbered(frame.Broadcast, mac(1), 1))
	require.NoError(t, n.Set(LAN, "a", "b", link.Faults{Cut: true}))
	a.Send(numbered(frame.Broadcast, mac(1), 2))
	require.NoError(t, n.Set(LAN, "a", "b", link.Faults{Duplicate: link.AllChances}))
	a.Send(numbered(frame.Broadcast, mac(1), 3))
	b.Send(numbered(mac(1), mac(2), 4))
	_ = c
	require.NoError(t, capture.Close())
	require.NoError(t, capture.Close())
	require.Zero(t, capture.Dropped())
	a.Send(numbered(frame.Broadcast, mac(1), 5)) // after the end

	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, map[string][]uint32{
		"a sends": {1, 2, 3}, "b gets": {1, 3, 3}, "c gets": {1, 2, 3}, "b sends": {4}, "a gets": {4},
	}, captured(t, f))
	again, err := n.CaptureFile(LAN, path+"2", 0)
	require.NoError(t, err, "another capture after the first")
	require.NoError(t, again.Close())
}

// sink is a file that may be full.
type sink struct {
	bytes.Buffer
	err    error
	closed bool
}

func (s *sink) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	return s.Buffer.Write(b)
}

func (s *sink) Close() error {
	s.closed = true
	return nil
}

func TestCaptureIsBounded(t *testing.T) {
	n := newNetwork(t, Config{})
	a := attach(t, n, "a", LAN)
	attach(t, n, "b", LAN)
	out := &sink{}
	capture, err := n.Capture(LAN, out, 600)
	require.NoError(t, err)
	for i := range uint32(20) {
		a.Send(numbered(frame.Broadcast, mac(1), i))
	}
	require.NoError(t, capture.Close())
	require.True(t, out.closed)
	require.EqualValues(t, 40-10, capture.Dropped(), "ten frames of 60 bytes are 600 bytes")
	require.Len(t, captured(t, &out.Buffer)["a sends"], 5)
}

func TestCaptureTellsOfErrors(t *testing.T) {
	n := newNetwork(t, Config{})
	a := attach(t, n, "a", LAN)
	full := errors.New("no space left")
	capture, err := n.Capture(LAN, &sink{err: full}, 0)
	require.NoError(t, err)
	for i := range uint32(2000) {
		a.Send(numbered(frame.Broadcast, mac(1), i))
	}
	require.ErrorIs(t, capture.Close(), full)
	require.NotZero(t, capture.Dropped())
}
