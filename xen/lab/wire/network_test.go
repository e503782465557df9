package wire

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/wire/frame"
	"holdfast/xen/lab/wire/link"
)

// patience is how long a test waits for what must happen; it is never reached when all is well.
const patience = 30 * time.Second

func newNetwork(t testing.TB, cfg Config) *Network {
	if cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "w") // short: t.TempDir may be too long for a socket
		require.NoError(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		cfg.Dir = dir
	}
	n, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

func mac(n byte) frame.MAC { return frame.MAC{2, 0, 0, 0, 0, n} }

// numbered is a frame with a number in it.
func numbered(to, from frame.MAC, id uint32) []byte {
	f := make([]byte, 60)
	copy(f[0:], to[:])
	copy(f[6:], from[:])
	binary.BigEndian.PutUint16(f[12:], 0x88b5) // for experiments (IEEE 802)
	binary.BigEndian.PutUint32(f[14:], id)
	return f
}

// plugAll plugs two hosts and a witness into their networks.
func plugAll(t testing.TB, n *Network) map[string]*Socket {
	sockets := map[string]*Socket{}
	for _, m := range pool {
		for _, on := range m.On {
			s, err := n.Plug(m.Name, on)
			require.NoError(t, err)
			sockets[m.Name+" "+string(on)] = s
		}
	}
	return sockets
}

// receive returns the number of the next frame at a port.
func receive(t testing.TB, p *Port) uint32 {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f, err := p.Receive(ctx)
	require.NoError(t, err)
	return binary.BigEndian.Uint32(f[14:])
}

func attach(t testing.TB, n *Network, name string, on Segment) *Port {
	p, err := n.Attach(name, on)
	require.NoError(t, err)
	return p
}

func (n *Network) stat(on Segment, port string) *PortStats {
	s := n.Stats()
	return s.Port(on, port)
}

func TestDelayedFramesWithAClock(t *testing.T) {
	clock := clockwork.NewFakeClock()
	n := newNetwork(t, Config{Clock: clock})
	a, b := attach(t, n, "a", LAN), attach(t, n, "b", LAN)
	require.NoError(t, n.Set(LAN, "a", "b", link.Faults{Delay: time.Second}))
	a.Send(numbered(mac(2), mac(1), 1))
	clock.Advance(400 * time.Millisecond)
	a.Send(numbered(mac(2), mac(1), 2))
	clock.Advance(599 * time.Millisecond)
	stats := n.Stats()
	require.Equal(t, 2, stats.Link(LAN, "a", "b").OnWay)
	require.Zero(t, stats.Port(LAN, "b").Waiting)
	clock.Advance(time.Millisecond)
	require.EqualValues(t, 1, receive(t, b))
	require.Zero(t, n.stat(LAN, "b").Waiting, "not earlier than its time")
	clock.Advance(400 * time.Millisecond)
	require.EqualValues(t, 2, receive(t, b))
}

func TestSetRefuses(t *testing.T) {
	n := newNetwork(t, Config{})
	attach(t, n, "a", LAN)
	attach(t, n, "b", LAN)
	require.ErrorContains(t, n.Set(LAN, "a", "b", link.Faults{Loss: -1}), "loss is -1")
	require.ErrorContains(t, n.Set(LAN, "a", "x", link.Faults{}), "x is not on network lan")
	require.ErrorContains(t, n.Set(LAN, "x", "a", link.Faults{}), "x is not on network lan")
	require.ErrorContains(t, n.Set(LAN, "a", "a", link.Faults{}), "no link from a to itself")
	require.ErrorContains(t, n.Set("x", "a", "b", link.Faults{}), `no network "x"`)
	_, err := n.Attach("a", LAN)
	require.ErrorContains(t, err, "has a port of that name")
	_, err = New(Config{QueueFrames: -1})
	require.ErrorContains(t, err, "-1 frames")
	_, err = New(Config{Limits: link.Limits{Frames: -1}})
	require.ErrorContains(t, err, "limits")
}

// TestManyAtOnce has everything happen at once, for the race detector and for the balance of the counters.
func TestManyAtOnce(t *testing.T) {
	n := newNetwork(t, Config{QueueFrames: 64, Limits: link.Limits{HoldMin: time.Microsecond, HoldMax: time.Millisecond}})
	sockets := plugAll(t, n)
	var all sync.WaitGroup
	for i, name := range []string{"a", "b"} {
		all.Go(func() { // a machine that sends and is reset from time to time
			for range 5 {
				m := connect(t, sockets[name+" lan"])
				var both sync.WaitGroup
				both.Go(func() {
					for id := range uint32(500) {
						m.Write(frame.Append(nil, numbered(mac(byte(2-i)), mac(byte(1+i)), id)))
					}
					m.Close()
				})
				io.Copy(io.Discard, m)
				both.Wait()
			}
		})
	}
	all.Go(func() {
		texts := []string{"nic-down a for 1ms", "isolate b for 1ms", "partition a | b w for 1ms", "heal-all", "delay all a <-> b 1ms for 1ms"}
		for i := range 200 {
			if _, err := n.Inject(parse(t, texts[i%len(texts)]), Names); err != nil {
				t.Error(err)
			}
			f := link.Faults{Duplicate: rand.IntN(1e6), Reorder: rand.IntN(1e6), Loss: rand.IntN(1e5), Jitter: time.Duration(rand.IntN(1e6))}
			if err := n.Set(LAN, "a", "b", f); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	require.NoError(t, n.Set(LAN, "a", "b", link.Faults{}))
	require.Eventually(t, func() bool { return accounted(n.Stats()) }, patience, 10*time.Millisecond)
}

// accounted reports whether nothing is on its way and every frame is counted somewhere.
func accounted(stats Stats) bool {
	for _, s := range stats.Segments {
		arrived := map[string]uint64{}
		for _, l := range s.Links {
			c := l.Counters
			if l.OnWay != 0 || c.Offered+c.Duplicated != c.Passed+c.Cut+c.Lost+c.Discarded+c.Backlog+c.Overflow {
				return false
			}
			arrived[l.To] += c.Passed
		}
		for _, p := range s.Ports {
			e := p.Egress
			if e.Received+e.Unplugged+e.Full+e.Flushed+p.Ingress.DownOut+uint64(p.Waiting) != arrived[p.Name] {
				return false
			}
		}
	}
	return true
}
