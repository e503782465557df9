package wire

import (
	"bufio"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/wire/frame"
	"holdfast/xen/lab/wire/link"
)

// spent returns the processor time that this process has used, in all its threads and in the kernel: what a frame costs, however busy
// the machine is with other things.
func spent(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSocketToSocket moves frames of 64 and 1514 bytes from one machine's socket to another's, through everything: the
// kernel, the stream format, the bridge, the queue. A window keeps the queue from overflowing. The figure is frames per second of the
// whole path; sender and receiver, which stand for QEMU, run on the same cores, and their processor time is counted too.
func BenchmarkSocketToSocket(b *testing.B) {
	b.Run("small", func(b *testing.B) { socketToSocket(b, 64, link.Faults{}) })
	b.Run("full", func(b *testing.B) { socketToSocket(b, 1514, link.Faults{}) })
}

// BenchmarkSocketToSocketDelayed is the same with a delay, which takes every frame through the agenda and the timer.
func BenchmarkSocketToSocketDelayed(b *testing.B) {
	socketToSocket(b, 64, link.Faults{Delay: 2 * time.Millisecond, Jitter: time.Millisecond})
}

func socketToSocket(b *testing.B, size int, f link.Faults) {
	n := newNetwork(b, Config{})
	var ends [2]*machine
	for i, name := range []string{"a", "b"} {
		s, err := n.Plug(name, LAN)
		require.NoError(b, err)
		ends[i] = connect(b, s)
	}
	ends[1].send(b, numbered(frame.Broadcast, mac(2), 0))
	ends[0].next(b)
	require.NoError(b, n.Set(LAN, "a", "b", f))
	const window = 512
	credit := make(chan struct{}, window)
	for range window {
		credit <- struct{}{}
	}
	payload := append(numbered(mac(2), mac(1), 1), make([]byte, size-60)...)
	stream := frame.Append(nil, payload)
	b.SetBytes(int64(size))
	b.ResetTimer()
	cpu := spent(b)
	go func() {
		for range b.N {
			<-credit
			ends[0].Write(stream) // one system call for each frame, as QEMU does it
		}
	}()
	in := bufio.NewReaderSize(ends[1], 64<<10)
	for range b.N {
		if _, err := io.ReadFull(in, payload[:4]); err != nil {
			b.Fatal(err)
		}
		if _, err := in.Discard(size); err != nil {
			b.Fatal(err)
		}
		credit <- struct{}{}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
	b.ReportMetric(float64(spent(b)-cpu)/float64(b.N), "cpu-ns/op")
	require.Zero(b, n.stat(LAN, "b").Egress.Full)
}

// BenchmarkPort is one frame through the lock, the bridge and a queue, without the kernel.
func BenchmarkPort(b *testing.B) {
	n := newNetwork(b, Config{})
	a, c := attach(b, n, "a", LAN), attach(b, n, "b", LAN)
	c.Send(numbered(frame.Broadcast, mac(2), 0))
	f := numbered(mac(2), mac(1), 1)
	b.ReportAllocs()
	b.ResetTimer()
	cpu := spent(b)
	for range b.N {
		a.Send(f)
		<-c.out
	}
	b.ReportMetric(float64(spent(b)-cpu)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}

// BenchmarkStackTCP is what a client in this process gets out of a TCP connection to another stack.
func BenchmarkStackTCP(b *testing.B) {
	n := newNetwork(b, Config{QueueFrames: 4096})
	client, guest := newStack(b, n, "client", "10.0.0.100/24"), newStack(b, n, "guest", "10.0.0.5/24")
	l, err := guest.Listen(":9")
	require.NoError(b, err)
	defer l.Close()
	done := make(chan int64)
	go func() {
		c, err := l.Accept()
		if err != nil {
			done <- 0
			return
		}
		n, _ := io.Copy(io.Discard, c)
		done <- n
	}()
	c, err := client.DialContext(b.Context(), "tcp", "10.0.0.5:9")
	require.NoError(b, err)
	data := make([]byte, 64<<10)
	b.SetBytes(int64(len(data)))
	for range b.N {
		if _, err := c.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, c.Close())
	require.EqualValues(b, b.N*len(data), <-done)
}
