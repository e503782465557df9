package link

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// packet is a frame of IPv4 with a protected header and no known transport.
func packet(bytes int) []byte {
	f := make([]byte, max(bytes, 34))
	f[12], f[14], f[17], f[23] = 0x08, 0x45, 20, 0xfd
	return f
}

const plenty = 100_000

// send passes n frames at a fixed pace and returns every copy; those on their way land at once, as far as limits go.
func send(d *Direction, n int, pace time.Duration, f []byte) (copies []Copy) {
	for i := range n {
		now := time.Duration(i) * pace
		decision := d.Decide(now, f)
		for _, c := range decision.Copies[:decision.N] {
			if c.At > now {
				d.Landed(len(c.Frame))
			}
			copies = append(copies, c)
		}
	}
	return copies
}

// around requires a share of plenty to be right: with fixed seeds this is no statistical test that may fail by chance.
func around(t *testing.T, want, got uint64, what string) {
	t.Helper()
	require.InEpsilon(t, want, got, 0.05, what)
}

func TestShares(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults Faults
		count  func(*Counters) uint64
	}{
		{"loss", Faults{Loss: 100_000}, func(c *Counters) uint64 { return c.Lost }},
		{"corrupt", Faults{Corrupt: 100_000}, func(c *Counters) uint64 { return c.Damaged }},
		{"duplicate", Faults{Duplicate: 100_000}, func(c *Counters) uint64 { return c.Duplicated }},
		{"reorder", Faults{Reorder: 100_000}, func(c *Counters) uint64 { return c.Reordered }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := New(1, Limits{})
			d.Faults = c.faults
			send(d, plenty, time.Microsecond, packet(60))
			around(t, plenty/10, c.count(&d.Counters), c.name)
			never, always := New(1, Limits{}), New(1, Limits{})
			always.Faults = Faults{Loss: 10 * c.faults.Loss, Corrupt: 10 * c.faults.Corrupt, Duplicate: 10 * c.faults.Duplicate, Reorder: 10 * c.faults.Reorder}
			send(never, 1000, time.Microsecond, packet(60))
			send(always, 1000, time.Microsecond, packet(60))
			require.Zero(t, c.count(&never.Counters))
			require.EqualValues(t, 1000, c.count(&always.Counters), "a chance of one is certain")
		})
	}
}

func TestCutPassesNothingAndDrawsNothing(t *testing.T) {
	d, other := New(1, Limits{}), New(1, Limits{})
	d.Faults = Faults{Cut: true, Loss: 500_000}
	require.Empty(t, send(d, 100, 0, packet(60)))
	require.EqualValues(t, 100, d.Counters.Cut)
	d.Faults, other.Faults = Faults{Loss: 500_000}, Faults{Loss: 500_000}
	require.Equal(t, send(other, 100, 0, packet(60)), send(d, 100, 0, packet(60)))
}

func TestCorrupt(t *testing.T) {
	d := New(1, Limits{})
	d.Faults = Faults{Corrupt: AllChances}
	f := packet(60)
	before := string(f)
	for _, c := range send(d, 200, 0, f) {
		bits := 0
		for i := range c.Frame {
			for x := c.Frame[i] ^ before[i]; x != 0; x &= x - 1 {
				bits++
			}
		}
		require.Equal(t, 1, bits, "one bit differs")
	}
	require.Equal(t, before, string(f), "other ports may have the same frame")
	require.EqualValues(t, 200, d.Counters.Damaged)

	require.Empty(t, send(d, 10, 0, make([]byte, 60)), "nothing protects it, so it goes the way of a bad frame check sequence")
	require.EqualValues(t, 10, d.Counters.Discarded)
}

func TestDelayAndJitter(t *testing.T) {
	d := New(1, Limits{})
	d.Faults = Faults{Delay: 30 * time.Millisecond, Jitter: 10 * time.Millisecond}
	var least, most time.Duration = MaxDelay, 0
	for i, c := range send(d, 10_000, 20*time.Millisecond, packet(60)) {
		took := c.At - time.Duration(i)*20*time.Millisecond
		least, most = min(least, took), max(most, took)
	}
	require.InDelta(t, float64(30*time.Millisecond), float64(least), float64(10*time.Microsecond))
	require.InDelta(t, float64(40*time.Millisecond), float64(most), float64(10*time.Microsecond))
	require.GreaterOrEqual(t, least, 30*time.Millisecond)
	require.LessOrEqual(t, most, 40*time.Millisecond)
}

func TestBandwidth(t *testing.T) {
	d := New(1, Limits{})
	d.Faults = Faults{Bandwidth: 1000} // KiB/s
	first := d.Decide(0, packet(1024))
	second := d.Decide(0, packet(512))
	require.Equal(t, time.Millisecond, first.Copies[0].At, "1 KiB takes a millisecond")
	require.Equal(t, 1500*time.Microsecond, second.Copies[0].At, "and the next waits for it")

	// Offered twice what fits: half of it passes, at the bandwidth, and nothing waits longer than the backlog.
	d = New(1, Limits{})
	d.Faults = Faults{Bandwidth: 1000}
	copies := send(d, 20_000, 500*time.Microsecond, packet(1024))
	require.InEpsilon(t, 10_250, len(copies), 0.01, "10 s of 1000 frames each and a backlog of a quarter of a second")
	require.EqualValues(t, 20_000-len(copies), d.Counters.Backlog)
	last := copies[len(copies)-1].At
	require.InEpsilon(t, 10*time.Second+250*time.Millisecond, last, 0.001)
}

func TestSlowestBandwidthHoldsSomeFrames(t *testing.T) {
	d := New(1, Limits{})
	d.Faults = Faults{Bandwidth: 1}
	require.Len(t, send(d, 100, 0, packet(1514)), 17, "those of the least backlog, and the one being sent")
}

func TestReorder(t *testing.T) {
	d := New(1, Limits{})
	d.Faults = Faults{Reorder: 200_000}
	copies := send(d, plenty, 100*time.Microsecond, packet(60))
	var overtaken uint64
	for i := range copies {
		now := time.Duration(i) * 100 * time.Microsecond
		if copies[i].At > now {
			require.GreaterOrEqual(t, copies[i].At-now, time.Millisecond)
			require.LessOrEqual(t, copies[i].At-now, 20*time.Millisecond)
			overtaken++
		}
	}
	around(t, plenty/5, overtaken, "held back; the others are not late because of them")
	require.Equal(t, d.Counters.Reordered, overtaken)
}

func TestLimits(t *testing.T) {
	d := New(1, Limits{Frames: 3})
	d.Faults = Faults{Delay: time.Second}
	for range 5 {
		d.Decide(0, packet(100))
	}
	require.EqualValues(t, 2, d.Counters.Overflow)
	frames, bytes := d.OnWay()
	require.Equal(t, []int{3, 300}, []int{frames, bytes})
	d.Landed(100)
	require.Equal(t, 1, d.Decide(0, packet(100)).N, "one has landed, so there is room for one")
	require.Zero(t, d.Decide(0, packet(100)).N)

	d = New(1, Limits{Bytes: 250})
	d.Faults = Faults{Delay: time.Second}
	for range 5 {
		d.Decide(0, packet(100))
	}
	require.EqualValues(t, 3, d.Counters.Overflow)

	require.ErrorContains(t, Limits{Frames: -1}.Validate(), "-1 frames")
	require.ErrorContains(t, Limits{Backlog: -1}.Validate(), "backlog")
	require.ErrorContains(t, Limits{HoldMin: 2, HoldMax: 1}.Validate(), "held back")
	require.NoError(t, Limits{}.Validate())
	require.NoError(t, Limits{}.WithDefaults().Validate())
}

func TestOrderIsKeptWhenADelayEnds(t *testing.T) {
	d := New(1, Limits{})
	d.Faults = Faults{Delay: time.Second}
	first := d.Decide(0, packet(60)).Copies[0].At
	d.Faults = Faults{}
	require.Equal(t, first, d.Decide(time.Millisecond, packet(60)).Copies[0].At, "nothing overtakes on a link that keeps order")
}

func TestFaultsTextAndRanges(t *testing.T) {
	require.Equal(t, "well", Faults{}.String())
	require.Equal(t, "cut, loss 1000 ppm, corrupt 2 ppm, duplicate 3 ppm, reorder 4 ppm, delay 5ms, jitter 6µs, slow 7KiB/s",
		Faults{true, 1000, 2, 3, 4, 5 * time.Millisecond, 6 * time.Microsecond, 7}.String())
	for want, f := range map[string]Faults{
		"loss is -1": {Loss: -1}, "corrupt is 1000001": {Corrupt: AllChances + 1}, "duplicate is -5": {Duplicate: -5},
		"reorder is 2000000": {Reorder: 2 * AllChances}, "delay is -1ns": {Delay: -1}, "jitter is 2h": {Jitter: 2 * time.Hour},
		"bandwidth is -1": {Bandwidth: -1},
	} {
		require.ErrorContains(t, f.Validate(), want)
	}
}

func drawFaults(t *rapid.T) Faults {
	chance := rapid.SampledFrom([]int{0, 0, 1, 50_000, 500_000, AllChances})
	return Faults{
		Cut: rapid.IntRange(0, 9).Draw(t, "cut") == 0, Loss: chance.Draw(t, "loss"), Corrupt: chance.Draw(t, "corrupt"),
		Duplicate: chance.Draw(t, "duplicate"), Reorder: chance.Draw(t, "reorder"),
		Delay:     rapid.SampledFrom([]time.Duration{0, 0, time.Microsecond, 20 * time.Millisecond, time.Hour}).Draw(t, "delay"),
		Jitter:    rapid.SampledFrom([]time.Duration{0, 0, 1, time.Millisecond, time.Hour}).Draw(t, "jitter"),
		Bandwidth: rapid.SampledFrom([]int{0, 0, 1, 100, 1_000_000_000}).Draw(t, "bandwidth"),
	}
}

// TestDirectionKeepsItsRules drives a direction with frames, changing faults and time, and checks what holds always.
func TestDirectionKeepsItsRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{Frames: rapid.IntRange(1, 20).Draw(t, "frames"), Bytes: rapid.IntRange(100, 20_000).Draw(t, "bytes")}
		seed := rapid.Uint64().Draw(t, "seed")
		d, twin := New(seed, limits), New(seed, limits)
		var now, inOrder time.Duration
		var onWay []Copy
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now += rapid.SampledFrom([]time.Duration{0, 1, time.Millisecond, time.Second}).Draw(t, "wait")
			onWay = land(d, twin, onWay, now)
			if rapid.IntRange(0, 3).Draw(t, "change") == 0 {
				d.Faults = drawFaults(t)
				twin.Faults = d.Faults
			}
			f := packet(rapid.IntRange(34, 1514).Draw(t, "size"))
			before := d.Counters
			decision := d.Decide(now, f)
			if again := twin.Decide(now, f); again.N != decision.N || again.Copies[0].At != decision.Copies[0].At || again.Copies[1].At != decision.Copies[1].At {
				t.Fatalf("the same seed decides differently")
			}
			reordered := int(d.Counters.Reordered - before.Reordered)
			for _, c := range decision.Copies[:decision.N] {
				if c.At < now+d.Delay || len(c.Frame) != len(f) {
					t.Fatalf("too early, or another length")
				}
				if reordered == 0 && d.Reorder == 0 {
					if c.At < inOrder {
						t.Fatalf("overtakes without being reordered")
					}
					inOrder = c.At
				}
				if c.At > now {
					onWay = append(onWay, c)
				}
			}
			balance(t, d, len(onWay), limits)
		}
		if land(d, twin, onWay, now+1000*time.Hour); d.Counters != twin.Counters {
			t.Fatalf("the same seed counts differently")
		}
		balance(t, d, 0, limits)
	})
}

// land lands what is due.
func land(d, twin *Direction, onWay []Copy, now time.Duration) (rest []Copy) {
	for _, c := range onWay {
		if c.At > now {
			rest = append(rest, c)
			continue
		}
		d.Landed(len(c.Frame))
		twin.Landed(len(c.Frame))
	}
	return rest
}

// balance checks that no frame vanished unseen.
func balance(t *rapid.T, d *Direction, onWay int, l Limits) {
	c := &d.Counters
	frames, bytes := d.OnWay()
	if c.Offered+c.Duplicated != c.Passed+c.Cut+c.Lost+c.Discarded+c.Backlog+c.Overflow+uint64(frames) {
		t.Fatalf("frames vanished or came out of nothing")
	}
	if frames != onWay || frames > l.Frames || bytes > l.Bytes || bytes < 0 {
		t.Fatalf("wrong count of what is on its way")
	}
}

// TestFaultsDrawIndependently: turning one fault on does not change what another one hits.
func TestFaultsDrawIndependently(t *testing.T) {
	lost := func(f Faults) (which []int) {
		d := New(7, Limits{})
		f.Loss = 300_000
		d.Faults = f
		for i := range 1000 {
			before := d.Counters.Lost
			d.Decide(time.Duration(i), packet(60))
			if d.Counters.Lost != before {
				which = append(which, i)
			}
		}
		return which
	}
	want := lost(Faults{})
	require.NotEmpty(t, want)
	for _, f := range []Faults{{Corrupt: 500_000}, {Duplicate: 500_000}, {Reorder: 500_000}, {Jitter: time.Second}, {Bandwidth: 10}} {
		require.Equal(t, want, lost(f), f.String())
	}
	require.NotEqual(t, want, func() []int { d := New(8, Limits{}); return lostOf(d) }(), "another seed loses others")
}

func lostOf(d *Direction) (which []int) {
	d.Loss = 300_000
	for i := range 1000 {
		if d.Decide(time.Duration(i), packet(60)).N == 0 {
			which = append(which, i)
		}
	}
	return which
}

func BenchmarkDecideHealthy(b *testing.B) { benchmark(b, Faults{}) }

func BenchmarkDecideFaulty(b *testing.B) {
	benchmark(b, Faults{Loss: 10_000, Corrupt: 10_000, Duplicate: 10_000, Reorder: 10_000, Jitter: time.Millisecond})
}

func benchmark(b *testing.B, f Faults) {
	d := New(1, Limits{})
	d.Faults = f
	p := packet(64)
	b.ReportAllocs()
	for i := range b.N {
		now := time.Duration(i) * time.Microsecond
		decision := d.Decide(now, p)
		for _, c := range decision.Copies[:decision.N] {
			if c.At > now {
				d.Landed(len(c.Frame))
			}
		}
	}
}
