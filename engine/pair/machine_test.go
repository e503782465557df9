package pair

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
)

// pairMachine connects a primary and a secondary by a channel that loses, repeats
// and reorders, with a plug and a guest that talks all the time. It knows what the
// secondary really sealed and checks every effect against that.
type pairMachine struct {
	checkpoints bool
	now         model.Time
	gen         model.Gen
	sessions    uint64
	p           *Primary
	s           *Secondary
	bag         []model.Message
	out         model.Effects

	capture   model.Epoch // under way in the hypervisor; 0: none
	held      model.Seq   // disk writes that arrived at the secondary
	written   model.Seq
	renounced model.Gen

	plug    []model.Epoch // the epoch of each output that waits
	passing bool
	mark    model.Epoch // the plug's one mark that was not released; 0: none
	marked  int         // outputs before it

	sealing model.Message
	sealed  map[uint64]model.Epoch // by session: the newest that was sealed and acknowledged
	acks    map[uint64]model.Epoch // by session: the newest acknowledged
	chain   model.Epoch            // the newest of the secondary's present session
}

func newPairMachine(checkpoints bool) *pairMachine {
	return &pairMachine{
		checkpoints: checkpoints, gen: 1, p: NewPrimary(vmID, testTiming, checkpoints, 0), s: NewSecondary(vmID),
		passing: true, sealed: map[uint64]model.Epoch{}, acks: map[uint64]model.Epoch{},
	}
}

// settle performs and checks the effects of a step.
func (m *pairMachine) settle(t require.TestingT) {
	for i := range m.out.List {
		m.effect(t, &m.out.List[i])
	}
	m.out.Reset()
}

func (m *pairMachine) effect(t require.TestingT, e *model.Effect) {
	switch e.Kind {
	case model.EffectSend:
		m.send(t, &e.Message)
	case model.EffectCapture:
		require.Zero(t, m.capture, "a capture begins while another one is under way")
		m.capture = e.Epoch
		m.setMark(t, e.Epoch)
	case model.EffectMark:
		m.setMark(t, e.Epoch)
	case model.EffectHold:
		m.passing, m.mark = false, 0
	case model.EffectPass:
		m.passing, m.mark, m.plug = true, 0, nil
	case model.EffectRelease:
		m.release(t, e.Epoch)
	case model.EffectSeal:
		require.Zero(t, m.sealing.Kind, "two seals at a time")
		require.LessOrEqual(t, e.Seq, m.held, "sealed without its disk writes")
		m.sealing = model.Message{Kind: model.MsgCheckpoint, Gen: e.Gen, Epoch: e.Epoch, Session: e.Session}
	case model.EffectApply:
		require.Equal(t, m.sealed[e.Session], e.Epoch, "applied what is not the newest sealed")
	case model.EffectDiscard:
		m.sealing, m.chain = model.Message{}, 0
	}
}

func (m *pairMachine) setMark(t require.TestingT, epoch model.Epoch) {
	if !m.passing {
		require.Zero(t, m.mark, "the plug remembers one mark only")
		m.mark, m.marked = epoch, len(m.plug)
	}
}

// release checks R1: the epoch was acknowledged in this session by a secondary that holds it.
func (m *pairMachine) release(t require.TestingT, epoch model.Epoch) {
	session := m.p.Session()
	require.False(t, m.passing, "release while output flows")
	require.Equal(t, Holding, m.p.State())
	require.Equal(t, m.mark, epoch, "release of what is not marked")
	require.GreaterOrEqual(t, m.acks[session], epoch, "R1: released without acknowledgement")
	if m.checkpoints {
		require.GreaterOrEqual(t, m.sealed[session], epoch, "R1: released without checkpoint")
	}
	for _, of := range m.plug[:m.marked] {
		require.LessOrEqual(t, of, epoch, "R1: output of a later epoch leaves")
	}
	m.plug, m.mark = m.plug[m.marked:], 0
}

func (m *pairMachine) send(t require.TestingT, msg *model.Message) {
	copied := *msg
	copied.From = primary + secondary - copied.To
	if msg.Kind == model.MsgAck {
		require.Greater(t, msg.Gen, m.renounced, "R3: acknowledged after renouncing")
		if m.checkpoints {
			require.GreaterOrEqual(t, m.sealed[msg.Session], msg.Epoch, "acknowledged without having sealed")
		}
		m.acks[msg.Session] = max(m.acks[msg.Session], msg.Epoch)
	}
	m.bag = append(m.bag, copied)
}

// deliver hands a message over; the seal that it starts completes later.
func (m *pairMachine) deliver(t require.TestingT, msg model.Message) {
	switch msg.Kind {
	case model.MsgCheckpoint:
		m.s.Checkpoint(&msg, m.held, &m.out)
	case model.MsgBarrier:
		m.s.Barrier(&msg, &m.out)
	case model.MsgAck:
		m.p.Ack(m.now, &msg, m.gen, &m.out)
	case model.MsgRefuse:
		m.p.Refused(&msg)
	}
	m.settle(t)
}

// seal completes the seal under way.
func (m *pairMachine) seal(t require.TestingT) {
	done := m.sealing
	m.sealing = model.Message{}
	if done.Kind == 0 || done.Session != m.s.Session() {
		return
	}
	if done.Gen > m.renounced {
		if m.chain != 0 {
			require.Equal(t, m.chain+1, done.Epoch, "the chain of checkpoints has a gap")
		}
		m.chain = done.Epoch
		m.sealed[done.Session] = done.Epoch
	}
	m.s.Sealed(done.Epoch, &m.out)
	m.settle(t)
	if m.checkpoints {
		require.Equal(t, m.chain, m.s.Holds())
	}
}

// connect begins a session between the two.
func (m *pairMachine) connect(t require.TestingT) {
	m.sessions++
	m.held, m.written = 0, 0
	m.s.Reset(m.sessions, &m.out)
	m.p.Begin(m.now, m.gen, secondary, m.sessions, &m.out)
	m.settle(t)
}

// expose is the log's word that the primary goes on alone.
func (m *pairMachine) expose(t require.TestingT) {
	m.gen++
	m.p.Continue(m.gen)
	m.p.Pass(&m.out)
	m.settle(t)
}

func (m *pairMachine) wait(t require.TestingT, d time.Duration) {
	m.now = m.now.Add(d)
	m.p.Wake(m.now, m.gen, &m.out)
	m.settle(t)
	require.Greater(t, m.p.NextWake(), m.now, "it would be woken for ever")
	m.tick(t)
}

// tick ends the epoch if it is time, and lets the guest speak.
func (m *pairMachine) tick(t require.TestingT) {
	if m.p.WantsCapture(m.now) {
		m.p.Capture(m.now, m.gen, m.written, false, false, &m.out)
		m.settle(t)
	}
	if !m.passing && len(m.plug) < 100 {
		m.plug = append(m.plug, m.p.Epoch())
		m.p.Output(m.now, m.gen, &m.out)
		m.settle(t)
	}
}

func (m *pairMachine) endCapture(t require.TestingT) {
	if epoch := m.capture; epoch != 0 {
		m.capture = 0
		m.p.Captured(m.now, epoch, 1, &m.out)
		m.settle(t)
	}
}

// heal delivers everything in order until the pair is at rest, and reports whether it got there.
func (m *pairMachine) heal(t require.TestingT) {
	acked := m.p.Acked()
	for range 60 {
		m.endCapture(t)
		m.held = m.written
		m.s.Poll(m.held, &m.out)
		m.settle(t)
		m.seal(t)
		for len(m.bag) > 0 {
			msg := m.bag[0]
			m.bag = m.bag[1:]
			m.deliver(t, msg)
			m.seal(t)
		}
		m.wait(t, 20*time.Millisecond)
	}
	if m.p.State() == Passing || m.p.Failed() || m.s.Session() != m.p.Session() || m.gen <= m.renounced {
		return
	}
	require.Equal(t, Holding, m.p.State(), "the channel is good: the first checkpoint must get through")
	require.Greater(t, m.p.Acked(), acked, "the channel is good: epochs must go on")
}

func TestMachine(t *testing.T) {
	for _, name := range []string{"checkpoints", "barriers"} {
		checkpoints := name == "checkpoints"
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := newPairMachine(checkpoints)
				t.Repeat(m.actions())
				m.heal(t)
			})
		})
	}
}

func (m *pairMachine) actions() map[string]func(*rapid.T) {
	pick := func(t *rapid.T) int {
		if len(m.bag) == 0 {
			t.Skip("nothing on its way")
		}
		return rapid.IntRange(0, min(len(m.bag), 6)-1).Draw(t, "message")
	}
	take := func(i int) model.Message {
		msg := m.bag[i]
		m.bag = append(m.bag[:i:i], m.bag[i+1:]...)
		return msg
	}
	return map[string]func(*rapid.T){
		"connect": func(t *rapid.T) {
			if m.p.State() != Passing && !m.p.Failed() {
				t.Skip("connected")
			}
			m.expose(t)
			m.connect(t)
		},
		"reconnect": func(t *rapid.T) {
			if m.checkpoints || m.p.State() == Passing {
				t.Skip("a new session needs the log's word")
			}
			m.p.Disconnect()
			m.connect(t)
		},
		"deliver":    func(t *rapid.T) { m.deliver(t, take(pick(t))) },
		"repeat":     func(t *rapid.T) { m.deliver(t, m.bag[pick(t)]) },
		"lose":       func(t *rapid.T) { take(pick(t)) },
		"seal":       func(t *rapid.T) { m.seal(t) },
		"end":        func(t *rapid.T) { m.endCapture(t) },
		"wait":       func(t *rapid.T) { m.wait(t, time.Duration(rapid.IntRange(1, 150).Draw(t, "ms"))*time.Millisecond) },
		"write":      func(*rapid.T) { m.written++ },
		"arrive":     func(t *rapid.T) { m.held = m.written; m.s.Poll(m.held, &m.out); m.settle(t) },
		"new number": func(*rapid.T) { m.gen++; m.p.Continue(m.gen) },
		"renounce":   func(*rapid.T) { m.renounced = max(m.renounced, m.gen); m.s.Renounce(m.gen) },
		"expose":     func(t *rapid.T) { m.expose(t) },
		"forget":     func(t *rapid.T) { m.s.Reset(0, &m.out); m.settle(t) },
		"":           func(t *rapid.T) { m.tick(t) },
	}
}
