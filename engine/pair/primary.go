package pair

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Timing holds the pair's time-outs. They decide only when somebody proposes
// something or sends it again, never what is safe (R8).
type Timing struct {
	// Epoch is the time from the end of one capture to the beginning of the next while output
	// waits. Longer epochs cost less and delay output more. 5 ms to 1 s.
	Epoch time.Duration
	// EpochMax is that time while no output waits, at least Epoch: nobody outside is kept waiting, so
	// that a guest which computes, or idles, is stopped less often. Up to 10 s; longer, more work is done again after a failover.
	EpochMax time.Duration
	// DirtyPages is the number of changed pages that an epoch should not exceed: at the rate of the
	// epoch before, it ends earlier than EpochMax, but not before Epoch. It bounds what a checkpoint costs at once.
	// 0: no bound.
	DirtyPages uint32
	// Resend is the least time after which an unacknowledged checkpoint or barrier is sent
	// again. While no acknowledgement tells how long one takes, it doubles with every
	// repetition; later twice the usual time is waited for, so that a slow link is not
	// flooded and a lossy one is tried often.
	Resend time.Duration
	// AckTimeout is the time without acknowledgement after which the secondary counts as failed.
	AckTimeout time.Duration
}

// State is the primary's side of the pair.
type State uint8

// The primary's states, as drawn in the package comment.
const (
	Passing State = iota
	Baseline
	Holding
)

// Primary is the primary's side for one VM. The zero value is not usable; see NewPrimary.
type Primary struct {
	vm          model.VMID
	timing      Timing
	checkpoints bool

	state   State
	peer    model.NodeID
	session uint64

	epoch     model.Epoch // the running epoch; output of now belongs to it
	base      model.Epoch // first epoch that was held
	capturing model.Epoch // the capture under way in the runner; 0: none. It may be of a pair that was given up
	final     bool        // the guest stays suspended after this capture

	sent     model.Message // the unacknowledged checkpoint or barrier; Kind 0: none
	sentAt   model.Time
	resendAt model.Time
	interval time.Duration // until the next repetition
	usual    time.Duration // smoothed time from sending to acknowledgement; 0: not known
	acked    model.Epoch

	captureAt model.Time    // when the running epoch should end
	lostAt    model.Time    // when the capture under way is taken for lost
	beganAt   model.Time    // when the running epoch began: the end of the last capture
	longest   time.Duration // what the dirty pages of the last epoch allow
	wokenAt   model.Time    // the last Wake
	waiting   bool          // output waits that no barrier or checkpoint covers
	failed    bool
}

// NewPrimary returns the primary's side of a VM in state Passing. With
// checkpoints the proof is a checkpoint (ft), without it a barrier. Epochs start
// after last, the newest epoch that this VM is known to have had.
func NewPrimary(vm model.VMID, timing Timing, checkpoints bool, last model.Epoch) *Primary {
	return &Primary{
		vm: vm, timing: timing, checkpoints: checkpoints,
		epoch: last + 1, acked: last, captureAt: model.Never, resendAt: model.Never,
	}
}

// State returns the primary's state.
func (p *Primary) State() State { return p.state }

// Epoch returns the running epoch.
func (p *Primary) Epoch() model.Epoch { return p.epoch }

// Session returns the mirror session that the pair belongs to, or 0 before the first.
func (p *Primary) Session() uint64 { return p.session }

// Acked returns the newest epoch that the secondary acknowledged.
func (p *Primary) Acked() model.Epoch { return p.acked }

// Failed reports that the secondary refused or did not acknowledge in time.
func (p *Primary) Failed() bool { return p.failed }

// Suspended reports that the guest was left suspended for a hand-over.
func (p *Primary) Suspended() bool { return p.final }

// Base returns the first epoch that is safe to promote, and whether it has been
// acknowledged: only then may the secondary be proposed to the log.
func (p *Primary) Base() (base model.Epoch, ready bool) {
	return p.base, p.state == Holding && !p.failed && (p.acked >= p.base || planted.On(planted.AttachUnproven))
}

// Begin starts to replicate to peer in the given mirror session. Output keeps
// flowing until the first checkpoint is acknowledged; barriers hold at once.
func (p *Primary) Begin(now model.Time, gen model.Gen, peer model.NodeID, session uint64, out *model.Effects) {
	p.drop()
	p.peer, p.session = peer, session
	if p.checkpoints {
		p.state, p.captureAt = Baseline, now
		return
	}
	p.hold(out)
	p.waiting = true // the first barrier proves that the partner answers
	p.barrier(now, gen, out)
}

// Pass lets all output go from now on. Only the log's word that this host
// holds the VM's only copy allows it (R1b).
func (p *Primary) Pass(out *model.Effects) {
	p.drop()
	p.state, p.final = Passing, false
	out.Add(model.EffectPass, p.vm)
}

// Prove chooses what the next pair proves its copies by: checkpoints, or barriers. It counts in
// state Passing only.
func (p *Primary) Prove(checkpoints bool) {
	if p.state == Passing {
		p.checkpoints = checkpoints
	}
}

// Disconnect gives the present session up without letting anything go. Begin continues
// in another one.
func (p *Primary) Disconnect() {
	p.drop()
	p.session = 0
}

// Continue takes over the state of a pair that the log confirmed under a newer generation:
// nothing changes but the number that messages carry.
func (p *Primary) Continue(gen model.Gen) {
	if p.sent.Kind != 0 {
		p.sent.Gen = gen
	}
}

// drop forgets what is under way with the present peer.
func (p *Primary) drop() {
	p.waiting, p.failed = false, false
	p.sent = model.Message{}
	p.captureAt, p.resendAt = model.Never, model.Never
}

func (p *Primary) hold(out *model.Effects) {
	p.state = Holding
	out.Add(model.EffectHold, p.vm)
	p.base = p.epoch
}

// capturePatience is how many times AckTimeout a capture may take. One that was not answered by then is
// taken for lost: a runner that has it after all puts the next one behind it.
const capturePatience = 10

// barrier begins a round if output waits and none is under way.
func (p *Primary) barrier(now model.Time, gen model.Gen, out *model.Effects) {
	if p.checkpoints || !p.waiting || p.sent.Kind != 0 || p.failed {
		return
	}
	p.waiting = false
	out.Add(model.EffectMark, p.vm).Epoch = p.epoch
	p.sent = model.Message{Kind: model.MsgBarrier, To: p.peer, VM: p.vm, Gen: gen, Epoch: p.epoch, Session: p.session}
	p.epoch++
	p.sentAt, p.interval = now, max(p.timing.Resend, 2*p.usual)
	p.transmit(now, out)
	if planted.On(planted.BarrierIgnored) {
		out.Add(model.EffectRelease, p.vm).Epoch = p.sent.Epoch
	}
}

// Ack takes the secondary's acknowledgement m and lets the output that it covers go.
func (p *Primary) Ack(now model.Time, m *model.Message, gen model.Gen, out *model.Effects) {
	if p.sent.Kind == 0 || p.staging() || m.From != p.peer || m.Session != p.session || m.Epoch != p.sent.Epoch {
		return
	}
	p.acked = m.Epoch
	p.sent.Kind = 0
	p.observe(now.Sub(p.sentAt))
	p.resendAt = model.Never
	switch p.state {
	case Baseline:
		p.hold(out)
		p.captureAt = now
	case Holding:
		e := out.Add(model.EffectRelease, p.vm)
		e.Gen, e.Epoch = gen, m.Epoch
		if p.checkpoints {
			p.schedule(now)
		}
		p.barrier(now, gen, out)
	}
}

// observe learns how long an acknowledgement takes.
func (p *Primary) observe(took time.Duration) {
	if p.usual == 0 {
		p.usual = took
		return
	}
	p.usual += (took - p.usual) / 8
}

// Refused takes the secondary's refusal m.
func (p *Primary) Refused(m *model.Message) {
	if p.state != Passing && m.From == p.peer && m.Session == p.session {
		p.failed = true
	}
}

// Wake does what is due: repeat what was not acknowledged, or give the secondary up, or a capture.
func (p *Primary) Wake(now model.Time, gen model.Gen, out *model.Effects) {
	p.wokenAt = now
	if p.capturing != 0 && now >= p.lostAt {
		p.failed = p.failed || p.staging()
		p.capturing = 0
	}
	if p.failed || p.staging() {
		return
	}
	if p.sent.Kind == 0 {
		p.barrier(now, gen, out)
		return
	}
	if now >= p.sentAt.Add(p.timing.AckTimeout) {
		if planted.On(planted.ReleaseOnTimeout) && p.state == Holding {
			out.Add(model.EffectRelease, p.vm).Epoch = p.sent.Epoch
		}
		p.failed = true
		return
	}
	if now >= p.resendAt {
		p.transmit(now, out)
	}
}

// NextWake returns the next instant at which Wake or WantsCapture has something to do. A capture
// that was due at the last Wake is not announced again: its owner may have reason to wait with it.
func (p *Primary) NextWake() model.Time {
	if p.failed || p.state == Passing {
		return model.Never
	}
	if p.capturing != 0 {
		return p.lostAt
	}
	if p.sent.Kind != 0 {
		return min(p.resendAt, p.sentAt.Add(p.timing.AckTimeout))
	}
	if p.final || p.captureAt <= p.wokenAt {
		return model.Never
	}
	return p.captureAt
}
