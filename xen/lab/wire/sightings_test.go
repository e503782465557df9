package wire

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/faults"
)

func TestSightings(t *testing.T) {
	n, err := New(Config{})
	require.NoError(t, err)
	defer n.Close()
	a, err := n.Attach("a", LAN)
	require.NoError(t, err)
	b, err := n.Attach("b", LAN)
	require.NoError(t, err)
	guest := []byte("\xff\xff\xff\xff\xff\xff\x00\x16\x3e\x00\x00\x01\x08\x06 and more than that, up to sixty bytes in all....")
	sent := func(p *Port, times int) {
		for range times {
			p.Send(guest)
		}
	}
	sent(a, 3)
	sent(b, 2)
	seen, err := n.Sightings(LAN)
	require.NoError(t, err)
	require.Len(t, seen, 2)
	require.Equal(t, "00:16:3e:00:00:01", seen[0].Address)
	require.Equal(t, []any{"a", uint64(3), "b", uint64(2)}, []any{seen[0].Port, seen[0].Frames, seen[1].Port, seen[1].Frames})
	require.False(t, seen[0].Newest.Before(seen[0].First))

	require.NoError(t, n.apply([]Change{{On: LAN, From: "a", What: faults.NICDown, Value: 1}}))
	sent(a, 5)
	seen, err = n.Sightings(LAN)
	require.NoError(t, err)
	require.Equal(t, uint64(3), seen[0].Frames, "what a port that is down sends reaches nobody")
	_, err = n.Sightings("nowhere")
	require.Error(t, err)
}
