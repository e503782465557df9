package lease

import (
	"fmt"
	"time"

	"holdfast/engine/model"
)

// world is two hosts that want one VM, a log, and true time. Every message takes as long as the test
// likes; each host has an operating system's clock and a watchdog with clocks of their own.
type world struct {
	cfg   Config
	wait  time.Duration // of a successor, on its clock
	now   time.Duration // true
	hosts [2]*host
	log   []entry
	bag   []entry // proposals on their way
	truth view    // what the log makes
	ghost [2]time.Duration
	wrong string // two instances at once

	resets, launches, claims int
}

type kind uint8

const (
	renew kind = iota + 1
	start
	claim
	release
)

// entry is a proposal, and what the log holds if it fits. Those that do not fit are not kept.
type entry struct {
	kind   kind
	by     int
	life   int
	expect model.Gen
	round  uint64
}

// view is the VM's configuration as somebody knows it.
type view struct {
	gen     model.Gen
	primary int
	cause   kind
	by      entry
}

// apply is the compare-and-swap.
func (v *view) apply(e entry) bool {
	switch e.kind {
	case renew:
		return true
	case start:
		if e.expect != v.gen || e.by != v.primary {
			return false
		}
	case claim:
		if e.expect != v.gen || e.by == v.primary {
			return false
		}
		v.primary = e.by
	case release:
		if e.expect != v.gen || e.by != v.primary || v.cause == claim {
			return false
		}
		v.primary = 1 - e.by
	}
	v.gen, v.cause, v.by = v.gen+1, e.kind, e
	return true
}

// host is a machine with its daemon.
type host struct {
	w      *world
	id     int
	life   int
	frozen bool
	cut    bool // from the log

	osDrift, hwDrift int64 // millionths
	clockAt          model.Time
	clockSet         time.Duration

	holder   *Holder
	claim    Claim
	timers   Timers
	deadline [3]time.Duration // true; 0: does not run

	known    int // entries of the log that it has applied
	view     view
	instance bool
	dying    bool
	away     bool // it wants to give the VM up
	suspects bool
	gen      model.Gen // of the instance
	launched model.Gen
	out      model.Effects
}

func newWorld(cfg Config, wait time.Duration, drifts [4]int64) *world {
	w := &world{cfg: cfg, wait: wait}
	for i := range w.hosts {
		w.hosts[i] = &host{w: w, id: i, osDrift: drifts[i], hwDrift: drifts[2+i], holder: NewHolder(cfg)}
	}
	return w
}

func scaled(d time.Duration, drift int64) time.Duration {
	return time.Duration(int64(d)/million*(million+drift) + int64(d)%million*(million+drift)/million)
}

// clock returns what the host's operating system shows.
func (h *host) clock() model.Time {
	return h.clockAt.Add(scaled(h.w.now-h.clockSet, h.osDrift))
}

// newLife is a daemon without memory. What the hardware does goes on.
func (h *host) newLife() {
	h.life++
	h.holder, h.claim, h.suspects, h.away = NewHolder(h.w.cfg), Claim{}, false, false
	h.launched = 0
}

// reset is the watchdog's work. What has left the host may reach the storage for a while.
func (h *host) reset() {
	h.w.resets++
	if h.instance {
		h.w.ghost[h.id] = h.w.now + h.w.cfg.Margin
	}
	h.instance, h.dying, h.frozen = false, false, false
	h.deadline, h.timers = [3]time.Duration{}, Timers{}
	h.newLife()
}

// advance lets true time pass; timers end at their instant.
func (w *world) advance(d time.Duration) {
	end := w.now + d
	for w.now < end {
		next := min(end, w.now+w.cfg.Every/8)
		for _, h := range w.hosts {
			for _, at := range h.deadline {
				if at != 0 {
					next = min(next, max(at, w.now))
				}
			}
		}
		w.now = next
		for _, h := range w.hosts {
			for _, at := range h.deadline {
				if at != 0 && at <= w.now {
					h.reset()
					break
				}
			}
		}
		w.step()
	}
}

func (w *world) step() {
	for _, h := range w.hosts {
		h.step()
	}
}

// learn lets a host apply the next entry of the log.
func (h *host) learn() bool {
	if h.frozen || h.known == len(h.w.log) {
		return false
	}
	e := h.w.log[h.known]
	h.known++
	h.view.apply(e)
	if e.kind == renew && e.by == h.id && e.life == h.life && (!h.instance || h.view.primary == h.id && h.gen == h.view.gen) {
		h.holder.Granted(e.round, &h.out)
	}
	h.perform()
	h.step()
	return true
}

// step does what the engine does with the package.
func (h *host) step() {
	if h.frozen {
		return
	}
	now, own := h.clock(), h.view.primary == h.id
	if h.instance && !own {
		h.dying = true
	}
	h.holder.Tick(now, own, h.instance, &h.out)
	h.perform()
	if round, asking := h.holder.Asking(); asking {
		h.propose(entry{kind: renew, round: round})
	}
	switch {
	case !own:
		if h.suspects && !h.instance {
			h.propose(entry{kind: claim})
		}
	case h.instance:
		h.dying = h.dying || h.away
	case h.view.cause == start && h.view.by.by == h.id && h.view.by.life == h.life && h.launched != h.view.gen:
		if h.holder.Held() {
			h.launch()
		}
	case h.away && h.view.cause != claim:
		h.propose(entry{kind: release})
	case h.view.cause == claim:
		h.claim.Learn(h.view.gen, now)
		if _, over := h.claim.Over(now, h.w.wait); over {
			h.propose(entry{kind: start})
		}
	default:
		h.propose(entry{kind: start})
	}
}

func (h *host) launch() {
	w := h.w
	w.launches++
	h.launched, h.gen, h.instance = h.view.gen, h.view.gen, true
	if other := w.hosts[1-h.id]; other.instance || w.now < w.ghost[1-h.id] {
		w.wrong = fmt.Sprintf("host %d starts generation %d while the instance of host %d can still write", h.id, h.gen, other.id)
	}
}

// destroyed is the toolstack's word that what was to be destroyed is gone.
func (h *host) destroyed() {
	if h.dying && !h.frozen {
		h.instance, h.dying = false, false
	}
}

// propose puts a proposal on its way, once.
func (h *host) propose(e entry) {
	e.by, e.life, e.expect = h.id, h.life, h.view.gen
	if e.kind == renew {
		e.expect = 0
	}
	for _, old := range h.w.bag {
		if old == e {
			return
		}
	}
	if len(h.w.bag) < 32 {
		h.w.bag = append(h.w.bag, e)
	}
}

// commit lets the log decide about a proposal.
func (w *world) commit(i int) {
	e := w.bag[i]
	w.bag = append(w.bag[:i], w.bag[i+1:]...)
	if w.truth.apply(e) {
		w.log = append(w.log, e)
		if e.kind == claim {
			w.claims++
		}
	}
}

// perform drives the watchdog.
func (h *host) perform() {
	for i := range h.out.List {
		e := &h.out.List[i]
		switch e.Kind {
		case model.EffectWatchdogNext:
			d := time.Duration(e.Count) * time.Millisecond
			h.deadline[h.timers.Start()] = h.w.now + time.Duration(int64(d)*million/(million+h.hwDrift))
		case model.EffectWatchdogKeep:
			h.deadline[h.timers.Keep()] = 0
		case model.EffectWatchdogOff:
			h.timers.Off()
			h.deadline = [3]time.Duration{}
		}
	}
	h.out.Reset()
}
