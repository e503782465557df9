package wire

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/tcpip"

	"holdfast/xen/lab/wire/link"
)

// These tests show what two hosts see of each fault: one thread, counted time, fixed seeds. Nothing in them depends on how
// fast the machine is or on chance.

func TestHostsSeeHealth(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	v.stream(1000, time.Millisecond, 100)
	require.Len(t, v.hosts[1].got, 1000)
	for i, d := range v.hosts[1].got {
		require.EqualValues(t, i+1, d.number)
		require.True(t, d.intact)
	}
	require.Zero(t, v.hosts[1].checksumErrors())
}

func TestHostsSeeDelay(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	v.link(0).Delay, v.link(1).Delay = 30*time.Millisecond, 12*time.Millisecond
	for range 20 {
		begin := v.now
		v.ping(0)
		v.run(100 * time.Millisecond)
		pong := v.hosts[0].pong
		require.Equal(t, 42*time.Millisecond, pong[len(pong)-1]-begin, "the round trip takes both ways' delays")
	}
	require.Len(t, v.hosts[0].pong, 20)
}

func TestHostsSeeJitter(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	v.link(0).Delay, v.link(0).Jitter = 10*time.Millisecond, 40*time.Millisecond
	sent := map[uint32]time.Duration{}
	for i := range uint32(500) {
		sent[i] = v.now
		v.udp(0, 1, i, 50)
		v.run(5 * time.Millisecond)
	}
	v.run(time.Second)
	require.Len(t, v.hosts[1].got, 500)
	least, most := time.Hour, time.Duration(0)
	for i, d := range v.hosts[1].got {
		require.EqualValues(t, i, d.number, "order is kept")
		least, most = min(least, d.at-sent[d.number]), max(most, d.at-sent[d.number])
	}
	require.GreaterOrEqual(t, least, 10*time.Millisecond)
	require.LessOrEqual(t, most, 50*time.Millisecond)
	require.Greater(t, most-least, 20*time.Millisecond, "each its own time")
}

func TestHostsSeeLoss(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	v.link(0).Loss = 200_000
	v.stream(10_000, 100*time.Microsecond, 50)
	require.InEpsilon(t, 8000, len(v.hosts[1].got), 0.03)
	require.EqualValues(t, 10_000-len(v.hosts[1].got), v.link(0).Counters.Lost)
}

func TestHostsSeeDuplicates(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	v.link(0).Duplicate = 100_000
	v.stream(10_000, 100*time.Microsecond, 50)
	copies := map[uint32]int{}
	for _, d := range v.hosts[1].got {
		copies[d.number]++
	}
	require.Len(t, copies, 10_000, "nothing is missing")
	twice := 0
	for _, n := range copies {
		require.LessOrEqual(t, n, 2)
		twice += n - 1
	}
	require.InEpsilon(t, 1000, twice, 0.1)
	require.EqualValues(t, twice, v.link(0).Counters.Duplicated)
}

func TestHostsSeeCorruption(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	v.link(0).Corrupt = 300_000
	v.stream(5000, 100*time.Microsecond, 200)
	damaged := v.link(0).Counters.Damaged
	require.InEpsilon(t, 1500, damaged, 0.1)
	require.Zero(t, v.link(0).Counters.Discarded)
	require.Equal(t, damaged, v.hosts[1].checksumErrors(), "the receiver's checksums find every one")
	require.EqualValues(t, 5000-damaged, len(v.hosts[1].got))
	for _, d := range v.hosts[1].got {
		require.True(t, d.intact, "and no damaged byte reaches the application")
	}
}

func TestHostsSeeOneDirectionCut(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	v.link(1).Cut = true
	for range 10 {
		v.ping(0)
		v.udp(0, 1, 1, 50)
		v.run(10 * time.Millisecond)
	}
	require.Len(t, v.hosts[1].got, 10, "from a to b all is well")
	require.Empty(t, v.hosts[0].pong, "answers do not come back")
	require.EqualValues(t, 10, v.link(1).Counters.Cut)
	v.link(1).Cut = false
	v.ping(0)
	v.run(10 * time.Millisecond)
	require.Len(t, v.hosts[0].pong, 1)
}

func TestHostsSeeReordering(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	v.link(0).Reorder = 100_000
	v.stream(10_000, 100*time.Microsecond, 50)
	require.Len(t, v.hosts[1].got, 10_000, "nothing is missing")
	newest, overtaken := uint32(0), 0
	for _, d := range v.hosts[1].got {
		if d.number < newest {
			overtaken++
		}
		newest = max(newest, d.number)
	}
	require.InEpsilon(t, 1000, overtaken, 0.1)
	require.InEpsilon(t, v.link(0).Counters.Reordered, overtaken, 0.01, "those that were held back are those that came late")
}

func TestHostsSeeBandwidth(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	v.link(0).Bandwidth = 100 // KiB/s
	const bytes = 1000
	v.stream(2000, 5*time.Millisecond, bytes) // 200 KB/s for 10 s, and time to drain
	got := v.hosts[1].got
	first, last := got[0].at, got[len(got)-1].at
	rate := float64((bytes+42)*(len(got)-1)) / (last - first).Seconds() / 1024
	require.InEpsilon(t, 100, rate, 0.01, "KiB/s of frames, headers included")
	require.EqualValues(t, 2000-len(got), v.link(0).Counters.Backlog)
	require.Greater(t, v.link(0).Counters.Backlog, uint64(900))

	v.link(0).Bandwidth = 0
	v.hosts[1].got = nil
	v.stream(100, 5*time.Millisecond, bytes)
	require.Len(t, v.hosts[1].got, 100, "healed: all of them, and at once")
}

// TestAdapterTakesOnlyItsOwn: a frame that was sent to all ports, because its address was unknown, is for nobody else.
func TestAdapterTakesOnlyItsOwn(t *testing.T) {
	v := newVirtual(t, link.Limits{})
	b := &v.hosts[1]
	_, err := v.hosts[0].udp.Write(bytes.NewReader(payload(1, 50)), tcpip.WriteOptions{To: &b.addr})
	require.Nil(t, err)
	f := v.sent[0].frame
	other := bytes.Clone(f)
	other[5] ^= 1
	before := b.ip.Stats().IP.PacketsReceived.Value()
	b.link.inbound(other)
	b.link.inbound(f[:10])
	require.Equal(t, before, b.ip.Stats().IP.PacketsReceived.Value())
	b.link.inbound(f)
	require.Equal(t, before+1, b.ip.Stats().IP.PacketsReceived.Value())
}
