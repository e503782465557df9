package swarm

import (
	"time"

	"holdfast/scenarios/script"
)

// timeouts are the settings at whose edges things go wrong.
var timeouts = []script.Setting{
	script.SettingSuspectAfter, script.SettingPromoteWait, script.SettingIOTimeout,
	script.SettingAckTimeout, script.SettingEpoch, script.SettingColdStartAfter,
}

// edge returns a time at an edge of one of the engine's time-outs T, or of the time until a promotion.
func (d *drawer) edge() time.Duration {
	t := d.script.Value(timeouts[d.Int(0, len(timeouts)-1)])
	switch d.Int(0, 9) {
	case 0: // a living primary is given eight times as long
		t = d.script.Value(script.SettingSuspectAfter) + 8*d.script.Value(script.SettingPromoteWait)
	case 1:
		t = d.script.Value(script.SettingSuspectAfter) + d.script.Value(script.SettingPromoteWait)
	}
	switch d.Int(0, 5) {
	case 0:
		t /= 2
	case 1:
		t -= time.Millisecond
	case 2:
		t += time.Millisecond
	case 3:
		t += t / 2
	case 4:
		t -= t / 20
	}
	return max(t, time.Millisecond)
}

// length draws how long a fault lasts: often an edge of a time-out, else any magnitude up to most.
func (d *drawer) length(most time.Duration) time.Duration {
	if d.Chance(2, 5) {
		return min(d.edge(), most)
	}
	return d.magnitude(10*time.Millisecond, most)
}

// magnitude draws a duration whose logarithm is spread evenly, in whole milliseconds.
func (d *drawer) magnitude(lo, hi time.Duration) time.Duration {
	steps := 0
	for span := lo; span*2 <= hi; span *= 2 {
		steps++
	}
	low := lo << d.Int(0, steps)
	return min(d.Duration(low, 2*low).Round(time.Millisecond), hi)
}

// instant draws a moment of the run that leaves room behind it.
func (d *drawer) instant(lo, hi time.Duration) time.Duration {
	return d.Duration(lo, max(lo, hi)).Round(time.Millisecond)
}
