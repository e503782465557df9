package lab

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHubCarriesFrames(t *testing.T) {
	dir, err := os.MkdirTemp("", "hh")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	h := newHub(dir)
	defer h.Close()
	for _, host := range []string{"a", "b", "c"} {
		require.NoError(t, h.Plug(host))
	}
	plug := func(name string) net.Conn {
		conn, err := net.Dial("unix", filepath.Join(dir, name+".sock"))
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		return conn
	}
	a, b, other := plug("a-lan"), plug("b-lan"), plug("c-mgmt")
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.ports["lan"]) == 2 && len(h.ports["mgmt"]) == 1
	}, 10*time.Second, time.Millisecond)
	frame := append([]byte{0, 0, 0, 5}, "hello"...)
	_, err = a.Write(frame)
	require.NoError(t, err)
	got, err := readFrame(b)
	require.NoError(t, err)
	require.Equal(t, frame, got)
	for _, conn := range []net.Conn{a, other} {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "neither the sender nor another network gets it")
	}
	// A machine that is started anew connects again.
	b.Close()
	b = plug("b-lan")
	require.Eventually(t, func() bool {
		_, _ = a.Write(frame)
		_ = b.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, err := readFrame(b)
		return err == nil
	}, 10*time.Second, time.Millisecond)
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 1, 2})
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := readFrame(bytes.NewReader(data))
		if err == nil {
			require.LessOrEqual(t, len(frame), maxFrame+4)
		}
	})
}
