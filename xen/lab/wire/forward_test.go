package wire

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestForward(t *testing.T) {
	n := newNetwork(t, Config{})
	client, guest := newStack(t, n, "client", "10.0.0.100/24"), newStack(t, n, "guest", "10.0.0.5/24")
	listenEcho(t, guest, ":7")
	f, err := client.Forward("127.0.0.1:0", "10.0.0.5:7")
	require.NoError(t, err)
	data := bytes.Repeat([]byte("forwarded "), 20_000)
	var people sync.WaitGroup
	for range 5 {
		people.Go(func() {
			c, err := net.Dial("tcp", f.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			go func() {
				c.Write(data)
				c.(*net.TCPConn).CloseWrite() // the guest is told, answers the rest, and ends too
			}()
			back, err := io.ReadAll(c)
			if err != nil || !bytes.Equal(data, back) {
				t.Errorf("%d bytes came back, %v", len(back), err)
			}
		})
	}
	people.Wait()

	c, err := net.Dial("tcp", f.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	roundTrip(t, c, []byte("open"))
	require.NoError(t, f.Close())
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err, "closing the forward ends its connections")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	_, err = net.Dial("tcp", f.Addr().String())
	require.Error(t, err)

	for _, bad := range [][2]string{{"0.0.0.0:0", "10.0.0.5:7"}, {"8.8.8.8:80", "10.0.0.5:7"}, {"localhost:0", "10.0.0.5:7"}, {"127.0.0.1:0", "guest:7"}} {
		_, err := client.Forward(bad[0], bad[1])
		require.Error(t, err, bad)
	}
}
