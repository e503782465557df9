package guest_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/sim/disk"
	"holdfast/sim/guest"
)

// input is one thing that happened to a machine.
type input struct {
	time   uint64
	packet guest.Packet // if Kind is not zero
	id     uint64       // else: the request that is done
	ok     bool
	data   []disk.Sector
}

func (i *input) give(m *guest.Machine, out *guest.Out) {
	out.Reset()
	m.SetTime(i.time)
	if i.packet.Kind != 0 {
		m.Deliver(&i.packet, out)
		return
	}
	m.DiskDone(i.id, i.ok, i.data, out)
}

// pair is a machine A whose checkpoints are applied to an image, from which now
// and then a machine B continues with the inputs that A had since.
type pair struct {
	*rig
	c     guest.Config
	image *guest.Image
	ck    guest.Checkpoint
	since []input  // that A had since the checkpoint
	wants []string // what A wanted at each
	open  []string // what A had outstanding at the checkpoint
	lives uint64
}

func (p *pair) input(i input) {
	i.give(p.m, &p.out)
	p.since = append(p.since, i)
	p.wants = append(p.wants, describe(&p.out))
	p.take()
}

func (p *pair) checkpoint(full bool) {
	p.m.Capture(full, &p.ck)
	require.NoError(p.t, p.image.Apply(&p.ck))
	require.Zero(p.t, p.m.Dirty())
	p.since, p.wants, p.open = nil, nil, p.outstanding(p.m)
}

// outstanding describes a machine's outstanding requests, in any order.
func (p *pair) outstanding(m *guest.Machine) []string {
	var out guest.Out
	m.Pending(&out)
	var all []string
	for i := range out.Requests {
		all = append(all, describe(&guest.Out{Requests: out.Requests[i : i+1]}))
	}
	slices.Sort(all)
	return all
}

// failover lets a machine continue from the image and compares it with A, step by step.
func (p *pair) failover() *guest.Machine {
	p.lives++
	b, err := guest.NewMachineFromImage(p.c, p.image, p.lives)
	require.NoError(p.t, err)
	require.NoError(p.t, b.Check())
	require.Equal(p.t, p.open, p.outstanding(b))
	var out guest.Out
	for i := range p.since {
		p.since[i].give(b, &out)
		require.Equal(p.t, p.wants[i], describe(&out), "input %d since the checkpoint", i)
	}
	require.Equal(p.t, p.m.Digest(), b.Digest())
	require.Equal(p.t, p.m.CPU(), b.CPU())
	return b
}

func TestRestoredMachineIsTheSame(t *testing.T) {
	for _, s := range services {
		t.Run(s.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				c := config(s)
				image, err := guest.NewImage(c)
				require.NoError(t, err)
				p := &pair{rig: newRig(t, c, rapid.Uint64().Draw(t, "seed")), c: c, image: image}
				p.fail = true
				p.boot()
				p.checkpoint(true)
				for range rapid.IntRange(1, 120).Draw(t, "steps") {
					p.random(t)
				}
				p.failover()
			})
		})
	}
}

// random does any one thing.
func (p *pair) random(t *rapid.T) {
	p.time++
	switch what := rapid.IntRange(0, 19).Draw(t, "what"); {
	case what < 8 && len(p.pending) > 0:
		i := p.r.Int(0, len(p.pending)-1)
		q := p.pending[i]
		p.pending = slices.Delete(p.pending, i, i+1)
		ok, data := p.perform(q)
		p.input(input{time: p.time, id: q.io.ID, ok: ok, data: data})
	case what < 14:
		client := uint32(rapid.IntRange(0, 2).Draw(t, "client"))
		k := &connection{client: client, session: 1, number: uint32(rapid.IntRange(0, 9).Draw(t, "number"))}
		for i := range p.packets {
			if p.packets[i].Client == client {
				k.token = p.packets[i].Token
				k.number = max(k.number, p.packets[i].Number)
			}
		}
		q := guest.Packet{VM: 1, Kind: guest.Open, Client: client, Session: 1}
		if k.token != 0 {
			q = drawRequest(t, p.c, k, make([]int64, p.c.Keys))
		}
		p.input(input{time: p.time, packet: q})
	case what < 18:
		p.checkpoint(rapid.IntRange(0, 4).Draw(t, "full") == 0)
	case what == 18:
		p.failover()
	default:
		p.m = p.failover() // and go on from there, with a full checkpoint first
		p.checkpoint(false)
		require.True(t, p.ck.Full)
	}
}

func TestApplyWantsEveryCheckpoint(t *testing.T) {
	c := config(guest.Registers)
	g := newRig(t, c, 1)
	g.start()
	image, err := guest.NewImage(c)
	require.NoError(t, err)
	m, err := guest.NewMachine(c)
	require.NoError(t, err)
	require.ErrorIs(t, m.LoadImage(image, 1), guest.ErrNoImage)

	var first, second, third guest.Checkpoint
	g.m.Capture(false, &first)
	require.True(t, first.Full, "nothing came before it")
	k := g.open(1, 1)
	g.m.Capture(false, &second)
	g.call(k.next(guest.OpWrite, 0, 1))
	g.m.Capture(false, &third)
	require.False(t, second.Full)
	require.NotEmpty(t, second.Pages)

	require.ErrorIs(t, image.Apply(&second), guest.ErrGap)
	require.True(t, image.Empty())
	require.NoError(t, image.Apply(&first))
	require.ErrorIs(t, image.Apply(&third), guest.ErrGap)
	require.NoError(t, image.Apply(&second))
	require.ErrorIs(t, image.Apply(&second), guest.ErrGap)
	require.NoError(t, image.Apply(&third))
	require.NoError(t, m.LoadImage(image, 1))
	require.Equal(t, g.m.Digest(), m.Digest())

	g.start()
	g.m.Capture(false, &first)
	g.open(1, 1)
	g.m.Capture(false, &second)
	require.ErrorIs(t, image.Apply(&second), guest.ErrGap, "another life")

	c.Pages = 90
	other, err := guest.NewImage(c)
	require.NoError(t, err)
	require.ErrorIs(t, other.Apply(&first), guest.ErrShape)
}

func TestMixedCheckpointIsNoticed(t *testing.T) {
	c := config(guest.Registers)
	g := newRig(t, c, 1)
	g.start()
	image, err := guest.NewImage(c)
	require.NoError(t, err)
	var ck guest.Checkpoint
	g.m.Capture(true, &ck)
	require.NoError(t, image.Apply(&ck))
	g.open(0, 1)
	g.m.Capture(false, &ck)
	ck.Pages = ck.Pages[:len(ck.Pages)-1]
	require.NoError(t, image.Apply(&ck))
	m, err := guest.NewMachineFromImage(c, image, 1)
	require.NoError(t, err)
	require.ErrorIs(t, m.Check(), guest.ErrMixed)
}
