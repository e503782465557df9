package engine_test

import (
	"fmt"
	"time"

	"holdfast/engine/lease"
	"holdfast/engine/model"
)

const destroyDelay = 5 * time.Millisecond

// watchdog is the hardware watchdog of a member of the test runner.
type watchdog struct {
	timers lease.Timers
	ends   [3]model.Time // 0: does not run
}

func (d *watchdog) perform(now model.Time, e *model.Effect) {
	switch e.Kind {
	case model.EffectWatchdogNext:
		d.ends[d.timers.Start()] = now.Add(time.Duration(e.Count) * time.Millisecond)
	case model.EffectWatchdogKeep:
		d.ends[d.timers.Keep()] = 0
	case model.EffectWatchdogOff:
		*d = watchdog{}
	}
}

// watchdogEnds resets the first member whose watchdog ends up to the instant t, and lets its daemon begin anew.
func (r *runner) watchdogEnds(t model.Time) bool {
	for id, m := range r.members {
		if m == nil {
			continue
		}
		for _, at := range m.watchdog.ends {
			if at != 0 && at <= t {
				r.now = max(r.now, at)
				r.trace = append(r.trace, fmt.Sprintf("%9.3fms  %d: reset by its watchdog", float64(r.now)/1e6, id))
				r.kill(model.NodeID(id), true)
				r.start(model.NodeID(id))
				return true
			}
		}
	}
	return false
}
