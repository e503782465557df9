package swarm

import (
	"time"

	"holdfast/scenarios/script"
)

// tuning is the range from which a setting is drawn, in milliseconds.
var tuning = []struct {
	setting script.Setting
	lo, hi  int
}{
	{script.SettingHeartbeat, 40, 200},
	{script.SettingPromoteWait, 40, 500},
	{script.SettingIOTimeout, 100, 1000},
	{script.SettingAckTimeout, 300, 2500},
	{script.SettingEpoch, 15, 150},
	{script.SettingColdStartAfter, 2500, 9000},
	{script.SettingHangAfter, 2000, 9000},
}

// tunes draws other settings for some plans, and those that a plan of a minute needs to get anywhere.
func (d *drawer) tunes() {
	s := d.script
	if d.Chance(1, 4) {
		for _, t := range tuning {
			if d.Chance(1, 3) {
				d.tune(t.setting, time.Duration(d.Int(t.lo, t.hi))*time.Millisecond)
			}
		}
		// A suspicion takes at least three heartbeats, or every lost packet makes one.
		d.tune(script.SettingSuspectAfter, time.Duration(d.Int(3, 7))*s.Value(script.SettingHeartbeat))
	}
	if d.Chance(1, 5) { // components that are never taken out of service, hardly ever, and soon
		d.tune(script.SettingMTBF, []time.Duration{time.Millisecond, time.Second, 20 * time.Second, time.Minute}[d.Int(0, 3)])
	}
	if d.shape == sharing {
		d.tune(script.SettingLeaseTimeout, time.Duration(d.Int(1, 5))*time.Second)
	}
	if len(s.Hosts) > 2 && d.Chance(2, 3) {
		d.tune(script.SettingRehomeAfter, d.magnitude(300*time.Millisecond, 20*time.Second))
		d.tune(script.SettingVoterLostAfter, d.magnitude(300*time.Millisecond, 20*time.Second))
	}
	if len(s.Policies) > 0 {
		d.tune(script.SettingMendAfter, d.magnitude(300*time.Millisecond, 10*time.Second))
	}
}

// tune changes a setting, unless that is its default.
func (d *drawer) tune(setting script.Setting, value time.Duration) {
	if value != setting.Default() {
		d.script.Tunes = append(d.script.Tunes, script.Tune{Setting: setting, Value: value})
	}
}
