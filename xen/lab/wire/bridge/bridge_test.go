package bridge

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/xen/lab/wire/frame"
	"holdfast/xen/lab/wire/link"
)

// arrival is a frame that was delivered.
type arrival struct {
	to PortID
	id uint32 // as given to numbered
}

// recorder is a bridge that notes what it delivers.
type recorder struct {
	*Bridge
	got []arrival
}

func record(t require.TestingT, cfg Config, ports ...string) *recorder {
	r := &recorder{}
	cfg.Deliver = func(to PortID, f []byte) { r.got = append(r.got, arrival{to, binary.BigEndian.Uint32(f[14:])}) }
	r.Bridge = New(cfg)
	for _, p := range ports {
		_, err := r.AddPort(p)
		require.NoError(t, err)
	}
	return r
}

// take returns what was delivered since the last call.
func (r *recorder) take() []arrival {
	got := r.got
	r.got = nil
	return got
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

func TestLearning(t *testing.T) {
	r := record(t, Config{Age: time.Minute}, "a", "b", "c")
	const a, b, c = PortID(0), PortID(1), PortID(2)

	r.Input(0, a, numbered(mac(2), mac(1), 1))
	require.Equal(t, []arrival{{b, 1}, {c, 1}}, r.take(), "unknown: to all others")
	r.Input(0, b, numbered(mac(1), mac(2), 2))
	require.Equal(t, []arrival{{a, 2}}, r.take(), "known: there only")
	r.Input(0, a, numbered(mac(2), mac(1), 3))
	require.Equal(t, []arrival{{b, 3}}, r.take())
	r.Input(0, a, numbered(frame.Broadcast, mac(1), 4))
	require.Equal(t, []arrival{{b, 4}, {c, 4}}, r.take(), "broadcast: to all others")
	r.Input(0, a, numbered(mac(1), mac(9), 5))
	require.Empty(t, r.take(), "both behind port a")
	require.EqualValues(t, 1, r.PortCounters(a).Local)

	// The guest with address 2 moves from b to c: one frame of it, to anybody, and it is found there.
	r.Input(time.Second, c, numbered(frame.Broadcast, mac(2), 6))
	r.take()
	r.Input(time.Second, a, numbered(mac(2), mac(1), 7))
	require.Equal(t, []arrival{{c, 7}}, r.take(), "moved, at once")
	require.EqualValues(t, 1, r.Counters().Moved)

	r.Input(2*time.Minute, a, numbered(mac(2), mac(1), 8))
	require.Equal(t, []arrival{{b, 8}, {c, 8}}, r.take(), "forgotten because of its age")
	require.EqualValues(t, 1, r.Counters().Aged)

	r.Input(2*time.Minute, c, numbered(mac(1), mac(2), 9))
	r.take()
	r.Forget(c)
	r.Input(2*time.Minute, a, numbered(mac(2), mac(1), 10))
	require.Equal(t, []arrival{{b, 10}, {c, 10}}, r.take(), "unplugged, so forgotten")
}

func TestFullTable(t *testing.T) {
	r := record(t, Config{Addresses: 2, Age: time.Minute}, "a", "b", "c")
	for i := range byte(3) {
		r.Input(0, 0, numbered(frame.Broadcast, mac(i), 0))
	}
	require.Equal(t, 2, r.Addresses())
	require.EqualValues(t, 1, r.Counters().Full)
	r.take()
	r.Input(0, 1, numbered(mac(2), mac(1), 1))
	require.Equal(t, []arrival{{0, 1}, {2, 1}}, r.take(), "what could not be learned goes everywhere")
	r.Input(2*time.Minute, 0, numbered(frame.Broadcast, mac(7), 2))
	require.Equal(t, 1, r.Addresses(), "room was made by age")
}

func TestBadFrames(t *testing.T) {
	r := record(t, Config{}, "a", "b")
	r.Input(0, 0, make([]byte, 13))
	r.Input(0, 0, nil)
	r.Input(0, 0, numbered(mac(1), frame.Broadcast, 1))
	r.Input(0, 0, append(numbered(mac(1), mac(2), 1), make([]byte, frame.MaxBytes)...))
	require.Empty(t, r.take())
	require.Equal(t, PortCounters{Sent: 4, SentBytes: 13 + 60 + 60 + frame.MaxBytes, Runt: 2, BadSource: 1, Giant: 1}, r.PortCounters(0))
	require.Zero(t, r.Addresses())
}

func TestPortDown(t *testing.T) {
	for name, down := range map[string]PortState{"nic": {NICDown: true}, "cable": {Cut: true}, "both": {true, true}} {
		t.Run(name, func(t *testing.T) {
			r := record(t, Config{}, "a", "b")
			r.Input(0, 0, numbered(mac(2), mac(1), 1))
			r.Input(0, 1, numbered(mac(1), mac(2), 2))
			r.SetState(1, down)
			require.Equal(t, down, r.State(1))
			r.take()
			r.Input(0, 1, numbered(mac(1), mac(2), 3))
			r.Input(0, 0, numbered(mac(2), mac(1), 4))
			require.Empty(t, r.take())
			require.EqualValues(t, 1, r.PortCounters(1).DownIn)
			require.EqualValues(t, 1, r.PortCounters(1).DownOut)
			require.Equal(t, 1, r.Addresses(), "the address behind the port is forgotten")
			r.SetState(1, PortState{})
			r.Input(0, 0, numbered(mac(2), mac(1), 5))
			require.Equal(t, []arrival{{1, 5}}, r.take())
		})
	}
}

func TestFaultsOfOneDirection(t *testing.T) {
	r := record(t, Config{}, "a", "b", "c")
	r.Direction(0, 1).Cut = true
	r.Direction(0, 2).Delay = time.Second
	r.Input(0, 0, numbered(frame.Broadcast, mac(1), 1))
	require.Empty(t, r.take())
	r.Input(0, 1, numbered(mac(1), mac(2), 2))
	require.Equal(t, []arrival{{0, 2}}, r.take(), "the other direction is well")
	next, ok := r.Next()
	require.True(t, ok)
	require.Equal(t, time.Second, next)
	r.Advance(next - 1)
	require.Empty(t, r.take())
	r.Advance(next)
	require.Equal(t, []arrival{{2, 1}}, r.take())
	_, ok = r.Next()
	require.False(t, ok)
	onWay, _ := r.Direction(0, 2).OnWay()
	require.Zero(t, onWay)
	require.EqualValues(t, 1, r.Direction(0, 2).Counters.Passed, "counted when it arrives")
}

func TestPorts(t *testing.T) {
	r := record(t, Config{Name: "lan"})
	for i := range MaxPorts {
		id, err := r.AddPort(fmt.Sprint(i))
		require.NoError(t, err)
		require.Equal(t, PortID(i), id)
		require.Equal(t, fmt.Sprint(i), r.Name(id))
	}
	_, err := r.AddPort("3")
	require.ErrorIs(t, err, ErrSameName)
	_, err = r.AddPort("x")
	require.ErrorIs(t, err, ErrTooManyPorts)
	require.Equal(t, MaxPorts, r.Ports())
}

// TestDrawsDependOnNamesOnly: a host that is plugged in first or last meets the same faults.
func TestDrawsDependOnNamesOnly(t *testing.T) {
	passed := func(order ...string) (got []arrival) {
		r := record(t, Config{Seed: 5, Name: "lan"}, order...)
		a, _ := r.Port("a")
		b, _ := r.Port("b")
		r.Direction(a, b).Loss = 500_000
		for i := range uint32(200) {
			r.Input(0, a, numbered(mac(2), mac(1), i))
		}
		for _, g := range r.take() {
			if g.to == b {
				got = append(got, arrival{0, g.id})
			}
		}
		return got
	}
	require.Equal(t, passed("a", "b", "c"), passed("c", "b", "a"))
}

// TestBridgeAgainstNaive compares a bridge with delays with a list that is searched anew for every frame.
func TestBridgeAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const ports = 4
		r := record(t, Config{}, "a", "b", "c", "d")
		type expected struct {
			at    time.Duration
			order int
			arrival
		}
		var waits []expected
		where := map[frame.MAC]PortID{}
		last := map[[2]PortID]time.Duration{}
		var now time.Duration
		for step := range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += rapid.SampledFrom([]time.Duration{0, 1, 5, 100}).Draw(t, "wait")
			from := PortID(rapid.IntRange(0, ports-1).Draw(t, "from"))
			if rapid.IntRange(0, 4).Draw(t, "change") == 0 {
				to := PortID(rapid.IntRange(0, ports-1).Draw(t, "other"))
				if to != from {
					r.Direction(from, to).Faults = link.Faults{
						Cut: rapid.Bool().Draw(t, "cut"), Delay: rapid.SampledFrom([]time.Duration{0, 1, 7, 50}).Draw(t, "delay")}
				}
			}
			src := mac(byte(rapid.IntRange(1, 5).Draw(t, "source")))
			dst := mac(byte(rapid.IntRange(1, 5).Draw(t, "destination")))
			if rapid.IntRange(0, 3).Draw(t, "broadcast") == 0 {
				dst = frame.Broadcast
			}
			r.Input(now, from, numbered(dst, src, uint32(step)))
			where[src] = from
			target, known := where[dst]
			for to := range PortID(ports) {
				if to == from || known && to != target {
					continue
				}
				f := r.Direction(from, to).Faults
				if f.Cut {
					continue
				}
				at := max(now+f.Delay, last[[2]PortID{from, to}])
				last[[2]PortID{from, to}] = at
				waits = append(waits, expected{at, len(waits), arrival{to, uint32(step)}})
			}
		}
		r.Advance(now + time.Hour)
		var want []arrival
		for len(waits) > 0 { // the earliest, and of those the first
			first := 0
			for i := range waits {
				if waits[i].at < waits[first].at {
					first = i
				}
			}
			want = append(want, waits[first].arrival)
			waits = append(waits[:first:first], waits[first+1:]...)
		}
		if fmt.Sprint(want) != fmt.Sprint(r.take()) {
			t.Fatalf("deliveries differ")
		}
	})
}

// FuzzInput has arbitrary frames and instants never break a bridge.
func FuzzInput(f *testing.F) {
	f.Add(numbered(mac(1), mac(2), 1), numbered(mac(2), mac(1), 2), uint32(5))
	f.Fuzz(func(t *testing.T, first, second []byte, chance uint32) {
		r := record(t, Config{}, "a", "b", "c")
		r.cfg.Deliver = func(PortID, []byte) {}
		c := int(chance % (link.AllChances + 1))
		r.Direction(0, 1).Faults = link.Faults{Loss: c / 2, Corrupt: c, Duplicate: c, Reorder: c, Jitter: time.Duration(chance), Bandwidth: c}
		r.Input(0, 0, first)
		r.Input(time.Duration(chance), 1, second)
		r.Input(time.Duration(chance), 0, first)
		r.Advance(time.Hour)
		_, waiting := r.Next()
		require.False(t, waiting)
	})
}

func benchmarkInput(b *testing.B, ports int, f link.Faults) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	r := record(b, Config{}, names[:ports]...)
	r.cfg.Deliver = func(PortID, []byte) {}
	there, back := numbered(mac(2), mac(1), 1), numbered(mac(1), mac(2), 1)
	r.Input(0, 1, back)
	r.Direction(0, 1).Faults = f
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		r.Input(time.Duration(i)*time.Microsecond, 0, there)
	}
}

func BenchmarkInputHealthy(b *testing.B) { benchmarkInput(b, 4, link.Faults{}) }
func BenchmarkInputDelayed(b *testing.B) {
	benchmarkInput(b, 4, link.Faults{Delay: time.Millisecond, Jitter: time.Millisecond})
}
func BenchmarkInputFlooded(b *testing.B) {
	r := record(b, Config{}, "a", "b", "c", "d")
	r.cfg.Deliver = func(PortID, []byte) {}
	f := numbered(frame.Broadcast, mac(1), 1)
	for i := range b.N {
		r.Input(time.Duration(i)*time.Microsecond, 0, f)
	}
}

// Who answers a question is not found elsewhere for that: two stations with one address keep their ways.
func TestAnswersTeachNothing(t *testing.T) {
	asker := mac(9)
	r := record(t, Config{Asker: asker}, "a", "b", "client", "asker")
	const a, b, client, who = PortID(0), PortID(1), PortID(2), PortID(3)

	r.Input(0, a, numbered(frame.Broadcast, mac(1), 1)) // announces itself
	r.Input(0, who, numbered(frame.Broadcast, asker, 2))
	r.take()
	r.Input(0, b, numbered(asker, mac(1), 3))
	require.Equal(t, []arrival{{who, 3}}, r.take(), "the answer arrives, and only there")
	r.Input(0, client, numbered(mac(1), mac(2), 4))
	require.Equal(t, []arrival{{a, 4}}, r.take())
	r.Input(0, b, numbered(mac(2), mac(1), 5))
	r.take()
	r.Input(0, client, numbered(mac(1), mac(2), 6))
	require.Equal(t, []arrival{{b, 6}}, r.take(), "what it sends to others teaches")
}
