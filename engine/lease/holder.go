package lease

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Holder is the lease of one host; see the package comment. It is not safe for concurrent use.
type Holder struct {
	cfg    Config
	want   bool       // the host should hold it
	asking bool       // a round is under way
	guard  bool       // a timer runs whose round was granted
	clean  bool       // nothing that an earlier life may have started is left
	round  uint64     // the newest
	begun  model.Time // when
	next   model.Time // no other one before
}

// NewHolder returns the lease at the beginning of a life of the daemon. Timers that an earlier life started go
// on. The Config must be valid.
func NewHolder(cfg Config) *Holder { return &Holder{cfg: cfg} }

// Held reports whether an instance may be started here: if this host cannot renew, its watchdog will reset it.
func (h *Holder) Held() bool { return h.guard }

// Asking returns the number of the round for which a renewal has to be proposed, and proposed again until
// it is granted; ok is false if there is none.
func (h *Holder) Asking() (round uint64, ok bool) { return h.round, h.asking }

// Tick does what is due. want: the host is the primary of a VM on shared storage. risk: an instance
// of one may exist here, be it one that is just being destroyed.
func (h *Holder) Tick(now model.Time, want, risk bool, out *model.Effects) {
	h.want = want
	switch {
	case !want && !risk:
		h.off(out)
	case !want:
		h.asking = false // what is here is another host's by now: the guard goes on until it is gone
	case h.asking && now < h.begun.Add(h.cfg.patience()):
	case h.asking && !risk:
		h.off(out) // nothing here needs to be stopped, so nothing must be reset
		h.next = now.Add(h.cfg.Every)
	case h.asking || now >= h.next:
		h.begin(now, risk, out)
	}
}

// begin starts the next timer, and only then asks.
func (h *Holder) begin(now model.Time, risk bool, out *model.Effects) {
	h.round++
	h.asking, h.clean, h.begun, h.next = true, false, now, now.Add(h.cfg.Every)
	if planted.On(planted.LeaseUnarmed) && !risk {
		return
	}
	e := out.Add(model.EffectWatchdogNext, 0)
	e.ID, e.Count = h.round, uint32(h.cfg.Timeout.Milliseconds())
	if planted.On(planted.LeaseUnproven) && h.guard {
		h.Granted(h.round, out)
	}
}

// Granted takes that the log has committed the renewal of a round at a place at which every instance that may
// exist here was this host's by right. A round that is over is of no use any more: its timer was
// started again since. It reports whether the lease was renewed.
func (h *Holder) Granted(round uint64, out *model.Effects) bool {
	if !h.asking || round != h.round {
		return false
	}
	h.asking, h.guard = false, true
	out.Add(model.EffectWatchdogKeep, 0).ID = round
	return true
}

// off stops all timers, once: nothing here has to be stopped by them.
func (h *Holder) off(out *model.Effects) {
	if h.clean {
		return
	}
	h.asking, h.guard, h.clean, h.next = false, false, true, 0
	out.Add(model.EffectWatchdogOff, 0)
}

// NextWake returns the next instant at which Tick has something to do.
func (h *Holder) NextWake() model.Time {
	switch {
	case !h.want:
		return model.Never
	case h.asking:
		return h.begun.Add(h.cfg.patience())
	case h.guard:
		return h.next
	default:
		return model.Never
	}
}

// Late reports whether the round under way has not been granted for a quarter of Timeout, and for how long.
func (h *Holder) Late(now model.Time) (time.Duration, bool) {
	d := now.Sub(h.begun)
	return d, h.asking && d >= h.cfg.Timeout/4
}
